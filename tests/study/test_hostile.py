"""Hostile and broken configurations: accepted or refused in lines, whatever they hold.

Each goes through all that Snakemake does before it knows its jobs. No job is run.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from helpers.grammars import AMBIGUOUS
from helpers.planning import BASE, STUDIES, only_studies_in, planned, refused
from rhm_scaling.core.errors import UserError
from rhm_scaling.core.fingerprint import PACKAGE
from rhm_scaling.study import size_limits
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study
from rhm_scaling.study.schema import RESERVED
from rhm_scaling.theory import training_sizes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with only_studies_in(tmp_path_factory.mktemp("outside") / "project") as here:
        yield here


BOMB = "\n".join(
    [
        "a: &a0 [x, x, x, x, x, x, x, x, x, x]",
        *(f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)),
    ]
)
MERGES = "\n".join(
    [
        "a: &a0 {x: 1}",
        *(f"b{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)),
    ]
)
ABSURD = [
    ("rule_draws: 2", "rule_draws: 1000000000000", "experiments.e.replicas.rule_draws: "),
    (
        "rule_draws: 2",
        "rule_draws: 1000000000",
        "experiments.e.replicas.rule_draws: the study asks",
    ),
    (
        "rule_draws: 2",
        "rule_draws: 4, samples: 900000",
        "experiments.e.replicas.samples: the study",
    ),
    (
        "rule_draws: 2}",
        "initialisations: 300000}\nblock: {rule_draws: 9, samples: 9, initialisations: 1000000}",
        "experiments.e.replicas.initialisations: the study asks for 4.8e+06 trainings, the most is",
    ),
    ("[16, 32]", f"{list(range(1, 1002))}", "experiments.e.train_sizes: holds more than 1000 val"),
    ("[16, 32]", "[100000000000]", "experiments.e.train_sizes.0: "),
    ("[16, 32]", "{largest: 1000000000000}", "experiments.e.train_sizes.largest: "),
    ("train_sizes:", "test_size: 1000000000000\n    train_sizes:", "experiments.e.test_size: "),
    ("train_sizes:", "validation_size: 1e18\n    train_sizes:", "experiments.e.validation_size: "),
    ("cnn, width: 8", "cnn, width: 1000000", "architectures.net.width: "),
    ("cnn, width: 8", f"cnn, width: {list(range(1, 999))}", None),
    ("transformer, width: 8", "transformer, width: 8, depth: 1000000000", "architectures.tf.depth"),
    ("transformer, width: 8", "transformer, width: 8, depth: 1000", None),
    (
        "transformer, width: 8",
        f"transformer, heads: 1, width: {list(range(1, 999))}, depth: {list(range(1, 999))}",
        "experiments.e.train_sizes: the study asks",
    ),
    ("cnn, width: 8", f"cnn, width: 8, optimizer: {{kind: sgd, lr: {list(range(1, 999))}}}", None),
    ("cnn, width: 8", "cnn, width: 8, training: {max_steps: 1000000000}", None),
    (
        "cnn, width: 8",
        "cnn, width: 8, training: {evaluations_per_octave: 100000}",
        "architectures.net.training.evaluations_per_octave: ",
    ),
    ("v: 6", "v: 1000000", "grammars.g.v: "),
    ("s: 2, L: 2, m: 2", "s: 1000, L: 1, m: 2", "grammars.g.s: v**s = 6**1000 tuples"),
    ("v: 6, s: 2, L: 2, m: 2", "v: 4096, s: 2, L: 2, m: 4096", None),
    ("v: 6, s: 2, L: 2, m: 2", "v: 65536, s: 2, L: 2, m: 65536", "grammars.g.m: level 1 has"),
    ("v: 6, s: 2, L: 2, m: 2", "v: 4, n: 1, s: 99, L: 1, m: 1000000000", "grammars.g.m: level 1"),
    ("L: 2, m: 2", "L: 2, m: 2, zipf: {1: 1000}", "grammars.g.zipf.1: "),
    (
        "L: 2, m: 2",
        f"L: 16, m: 2, zipf: {{{', '.join(f'{i}: 0.123456{i}' for i in range(1, 17))}}}",
        "grammars.g.zipf: too many digits",
    ),
]


@pytest.mark.parametrize(("old", "new", "line"), ABSURD, ids=lambda text: str(text)[:40])
def test_absurd_amounts_name_their_key(folder: Path, old: str, new: str, line: str | None) -> None:
    assert old in BASE
    lines = refused(BASE.replace(old, new, 1))
    if line is None:
        assert not lines
    else:
        assert lines[0].startswith(f"s.yaml: {line}"), lines
        assert len(lines) == 1
    refused(BASE.replace(old, new, 1).replace("[16, 32]", "{points_per_octave: 16}"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOMB, "aliases stand for more than"),
        (MERGES, "aliases stand for more than"),
        (f"a: &a {'x' * 9999}\nb: [{', '.join(['*a'] * 9999)}]", "aliases stand for more than"),
        ("a: &a [*a]", "aliases stand for more than"),
        ("x: 1\n" * 100_000, "is larger than 262144 bytes"),
        ("[" * 100_000, "not valid YAML"),
        (BASE + "".join(f"k{i}: 1\n" for i in range(5000)), "'k0': unknown key"),
        (BASE.replace("cnn", "!!int ''"), "not valid YAML: a value does not fit its tag"),
    ],
    ids=["bomb", "merges", "long text", "itself", "large", "deep", "many problems", "tag"],
)
def test_bombs_are_refused_in_lines(folder: Path, text: str, line: str) -> None:
    lines = refused(text)
    assert line.replace("'", "") in lines[0]
    assert len(lines) <= 21


HOLLOW = {"v": 65536, "rules": {"1": [[[0, 1]], [[1, 0]]], "2": [[[0, 0]], [[0, 1]]]}}
LONG = {"v": 65536, "rules": {"1": [[[0, i] for i in range(9999)]], "2": [[[0, 0]]]}}
DEEP = {"v": 4096, "rules": {str(level): [[[0, 0]], [[1, 1]]] for level in range(1, 17)}}
ENDLESS = {"v": 65536, "rules": {str(level): [[[0, 0]]] for level in range(1, 4000)}}
HUGE = {"v": 3, "rules": {"1": [[[0, 1]]]}, "root": [10**400]}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (json.dumps(LONG), "rules, level 1: 65536*9999 rules"),
        (json.dumps(ENDLESS), "rules: sentences of at least 2**3999 tokens"),
        (json.dumps(HOLLOW), "experiments.e.train_sizes: the thresholds of so large a grammar"),
        (json.dumps(DEEP), "experiments.e.train_sizes: the thresholds of so large a grammar"),
        (json.dumps(HUGE), "grammars.mine.file: mine.json: "),
        ('{"a\\nb": 1, "a\\nb": 2}', "grammars.mine.file: mine.json: 'a\\nb': is given twice"),
        ('{"\\u001b[2J": 1}', "grammars.mine.file: mine.json: "),
        ("[" * 100_000, "grammars.mine.file: mine.json: nested too deeply"),
        ('{"v": 1e999}', "grammars.mine.file: mine.json: v: "),
        ('{"v": ' + "9" * 5000 + "}", "grammars.mine.file: mine.json: "),
        ("\ud800", "grammars.mine.file: mine.json: is not UTF-8"),
    ],
    ids=["long", "endless", "hollow", "deep", "huge", "twice", "escape", "nested", "inf", "9", "8"],
)
def test_hostile_grammar_files_are_refused_in_a_line(folder: Path, content: str, line: str) -> None:
    file = folder / "mine.json"
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        (found,) = refused(STUDIES["own"])
        assert line in found
    finally:
        file.write_text(AMBIGUOUS, encoding="utf-8")


def test_devices_pipes_and_folders_are_never_read(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", "/dev/stdin", tmp_path / "pipe", tmp_path, "/proc/self/mem"):
        (line,) = refused(STUDIES["own"].replace("mine.json", str(path)))
        assert line.startswith("s.yaml: grammars.mine.file: /")
        found = planned({"study": str(path)})
        assert isinstance(found, list)
        assert found[0].startswith("/")
        assert found[0].endswith("; give study=FILE")


@pytest.mark.parametrize(
    "name",
    [
        *RESERVED,
        *("../up", "a/b", "a\\b", ".", "..", "...", "-rf", "--help", "$(touch pwned)", "a b", "A"),
        *(
            "{output}",
            "<b>",
            "a\n",
            "a\0",
            "é",
            "",
            "a" * 65,
            "a;b",
            "`a`",
            "~",
            "*",
            "%",
            "a.yaml",
        ),
    ],
)
def test_studies_are_not_named_so(folder: Path, name: str) -> None:
    (line,) = refused(BASE.replace("name: base", f"name: {json.dumps(name)}"))
    assert line.startswith("s.yaml: name: ")


def test_no_study_has_the_name_of_a_folder_that_is_written_below_results() -> None:
    paths = [*PACKAGE.rglob("*.py"), *(ROOT / "workflow" / "rules").glob("*.smk")]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    named = r'"results(?:/|", "|" / ")([a-z]+)["/]|results / "([a-z]+)"'
    found = {name for text in texts for names in re.findall(named, text) for name in names if name}
    assert {"store", "rows", "batches", "logs", "locks", "claims"} <= found <= {*RESERVED}


@pytest.mark.parametrize(
    "name",
    [
        *("../up", "a/b", "a\\b", ".", "..", ".hidden", "-rf", "$(touch pwned)", "a b", "{output}"),
        *("<b>", "a\n", "a\0", "é", "", "a" * 65, "NA", "null", "None", "nan", "1", "1e5", "True"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "old"), [("grammars", "g"), ("architectures", "net"), ("experiments", "e")]
)
def test_parts_are_not_named_so(folder: Path, kind: str, old: str, name: str) -> None:
    value = yaml.safe_load(BASE)
    value[kind][name] = value[kind].pop(old)
    lines = refused(yaml.safe_dump(value))
    assert any(line.startswith(f"s.yaml: {kind}.") for line in lines)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,5}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_names_that_are_accepted_stay_names_in_tables(name: str) -> None:
    value = yaml.safe_load(BASE)
    value["grammars"][name] = value["grammars"]["g"]
    try:
        parse_study(yaml.safe_dump(value), "s.yaml")
    except UserError:
        return
    table = pd.DataFrame({"grammar": [name]}).to_csv(index=False)
    assert pd.read_csv(io.StringIO(table))["grammar"].tolist() == [name]


def test_the_count_before_unrolling_is_no_less_than_what_is_unrolled() -> None:
    texts = [text for name, text in STUDIES.items() if name != "own"]
    sweeps = "{kind: cnn, width: [8, 16], optimizer: {kind: sgd, lr: [0.1, 0.2, 0.3]}}"
    replicas = "{rule_draws: 5, samples: 3, initialisations: 2}"
    block = "\nblock: {rule_draws: 2, initialisations: 2, learning_rates: 2}"
    swept = BASE.replace("{kind: cnn, width: 8}", sweeps).replace("{rule_draws: 2}", replicas)
    for text in (*texts, BASE, swept + block):
        study = parse_study(text, "s.yaml")
        plan = Plan(study)
        counted = [
            size_limits.counts(study, experiment) for experiment in study.experiments.values()
        ]
        products = sum(map(len, plan.products.values()))
        trained = [block.specification for _, block in plan.blocks]
        trainings = sum(
            len(what["replicas"]) * len(what.get("learning_rates", [0])) for what in trained
        )
        most = sum(count["products"] for count in counted) + size_limits.denoised(study)
        # where theory chooses among many sizes, it may choose few
        chosen = [experiment.train_sizes for experiment in study.experiments.values()]
        dense = max(1.0, *(getattr(one, "points_per_octave", 2) / 2 for one in chosen), 1.0)
        assert products <= most <= 6 * dense * products
        assert trainings <= sum(count["trainings"] for count in counted) <= 4 * dense * trainings


def test_a_threshold_beyond_all_numbers_ends_at_the_largest_size() -> None:
    for last in (1e307, 1.7e308):
        chosen = training_sizes.choose([64.0, last], 1e9, 1, 2**16, 1.0)
        assert (chosen.sizes[0], chosen.sizes[-1], chosen.ends) == (32, 2**16, "largest")
