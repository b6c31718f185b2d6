"""Averages of denoisers over rule draws, and where levels are composed, of made-up numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.denoisers import COMPOSED, CURVES, averaged, composed_at

SIZES = 2.0 ** np.arange(6, 17)
GUESSED = {1: 0.25, 2: 0.25, 3: 0.25}


def made_up(
    at: dict[int, float], spread: float = 0.1, early: float = 0.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves that rise from a quarter to 1 about `at`, by level; with `early` noise before."""
    source, masked, made = np.random.default_rng(0), [], []
    for rule in range(6):
        own = np.exp(source.normal(0, spread))
        for size in SIZES:
            masked.append((rule, size, 0.5, 10 * own / size))
            for level, where in at.items():
                value = 0.25 + 0.75 / (1 + (where * own / size) ** 2)
                noisy = early if size < where / 8 and level > 1 else 0.0
                for order, less in (("in turn", 1.0), ("at once", 0.8)):
                    told = (value * less, 0.8, 0.25, max(value * less, noisy))
                    made.append((rule, size, 0.5, order, level, *told))
    point = ["rule_seed", "sentences", "fraction"]
    names = ["order", "level", "obeying", "exact", "random", "composing"]
    return (
        pd.DataFrame(masked, columns=[*point, "excess"]),
        pd.DataFrame(made, columns=[*point, *names]),
    )


def test_averages_are_means_over_rule_draws_with_intervals() -> None:
    masked, made = made_up({1: 500, 2: 2000})
    again = [pd.concat([table, table]) for table in (masked, made)]  # a second initialisation
    table = averaged(*again)
    assert list(table) == CURVES and (table["rule_draws"] == 6).all()
    excess = table[table["quantity"] == "excess"].set_index("sentences")
    wanted = masked.groupby("sentences")["excess"].mean()
    pd.testing.assert_series_equal(excess["mean"], wanted, check_names=False)
    assert (excess["low"] > 0).all() and (excess["low"] < excess["mean"]).all()
    assert excess["level"].isna().all()
    obeying = table[(table["quantity"] == "obeying") & (table["order"] == "at once")]
    np.testing.assert_allclose(obeying[["exact", "random"]], [[0.8, 0.25]] * len(obeying))
    assert table[table["quantity"] == "composing"]["exact"].isna().all()


def test_fractions_of_two_rule_draws_have_intervals_within_their_range() -> None:
    masked, made = (table[table["rule_seed"] < 2] for table in made_up({1: 500, 2: 2000}, 1.0))
    table = averaged(masked, made)
    told = table[table["quantity"] != "excess"]
    assert (told["low"].ge(0) & told["high"].le(1)).all()
    assert (told["low"] < told["mean"]).all() and (told["mean"] < told["high"]).all()
    assert (told["high"] - told["low"]).max() > 0.8


def test_levels_are_composed_where_their_curves_pass_half_way() -> None:
    at = {1: 500.0, 2: 2000.0, 3: 6000.0}
    table = composed_at(made_up(at)[1], GUESSED)
    assert list(table) == COMPOSED
    for measure in ("obeying", "composing"):
        mine = table[table["measure"] == measure].set_index("level")
        for level, where in at.items():
            row = mine.loc[level]
            # half-way from a quarter to 1
            assert row["sentences"] == pytest.approx(where, rel=0.1)
            assert row["low"] < where < row["high"]
        assert mine["in_order"].tolist()[1:] == [1.0, 1.0] and np.isnan(mine["in_order"].iloc[0])
        # draw by draw: what is common to a draw's levels cancels
        assert mine.loc[2, "ratio"] == pytest.approx(4, rel=0.05)
        assert mine.loc[2, "ratio_high"] / mine.loc[2, "ratio_low"] < 1.1


def test_levels_that_come_together_are_not_in_order() -> None:
    mine = composed_at(made_up({1: 2000.0, 2: 2000.0})[1], GUESSED).set_index("level")
    assert (mine.loc[2, "in_order"] == 0).all()
    assert mine.loc[2, "ratio"].tolist() == pytest.approx([1.0, 1.0])


def test_a_few_lucky_subtrees_before_a_level_is_learnt_do_not_count() -> None:
    plain, noisy = (
        composed_at(made_up({1: 500.0, 2: 8000.0}, early=early)[1], GUESSED) for early in (0.0, 1.0)
    )
    pd.testing.assert_frame_equal(plain, noisy)


def test_what_is_never_or_always_composed() -> None:
    table = composed_at(made_up({1: 1.0, 2: 1e9})[1], GUESSED).set_index(["measure", "level"])
    for measure in ("obeying", "composing"):
        assert np.isnan(table.loc[(measure, 1), "sentences"])
        assert np.isinf(table.loc[(measure, 2), "sentences"])
        assert np.isnan(table.loc[(measure, 2), "low"])
