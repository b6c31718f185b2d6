"""Rule draws are added by what is measured: by whole blocks, at sizes that tell, up to a cap."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from rhm_scaling.core.errors import UserError
from rhm_scaling.run.precision import too_wide
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.precision import Measured, measured_rows
from rhm_scaling.study.products import Curve
from rhm_scaling.study.reading import parse_study

SIZES = [8, 16, 32, 64]


def study(**changes: Any) -> str:
    experiment = {
        "task": "last_token",
        "grammars": ["g"],
        "architectures": ["cnn", "counting"],
        "train_sizes": SIZES,
        "replicas": {"rule_draws": 2},
        "precision": 0.1,
        **changes.pop("experiment", {}),
    }
    return yaml.safe_dump(
        {
            "name": "precise",
            "grammars": {"g": {"v": 4, "s": 2, "L": 2, "m": 2}},
            "architectures": {
                "cnn": {"kind": "cnn", "width": 16},
                "counting": {"kind": "counting"},
            },
            "experiments": {"e": experiment},
            "block": {"rule_draws": 2},
            **changes,
        }
    )


def measured(exponent: float, crossing: float = math.nan) -> Measured:
    return Measured({"exponent": exponent, "crossing": crossing}, 16, 32)


def grown(text: str, *widths: Measured) -> Plan:
    """The plan once the CNN's curve was measured with its first blocks, one after another."""
    known: dict[str, Measured] = {}
    plan = Plan(parse_study(text, "s.yaml"))
    for found in widths:
        known[designs(plan)[-1].blocks] = found
        plan = Plan(parse_study(text, "s.yaml"), known)
    return plan


def curve(plan: Plan) -> Curve:
    return next(curve for curve in plan.curves if curve.architecture == "cnn")


def designs(plan: Plan) -> list[Any]:
    return plan.designs[curve(plan)]


def cells(plan: Plan) -> dict[tuple[int, ...], set[int]]:
    """Sizes by the rule draws of a block, of the CNN."""
    found: dict[tuple[int, ...], set[int]] = {}
    for whose, block in plan.blocks:
        if whose.architecture == "cnn":
            rules = tuple(rule for rule, _, _ in block.specification["replicas"])
            found.setdefault(rules, set()).add(block.specification["train_size"])
    return found


def test_a_curve_begins_with_its_first_rule_draws_at_all_sizes() -> None:
    plan = grown(study())
    assert cells(plan) == {(0, 1): set(SIZES)}
    assert {"cnn", "counting"} == {curve.architecture for curve in plan.designs}
    assert not any(too_wide(plan))


def test_wide_intervals_get_another_block_at_the_sizes_that_tell() -> None:
    plan = grown(study(), measured(0.5))
    assert cells(plan) == {(0, 1): set(SIZES), (2, 3): {16, 32}}
    assert {rule for _, _, rule in plan.theory} == {0, 1, 2, 3}
    assert "exponent within 0.5, asked for 0.1" in next(too_wide(plan))
    plan = grown(study(), measured(0.5), measured(0.2))
    assert [design.rule_draws for design in designs(plan)] == [2, 4, 6]
    # other curves go their own way
    assert len(plan.designs[plan.curves[1]]) == 1


def test_precise_curves_and_those_without_a_fit_get_none() -> None:
    for widths in ((measured(0.1),), (measured(math.nan),), (measured(0.5), measured(0.05))):
        plan = grown(study(), *widths)
        assert designs(plan)[-1].measured is widths[-1]
        assert len(designs(plan)) == len(widths)


def test_either_quantity_can_be_asked_for() -> None:
    asked = {"precision": {"crossing": 0.2}}
    assert len(designs(grown(study(experiment=asked), measured(0.9, 0.1)))) == 1
    assert len(designs(grown(study(experiment=asked), measured(0.0, 0.3)))) == 2
    both = {"precision": {"crossing": 0.2, "exponent": 0.1}}
    assert len(designs(grown(study(experiment=both), measured(0.2, 0.1)))) == 2


def test_no_curve_gets_more_than_the_cap() -> None:
    asked = {"precision": {"exponent": 0.1, "most_rule_draws": 5}}
    plan = grown(study(experiment=asked), *[measured(0.5)] * 3)
    assert [design.rule_draws for design in designs(plan)] == [2, 4, 5]
    assert cells(plan)[4,] == {16, 32}
    assert not any(too_wide(plan))


def test_what_was_measured_belongs_to_its_blocks() -> None:
    known = {designs(grown(study()))[0].blocks: measured(0.5)}
    text = study(experiment={"train_sizes": [8, 16, 32]})
    assert len(designs(Plan(parse_study(text, "s.yaml"), known))) == 1


def test_rows_of_the_table_are_read_back() -> None:
    row = {"blocks": "b", "exponent": "0.25", "crossing": "", "smallest": "0", "largest": "inf"}
    found = measured_rows([row])["b"]
    assert found.half_widths["exponent"] == 0.25 and math.isnan(found.half_widths["crossing"])
    assert found.telling(SIZES) == SIZES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": {"rule_draws": 4}}, r"e\.replicas\.rule_draws: 2 is no multiple of block"),
        ({"claim": "B2"}, r"e\.precision: the design of a study with a claim is fixed beforehand"),
        (
            {"experiment": {"precision": {"exponent": 0.1, "most_rule_draws": 1}}},
            r"precision\.most_rule_draws: is 1, and every curve begins with replicas\.rule_dr",
        ),
        ({"experiment": {"precision": {}}}, r"precision\.exponent: is missing; give it, or cross"),
        (
            {"experiment": {"replicas": {"rule_draws": 1}}, "block": {"rule_draws": 1}},
            r"e\.replicas\.rule_draws: 1 tells nothing of the scatter of rule draws",
        ),
        (
            {
                "experiment": {
                    "task": "autoregressive",
                    "architectures": ["tf"],
                    "precision": {"crossing": 0.1},
                },
                "architectures": {"tf": {"kind": "transformer", "width": 8}},
            },
            r"e\.precision\.crossing: no levels are told apart in the autoregressive task",
        ),
        ({"experiment": {"precision": 0}}, r"precision\.exponent: "),
        ({"experiment": {"precision": {"exponnt": 1}}}, r"precision\.exponnt: unknown key; did"),
        (
            {"experiment": {"precision": {"exponent": 0.1, "most_rule_draws": 10**8}}},
            r"e\.precision\.most_rule_draws: the study asks for .* the most is",
        ),
    ],
)
def test_mistakes_end_in_a_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        Plan(parse_study(study(**changes), "s.yaml"))
    assert "\n" not in str(refused.value)
