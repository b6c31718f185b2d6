"""Crossings on curves whose crossings are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.curves import falls_to, geometric_mean
from rhm_scaling.analysis.thresholds import crossings, thresholds_table

SIZES = 2.0 ** np.arange(4, 12)


def runs(factors: list[float]) -> pd.DataFrame:
    """Excess 32/P times a factor a rule draw; two replicas that differ around it."""
    rows = []
    for rule, factor in enumerate(factors):
        for init, off in enumerate((0.9, 1.1)):
            for size in SIZES:
                excess = 32 * factor / size * off
                rows.append((rule, 0, init, int(size), "ok", excess))
    columns = ["rule_seed", "sample_seed", "init_seed", "sentences", "status", "test_excess"]
    return pd.DataFrame(rows, columns=columns)


def test_a_power_law_is_crossed_exactly() -> None:
    assert falls_to(SIZES, 32 / SIZES, 0.4) == pytest.approx(80.0)
    assert np.isnan(falls_to(SIZES, 32 / SIZES, 3.0))
    assert falls_to(SIZES, 32 / SIZES, 1e-3) == np.inf
    assert falls_to(SIZES, 32 / SIZES, 0.0) == np.inf


def test_zero_loss_counts_as_far_below() -> None:
    losses = np.where(SIZES < 100, 1.0, 0.0)
    assert 64 < falls_to(SIZES, losses, 0.5) < 128


def test_crossings_and_their_growth() -> None:
    heights = {0: np.array([1.0, 0.25]), 1: np.array([1.0, 0.25])}
    known = {0: np.array([10.0, 40.0]), 1: np.array([20.0, 60.0])}
    predicted = dict.fromkeys(("threshold", "threshold_cnn", "threshold_transformer"), known)
    found = crossings(runs([1.0, 2.0]), "test_excess", heights, predicted)
    assert found["crossed_at"].tolist() == pytest.approx([32, 128, 64, 256])
    assert found["threshold"].tolist() == [10, 40, 20, 60]
    assert set(found["replicas"]) == {2}
    table = thresholds_table(found).set_index("level")
    assert table.loc[2, "crossed_at"] == pytest.approx(np.sqrt(128 * 256))
    assert table.loc[2, ["growth", "growth_low", "growth_high"]].tolist() == pytest.approx(
        [4.0] * 3
    )
    assert table.loc[2, "growth_predicted"] == pytest.approx(np.sqrt(4 * 3))
    assert table.loc[1, ["low", "high"]].tolist() == pytest.approx(
        geometric_mean(np.array([32.0, 64.0]))[1:]
    )


def test_levels_out_of_reach_are_told() -> None:
    heights = {0: np.array([4.0, 1e-4])}
    found = crossings(runs([1.0]), "test_excess", heights, {})
    assert np.isnan(found["crossed_at"][0])
    assert np.isinf(found["crossed_at"][1])
    table = thresholds_table(
        found.assign(threshold=1.0, threshold_cnn=1.0, threshold_transformer=1.0)
    )
    assert table["draws"].tolist() == [0, 0]


def test_diverged_replicas_are_left_out() -> None:
    rows = runs([1.0])
    rows.loc[rows["init_seed"] == 1, ["status", "test_excess"]] = ["diverged", np.nan]
    found = crossings(rows, "test_excess", {0: np.array([0.9])}, {})
    assert found["crossed_at"].tolist() == pytest.approx([32.0])
