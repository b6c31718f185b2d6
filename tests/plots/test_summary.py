"""The end of a run says why a curve has no fit, as the code that refuses it does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.power_law import FEWEST_POINTS, fit_with_interval, fitting_window
from rhm_scaling.plots.summary import (
    EXPONENT_COLUMNS,
    SCALING_COLUMNS,
    SCAN_COLUMNS,
    exponent_notes,
    exponent_table,
    scan_table,
)

SIZES = np.array([64.0, 128.0, 256.0, 512.0, 1024.0])
KEY = dict(zip(CURVE_KEY, ("deep", "last_token", "cnn", 64, 3, "finite", 0)))
NONE = dict.fromkeys(("asymptotic", "same_fit", "smooth_fit"), np.nan)


def fitted(below: int, draws: int = 3, resolution: float = 0.0) -> pd.DataFrame:
    """A row of ``fits.csv`` of a curve with so many sizes below half of chance."""
    means = np.where(np.arange(len(SIZES)) >= len(SIZES) - below, 10 / SIZES, 0.9)
    table = pd.DataFrame({"sentences": SIZES, "mean": means, "chance": 1.0, "exhausted": np.inf})
    window = fitting_window(table.assign(resolution=resolution))
    inside = window.inside
    index = pd.MultiIndex.from_tuples([(rule, 0) for rule in range(draws)])
    index.names = ["rule_seed", "sample_seed"]
    noise = 1 + 0.01 * np.arange(draws)[:, None]
    replicas = pd.DataFrame(noise * means[inside], index=index, columns=SIZES[inside])
    best, low, high = fit_with_interval(SIZES[inside], replicas, seed=0)
    counted = {"points": int(inside.sum()), "rule_draws": draws, "replicas": draws}
    found = {"exponent": best.exponent, "low": low, "high": high, **counted}
    predicted = {f"predicted_{name}": value for name, value in NONE.items()}
    return pd.DataFrame([{**KEY, **predicted, **found, "window_reason": window.reason}])


@pytest.mark.parametrize("below", range(6))
def test_a_reason_is_given_where_there_is_no_fit_and_nowhere_else(below: int) -> None:
    fits = fitted(below)
    notes = [note for note in exponent_notes(fits) if note.startswith("no fit of deep last_token")]
    assert bool(notes) == bool(np.isnan(fits["exponent"].iloc[0])) == (below < FEWEST_POINTS)
    assert (exponent_table(fits)["fitted"].iloc[0] == "no fit") == bool(notes)


def test_the_reason_names_the_rule() -> None:
    two, nothing = (exponent_notes(fitted(below))[-1] for below in (2, 0))
    assert "needs 3 sizes below half of chance and above the resolution, has 2: from 512" in two
    assert nothing.endswith("no size lies below half of chance and above the resolution")
    assert exponent_table(fitted(2))["window"].iloc[0] in two


@pytest.mark.parametrize("draws", [1, 2])
def test_a_missing_interval_has_a_reason(draws: int) -> None:
    fits = fitted(4, draws)
    assert np.isfinite(fits["exponent"].iloc[0])
    notes = [note for note in exponent_notes(fits) if note.startswith("no interval of")]
    assert bool(notes) == bool(np.isnan(fits["low"].iloc[0])) == (draws == 1)
    assert all("needs 2 rule draws, or as many replicas of one, has 1" in note for note in notes)


def test_every_column_is_explained_in_a_line() -> None:
    shown = exponent_table(fitted(4)).drop(columns=["curve", "window"])
    assert [*shown] == [*EXPONENT_COLUMNS]
    lines = exponent_notes(fitted(4))
    assert len(lines) == len(EXPONENT_COLUMNS)
    assert "the excess, loss less entropy, falls" in EXPONENT_COLUMNS["fitted"]
    assert "excess" in SCALING_COLUMNS["exponent of"]
    assert all(line.split("  ")[1] == name for line, name in zip(lines, EXPONENT_COLUMNS))


def test_the_table_of_a_scan_has_its_three_scales_and_explains_its_columns() -> None:
    scales = ("predicted", "bare", "measured", "nothing")
    numbers = {"constant": 0.61, "residual": 1.17, "low": 1.1, "high": 1.25, "shuffled": 3.4}
    counted = {"points": 30, "inside": 21, "factor": 1.25, "widest": 1.6}
    named = {"experiment": "labels", "architecture": "cnn"}
    rows = [{**named, "scaled_by": scale, **numbers, **counted} for scale in scales]
    table = scan_table(pd.DataFrame(rows))
    assert list(table) == ["scan", *SCAN_COLUMNS]
    assert list(table["P over"]) == ["P* exact", "P* papers' form", "P* measured"]
    first = ["labels cnn", "P* exact", "0.61", "1.17", "1.10 to 1.25", "3.40", "21 of 30 (1.25)"]
    assert list(table.iloc[0]) == first
