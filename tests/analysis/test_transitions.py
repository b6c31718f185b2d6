"""Crossings and steepness of single rule draws, of made-up curves and of none."""

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.transitions import TRANSITIONS, by_draw, response

FRACTIONS = np.arange(0.4, 0.601, 0.01)
CHANCE = 1 / 16


def curves(critical: float, seed: int = 0, noise: float = 0.0) -> pd.DataFrame:
    """Curves of depths 1 to 8, all 0.4 at the critical fraction, whose slope doubles twice."""
    source = np.random.default_rng(seed)
    rows = [(seed, "critical", np.nan, np.nan, critical)]
    for depth in range(1, 9):
        slope = 4 * 2 ** (depth / 4)
        value = 1 / (1 + 1.5 * np.exp(slope * (FRACTIONS - critical)))
        for quantity, scatter in (("root", noise), ("recursion", 0.0)):
            told = value + scatter * source.standard_normal(len(FRACTIONS))
            rows += [(seed, quantity, f, depth, p) for f, p in zip(FRACTIONS, told)]
    return pd.DataFrame(rows, columns=["rule_seed", "quantity", "fraction", "level", "value"])


def test_every_draw_has_its_own_crossing_and_growth() -> None:
    table = by_draw(pd.concat([curves(0.48), curves(0.52, 1)]), CHANCE)
    assert list(table) == TRANSITIONS
    assert list(table["L"]) == [*range(2, 9)] * 2
    for critical, mine in zip((0.48, 0.52), (table[table["rule_seed"] == d] for d in (0, 1))):
        assert (mine["critical"] == critical).all()
        np.testing.assert_allclose(mine["crossing"], critical, atol=0.003)
        slope = 4 * 2 ** (mine["L"] / 4)
        # a logistic curve is a half where its exponent is, and falls by p(1 - p) of its slope
        np.testing.assert_allclose(mine["half"], critical - np.log(1.5) / slope, atol=0.002)
        np.testing.assert_allclose(mine["response"], 0.24 * slope, rtol=0.02)
        # what lies between fixed heights is as steep as the curve, once all of it is seen
        seen = mine[mine["L"] >= 6]
        grows = np.diff(np.log(seen["steepness"]))
        np.testing.assert_allclose(grows, np.log(2) / 4, atol=0.04)


def test_the_steepness_is_taken_where_the_recursion_says_not_where_noise_does() -> None:
    found = [by_draw(curves(0.5, seed, 0.02), CHANCE).iloc[-1] for seed in range(40)]
    exact = by_draw(curves(0.5), CHANCE).iloc[-1]
    steep = np.array([row["steepness"] for row in found])
    error = steep.std(ddof=1) / len(steep) ** 0.5
    assert steep.mean() == pytest.approx(exact["steepness"], abs=4 * error)
    assert error < 0.05 * exact["steepness"]


def test_what_lies_beyond_the_fractions_is_missing() -> None:
    table = by_draw(curves(0.9), CHANCE)
    assert table[["crossing", "half", "steepness", "response"]].isna().all(axis=None)
    assert np.isnan(response(FRACTIONS, np.linspace(1, 0, len(FRACTIONS)), 0.405))
