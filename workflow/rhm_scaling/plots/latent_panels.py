"""Panels of the claims about latent prediction: ``P*`` against ``n m^L`` or ``m``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..grammar.model import Parameters
from .style import GREY, amounts, errorbars, legend_above

if TYPE_CHECKING:
    from .claim_panels import Tables


def by_label_scale(axis: Axes, tables: Tables) -> None:
    """Against ``n m^L``, the scale of labels."""
    _sizes(axis, tables, lambda p: float(p.n * np.prod(p.m)), "$n m^L$")


def by_rules(axis: Axes, tables: Tables) -> None:
    """Against the rules of a symbol."""
    _sizes(axis, tables, lambda p: float(np.exp(np.log(p.m).mean())), "rules of a symbol, $m$")


def _sizes(axis: Axes, tables: Tables, unit: Callable[[Parameters], float], label: str) -> None:
    """Measured ``P*``, that of the draws' own correlations, and that of labels."""
    seen = tables.thresholds
    seen = seen[(seen["level"] == 1) & np.isfinite(seen["crossed_at"])]
    seen = seen.assign(x=seen["grammar"].map(lambda name: unit(tables.grammars[name])))
    seen = seen.sort_values("x")
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel="$P^*$")
    look = {"color": "black", "marker": "o", "markersize": 3.5}
    errorbars(axis, seen["x"], seen, "crossed_at", label="measured", **look)
    predicted = seen["grammar"].map(_predicted(tables.theory))
    lines = {"predicted": (predicted, "-"), "labels": (seen["threshold"], ":")}
    for name, (sizes, line) in lines.items():
        axis.plot(seen["x"], sizes, line, color=GREY, linewidth=1, label=name)
    if len(seen):
        axis.set_xticks([], minor=True)
        told = sorted({*seen["x"]})
        axis.set_xticks(told, [f"{x:,.0f}" for x in told])
        amounts(axis)
    legend_above(axis)


def _predicted(theory: pd.DataFrame) -> dict[str, float]:
    """By grammar, the geometric mean over rule draws of the largest threshold over levels."""
    mine = theory[theory["quantity"] == "latent_threshold"]
    if mine.empty:
        return {}
    mine = mine[mine["method"] == "correlations"]
    largest = np.log(mine.groupby(["grammar", "rule_seed"])["value"].max())
    return {
        str(name): float(np.exp(mean)) for name, mean in largest.groupby("grammar").mean().items()
    }
