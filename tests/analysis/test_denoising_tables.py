"""Averages over rule draws, and crossings of curves of depths, of made-up numbers."""

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.denoising import AVERAGED, TRANSITION, averaged, transition

FRACTIONS = np.arange(0.3, 0.71, 0.05)


def made_up(at: float, drift: float = 0.0, scatter: float = 0.01, draws: int = 12) -> pd.DataFrame:
    """Curves of depths 1 to 6 that sharpen about `at`, which moves by `drift` a depth."""
    source, rows = np.random.default_rng(0), []
    for rule_seed in range(draws):
        own = at + source.normal(0, scatter)
        rows.append((rule_seed, "critical", np.nan, np.nan, own))
        for depth in range(1, 7):
            values = 1 / (1 + np.exp(2 * depth * (FRACTIONS - own - drift * depth)))
            noise = source.normal(0, 0.004, len(values))
            rows += [(rule_seed, "root", f, depth, p) for f, p in zip(FRACTIONS, values + noise)]
            rows += [(rule_seed, "recursion", f, depth, p) for f, p in zip(FRACTIONS, values)]
            rows += [(rule_seed, "symbol", f, depth, p) for f, p in zip(FRACTIONS, values)]
        rows += [(rule_seed, "susceptibility", f, np.nan, 2.0 + rule_seed) for f in FRACTIONS]
    return pd.DataFrame(rows, columns=["rule_seed", "quantity", "fraction", "level", "value"])


def test_curves_that_sharpen_cross_where_the_recursion_is_fixed() -> None:
    table = transition(made_up(0.52), seed=0)
    assert list(table.columns) == TRANSITION and list(table["L"]) == [2, 3, 4, 5, 6]
    assert (table["rule_draws"] == 12).all()
    np.testing.assert_allclose(table["crossing"], 0.52, atol=0.015)
    np.testing.assert_allclose(table["critical"], 0.52, atol=0.01)
    last = table.iloc[-1]
    assert last["difference"] == pytest.approx(last["crossing"] - last["critical"])
    assert last["difference_low"] < 0 < last["difference_high"]
    # the difference is resampled draw by draw, so the scatter of draws is not in it twice
    assert last["difference_high"] - last["difference_low"] < 0.03
    assert (np.diff(table["steepness"]) > 0).all()


def test_crossings_that_drift_are_told_from_a_fixed_point() -> None:
    table = transition(made_up(0.42, drift=0.015), seed=0)
    assert (np.diff(table["crossing"]) > 0.01).all()
    assert (table["difference_low"] > 0.01).all()


def test_curves_that_do_not_cross_have_no_crossing() -> None:
    rows = made_up(0.9)  # beyond all fractions
    table = transition(rows, seed=0)
    assert table[["crossing", "crossing_low", "difference", "steepness"]].isna().all(axis=None)
    assert table["critical"].notna().all()


def test_means_are_over_rule_draws_with_students_interval() -> None:
    rows = made_up(0.5)
    table = averaged(rows)
    assert list(table.columns) == AVERAGED
    assert set(table["quantity"]) == {"root", "symbol", "susceptibility"}
    changes = table[table["quantity"] == "susceptibility"]
    assert changes["level"].isna().all() and len(changes) == len(FRACTIONS)
    assert (changes["mean"] == 7.5).all() and (changes["rule_draws"] == 12).all()
    half = 2.200985 * np.std(np.arange(12), ddof=1) / 12**0.5
    # formed on the logarithm, as it has no largest value
    np.testing.assert_allclose(np.log(changes["high"] / 7.5), half / 7.5, rtol=1e-5)
    np.testing.assert_allclose(np.log(7.5 / changes["low"]), half / 7.5, rtol=1e-5)
    roots = table[table["quantity"] == "root"]
    np.testing.assert_allclose(roots["mean"], roots["predicted"], atol=0.01)
    assert table.loc[table["quantity"] == "symbol", "predicted"].isna().all()


def test_intervals_of_two_rule_draws_stay_within_the_range() -> None:
    rows = made_up(0.52, scatter=0.4, draws=2)
    pairs = rows[rows["quantity"] == "symbol"].assign(quantity="correlation")
    pairs["value"] -= 0.5
    rows = pd.concat([rows, pairs])
    table = averaged(rows)
    for quantity, least, most in (
        ("root", 0, 1),
        ("symbol", 0, 1),
        ("correlation", -1, 1),
        ("susceptibility", 0, np.inf),
    ):
        mine = table[table["quantity"] == quantity]
        told = mine["low"].notna()
        assert told.all() or quantity == "root"  # noise puts some means beyond one
        mine = mine[told]
        assert (mine["low"] >= least).all() and (mine["high"] <= most).all()
        assert (mine["low"] < mine["mean"]).all() and (mine["mean"] < mine["high"]).all()
    found = transition(rows, seed=0)
    for name, least in (("crossing", 0), ("critical", 0), ("difference", -1)):
        low, high = found[f"{name}_low"], found[f"{name}_high"]
        assert low.notna().any() and low.dropna().ge(least).all() and high.dropna().le(1).all()
    assert (found["critical_high"] - found["critical_low"]).min() > 0.5  # of two that differ


def test_one_rule_draw_has_no_interval() -> None:
    rows = made_up(0.5, draws=1)
    assert averaged(rows)[["low", "high"]].isna().all(axis=None)
    table = transition(rows, seed=0)
    assert table["crossing"].notna().any()
    assert table[["crossing_low", "critical_low", "difference_high"]].isna().all(axis=None)
