"""Verdicts on synthetic studies in which a claim is known to hold, or not to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.assumed import obeying
from rhm_scaling.claims import CLAIMS
from rhm_scaling.evidence import Evidence
from rhm_scaling.expectations import Known
from rhm_scaling.fields import ClaimName
from rhm_scaling.grammar import Grammar, Parameters
from rhm_scaling.power import power
from rhm_scaling.solution import solve
from rhm_scaling.tasks import Task
from rhm_scaling.verdicts import AGREES, DISAGREES

DRAWS = 14
STUDIES = 20
SIZES = 2.0 ** np.arange(6, 16)
M2 = Parameters.make(v=8, s=2, L=4, m=2)
M4 = Parameters.make(v=8, s=2, L=4, m={1: 4, 2: 2, 3: 2, 4: 2})
LEARNERS = {"cnn": "cnn", "lcn": "transformer", "transformer": "transformer"}


@cache
def theory(parameters: Parameters, task: Task) -> Known:
    """``theory.csv`` of some rule draws."""
    draws = [solve(Grammar.draw(parameters, r), task, r).quantities for r in range(DRAWS)]
    return Known(pd.concat([rows.assign(rule_seed=rule) for rule, rows in enumerate(draws)]))


def curve(
    parameters: Parameters, task: Task, kind: str, name: str = "", represented: bool = False
) -> Evidence:
    """A curve that was never trained."""
    runs = pd.DataFrame({"rule_seed": range(DRAWS), "sample_seed": 0, "init_seed": 0})
    runs = runs.merge(pd.DataFrame({"train_size": SIZES.astype(int)}), how="cross")
    runs = runs.assign(lr=0.5, rates_tried=1, test_loss=np.nan, bayes_loss=np.nan)
    layers = runs.assign(layer=0).merge(pd.DataFrame({"level": [1, 2, 3]}), how="cross")
    key = {"grammar": name or parameters.label(), "task": task, "architecture": kind}
    return Evidence(
        {**key, "width": 64, "depth": parameters.L},
        kind,
        LEARNERS[kind],  # type: ignore[arg-type]
        parameters,
        runs,
        theory(parameters, task),
        8192,
        layers if represented else pd.DataFrame(),
    )


def zipf(a: float | None, L: int = 3, v: int = 32) -> Parameters:
    m = {1: v, 2: 8, 3: 4, 4: 4}
    return Parameters.make(
        v=v, s=2, L=L, m={level: m[level] for level in range(1, L + 1)}, zipf={1: a} if a else {}
    )


def designs(name: ClaimName) -> list[Evidence]:
    """A study that can decide a claim."""
    if name == "A1":
        grammars = [Parameters.make(v=8, s=2, L=L, m=m) for L, m in ((2, 8), (3, 8), (3, 4))]
        return [curve(p, "classification", "cnn") for p in grammars]
    if name == "A2":
        return [curve(zipf(a), "classification", "cnn") for a in (0.5, 1.0, 2.0)]
    if name == "A3":
        deep = [Parameters.make(v=8, s=2, L=L, m=8, zipf={1: 1.0}) for L in (2, 3, 4)]
        return [curve(p, "classification", "cnn") for p in deep]
    if name == "A4":
        with_zipf = Parameters.make(v=8, s=2, L=4, m={1: 4, 2: 2, 3: 2, 4: 2}, zipf={1: 1.0})
        return [curve(p, "last_token", "cnn") for p in (M4, with_zipf)]
    kinds = {"B2": ["transformer"], "B4": ["cnn"], "B5": ["lcn"]}.get(name, ["cnn", "transformer"])
    return [curve(p, "last_token", k, represented=name == "B4") for p in (M2, M4) for k in kinds]


@pytest.mark.parametrize("name", CLAIMS)
def test_a_study_decides_its_claim(name: ClaimName) -> None:
    table = power(name, designs(name), 1, studies=STUDIES)
    whole = table[table["criterion"] == "claim"].set_index("assumed")
    print(table.to_string())
    assert whole.loc["claim", AGREES] >= 0.8
    assert whole.loc["claim", DISAGREES] <= 0.05
    assert whole.loc["rival", DISAGREES] >= 0.8
    assert whole.loc["rival", AGREES] == 0


def test_sizes_at_which_trainings_were_cut_off_enter_no_fit() -> None:
    design = curve(zipf(1.0), "classification", "cnn")
    (whole,) = obeying("A2", True, [design])
    sizes = whole.runs["train_size"]
    for ended, inside in (("patience", True), ("max_steps", False)):
        reason = np.where(sizes == sizes.max(), ended, "patience")
        seen = replace(whole, runs=whole.runs.assign(stop_reason=reason))
        assert seen.window[-1] == inside
        assert np.array_equal(seen.window[:-1], whole.window[:-1])
