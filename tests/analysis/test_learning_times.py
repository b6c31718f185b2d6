"""Learning times of made-up contexts: the predicted staircase is rebuilt exactly, others nearly."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.learning_times import (
    CURVES,
    SPECTRUM,
    WHOLE,
    learning_spectrum,
    learning_times,
    learnt_levels,
    rebuilt,
    rebuilt_curve,
    rebuilt_curves,
    residual,
)
from rhm_scaling.grammar.derivations import Derivations
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory.inference import level_divergences
from rhm_scaling.theory.predicted_curves import staircase

SIZES = np.array([16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0])
THRESHOLDS = np.array([20.0, 100.0, 400.0])
SEEDS = {"rule_seed": 0, "sample_seed": 0, "init_seed": 0}


@pytest.fixture(scope="module")
def levels() -> np.ndarray:
    """Of 400 contexts of a real grammar; at some of them more context misleads."""
    grammar = Grammar.draw(Parameters.from_keys(v=6, s=2, L=3, m=2), 0)
    sentences = Derivations.draw(grammar, 400, np.random.default_rng(0))
    found = level_divergences(grammar, sentences.tokens)
    assert (np.diff(found, axis=0) > 1e-3).any()
    return found


def stairs(levels: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """Excess of every context if level ``l`` is learnt at ``P_l`` all at once."""
    return levels[np.searchsorted(thresholds, SIZES, side="right")]


def test_the_predicted_staircase_is_rebuilt_exactly(levels: np.ndarray) -> None:
    thresholds = 20.0 * 4.0 ** np.arange(len(levels) - 1)
    excess = stairs(levels, thresholds)
    times = learning_times(SIZES, excess, levels)
    predicted = staircase(thresholds, levels.mean(axis=1), SIZES)
    np.testing.assert_allclose(excess.mean(axis=1), predicted, atol=1e-14)
    np.testing.assert_allclose(rebuilt(times, SIZES), predicted, atol=1e-14)
    curve = rebuilt_curve(SIZES, excess, levels, times)
    left = curve[curve["excess"] > 0]
    assert len(left) == 5 and (left[["misfit", "beyond"]] == 0).all(axis=None)
    assert curve["misfit_shuffled"].iloc[:3].min() > 0.2
    # one peak a level: all its weight at the first size beyond its threshold
    falls = -np.diff(levels.mean(axis=1))
    for level, (at, fall) in enumerate(zip(thresholds, falls), 1):
        mine = times[times["level"] == level].set_index("learnt_from")["weight"]
        first = [*SIZES[at <= SIZES], np.inf][0]
        assert mine[first] == pytest.approx(fall)
        assert mine.drop(first).abs().max() < 1e-12


def test_a_level_is_learnt_where_the_excess_falls_below_half() -> None:
    levels = np.array([[1.0, 2.0], [0.0, 0.0]])
    excess = np.array([[0.9, 3.0], [0.51, 1.01], [0.49, 1.01], [0.2, 0.99]])
    assert learnt_levels(excess, levels).tolist() == [[0, 0], [0, 0], [1, 0], [1, 1]]
    times = learning_times(SIZES[:4], excess, levels)
    for level in (WHOLE, 1):  # of a single level they are one
        mine = times[times["level"] == level].set_index("learnt_from")["weight"]
        assert mine[mine > 0].to_dict() == {64.0: 0.5, 128.0: 1.0}
    np.testing.assert_allclose(rebuilt(times, SIZES[:4], whole=True), [1.5, 1.5, 1.0, 0.0])


def test_the_staircase_is_the_nearest_of_all(levels: np.ndarray) -> None:
    source = np.random.default_rng(1)
    some = levels[:, :12]
    excess = stairs(some) + source.normal(0, 0.7, (len(SIZES), 12)) ** 2
    found = learnt_levels(excess, some)
    assert (np.diff(found, axis=0) >= 0).all()
    rows = np.arange(len(SIZES))
    for context in range(12):
        distances = {
            path: np.abs(excess[rows, context] - some[list(path), context]).sum()
            for path in combinations_with_replacement(range(len(some)), len(SIZES))
        }
        assert distances[tuple(found[:, context])] == pytest.approx(min(distances.values()))


def test_peaks_are_found_where_they_are_and_as_wide(levels: np.ndarray) -> None:
    """Contexts learn each level at sizes that scatter by a known factor about a known median."""
    sizes = 2.0 ** np.arange(2, 16, 0.5)
    source = np.random.default_rng(2)
    tables = []
    for rule, shift in enumerate((0.8, 1.0, 1.25)):
        many = np.tile(levels, 20)
        at = shift * THRESHOLDS[:, None] * np.exp(source.normal(0, 0.1, (3, many.shape[1])))
        known = (sizes[:, None, None] >= at).sum(axis=1)
        excess = np.take_along_axis(many, known, axis=0)
        tables.append(learning_times(sizes, excess, many).assign(**{**SEEDS, "rule_seed": rule}))
    entropies = dict.fromkeys(range(3), levels.mean(axis=1))
    table = learning_spectrum(
        pd.concat(tables), entropies, dict.fromkeys(range(3), THRESHOLDS)
    ).set_index("level")
    assert table.reset_index().columns.tolist() == SPECTRUM
    of_levels = table.drop(index=WHOLE)
    np.testing.assert_allclose(of_levels["threshold"], THRESHOLDS)
    np.testing.assert_allclose(of_levels["half_at"], THRESHOLDS, rtol=0.2)
    assert (of_levels["low"] < of_levels["half_at"]).all()
    assert (of_levels["half_at"] < of_levels["high"]).all()
    assert of_levels["spread"].between(1.1, 1.8).all()
    np.testing.assert_allclose(table["weight"], table["weight_predicted"], atol=1e-12)
    assert table.loc[WHOLE, "weight"] == pytest.approx(of_levels["weight"].sum())
    assert np.isnan(table.loc[WHOLE, "threshold"])


def test_what_is_learnt_before_or_never_has_no_size(levels: np.ndarray) -> None:
    early = stairs(levels, np.array([1.0, 1e6, 1e7]))
    times = learning_times(SIZES, early, levels).assign(**SEEDS)
    table = learning_spectrum(times, {0: levels.mean(axis=1)}, {}).set_index("level")
    assert np.isnan(table.loc[1, "half_at"]) and table.loc[1, "learnt"] == pytest.approx(1)
    assert np.isinf(table.loc[2, "half_at"]) and table.loc[2, "learnt"] == pytest.approx(0)
    assert table["threshold"].isna().all() and table["low"].isna().all()
    # a grammar without anything to learn
    nothing = np.zeros((4, 5))
    times = learning_times(SIZES, np.zeros((len(SIZES), 5)), nothing).assign(**SEEDS)
    table = learning_spectrum(times, {0: np.zeros(4)}, {0: THRESHOLDS})
    assert (table["weight"] == 0).all() and table["half_at"].isna().all()


def test_a_draw_that_failed_at_a_size_counts_at_the_others(levels: np.ndarray) -> None:
    excess, parts = stairs(levels), []
    for rule, kept in enumerate((slice(0, None), slice(2, None))):
        times = learning_times(SIZES[kept], excess[kept], levels)
        parts.append(times.assign(**{**SEEDS, "rule_seed": rule}))
    entropies = dict.fromkeys(range(2), levels.mean(axis=1))
    both, alone = (
        learning_spectrum(pd.concat(known), entropies, {}).set_index("level")
        for known in (parts, parts[:1])
    )
    assert both["rule_draws"].tolist() == [2] * 4
    np.testing.assert_allclose(both["half_at"], alone["half_at"])


def test_means_are_over_rule_draws_and_the_residual_is_a_factor(levels: np.ndarray) -> None:
    excess = 2 * stairs(levels, np.array([20.0, 100.0, 5000.0]))
    each = []
    for rule, factor in enumerate((1.0, 1.5)):
        times = learning_times(SIZES, factor * excess, 2 * levels)
        curve = rebuilt_curve(SIZES, factor * excess, 2 * levels, times)
        each.append(curve.assign(**{**SEEDS, "rule_seed": rule}))
    table = rebuilt_curves(pd.concat(each), {16: 3.0})
    assert table.columns.tolist() == CURVES
    np.testing.assert_allclose(table["mean"], 1.25 * excess.mean(axis=1))
    assert table["predicted"].notna().tolist() == [True] + [False] * 6
    assert (table["low"] < table["mean"]).all() and (table["mean"] < table["high"]).all()
    assert residual(pd.concat(each[:1]).assign(mean=excess.mean(axis=1))) == pytest.approx(1)
    half = table.assign(rebuilt=table["mean"] / 2, rebuilt_whole=0.0)
    assert residual(half) == pytest.approx(2)
    assert np.isnan(residual(half, "rebuilt_whole"))
    # half as much again as any level leaves, but for contexts that more context misleads
    assert 0.28 < each[1]["beyond"].iloc[0] < 1 / 3 and (each[0]["beyond"] == 0).all()
