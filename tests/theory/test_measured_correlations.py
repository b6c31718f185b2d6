"""Measured correlations: their crossing is the threshold, their size is signal and noise."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import correlations, measured_correlations
from rhm_scaling.theory.complexities import at_half
from rhm_scaling.theory.measured_correlations import COLUMNS, Moments, pairs

UNIFORM = Grammar.draw(Parameters.from_keys(v=8, s=2, L=4, m=3), 0)
ZIPF = Grammar.draw(Parameters.from_keys(v=8, s=3, L=3, m=4, zipf={1: 1.0, 2: 0.5}), 1)


def table(grammar: Grammar, task: str, seed: int = 0) -> pd.DataFrame:
    return measured_correlations.measured_correlations(grammar, task, seed)  # type: ignore[arg-type]


def crossing(rows: pd.DataFrame) -> float:
    """Where the noise, which falls as ``P**-1/2``, meets the signal."""
    first = rows.iloc[0]
    return float(first["train_size"] * (first["noise"] / first["signal"]) ** 2)


@pytest.mark.parametrize("grammar", [UNIFORM, ZIPF, GRAMMARS["zipf"], GRAMMARS["ambiguous"]])
def test_signal_and_noise_cross_at_the_exact_threshold(grammar: Grammar) -> None:
    found = table(grammar, "last_token")
    assert list(found) == COLUMNS
    for (learner, level), rows in found.groupby(["learner", "level"]):
        expected = correlations.threshold(grammar, level, learner)
        if np.isfinite(expected):
            assert crossing(rows) == pytest.approx(expected, rel=1e-9)
        else:
            assert (rows["signal"] == 0).all()
    labels = table(grammar, "classification")
    f = correlations.rank_probabilities(grammar, 1)
    expected = at_half(correlations.label_complexities(grammar), f)
    assert crossing(labels) == pytest.approx(expected, rel=1e-9)
    assert set(found["level"]) == {*range(2, grammar.parameters.L + 1)}


@pytest.mark.parametrize("task", ["last_token", "classification"])
@pytest.mark.parametrize("grammar", [UNIFORM, ZIPF], ids=["uniform", "zipf"])
def test_measured_squares_are_those_of_signal_and_noise(
    grammar: Grammar, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On average over samples, at every size, within the sampling error."""
    monkeypatch.setattr(measured_correlations, "_LARGEST", 2**10)
    samples = pd.concat([table(grammar, task, seed) for seed in range(60)])
    samples = samples.fillna({"learner": "any"})
    for _, rows in samples.groupby(["learner", "level", "train_size"]):
        squares = rows["measured"] ** 2
        error = squares.std() / len(rows) ** 0.5
        assert abs(squares.mean() - rows["expected"].iloc[0] ** 2) < 4.5 * error
        # at these sizes the noise is most of it, and the papers' form is nearly exact
        assert rows["expected"].iloc[0] > 0.8 * rows["noise"].iloc[0]


def test_measured_against_a_plain_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_correlations, "_LARGEST", 64)
    sentences = Stream(ZIPF, 0, 0, "theory").take(64)["tokens"]
    found = table(ZIPF, "last_token").query("learner == 'transformer' and train_size == 64")
    for level, row in found.set_index("level").iterrows():
        tuples, wanted = next(
            pair
            for pair in pairs(ZIPF, "last_token")
            if (pair[1].learner, pair[1].level) == ("transformer", level)
        )
        squares = []
        for position in wanted.positions:
            here = sentences[:, 3 * position : 3 * position + 3]
            for number in wanted.numbers:
                made = (here == tuples.rows[number]).all(axis=1)
                for x in range(8):
                    covariance = np.cov(made, sentences[:, -1] == x)[0, 1]
                    squares.append(covariance**2)
        assert len(squares) == row["cells"]
        assert row["measured"] == pytest.approx(np.mean(squares) ** 0.5)


def test_the_variance_is_that_of_sample_covariances() -> None:
    """Of two events with given probabilities, over all samples of three sentences."""
    joint = np.array([[0.2, 0.1], [0.3, 0.4]])  # first event or not, second or not
    p, q = joint[0].sum(), joint[:, 0].sum()
    outcomes = [(a, b, joint[1 - a, 1 - b]) for a in (0, 1) for b in (0, 1)]
    mean = square = 0.0
    for first in outcomes:
        for second in outcomes:
            for third in outcomes:
                drawn = (first, second, third)
                weight = np.prod([w for *_, w in drawn])
                covariance = np.cov([a for a, *_ in drawn], [b for _, b, _ in drawn])[0, 1]
                mean += weight * covariance
                square += weight * covariance**2
    known = next(pair for _, pair in pairs(UNIFORM, "classification"))
    known = type(known)(
        *(None, 1, 1, 0, range(1), np.zeros(1, int)),
        joints=[joint[:1, :1]],
        marginals=[(np.array([p]), np.array([q]))],
    )
    exact = Moments.of(known)
    assert mean**2 == pytest.approx(exact.signal)
    assert square - mean**2 == pytest.approx(exact.variance(np.array([3.0]))[0])


def test_no_correlation_no_signal_and_no_task_no_rows() -> None:
    full = Grammar.draw(Parameters.from_keys(v=4, s=2, L=3, m=4), 0)
    found = table(full, "last_token")
    assert (found["signal"] == 0).all() and (found["measured"] > 0).all()
    assert table(UNIFORM, "autoregressive").empty
    assert table(Grammar.draw(Parameters.from_keys(v=6, s=2, L=1, m=3), 0), "last_token").empty


def test_long_sentences_take_seconds() -> None:
    start = time.perf_counter()
    deep = Grammar.draw(Parameters.from_keys(v=8, s=2, L=9, m=2), 0)
    assert table(deep, "last_token")["train_size"].max() == 2**14
    assert time.perf_counter() - start < 20  # 1 on an idle core
