"""Mutated configurations, by the hundred: accepted or refused in lines, whatever they hold."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from helpers.planning import BASE, STUDIES, only_studies_in, planned, refused

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with only_studies_in(tmp_path_factory.mktemp("outside") / "project") as here:
        yield here


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
        assert all(1 <= job.threads <= 10**4 for job in found.batches.values())
