"""Lists in grammars: a grammar for each combination, named by what varies; limits and refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from rhm_scaling.core.errors import UserError
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.study.schema import Study

ROOT = Path(__file__).parents[2]


def study(grammars: str, named: str = "[g]") -> str:
    return f"""
name: scan
grammars: {grammars}
architectures: {{cnn: {{kind: cnn, width: 16}}}}
experiments:
  e: {{task: last_token, grammars: {named}, architectures: [cnn], train_sizes: [8, 16]}}
"""


def parsed(grammars: str, named: str = "[g]") -> Study:
    return parse_study(study(grammars, named), "s.yaml")


def refused(grammars: str, named: str = "[g]") -> list[str]:
    with pytest.raises(UserError) as caught:
        parsed(grammars, named)
    return str(caught.value).split("\n")


def test_a_list_makes_a_grammar_of_each_value() -> None:
    found = parsed("{g: {v: 8, L: 2, m: [2, 4]}, h: {v: 4, L: 2, m: 2}}", "[h, g]")
    assert list(found.grammars) == ["g-m2", "g-m4", "h"]
    assert [g.parameters().m for g in found.grammars.values()] == [(2, 2), (4, 4), (2, 2)]
    # where the experiment names it
    assert found.experiments["e"].grammars == ["h", "g-m2", "g-m4"]


def test_lists_of_several_keys_are_combined_in_the_order_of_the_keys() -> None:
    found = parsed("{g: {m: [2, 3], L: [2, 3], n: [4, 8], v: [8, 9]}}")
    assert len(found.grammars) == 16
    for name, grammar in found.grammars.items():
        p = grammar.parameters()
        assert name == f"g-v{p.v[0]}-n{p.n}-L{p.L}-m{p.m[0]}"


def test_lists_stand_inside_mappings_by_level_too() -> None:
    text = "{g: {v: {0: [32, 64], 1: 8}, L: 2, m: {1: [4, 8], 2: 2}, zipf: {1: [0.5, 1, 2.0]}}}"
    found = parsed(text)
    assert len(found.grammars) == 12
    p = found.grammars["g-v0_64-m1_4-zipf1_0.5"].parameters()
    assert (p.v, p.m, p.zipf) == ((64, 8), (4, 2), (0.5, None))
    assert "g-v0_32-m1_8-zipf1_2" in found.grammars


def test_an_experiment_may_name_one_of_them() -> None:
    found = parsed("{g: {v: 8, L: 2, m: [2, 4]}}", "[g-m4]")
    assert found.experiments["e"].grammars == ["g-m4"]
    assert refused("{g: {v: 8, L: 2, m: [2, 4]}}", "[g, g-m4]") == [
        "s.yaml: experiments.e.grammars: holds a value twice; remove the repeat"
    ]


def test_they_are_the_same_products_as_grammars_written_one_by_one() -> None:
    lists = Plan(parsed("{g: {v: 8, L: 2, m: [2, 4]}}"))
    plain = Plan(parsed("{a: {v: 8, L: 2, m: 2}, b: {v: 8, L: 2, m: 4}}", "[a, b]"))
    assert {kind: set(known) for kind, known in lists.products.items()} == {
        kind: set(known) for kind, known in plain.products.items()
    }


def test_a_study_as_it_was_resolved_is_a_study_again() -> None:
    written = parsed("{g: {v: {0: 32, 1: 8}, L: 2, m: {1: 4, 2: [2, 3]}, zipf: {1: [0.5, 1]}}}")
    again = parse_study(yaml.safe_dump(written.model_dump(exclude_unset=True)), "s.yaml")
    assert again == written


def test_a_scale_may_bring_lists_and_take_them_away(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    scales = "scales: {wide: {grammars: {g: {m: [2, 3, 4]}}}, one: {grammars: {g: {m: 2}}}}\n"
    file.write_text(study("{g: {v: 8, L: 2, m: [2, 4]}}").lstrip() + scales, encoding="utf-8")
    assert list(load_study(file).grammars) == ["g-m2", "g-m4"]
    for scale, names in (("wide", ["g-m2", "g-m3", "g-m4"]), ("one", ["g"])):
        found = load_study(tmp_path / f"s.yaml:{scale}")
        assert list(found.grammars) == found.experiments["e"].grammars == names


@pytest.mark.parametrize(
    ("grammars", "line"),
    [
        ("{g: {v: 4, L: 2, m: []}}", "grammars.g.m: is an empty list; give a number, or a list of"),
        ("{g: {v: 4, L: 2, m: [2, 2]}}", "grammars.g.m: holds a value twice; remove the repeat"),
        ("{g: {v: 4, L: 2, m: {1: [2, 2.0], 2: 2}}}", "grammars.g.m.1: holds a value twice"),
        ("{g: {v: 4, L: 2, m: [2, x]}}", "grammars.g.m: a list here makes a grammar of each value"),
        ("{g: {v: 4, L: 2, m: [2, true]}}", "grammars.g.m: a list here makes a grammar of each"),
        ("{g: {v: 4, L: 2, m: [[2], [3]]}}", "and holds numbers above 0 and up to 1000000000, not"),
        ("{g: {v: 4, L: [2, -1], m: 2}}", "grammars.g.L: a list here makes a grammar of each"),
        ("{g: {v: 4, L: 2, m: 2, zipf: {1: [.nan]}}}", "grammars.g.zipf.1: a list here makes a"),
        # judged one by one, told by the key as it was written
        ("{g: {v: 4, L: 2, m: [2, 5]}}", "grammars.g.m: level 1 needs v*m = 4*5 = 20 distinct tup"),
        ("{g: {v: 4, L: 2, m: [2, 5]}}", "take m at most 4 (in g-m5)"),
        (r'{"g\r\nh": {v: 4, L: 2, m: [2, 5]}}', r"take m at most 4 (in g\r\nh-m5)"),
        ("{g: {v: 4, L: 2, m: [2, 2.5]}}", "grammars.g.m: input should be a valid integer, not 2"),
        ("{g: {v: [4, 1], L: 2, m: 2}}", "grammars.g.v: input should be greater than or equal"),
        ("{g: {v: 4, L: 2, m: 2, zipf: {1: [1, 30]}}}", "grammars.g.zipf.1: input should be less"),
        ("{g: {v: 4, L: 2, m: 2, zipf: [1, 2]}}", "grammars.g.zipf: write {1: 1.0}, an exponent"),
        ("{g: {v: 4, s: [2, 3], L: 2, m: 2}}", "grammars.g.s: input should be a valid integer"),
        ("{g: {file: no.json, m: [2, 3]}}", "grammars.g.m: unknown key"),
        # names
        (
            "{g: {v: 4, L: 2, m: [2, 3]}, g-m3: {v: 4, L: 2, m: 2}}",
            "grammars.g-m3: another grammar is named g-m3 too, which stands for one of a list",
        ),
        (
            "{g-m3: {v: 4, L: 2, m: 2}, g: {v: 4, L: 2, m: [2, 3]}}",
            "grammars.g: another grammar is named g-m3 too, which stands for one of a list",
        ),
        (
            "{g: {v: 4, L: 2, m: 2, zipf: {1: [1, 1.00000001]}}}",
            "grammars.g: another grammar is named g-zipf1_1 too",
        ),
        (
            f"{{{'g' * 60}: {{v: 4, L: 2, m: [2, 3], zipf: {{1: [0.25, 1]}}}}}}",
            "its lists make names of more than 64 characters, such as ggg",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_a_line_that_names_the_key(grammars: str, line: str) -> None:
    lines = refused(grammars)
    assert any(line in text for text in lines), lines
    assert all(text.startswith("s.yaml: grammars.") and len(text) < 300 for text in lines)


@pytest.mark.parametrize(
    "lists",
    [
        f"m: {list(range(1, 1002))}",
        f"v: {list(range(2, 40))}, L: {list(range(1, 40))}, m: 2",
        "m: {" + ", ".join(f"{level}: [1, 2]" for level in range(1, 3000)) + "}",
        "m: {" + ", ".join(f"{level}: {list(range(1, 200))}" for level in range(1, 300)) + "}",
    ],
)
def test_lists_without_end_are_refused_before_they_are_unrolled(lists: str) -> None:
    keys = ", ".join(["v: 64"] * ("v:" not in lists) + ["L: 2"] * ("L:" not in lists) + [lists])
    (line,) = refused(f"{{g: {{{keys}}}}}")
    assert "the lists make more than 1000 grammars in all; take fewer values" in line


def test_the_limit_is_one_of_the_whole_study() -> None:
    many = ", ".join(f"g{i}: {{v: 64, L: 2, m: {list(range(1, 61))}}}" for i in range(17))
    (line,) = refused(f"{{{many}}}", "[g0]")
    assert line.startswith("s.yaml: grammars.g16.m: the lists make more than 1000 grammars")
    (line,) = refused("{g: {v: 64, L: 2, m: [2, 3]}}", str(["g"] * 30_000).replace("'", ""))
    assert "experiments.e.grammars: holds more than 1000 values" in line


def test_what_the_documents_show_is_a_scan_for_editors_too() -> None:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"^  tokens: (\{v: .*)$", text, re.M)
    found = parsed(f"{{tokens: {written}}}", "[tokens]")
    names = [f"tokens-m1_{m}-zipf1_{a}" for m in (1024, 2048) for a in (0.5, 1)]
    assert found.experiments["e"].grammars == names
    as_json = json.loads(json.dumps(yaml.safe_load(study(f"{{tokens: {written}}}"))))
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(as_json, schema)
    for wrong in ({"v": [[8]]}, {"m": []}, {"s": [2, 3]}):
        as_json["grammars"]["tokens"] |= wrong
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(as_json, schema)
