"""A curve's predictions are those of its own rule draws, whatever else a table of theory holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.theory_columns import Known, predicted_columns
from rhm_scaling.claims.evidence import of_study
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.tasks import Task
from rhm_scaling.theory.solve import QUANTITIES, solve

SIZES = np.geomspace(64, 4096, 7)
GRAMMARS = {
    "last_token": Parameters.from_keys(v=8, s=2, L=3, m=2),
    "classification": Parameters.from_keys(v=8, s=2, L=2, m=4, zipf={1: 1.0}),
}


def theory(task: Task, draws: int) -> pd.DataFrame:
    parts = [
        pd.DataFrame(solve(Grammar.draw(GRAMMARS[task], rule), task, rule).quantities)[QUANTITIES]
        for rule in range(draws)
    ]
    table = pd.concat([part.assign(rule_seed=rule) for rule, part in enumerate(parts)])
    return table.assign(grammar="g", task=task)


def columns(table: pd.DataFrame, task: Task, draws: range) -> dict[str, object]:
    known = Known.from_theory(table, {"grammar": "g", "task": task}, draws)
    return predicted_columns(GRAMMARS[task], task, "cnn", known, SIZES, 1024)


@pytest.mark.parametrize("task", GRAMMARS)
def test_draws_of_other_curves_do_not_enter(task: Task) -> None:
    few, many = theory(task, 2), theory(task, 5)
    own, beside = (columns(table, task, range(2)) for table in (few, many))
    for name, value in own.items():
        np.testing.assert_array_equal(value, beside[name], err_msg=name)
    assert (columns(many, task, range(5))["predicted"] != own["predicted"]).any()


def test_nor_do_they_enter_the_evidence_of_a_claim() -> None:
    key = {"grammar": "g", "task": "last_token", "architecture": "cnn", "width": 64, "depth": 3}
    curve = {**key, "protocol": "finite", "kind": "cnn", "learner": "cnn"}
    stage = {"curves": [curve], "grammars": {"g": GRAMMARS["last_token"].specification()}}
    seeds = {"rule_seed": [0, 1], "sample_seed": 0, "init_seed": 0, "status": "ok", "overlap": 0.0}
    told = {"lr": 0.5, "rates_tried": 1, "test_loss": 1.0, "bayes_loss": 0.5, "test_excess": 0.5}
    sizes = pd.DataFrame(dict.fromkeys(("train_size", "sentences"), SIZES))
    runs = pd.DataFrame({**seeds, **told}).merge(sizes, how="cross")
    runs = runs.assign(**key, protocol="finite")
    one, other = (
        of_study(stage, runs, theory("last_token", draws), pd.DataFrame())[0] for draws in (2, 5)
    )
    assert one.draws == other.draws == [0, 1]
    assert one.known.draws == other.known.draws
