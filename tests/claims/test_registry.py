"""Verdicts on synthetic studies in which a claim is known to hold, or not to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from rhm_scaling.analysis.theory_columns import Known
from rhm_scaling.claims.measured import Evidence
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.power import power, weights_of
from rhm_scaling.claims.registry import CLAIMS, decided, expectations
from rhm_scaling.claims.simulated import predicted_exponent, simulate
from rhm_scaling.claims.verdicts import AGREES, DISAGREES
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.tasks import Task
from rhm_scaling.theory.solve import solve

DRAWS = 14
STUDIES = 10
SIZES = 2 ** np.arange(4, 18)
MIDDLE = SIZES[2:12]  # as far as laptops get with levels
M2 = Parameters.from_keys(v=8, s=2, L=4, m=2)
M4 = Parameters.from_keys(v=8, s=2, L=4, m={1: 4, 2: 2, 3: 2, 4: 2})
LEARNERS = {"cnn": "cnn", "lcn": "transformer", "transformer": "transformer"}


@cache
def theory(parameters: Parameters, task: Task, draws: int) -> Known:
    """``theory.csv`` of some rule draws."""
    solved = [solve(Grammar.draw(parameters, r), task, r).quantities for r in range(draws)]
    return Known(pd.concat([rows.assign(rule_seed=rule) for rule, rows in enumerate(solved)]))


def curve(
    parameters: Parameters,
    task: Task,
    kind: str,
    represented: bool = False,
    draws: int = DRAWS,
    sizes: NDArray[np.int_] = MIDDLE,
) -> Evidence:
    """A curve that was never trained."""
    runs = pd.DataFrame({"rule_seed": range(draws), "sample_seed": 0, "init_seed": 0})
    given = pd.DataFrame(dict.fromkeys(("train_size", "sentences"), sizes))
    runs = runs.merge(given, how="cross")
    runs = runs.assign(lr=0.5, rates_tried=1, test_loss=np.nan, bayes_loss=np.nan)
    layers = runs.assign(layer=0).merge(pd.DataFrame({"level": [1, 2, 3]}), how="cross")
    key = {"grammar": parameters.label(), "task": task, "architecture": kind}
    return Evidence(
        {**key, "width": 64, "depth": parameters.L, "protocol": "finite", "context": 0},
        kind,
        LEARNERS[kind],  # type: ignore[arg-type]
        parameters,
        runs,
        theory(parameters, task, draws),
        8192,
        layers if represented else pd.DataFrame(),
    )


def zipf(a: float | None, L: int = 3, v: int = 32) -> Parameters:
    m = {1: v, 2: 8, 3: 4, 4: 4}
    return Parameters.from_keys(
        v=v, s=2, L=L, m={level: m[level] for level in range(1, L + 1)}, zipf={1: a} if a else {}
    )


def designs(name: ClaimName) -> list[Evidence]:
    """A study that can decide a claim."""
    few: dict[str, Any] = {"draws": 6, "sizes": SIZES}
    if name == "A1":
        grammars = [Parameters.from_keys(v=8, s=2, L=L, m=m) for L, m in ((2, 8), (3, 8), (3, 4))]
        return [curve(p, "classification", "cnn", **few) for p in grammars]
    if name == "A2":
        return [curve(zipf(a), "classification", "cnn", **few) for a in (0.5, 1.0, 2.0)]
    if name == "A3":
        deep = [Parameters.from_keys(v=8, s=2, L=L, m=8, zipf={1: 1.0}) for L in (2, 3, 4)]
        return [curve(p, "classification", "cnn", **few) for p in deep]
    if name == "A4":
        with_zipf = Parameters.from_keys(v=8, s=2, L=4, m={1: 4, 2: 2, 3: 2, 4: 2}, zipf={1: 1.0})
        return [curve(p, "last_token", "cnn", **few) for p in (M4, with_zipf)]
    kinds = {"B2": ["transformer"], "B4": ["cnn"], "B5": ["lcn"]}.get(name, ["cnn", "transformer"])
    return [curve(p, "last_token", k, represented=name == "B4") for p in (M2, M4) for k in kinds]


@cache
def powers(name: ClaimName) -> pd.DataFrame:
    """The power of that study."""
    return power(name, designs(name), 1, studies=STUDIES)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_study_decides_its_claim(name: ClaimName) -> None:
    table = powers(name)
    whole = table[table["criterion"] == "claim"].set_index("assumed")
    print(table.to_string())
    assert whole.loc["claim", AGREES] >= 0.5
    assert whole.loc["claim", DISAGREES] <= 0.1
    assert whole.loc["rival", DISAGREES] >= 0.5
    assert whole.loc["rival", AGREES] == 0


def test_what_hangs_on_what_theory_leaves_open_counts_for_nothing() -> None:
    table = powers("B3").set_index(["criterion", "assumed"])
    weights = weights_of(powers("B3"))
    for name, weight in weights.items():
        holding = table.loc[(name, "claim")]
        assert weight.sound == (holding[DISAGREES] <= 0.1 or name == "claim")
        assert not weight.decisive or weight.sound
    assert not weights["a larger exponent than the transformer's"].sound


def test_exponents_are_held_against_those_of_the_same_rule_draws() -> None:
    design = [curve(p, "last_token", "transformer") for p in (M2, M4)]
    for obeying_curve in simulate("B2", True, design):
        one, others = [3], list(range(8))
        assert predicted_exponent(obeying_curve, one) == obeying_curve.exponent(one)
        assert predicted_exponent(obeying_curve, others) == obeying_curve.exponent(others)
        assert obeying_curve.exponent(one) != obeying_curve.exponent(others)


def test_a_criterion_has_the_rule_draws_of_the_networks_it_looks_at() -> None:
    cnn, other = designs("B3")[:2]
    few = replace(other, runs=other.runs[other.runs["rule_seed"] < 4])
    curves = simulate("B3", True, [cnn, few])
    known = expectations("B3", curves)
    draws = {c.name: f.rule_draws for c, f in zip(known, decided("B3", curves, known))}
    assert draws["growth with the level"] == DRAWS
    assert draws["a larger exponent than the transformer's"] == 4


def test_sizes_at_which_trainings_were_cut_off_enter_no_fit() -> None:
    design = curve(zipf(1.0), "classification", "cnn", sizes=SIZES)
    (whole,) = simulate("A2", True, [design])
    sizes = whole.runs["train_size"]
    for ended, inside in (("patience", True), ("max_steps", False)):
        reason = np.where(sizes == sizes.max(), ended, "patience")
        seen = replace(whole, runs=whole.runs.assign(stop_reason=reason))
        assert seen.window[-1] == inside
        assert np.array_equal(seen.window[:-1], whole.window[:-1])
