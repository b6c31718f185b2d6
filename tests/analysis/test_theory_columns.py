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
    key = {"grammar": "g", "task": task, "context": 0}
    known = Known.from_theory(table, key, draws, GRAMMARS[task])
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
    curve = {**key, "protocol": "finite", "context": 0, "kind": "cnn", "learner": "cnn"}
    stage = {"curves": [curve], "grammars": {"g": GRAMMARS["last_token"].specification()}}
    seeds = {"rule_seed": [0, 1], "sample_seed": 0, "init_seed": 0, "status": "ok", "overlap": 0.0}
    told = {"lr": 0.5, "rates_tried": 1, "test_loss": 1.0, "bayes_loss": 0.5, "test_excess": 0.5}
    sizes = pd.DataFrame(dict.fromkeys(("train_size", "sentences"), SIZES))
    runs = pd.DataFrame({**seeds, **told}).merge(sizes, how="cross")
    runs = runs.assign(**key, protocol="finite", context=0)
    one, other = (
        of_study(stage, runs, theory("last_token", draws), pd.DataFrame())[0] for draws in (2, 5)
    )
    assert one.draws == other.draws == [0, 1]
    assert one.known.draws == other.known.draws


def test_levels_above_a_window_tell_nothing_of_its_curve() -> None:
    table, key = theory("last_token", 2), {"grammar": "g", "task": "last_token", "context": 4}
    whole = Known.from_theory(table, {**key, "context": 0}, range(2), GRAMMARS["last_token"])
    seen = Known.from_theory(table, key, range(2), GRAMMARS["last_token"])
    for rule in range(2):
        np.testing.assert_array_equal(seen.entropies[rule], whole.entropies[rule][:3])
        own, all_levels = (known.thresholds("cnn")[rule] for known in (seen, whole))
        np.testing.assert_array_equal(own, all_levels[:2])
        H = whole.entropies[rule]
        expected = [(H[0] + H[1]) / 2 - H[2], (H[1] - H[2]) / 2]
        np.testing.assert_allclose(seen.heights("last_token")[rule], expected)
    columns = predicted_columns(GRAMMARS["last_token"], "last_token", "cnn", seen, SIZES, 1024)
    assert columns["chance"] == pytest.approx(
        np.mean([H[0] - H[2] for H in whole.entropies.values()])
    )
