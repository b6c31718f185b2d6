"""Hostile and broken configurations: accepted or refused in lines, whatever they hold.

Each goes through all that Snakemake does before it knows its jobs. No job is run.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from conftest import AMBIGUOUS
from rhm_scaling.core.errors import UserError
from rhm_scaling.run.estimates import disk
from rhm_scaling.run.planning import WorkflowPlan, plan_or_exit
from rhm_scaling.study import size_limits
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study
from rhm_scaling.study.schema import FOLDERS
from rhm_scaling.theory import training_sizes

ROOT = Path(__file__).parents[2]
STUDIES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "config" / "studies").glob("*.yaml"))
}
STUDIES["own"] = """
name: own
grammars: {mine: {file: mine.json}}
architectures: {c: {kind: counting}, n: {kind: ngram}}
experiments:
  e:
    task: classification
    grammars: [mine]
    architectures: [c, n]
    train_sizes: auto
    replicas: {rule_draws: 1}
"""
SECONDS = 20.0  # for planning anything that is accepted, on a busy machine
MEBIBYTES = 600  # by which planning may grow this process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project's folder to plan in; nothing but studies may appear in it, nor beside it."""
    here = tmp_path_factory.mktemp("outside") / "project"
    here.mkdir()
    (here / "mine.json").write_text(AMBIGUOUS, encoding="utf-8")
    with contextlib.chdir(here):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield here
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEBIBYTES * 1024
    assert {path.name for path in here.iterdir()} <= {"mine.json", "s.yaml"}
    assert [path.name for path in here.parent.iterdir()] == ["project"]


def planned(config: dict[str, Any]) -> WorkflowPlan | list[str]:
    """The plan, with all that a run would then ask of it, or the lines that refuse it."""
    said = io.StringIO()
    start = time.monotonic()
    try:
        with contextlib.redirect_stderr(said):
            found = plan_or_exit(config, Path(), 2)
        text = json.dumps(found.standing.resolved(), allow_nan=False)
        assert len(text) > 100
        assert sum(map(disk, found.standing.needed())) > 0
        for kind, known in found.products.items():
            for name, product in known.items():
                assert found.sources(kind, name) is not None
                for path in product.files.values():
                    assert os.path.normpath(path) == path
                    assert path.startswith("results/store/")
                    assert all(len(part) < 230 for part in path.split("/"))
        for stage in found.standing.stages.values():
            for path in [*stage.outputs, stage.record, stage.log, stage.file]:
                assert os.path.normpath(path) == path
                assert path.startswith(f"results/{found.study.name}/")
        assert all(job.threads > 0 and 0 <= job.seconds < 1e300 for job in found.jobs.values())
    except SystemExit as end:
        assert end.code == 1
        lines = said.getvalue().split("\n")
        assert lines.pop() == ""
        assert lines
        for line in lines:
            assert line.isprintable(), line
            assert len(line) < 700, line
        return lines
    finally:
        assert time.monotonic() - start < SECONDS
    return found


def refused(text: str) -> list[str]:
    """The lines that refuse a study, each with its file and its key; none if it is accepted."""
    Path("s.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = planned({"study": "s.yaml"})
    if isinstance(found, WorkflowPlan):
        return []
    whole = ("not valid YAML", "must hold keys", "aliases stand for", "is not UTF-8", "is larger")
    for line in found:
        assert line.startswith("s.yaml: ")
        rest = line.removeprefix("s.yaml: ")
        assert ": " in rest or rest.startswith(whole) or rest.endswith("more problems"), line
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything inside a value."""
    if isinstance(value, (dict, list)):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(below, (*path, key))


NUMBERS = [
    *(0, -1, 1, 2, 3, 7, 1000, 10**5, 2**16, 2**31, 10**9, 10**9 + 1, 10**18, 10**20, 2**63),
    *(-(10**20), 10**400, 0.5, -0.0, 5e-324, 1e-300, 1.0, 1e6, 1e308, -1e308),
    *(float("inf"), float("-inf"), float("nan"), True, False, None),
]
WORDS = [
    *("", " ", "auto", "cnn", "last_token", "store", "NA", "null", "1e5", "yes", "x" * 5000),
    *("$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned #", "&& touch pwned"),
    *("<script>alert(1)</script>", "&lt;", '"', "'", "\\", "{wildcards.name}", "{output}", "{}"),
    *("../..", "../../pwned", "/etc/passwd", "/dev/zero", "/dev/stdin", ".", "..", "-rf", "--help"),
    *("C:\\pwned", "\\\\host\\share", "a/b", "a\nb", "a\r\nb", "\x00", "\x1b[2J", "\x85", "\u2028"),
    *(
        "\u202e",
        "\ud800",
        "\U0001f600",
        "ünï",
        "%s%n",
        "$x^$",
        "*",
        "~",
        "~root",
        "con",
        "mine.json",
    ),
]
HOSTILE = st.one_of(
    st.sampled_from([*NUMBERS, *WORDS]),
    st.floats(),
    st.integers(-3, 40),
    st.integers(),
    st.text(max_size=12),
    st.sampled_from(
        [[], {}, [[]], [[[[]]]], {"a": {"b": {"c": 1}}}, {1: 2}, {"file": "/dev/zero"}]
    ),
    st.sampled_from([list(range(1, 3000)), ["g"] * 2000, list(range(1, 900)), {"file": "."}]),
    st.lists(st.sampled_from([*NUMBERS, *WORDS]), max_size=3),
    st.dictionaries(st.sampled_from([1, 2, 10**9, "v", "file", "kind"]), st.integers(), max_size=3),
)
# what YAML can say and a value cannot
TEXTS = [
    *(
        "*nowhere",
        "&a [*a]",
        "!!int ''",
        "!!float ''",
        "!!bool maybe",
        "!!timestamp x",
        "!!map [a]",
    ),
    *(
        "!!binary '!'",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "2001-99-99",
        "0x_",
        "1:30",
    ),
    *("!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "!x y"),
    *("{<<: 3}", "{<<: [*a, *a]}", "{? [a] : b}", "{? {a: b} : c}", "[" * 3000, "{a: " * 3000),
    *("0x" + "f" * 6000, "9" * 6000, "- -", "? ?", "%YAML 9.9", "---", "...", "\t", "|", ">", "'"),
]


def mutate(data: st.DataObject, value: Any) -> None:
    """Change one thing: replace, remove, rename, add, copy or swap."""
    path = data.draw(st.sampled_from(list(places(value))))
    other = data.draw(st.sampled_from(list(places(value))))

    def parent_of(path: tuple[Any, ...]) -> Any:
        found = value
        for key in path[:-1]:
            found = found[key]
        return found

    parent, key = parent_of(path), path[-1]
    how = data.draw(st.sampled_from(["replace"] * 5 + ["remove", "rename", "add", "copy", "swap"]))
    if how == "replace":
        parent[key] = copy.deepcopy(data.draw(HOSTILE))
    elif how == "remove":
        parent.pop(key)
    elif how == "copy":
        parent[key] = copy.deepcopy(parent_of(other)[other[-1]])
    elif how == "swap":
        there = copy.deepcopy(parent_of(other)[other[-1]])
        parent_of(other)[other[-1]] = copy.deepcopy(parent[key])
        with contextlib.suppress(KeyError, IndexError, TypeError):  # one was inside the other
            parent_of(path)[key] = there
    elif isinstance(parent, dict):
        name = data.draw(st.one_of(st.sampled_from([*WORDS, *NUMBERS]), st.text(max_size=8)))
        parent[name] = parent.pop(key) if how == "rename" else copy.deepcopy(data.draw(HOSTILE))
    else:
        parent.append(copy.deepcopy(data.draw(HOSTILE)))


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_studies_are_planned_or_refused_in_lines(folder: Path, data: st.DataObject) -> None:
    value = yaml.safe_load(data.draw(st.sampled_from(list(STUDIES.values()))))
    for _ in range(data.draw(st.integers(1, 3))):
        assume(value)
        mutate(data, value)
    refused(yaml.safe_dump(value, allow_unicode=data.draw(st.booleans()), width=10**6))


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_text_is_planned_or_refused_in_lines(folder: Path, data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(list(STUDIES.values()))).splitlines()
    at, to = (data.draw(st.integers(0, len(lines) - 1)) for _ in "ab")
    how = data.draw(st.sampled_from(["value", "value", "value", "twice", "swap", "cut", "insert"]))
    if how == "value":
        found = list(re.finditer(r"(?<=: )[^,{}\[\]]+|\d+|\w+", lines[at]))
        assume(found)
        spot = data.draw(st.sampled_from(found))
        text = data.draw(st.sampled_from([*TEXTS, *WORDS]))
        lines[at] = lines[at][: spot.start()] + text + lines[at][spot.end() :]
    elif how == "twice":
        lines.insert(to, lines[at])
    elif how == "swap":
        lines[at], lines[to] = lines[to], lines[at]
    elif how == "cut":
        lines = [*lines[:at], lines[at][: data.draw(st.integers(0, 30))]]
    else:
        lines.insert(at, data.draw(st.sampled_from([*TEXTS, *WORDS])))
    refused("\n".join(lines))


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
BASE = """
name: base
grammars: {g: {v: 6, s: 2, L: 2, m: 2}}
architectures:
  net: {kind: cnn, width: 8}
  tf: {kind: transformer, width: 8}
experiments:
  e:
    task: last_token
    grammars: [g]
    architectures: [net, tf]
    train_sizes: [16, 32]
    replicas: {rule_draws: 2}
"""
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
    ("[16, 32]", f"{list(range(1, 1002))}", "experiments.e.train_sizes: list should have at most"),
    ("[16, 32]", "[100000000000]", "experiments.e.train_sizes.0: "),
    ("[16, 32]", "{largest: 1000000000000}", "experiments.e.train_sizes.largest: "),
    ("train_sizes:", "test_size: 1000000000000\n    train_sizes:", "experiments.e.test_size: "),
    ("train_sizes:", "validation_size: 1e18\n    train_sizes:", "experiments.e.validation_size: "),
    ("cnn, width: 8", "cnn, width: 1000000", "architectures.net.width.0: "),
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


HOLLOW = {"v": 65536, "rules": {"1": [[[0, 1]]], "2": [[[0, 0]]]}}
LONG = {"v": 65536, "rules": {"1": [[[0, i] for i in range(9999)]], "2": [[[0, 0]]]}}
DEEP = {"v": 4096, "rules": {str(level): [[[0, 0]]] for level in range(1, 17)}}
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
        *FOLDERS,
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


SETTINGS = [
    *("study", "device", "threads", "memory_mb", "checkpoint_seconds", "scratch", "temporary"),
    *("batch_minutes", "cluster"),
]


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(SETTINGS), st.sampled_from([*WORDS, 5, None, True])),
        st.one_of(HOSTILE, st.sampled_from(["auto", "cuda", "datasets", ["models"]])),
        max_size=3,
    ),
    st.booleans(),
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_settings_are_accepted_or_refused_in_a_line(
    folder: Path, config: dict[Any, Any], good: bool
) -> None:
    Path("s.yaml").write_text(BASE, encoding="utf-8")
    found = planned({**config, "study": "s.yaml"} if good or "study" not in config else config)
    if isinstance(found, list):
        assert len(found) == 1
        assert re.match(
            r"config/(config|cluster)\.yaml: .*: .|.*: .*; give study=FILE|.*: must hold|squeue: "
            r"|s\.yaml: architectures: kind .* more than a job may have; .",
            found[0],
        )
    else:
        assert all(1 <= job.threads <= 10**4 for job in found.jobs.values())


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
        assert products <= sum(count["products"] for count in counted) <= 4 * products
        assert trainings <= sum(count["trainings"] for count in counted) <= 4 * trainings


def test_a_threshold_beyond_all_numbers_ends_at_the_largest_size() -> None:
    for last in (1e307, 1.7e308):
        chosen = training_sizes.choose([64.0, last], 1e9, 1, 2**16, 1.0)
        assert (chosen.sizes[0], chosen.sizes[-1], chosen.ends) == (32, 2**16, "largest")
