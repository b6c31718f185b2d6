"""One call gives the whole theory of a grammar."""

import numpy as np
import pandas as pd
import pytest

from helpers.grammars import GRAMMARS, enumerate_language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory import correlations, inference
from rhm_scaling.theory.solve import CURVES, QUANTITIES, solve


def values(table: pd.DataFrame, **where: object) -> np.ndarray:
    for column, value in where.items():
        table = table[table[column] == value]
    return table["value"].to_numpy()


@pytest.mark.parametrize("task", ["classification", "last_token", "autoregressive"])
@pytest.mark.parametrize("name", GRAMMARS)
def test_every_grammar_and_task_is_solved(name: str, task: str) -> None:
    grammar = GRAMMARS[name]
    solution = solve(grammar, task)
    numbers = solution.quantities
    assert list(numbers.columns) == QUANTITIES
    assert list(solution.curves.columns) == CURVES
    assert not numbers.duplicated(["quantity", "learner", "level", "index"]).any()
    shared = values(numbers, quantity="shared_tuples")
    assert len(shared) == grammar.parameters.L
    assert shared.any() == name.startswith("ambiguous")
    again = solve(grammar, task)
    pd.testing.assert_frame_equal(again.quantities, numbers)
    pd.testing.assert_frame_equal(again.curves, solution.curves)


@pytest.mark.parametrize("name", ["deep", "zipf", "ambiguous", "uneven"])
def test_last_token(name: str) -> None:
    grammar = GRAMMARS[name]
    solution = solve(grammar, "last_token")
    entropies = values(solution.quantities, quantity="entropy")
    language = enumerate_language(grammar)
    whole = inference.entropy(inference.last_token_posteriors(grammar, language.tokens))
    np.testing.assert_allclose(entropies, whole @ language.probability, atol=1e-10)
    for learner in ("cnn", "transformer"):
        found = values(solution.quantities, quantity="threshold", learner=learner)
        own = [
            correlations.threshold(grammar, level, learner) for level in range(1, len(found) + 1)
        ]
        np.testing.assert_allclose(found, own)
        stairs = values(solution.curves, prediction="staircase", learner=learner)
        assert stairs[0] == pytest.approx(entropies[0] - entropies[-1])
        learnt = np.argmin(np.isfinite([*found, np.inf]))  # a level without correlations is not
        assert stairs[-1] == pytest.approx(entropies[learnt] - entropies[-1])
        assert (np.diff(stairs) <= 0).all()


def test_classification() -> None:
    grammar = Grammar.draw(
        Parameters.from_keys(v=16, n=4, s=2, L=2, m={1: 8, 2: 4}, zipf={1: 1.0}), 0
    )
    solution = solve(grammar, "classification")
    curves = {
        name: curve.set_index("train_size")["value"]
        for name, curve in solution.curves.groupby("prediction")
    }
    assert set(curves) == {"marginalised", "any_patch", "asymptotic", "lookup"}
    inside = curves["marginalised"].dropna()
    assert (inside <= curves["any_patch"][inside.index] + 1e-9).all()
    # the law with the grammar's own patch factor meets the staircase in the middle
    middle = inside.index[len(inside) // 2]
    assert curves["asymptotic"][middle] == pytest.approx(inside[middle], rel=0.5)
    uniform = Grammar.draw(Parameters.from_keys(v=16, n=4, s=2, L=2, m={1: 8, 2: 4}), 0)
    assert set(solve(uniform, "classification").curves["prediction"]) == {"lookup"}


def test_autoregressive() -> None:
    grammar = GRAMMARS["ambiguous"]
    numbers = solve(grammar, "autoregressive").quantities
    language = enumerate_language(grammar)
    logs = inference.sentence_log_probability(grammar, language.tokens)
    (rate,) = values(numbers, quantity="entropy_rate")
    assert rate == pytest.approx(-logs @ language.probability / 8, abs=1e-10)
    assert len(values(numbers, quantity="position_entropy")) == 8


def test_vanishing_correlations_leave_no_curve() -> None:
    solution = solve(Grammar.draw(Parameters.from_keys(v=4, s=2, L=3, m=4), 0), "last_token")
    assert np.isinf(values(solution.quantities, quantity="threshold")).all()
    assert solution.curves.empty
