"""Studies: every mistake is one line that names the key, before any job."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from helpers.grammars import AMBIGUOUS, GRAMMARS
from rhm_scaling.claims.frozen import frozen
from rhm_scaling.core.errors import UserError
from rhm_scaling.study import reference
from rhm_scaling.study.reading import load_study, parse_keys, parse_study

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "config" / "studies").glob("*.yaml"))
GOOD = """
name: good
grammars:
  g: {v: 4, s: 2, L: 2, m: 2}
  z: {v: 8, n: 4, s: 2, L: 2, m: {1: 4, 2: 2}, zipf: {1: 1.0}}
architectures:
  cnn: {kind: cnn, width: 16}
  big: {kind: transformer, width: [8, 16], heads: 2, optimizer: {kind: adam, lr: 1e-3}}
experiments:
  last: {task: last_token, grammars: [g], architectures: [cnn, big], train_sizes: [8, 16]}
"""


def problem(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(UserError) as caught:
        parse_study(GOOD.replace(old, new, 1), "s.yaml")
    return str(caught.value)


def test_a_misspelt_key_is_told_before_what_is_then_missing() -> None:
    lines = problem("width: 16", "widht: 16").splitlines()
    assert lines[0] == "s.yaml: architectures.cnn.widht: unknown key; did you mean 'width'?"
    assert lines[1].startswith("s.yaml: architectures.cnn.width: is missing; ")
    lines = problem("grammars:", "gramars:").splitlines()
    assert lines[0] == "s.yaml: gramars: unknown key; did you mean 'grammars'?"
    assert lines[1].startswith("s.yaml: grammars: is missing; ")


def test_a_good_study() -> None:
    study = parse_study(GOOD, "s.yaml")
    assert study.architectures["big"].width == [8, 16]
    assert study.architectures["cnn"].width == [16]
    assert study.architectures["big"].optimizer.lr == [1e-3]
    assert study.grammars["z"].parameters().zipf == (1.0, None)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("v: 4", "v: {0: 4, 1: 17}", "grammars.g.v: level 1 needs v*m = 17*2 = 34 distinct tuples"),
        (
            "v: 4",
            "v: {0: 4, 2: 4}",
            "grammars.g.v: level 2 is not below the root, which is level",
        ),
        ("v: 4", "v: {1: 4}", "grammars.g.v: level 0, the tokens, is missing; name it"),
        ("v: 4", "v: {0: 4, 1: 1}", "grammars.g.v.1: input should be greater than or equal to 2"),
        ("v: 4", "v: {0: 4, -1: 4}", "grammars.g.v.-1: input should be greater than or equal to 0"),
        ("v: 4", "v: {0: 4, one: 4}", "grammars.g.v.one: input should be a valid integer"),
        ("v: 4", "v: four", "grammars.g.v: input should be a valid integer, not 'four'"),
        ("v: 4", "v: 4.0", "grammars.g.v: "),
        ("v: 4", "v: true", "grammars.g.v: "),
        ("v: 4, ", "", "grammars.g.v: is missing; add it"),
        ("v: 4", "v: 1", "grammars.g.v: input should be greater than or equal to 2, not 1"),
        ("m: 2}", "m: 5}", "grammars.g.m: level 1 needs v*m = 4*5 = 20 distinct tuples, but v**s"),
        ("m: 2}", "m: 5}", "take m at most 4"),
        ("n: 4", "n: 40", "grammars.z.m: level 2 needs n*m = 40*2 = 80 distinct tuples, but v**s"),
        ("n: 4", "n: 80", "grammars.z.n: level 2 needs n*m = 80*2 = 160 distinct tuples, but v**s"),
        ("n: 4", "n: 80", "take n at most 32"),
        ("2: 2}", "3: 2}", "grammars.z.m: needs one number for each of the levels 1..2"),
        ("zipf: {1: 1.0}", "zipf: {1: 0}", "grammars.z.zipf.1: "),
        ("zipf: {1: 1.0}", "zipf: {3: 1.0}", "grammars.z.zipf: levels go from 1 to 2"),
        ("L: 2, m: 2}", "L: 40, m: 2}", "grammars.g.L: "),
        ("s: 2, L: 2, m: 2}", f"s: 1{20 * '0'}, L: 1{20 * '0'}, m: 2}}", "grammars.g.L: "),
        ("width: 16", "widht: 16", "architectures.cnn.widht: unknown key; did you mean 'width'?"),
        ("width: 16", "width: 0", "architectures.cnn.width: input"),
        ("width: 16", "width: []", "architectures.cnn.width: is empty; write 64"),
        ("width: 16", "width: [4, 4]", "architectures.cnn.width: holds a value twice"),
        ("heads: 2", "heads: 3", "architectures.big.heads: 3 does not divide the width 8"),
        ("kind: cnn", "kind: rnn", "architectures.cnn: needs kind: 'attention', 'cnn'"),
        ("lr: 1e-3", "lr: 0", "architectures.big.optimizer.lr: input"),
        ("lr: 1e-3", "lr: .nan", "architectures.big.optimizer.lr: input"),
        ("lr: 1e-3", "lr: [0.1, 0.1]", "architectures.big.optimizer.lr: "),
        ("train_sizes: [8, 16]", "train_sizes: [8, 0]", "experiments.last.train_sizes.1: "),
        ("train_sizes: [8, 16]", "train_sizes: []", "last.train_sizes: is empty; write [256"),
        ("train_sizes: [8, 16]", "train_sizes: often", "experiments.last.train_sizes: "),
        (
            "train_sizes: [8, 16]",
            "train_sizes: {larges: 9}",
            "experiments.last.train_sizes.larges: unknown key; did you mean 'largest'?",
        ),
        (
            "train_sizes: [8, 16]",
            "train_sizes: {language_fraction: 2}",
            "experiments.last.train_sizes.language_fraction: ",
        ),
        ("{v: 4, s: 2, L: 2, m: 2}", "{file: no.json}", "grammars.g.file: no.json: cannot be read"),
        ("{v: 4, s: 2, L: 2, m: 2}", "{file: no.json, v: 4}", "grammars.g.v: unknown key"),
        ("kind: cnn, width: 16", "kind: counting, width: 16", "architectures.cnn.width: unknown"),
        (
            "kind: cnn, width: 16",
            "kind: counting, sharing: maybe",
            "architectures.cnn.sharing: write true or false, not 'maybe'",
        ),
        (
            "width: 16",
            "width: {smallest: 8, largest: 4}",
            "architectures.cnn.width.largest: is less than smallest; swap the two",
        ),
        (
            "width: 16",
            "width: {smallest: 4, lagest: 8}",
            "architectures.cnn.width.lagest: unknown key; did you mean 'largest'?",
        ),
        (
            "width: 16",
            "width: {smallest: 4, largest: 5, multiple_of: 8}",
            "architectures.cnn.width.multiple_of: no multiple of it is so small",
        ),
        (
            "width: [8, 16], heads: 2",
            "width: {smallest: 8, largest: 16, points_per_octave: 2}, heads: 2",
            "architectures.big.heads: 2 does not divide the width 11; take a width",
        ),
        ("heads: 2", "heads: 2, depth: {smallest: 0, largest: 3}", "big.depth.smallest: "),
        (
            "width: 16",
            "width: 16, depth: [2, 3]",
            "architectures.cnn.depth: depth 3 does not fit a grammar with L = 2 ('g', in "
            "experiments.last); leave depth out",
        ),
        ("heads: 2", "heads: 2, base_width: 0", "architectures.big.base_width: "),
        (
            ", train_sizes: [8, 16]",
            "",
            "experiments.last.train_sizes: is missing; give sizes, or set online: true",
        ),
        ("train_sizes: [8, 16]", "train_sizes: [8, 8]", "experiments.last.train_sizes: holds"),
        (
            "train_sizes: [8, 16]",
            "train_sizes: [8, 16], context: 3",
            "experiments.last.context: 'g': no symbol makes the last 3 tokens of a sentence; take "
            "2, 4",
        ),
        (
            "task: last_token, grammars: [g], architectures: [cnn, big]",
            "task: classification, context: 2, grammars: [g], architectures: [cnn, big]",
            "experiments.last.context: is one of the task last_token; leave it out",
        ),
        (
            "train_sizes: [8, 16]",
            "train_sizes: [8, 16], rule_errors: true",
            "experiments.last.rule_errors: are measured for the task classification; set it to",
        ),
        (
            "train_sizes: [8, 16]",
            "train_sizes: [8, 16], context: 2, representations: true",
            "experiments.last.context: representations are measured in whole sentences; leave it",
        ),
        (
            "train_sizes: [8, 16]",
            "train_sizes: [8, 16], context: 2, learning_times: true",
            "experiments.last.context: learning times are measured in whole sentences; leave it",
        ),
        (
            ", train_sizes: [8, 16]",
            ", online: true, replacement: false",
            "experiments.last.replacement: false needs an end of the sentences, and an online "
            "training has none; set it to true, or online: false",
        ),
        (
            "grammars: [g]",
            "grammars: [q]",
            "experiments.last.grammars: no 'q' defined; known: g, z",
        ),
        ("task: last_token", "task: guess", "experiments.last.task: "),
        (
            "task: last_token",
            "task: autoregressive",
            "experiments.last.architectures: 'cnn' cannot do the task autoregressive; it can do",
        ),
        ("name: good", "name: ../up", "name: use letters, digits"),
        ("name: good", "name: store", "name: results/store/ has another use"),
        ("name: good", "name: good\nname: twice", "'name': is given twice (line 3); remove one"),
        # hints of where a key would be allowed, and of what to write
        ("width: 16", "width: 16, lr: 0.1", "cnn.lr: unknown key; it belongs into optimizer: {lr:"),
        (
            "lr: 1e-3",
            "lr: 1e-3, momentum: 0.9",
            "optimizer.momentum: unknown key; it is for kind: sgd",
        ),
        (
            "16]}",
            "16], replicas: {inits: 2}}",
            "replicas.inits: unknown key; the keys here are initialis",
        ),
        ("16]}", "16], replicas: 4}", "experiments.last.replicas: write {rule_draws: 4}; not 4"),
        (
            "train_sizes: [8, 16]",
            "train_sizes: 1024",
            "train_sizes: write [256, 1024], or auto; not 1024",
        ),
        (
            "zipf: {1: 1.0}",
            "zipf: 1.0",
            "grammars.z.zipf: write {1: 1.0}, an exponent for each level",
        ),
        # numbers that YAML 1.1 reads in base 8 or 60
        ("train_sizes: [8, 16]", "train_sizes: [010, 16]", "'010' (line "),
        ("train_sizes: [8, 16]", "train_sizes: [1,024]", "'024' (line "),
        ("train_sizes: [8, 16]", "train_sizes: [1:30]", "'1:30' (line "),
        ("m: 2}", "m: {1:2, 2:2}}", "'1:2' (line "),
        # what was written, not what YAML made of it
        (
            "name: good",
            "name: no!",
            "name: use letters, digits, - and _ only (lower case in name:), n",
        ),
        ("v: 4", "v: yes", "grammars.g.v: input should be a valid integer, not 'yes'"),
        (
            "v: 4",
            "v: 2026-01-01",
            "grammars.g.v: input should be a valid integer, not '2026-01-01'",
        ),
        ("name: good", "name: !!python/name:os.system", "not valid YAML"),
        ("name: good", "name: [", "not valid YAML"),
        ("experiments:", "experiments: {}\nextra:", "extra: unknown key"),
    ],
)
def test_each_mistake_names_its_key(old: str, new: str, line: str) -> None:
    lines = problem(old, new).splitlines()
    assert all(text.startswith("s.yaml: ") for text in lines)
    assert any(line in text for text in lines), lines
    assert len(lines) <= 2


def test_a_grammar_from_a_file_lies_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(AMBIGUOUS, encoding="utf-8")
    text = GOOD.replace("{v: 4, s: 2, L: 2, m: 2}", "{file: mine.json}")
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"rule_draws: grammar 'g' comes from a file and is one"):
        load_study(tmp_path / "s.yaml")
    text = text.replace("train_sizes:", "replicas: {rule_draws: 1}, train_sizes:")
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    study = load_study(tmp_path / "s.yaml")
    assert study.grammars["g"].parameters() == GRAMMARS["ambiguous"].parameters
    labels = text.replace("task: last_token", "task: classification, rule_errors: true")
    (tmp_path / "s.yaml").write_text(labels, encoding="utf-8")
    with pytest.raises(UserError, match=r"rule_errors: grammar 'g' comes from a file, whose rules"):
        load_study(tmp_path / "s.yaml")
    (tmp_path / "mine.json").write_text(AMBIGUOUS.replace("0.5, 0.2", "0.5, 0.1"), encoding="utf-8")
    with pytest.raises(UserError, match=r"grammars\.g\.file: .*root: probabilities sum to 0.9"):
        load_study(tmp_path / "s.yaml")


def test_the_rate_of_an_online_training_does_not_depend_on_its_end() -> None:
    network = "{kind: cnn, width: 16, optimizer: {kind: sgd, schedule: cosine}}"
    text = GOOD.replace("{kind: cnn, width: 16}", network)
    parse_study(text, "s.yaml")
    with pytest.raises(UserError, match=r"experiments\.last\.online: .*give 'cnn' schedule: const"):
        parse_study(text.replace("train_sizes: [8, 16]", "online: true"), "s.yaml")


def test_what_is_measured_at_training_sizes_needs_them() -> None:
    for key in ("representations", "rule_errors", "learning_times"):
        text = GOOD.replace("train_sizes: [8, 16]", f"online: true, {key}: true")
        with pytest.raises(UserError, match=rf"experiments\.last\.{key}: are measured at train"):
            parse_study(text, "s.yaml")
    text = GOOD.replace("train_sizes: [8, 16]", "online: true")
    parse_study("claim: B1\n" + text.lstrip(), "s.yaml")
    with pytest.raises(UserError, match=r"claim: A1 is about classification; add such"):
        parse_study("claim: A1\n" + text.lstrip(), "s.yaml")


def test_weights_that_would_be_turned_over_are_refused() -> None:
    network = "{kind: cnn, width: 16, optimizer: {kind: sgd, lr: [0.1, 0.5], weight_decay: 2.0}}"
    text = GOOD.replace("{kind: cnn, width: 16}", network)
    with pytest.raises(
        UserError, match=r"cnn\.optimizer.*weight_decay: 2 times lr 0\.5 would turn"
    ):
        parse_study(text, "s.yaml")
    parse_study(text.replace("2.0", "1.9"), "s.yaml")


def test_who_counts_does_not_learn_online() -> None:
    text = GOOD.replace("{kind: cnn, width: 16}", "{kind: counting}")
    text = text.replace("train_sizes: [8, 16]", "online: true")
    with pytest.raises(
        UserError, match=r"experiments\.last\.online: 'cnn' learns from a training set"
    ):
        parse_study(text, "s.yaml")


def test_sizes_in_ranges() -> None:
    ranges = "width: {smallest: 6, largest: 50, points_per_octave: 2, multiple_of: 4}"
    study = parse_study(
        GOOD.replace("width: [8, 16]", f"{ranges}, depth: {{smallest: 1, largest: 3}}"), "s.yaml"
    )
    big = study.architectures["big"]
    assert big.widths == [8, 12, 16, 24, 32, 48]
    assert big.depths == [1, 2, 3]
    assert len(big.shapes(L=2)) == 18
    assert study.architectures["cnn"].shapes(L=2) == [(16, 2)]


def test_auto_stands_for_the_defaults() -> None:
    sizes = [
        parse_study(GOOD.replace("[8, 16]}", f"{given}}}"), "s.yaml")
        .experiments["last"]
        .train_sizes
        for given in ("auto", "{}", "{points_per_octave: 1}")
    ]
    assert sizes[0] == sizes[1] == sizes[2]
    assert sizes[0].largest == 65536


def test_the_same_curve_twice_is_refused() -> None:
    again = GOOD + GOOD.splitlines()[-1].replace("last:", "more:") + "\n"
    with pytest.raises(UserError, match=r"experiments\.more: .* already in experiments\.last"):
        parse_study(again, "s.yaml")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "\x00", "a: &a [*a]"])
def test_what_is_no_study(text: str) -> None:
    with pytest.raises(UserError, match=r"^s\.yaml: "):
        parse_study(text, "s.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read"):
        load_study(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(UserError, match=r"latin\.yaml: is not UTF-8"):
        load_study(tmp_path / "latin.yaml")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_are_valid_for_models_and_editors(path: Path) -> None:
    study = load_study(path)
    assert study.name == path.stem
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    # JSON knows no integer keys: compare what an editor sees
    as_json = json.loads(json.dumps(yaml.safe_load(text.replace("3e-3", "0.003"))))
    jsonschema.validate(as_json, schema)
    as_json["grammars"]["broken"] = {"v": "four"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json, schema)


def test_generated_files_are_up_to_date() -> None:
    for path, text in reference.generated(ROOT / "config").items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make schema"


def test_every_model_of_a_study_has_a_section() -> None:
    known = {model.__name__ for model in reference.SECTIONS}
    assert json.loads(reference.json_schema())["$defs"].keys() | {"Study"} == known


def test_every_key_is_explained() -> None:
    for model in reference.SECTIONS:
        for key, meaning in reference.meanings(model).items():
            assert meaning, f"{model.__name__}.{key}"


def test_mappings_are_shared_by_merging() -> None:
    text = "a: &a {x: 1, y: 1}\nb: {y: 2, <<: *a}\nc: {<<: [*a, {z: 3}], x: 4}\n"
    found = parse_keys(text, "s.yaml", "any")
    assert found["b"] == {"x": 1, "y": 2} and found["c"] == {"x": 4, "y": 1, "z": 3}
    with pytest.raises(UserError, match=r"'x': is given twice \(line 1\); remove one"):
        parse_keys("b: {<<: {y: 1}, x: 1, x: 2}", "s.yaml", "any")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    grammar = {"v": 2, "rules": {"1": [[[0, 1]], [[1, 0]]]}}
    (tmp_path / "mine.json").write_text(json.dumps(grammar), encoding="utf-8-sig")
    study = "name: own\ngrammars: {mine: {file: mine.json}}\narchitectures: {c: {kind: counting}}\n"
    study += "experiments: {e: {task: classification, grammars: [mine], architectures: [c], "
    study += "train_sizes: [2], replicas: {rule_draws: 1}}}\n"
    (tmp_path / "study.yaml").write_text(study, encoding="utf-8-sig")
    assert load_study(tmp_path / "study.yaml").name == "own"


def test_the_rule_draws_of_a_claim_begin_where_its_criteria_say() -> None:
    judged = parse_study("claim: B1\n" + GOOD.lstrip(), "s.yaml").experiments["last"].replicas
    assert judged.rule_seeds.first == frozen().first_rule_seed
    assert parse_study(GOOD, "s.yaml").experiments["last"].replicas.rule_seeds.first == 0
