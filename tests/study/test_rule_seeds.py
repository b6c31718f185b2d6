"""Rule draws from a first seed on: an independent replication shares nothing with its original."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from rhm_scaling.core.errors import UserError
from rhm_scaling.steps.claimed import claimed
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.precision import Measured
from rhm_scaling.study.reading import parse_study


def study(first: int | None = None, **changes: Any) -> dict[str, Any]:
    seeds = {} if first is None else {"rule_seeds": {"first": first}}
    experiment = {
        "task": "last_token",
        "grammars": ["g"],
        "architectures": ["cnn"],
        "train_sizes": [8, 16],
        "replicas": {"rule_draws": 4, **seeds},
        **changes,
    }
    return {
        "name": "seeds",
        "grammars": {"g": {"v": 4, "s": 2, "L": 2, "m": 2}},
        "architectures": {
            "cnn": {
                "kind": "cnn",
                "width": [8, 16],
                "optimizer": {"kind": "sgd", "lr": [0.1, 0.2]},
            },
            "tf": {"kind": "transformer", "width": 8},
        },
        "experiments": {"e": experiment},
        "block": {"rule_draws": 2},
    }


def plan(value: dict[str, Any], measured: dict[str, Measured] | None = None) -> Plan:
    return Plan(parse_study(yaml.safe_dump(value), "s.yaml"), measured)


def names(plan: Plan) -> set[tuple[str, str]]:
    return {(kind, name) for kind, known in plan.products.items() for name in known}


def rules(plan: Plan) -> list[set[int]]:
    """Rule seeds of the blocks, in order."""
    found = {
        tuple(sorted({rule for rule, _, _ in block.specification["replicas"]})): None
        for _, block in plan.blocks
    }
    return [set(block) for block in found]


def test_nothing_changes_if_the_first_seed_is_zero() -> None:
    assert names(plan(study(0))) == names(plan(study()))
    assert rules(plan(study())) == [{0, 1}, {2, 3}]


def test_a_replication_shares_no_grammar_no_sentence_and_no_training() -> None:
    original, replication = plan(study()), plan(study(1000))
    assert rules(replication) == [{1000, 1001}, {1002, 1003}]
    assert {rule for _, _, rule in replication.theory} == {1000, 1001, 1002, 1003}
    shared = names(original) & names(replication)
    assert {kind for kind, _ in shared} == {"survey"}  # of the parameters, not of a draw
    assert len(names(original)) == len(names(replication))
    assert all(
        product.specification["rule_seed"] >= 1000
        for product in replication.products["grammars"].values()
    )


def test_draws_that_two_ranges_have_in_common_are_the_same() -> None:
    shared = names(plan(study(0))) & names(plan(study(2)))
    assert {name.split("/")[-1][:9] for kind, name in shared if kind == "models"} == {"r002-003."}


def test_precision_adds_draws_after_the_first_ones() -> None:
    value = study(1000, precision=0.1, architectures=["tf"])
    measured: dict[str, Measured] = {}
    for draws in (6, 8):
        (designs,) = plan(value, measured).designs.values()
        measured[designs[-1].blocks] = Measured(
            {"exponent": 0.5, "crossing": math.nan}, 0, math.inf
        )
        grown = plan(value, measured)
        assert set.union(*rules(grown)) == set(range(1000, 1000 + draws))
        assert {rule for _, _, rule in grown.theory} == set(range(1000, 1000 + draws))


def test_a_claims_curves_name_their_seeds() -> None:
    value = {**study(50, architectures=["tf"]), "claim": "B2"}
    (curve,) = claimed(plan(value))["curves"]
    assert curve["replicas"]["rule_seed"] == [50, 51, 52, 53]
    assert curve["replicas"]["init_seed"] == [0]


def two(**other: Any) -> dict[str, Any]:
    value = study()
    value["experiments"]["f"] = {**study(100)["experiments"]["e"], **other}
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (study(-1), r"e\.replicas\.rule_seeds\.first: input should be greater than or equal to 0"),
        (study(10**10), r"e\.replicas\.rule_seeds\.first: input should be less than"),
        (
            study(replicas={"rule_seeds": 7}),
            r"e\.replicas\.rule_seeds: write \{first: 1000\}; not 7",
        ),
        (
            study(replicas={"rule_seeds": {"frist": 7}}),
            r"rule_seeds\.frist: unknown key; did you mean 'first'",
        ),
        (
            two(architectures=["tf"]),
            r"f\.replicas\.rule_seeds\.first: is 100, and 0 in experiments\.e; curves of 'g' and "
            r"one task are compared draw by draw: give both the same, or make two studies",
        ),
        (
            {**two(task="classification"), "claim": "B2"},
            r"f\.replicas\.rule_seeds\.first: is 100, and \d+ in experiments\.e; all curves of a "
            r"study with a claim are compared draw by draw",
        ),
    ],
)
def test_mistakes_end_in_a_line(value: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        plan(value)
    assert "\n" not in str(refused.value)


def test_other_tasks_and_other_grammars_may_have_other_seeds() -> None:
    found = plan(two(task="classification"))
    assert {(task, rule) for _, task, rule in found.theory} == {
        *(("last_token", rule) for rule in range(4)),
        *(("classification", rule) for rule in range(100, 104)),
    }
    value = two(grammars=["h"])
    value["grammars"]["h"] = value["grammars"]["g"]  # the same language once more
    assert {(name, rule) for name, _, rule in plan(value).theory} == {
        *(("g", rule) for rule in range(4)),
        *(("h", rule) for rule in range(100, 104)),
    }
