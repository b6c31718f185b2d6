"""A figure for each claim: what was measured beside what is predicted, and what decides."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.names import CLAIM_TASKS, ClaimName
from ..claims.verdicts import AGREES, DISAGREES, NEARER, UNDETERMINED
from .claim_panels import PANELS, Tables
from .style import GREY

COLORS = {AGREES: "#0173b2", NEARER: "#56b4e9", DISAGREES: "#d55e00", UNDETERMINED: "0.45"}
_FARTHEST = 3.0  # of a row's scale, from its middle


def claim(name: ClaimName, decided: pd.DataFrame, tables: Tables) -> Figure:
    """The figure of a study's claim.

    Parameters
    ----------
    name
        Of the claim.
    decided
        ``claims.csv`` of the study.
    tables
        What was measured.
    """
    panels, tables = PANELS[name], tables.for_task(CLAIM_TASKS[name])
    widths = [*(1.0 for _ in panels), 1.35]
    figure, axes = plt.subplots(
        1,
        len(widths),
        figsize=(3.6 * sum(widths), max(3.4, 0.55 * len(decided))),
        squeeze=False,
        gridspec_kw={"width_ratios": widths},
    )
    for axis, panel in zip(axes[0], panels):
        panel(axis, tables)
        sns.despine(ax=axis)
    _criteria(axes[0, -1], decided)
    return figure


def _criteria(axis: Axes, decided: pd.DataFrame) -> None:
    """A row a criterion: its interval between what the rival shows (left) and what is predicted."""
    count = len(decided)
    for index, row in enumerate(decided.to_dict("records")):
        at = float(count - 1 - index)
        color = COLORS[str(row["verdict"])] if row["decisive"] else "0.7"
        expected = row["prediction"] if np.isnan(row["bound"]) else row["estimate"]
        scale = _scale(row["rival"], expected)
        for value, marker in ((row["prediction"], "|"), (row["rival"], "x")):
            if np.isfinite(value):
                axis.plot(scale(value), at, marker, color=GREY, markersize=7)
        if np.isfinite(row["estimate"]):
            axis.plot(scale(row["estimate"]), at, "o", color=color, markersize=5)
            if np.isfinite(row["low"]):
                ends = sorted([scale(row["low"]), scale(row["high"])])
                axis.plot(ends, [at, at], color=color, linewidth=1.4)
                for end, arrow in zip(ends, "<>"):
                    if abs(end) == _FARTHEST:  # goes on beyond
                        axis.plot(end, at, arrow, color=color, markersize=5, clip_on=False)
        about = "" if pd.isna(row["about"]) else f" ({row['about']})"
        decides = "" if row["decisive"] else ", not decisive"
        text = _number(row["estimate"], row["low"], row["high"])
        for above, told, size, shade in (
            (0.36, f"{row['criterion']}{about}", "small", "black"),
            (0.2, f"{text}: {row['verdict']}{decides}", "x-small", color),
        ):
            axis.text(-_FARTHEST, at + above, told, fontsize=size, va="center", color=shade)
    axis.axvline(0, color="0.9", linewidth=0.8, zorder=0)
    axis.set(xlim=(-_FARTHEST, _FARTHEST), ylim=(-0.4, count - 0.4), xticks=[], yticks=[])
    axis.set_xlabel("x rival, | predicted")
    sns.despine(ax=axis, left=True, bottom=True)


def _number(estimate: float, low: float, high: float) -> str:
    if not np.isfinite(estimate):
        return "no estimate"
    return f"{estimate:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite(low) else f"{estimate:.2f}"


def _scale(rival: float, predicted: float) -> Callable[[float], float]:
    """Maps what the rival shows to -1, what is predicted to 1; what is far off goes to the rim."""
    middle, half = (rival + predicted) / 2, (predicted - rival) / 2
    half = half if np.isfinite(half) and half else 1.0
    middle = middle if np.isfinite(middle) else 0.0
    return lambda value: float(np.clip((value - middle) / half, -_FARTHEST, _FARTHEST))
