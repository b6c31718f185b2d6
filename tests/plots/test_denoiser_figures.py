"""Figures of denoisers, of made-up numbers: readable, and they show what the tables say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.plots.denoisers import composition, masked
from rhm_scaling.plots.style import style

SIZES = 2.0 ** np.arange(10, 21)
KEY = {"grammar": "g", "task": "masked", "width": 64, "depth": 4, "context": 0}


def made_up(
    levels: int = 4, fractions: int = 5, protocols: tuple[str, ...] = ("online",)
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, at = [], []
    for protocol in protocols:
        for fraction in np.linspace(0.1, 0.9, fractions):
            for size in (0.0, *SIZES):
                excess = fraction / (1 + size / 1000)
                told = ("excess", "", fraction, np.nan, excess, excess / 2, 2 * excess)
                rows.append((protocol, size, *told, np.nan))
                for level in range(1, levels + 1):
                    value = 1 / (1 + 1000 * 4.0**level / (size + 1))
                    for quantity in ("obeying", "composing"):
                        for order, less in (("in turn", 1.0), ("at once", 0.7)):
                            told = (quantity, order, fraction, level, value * less)
                            ends = (value * less - 0.05, value * less + 0.05)
                            rows.append((protocol, size, *told, *ends, 0.9 / level))
            for level in range(1, levels + 1):
                at += [
                    (protocol, measure, fraction, level, 1000 * 4.0**level)
                    for measure in ("obeying", "composing")
                ]
    columns = [*("protocol", "sentences", "quantity", "order", "fraction", "level")]
    curves = pd.DataFrame(rows, columns=[*columns, "mean", "low", "high", "exact"])
    curves["rule_draws"] = 4
    composed = pd.DataFrame(at, columns=["protocol", "measure", "fraction", "level", "sentences"])
    return curves.assign(architecture="unet", **KEY), composed.assign(architecture="unet", **KEY)


@pytest.mark.parametrize(
    ("levels", "fractions", "protocols"),
    [(4, 5, ("online",)), (1, 1, ("finite",)), (12, 32, ("finite", "online"))],
)
def test_figures_are_readable(
    levels: int, fractions: int, protocols: tuple[str, ...], tmp_path: Path
) -> None:
    style()
    curves, at = made_up(levels, fractions, protocols)
    readable(masked(curves, "Masked: $v_8"), tmp_path)
    readable(composition(curves, at, "Masked: $v_8"), tmp_path)


def test_points_are_means_of_each_fraction_and_level() -> None:
    style()
    curves, at = made_up()
    seen = curves[curves["sentences"] > 0]
    (axis,) = masked(curves, "t").axes
    drawn = [line.get_xydata() for line in axis.lines]
    wanted = seen[(seen["quantity"] == "excess") & (seen["fraction"] == 0.9)]
    assert holds(drawn, wanted)
    upper, lower = composition(curves, at, "t").axes
    for panel, quantity in ((upper, "obeying"), (lower, "composing")):
        drawn = [line.get_xydata() for line in panel.lines]
        for order in ("in turn", "at once")[: 2 if quantity == "obeying" else 1]:
            mine = seen[(seen["quantity"] == quantity) & (seen["order"] == order)]
            mine = mine[(mine["fraction"] == 0.9) & (mine["level"] == 3)]
            assert holds(drawn, mine)
    assert "0.9 masked" in upper.get_title(loc="left")


def test_what_few_subtrees_say_is_not_drawn() -> None:
    style()
    curves, at = made_up()
    mine = (curves["quantity"] == "composing") & (curves["sentences"] == 2048)
    few, wide = mine & (curves["level"] == 4), mine & (curves["level"] == 3)
    curves.loc[few, "rule_draws"] = 1
    curves.loc[wide, ["low", "high"]] = [0.2, 0.75]
    _, lower = composition(curves, at, "t").axes
    counts = [len(line.get_xydata()) for line in lower.lines if line.get_linestyle() == "-"]
    assert sorted(counts) == [len(SIZES) - 1, len(SIZES) - 1, len(SIZES), len(SIZES)]


def holds(drawn: list[np.ndarray], rows: pd.DataFrame) -> bool:
    wanted = rows[["sentences", "mean"]].to_numpy(dtype=float)
    return any(xy.shape == wanted.shape and np.allclose(xy, wanted) for xy in drawn)


def test_if_all_trainings_failed_the_figures_say_so(tmp_path: Path) -> None:
    style()
    curves, at = made_up()
    for figure in (masked(curves[:0], "t"), composition(curves[:0], at[:0], "t")):
        assert "failed" in figure.axes[0].texts[0].get_text()
