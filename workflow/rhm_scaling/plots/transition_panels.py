"""Panels of the claims about denoising: crossings and steepness; what networks compose."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ..analysis.curves import geometric_mean, mean_and_interval
from .style import GREY, amounts, errorbars, legend_above, ordered, whole_numbers

if TYPE_CHECKING:
    from .claim_panels import Tables

Array = NDArray[np.float64]
_WIDEST = 0.5  # interval of a fraction that tells something
_LOOKS = (("black", "o"), ("0.55", "s"), ("0.3", "^"))


def crossings(axis: Axes, tables: Tables) -> None:
    """Where curves of depths cross, and where the posterior is a half, from the fixed point.

    Of depths at which every rule draw has both ends within its fractions.
    """
    rows = tables.transitions
    rows = rows.assign(
        crosses=rows["crossing"] - rows["critical"], halved=rows["half"] - rows["critical"]
    )
    axis.axhline(0, color=GREY, linewidth=0.7, linestyle="--", zorder=1)
    named = {"crosses": "crosses $L-1$", "halved": "is a half (the rival)"}
    for (column, label), (color, marker) in zip(named.items(), _LOOKS):
        told = _means(rows, "L", column, partial(mean_and_interval, least=-1.0, most=1.0))
        told = told[told["draws"] == rows["rule_seed"].nunique()]
        look = {"color": color, "marker": marker, "markersize": 3.5}
        errorbars(axis, told["L"], told, "mean", label=label, **look)
    axis.set(xlabel="depth $L$", ylabel="from the draw's\nfixed point")
    whole_numbers(axis, rows["L"])
    legend_above(axis)


def steepness(axis: Axes, tables: Tables) -> None:
    """How steep curves are, measured and as the recursion answers to a small change."""
    rows = tables.transitions
    told = _means(rows[rows["steepness"] > 0], "L", "steepness", geometric_mean)
    axis.set(yscale="log", xlabel="depth $L$", ylabel="fall of the posterior")
    errorbars(
        axis, told["L"], told, "mean", color="black", marker="o", markersize=3.5, label="measured"
    )
    known = _means(rows[rows["response"] > 0], "L", "response", geometric_mean)
    axis.plot(known["L"], known["mean"], color=GREY, linewidth=1, label="recursion")
    whole_numbers(axis, rows["L"])
    legend_above(axis)


def composed(axis: Axes, tables: Tables) -> None:
    """What networks compose of each level against the sentences that they have seen.

    At the masked fraction nearest to a half, token by token; means over rule draws, of all networks
    together. While few subtrees have parts that obey, that may be anything: points are drawn where
    every rule draw has some, and their interval is narrower than `_WIDEST`.
    """
    rows = tables.generated
    rows = rows[(rows["order"] == "in turn") & (rows["sentences"] > 0)]
    nearest = (rows["fraction"] - 0.5).abs()
    rows = rows[nearest == nearest.min()]
    levels = sorted({*rows["level"]})
    fraction = partial(mean_and_interval, most=1.0)
    for level, (color, marker) in zip(levels, ordered(len(levels))):
        mine = rows[rows["level"] == level].groupby(["sentences", "rule_seed"])["composing"]
        told = _means(mine.mean().reset_index(), "sentences", "composing", fraction)
        told = told[(told["draws"] == rows["rule_seed"].nunique())]
        told = told[~(told["high"] - told["low"] > _WIDEST)]
        look = {"color": color, "marker": marker, "markersize": 3, "linestyle": "-"}
        errorbars(axis, told["sentences"], told, "mean", label=f"level {level}", **look)
    axis.set(xscale="log", ylim=(0, 1.05), xlabel="sentences", ylabel="composed, of what\ncan be")
    amounts(axis, "x")
    legend_above(axis)


def _means(
    rows: pd.DataFrame, by: str, column: str, mean: Callable[[Array], tuple[float, float, float]]
) -> pd.DataFrame:
    """Means over all rule draws that have a value, with their intervals, by depth or another."""
    found = []
    for at, values in rows.groupby(by)[column]:
        known = values.dropna().to_numpy(dtype=float)
        if len(known):
            found.append((at, len(known), *mean(known)))
    return pd.DataFrame(found, columns=[by, "draws", "mean", "low", "high"])
