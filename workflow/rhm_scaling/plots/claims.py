"""A figure for each claim: what was measured beside what is predicted, and what decides."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from textwrap import wrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.names import CLAIM_TASKS, ClaimName
from ..claims.verdicts import AGREES, DISAGREES, NEARER, UNDETERMINED
from .claim_panels import PANELS, Tables
from .claims_page import subject
from .style import (
    GREY,
    SMALL,
    SMALLEST,
    handle,
    legend_above,
    legend_of,
    stacked,
    with_interval,
)

COLORS = {AGREES: "#0173b2", NEARER: "#56b4e9", DISAGREES: "#d55e00", UNDETERMINED: "0.45"}
_ROW, _LETTERS = 0.45, 70  # inches of a row, letters of a line of its text
_NAMED_INSIDE = {"B4"}  # whose panel gives its curves lines, and colours to the levels
_FARTHEST = 3.0  # of a row's scale, from its middle
_RANGE = 0.02  # of the distance to the rival, twice: a range that is drawn


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
    panels, task = PANELS[name], CLAIM_TASKS.get(name)
    tables = tables.for_task(task) if task else tables
    parts = tables.by_protocol() or {"": tables}
    named = {label: look for label, *look in next(iter(parts.values())).named().values()}
    rows = _ROW * len(decided) + 0.3
    drawn = [*product(panels, parts)]
    figure, axes = stacked(*([1.9] * len(drawn)), rows, around=0.2 + 0.08 * len(named))
    told: set[str] = set()
    for axis, (panel, protocol) in zip(axes, drawn):
        panel(axis, parts[protocol])
        if len(parts) > 1:
            axis.set_xlabel(f"{axis.get_xlabel()} ({protocol})")
        told |= {*axis.get_legend_handles_labels()[1]}
        sns.despine(ax=axis)
    _criteria(axes[-1], decided)
    legend_of(
        figure,
        [
            handle(label, color=color, marker=marker, linewidth=0.6)
            for label, (color, marker) in named.items()
            if label in told and name not in _NAMED_INSIDE
        ],
    )
    return figure


def _criteria(axis: Axes, decided: pd.DataFrame) -> None:
    """A row a criterion: its interval between what the rival shows (left) and what is predicted.

    Below it a thin line, where theory leaves open a range.
    """
    count = len(decided)
    for index, row in enumerate(decided.to_dict("records")):
        at = float(count - 1 - index)
        color = COLORS[str(row["verdict"])] if row["decisive"] else "0.7"
        expected = row["prediction"] if np.isnan(row["bound"]) else row["estimate"]
        scale = _scale(row["rival"], expected)
        for value, marker in ((row["prediction"], "|"), (row["rival"], "x")):
            if np.isfinite(value):
                axis.plot(scale(value), at, marker, color=GREY, markersize=5)
        left_open = [scale(row[f"prediction_{end}"]) for end in ("low", "high")]
        if np.ptp(left_open) > _RANGE:
            axis.plot(left_open, [at - 0.12] * 2, color=GREY, linewidth=0.7)
        if np.isfinite(row["estimate"]):
            axis.plot(scale(row["estimate"]), at, "o", color=color, markersize=4)
            if np.isfinite(row["low"]):
                ends = sorted([scale(row["low"]), scale(row["high"])])
                axis.plot(ends, [at, at], color=color, linewidth=1.4)
                for end, arrow in zip(ends, "<>"):
                    if abs(end) == _FARTHEST:  # goes on beyond
                        axis.plot(end, at, arrow, color=color, markersize=5, clip_on=False)
        decides = "" if row["decisive"] else ", not decisive"
        text = _number(row["estimate"], row["low"], row["high"])
        name = "\n".join(wrap(subject(row), _LETTERS))
        lines = name.count("\n") + 1
        for above, told, size, shade in (
            (0.74, name, SMALL, "black"),
            (0.74 - 0.22 * lines, f"{text}: {row['verdict']}{decides}", SMALLEST, GREY),
        ):
            axis.text(-_FARTHEST, at + above, told, fontsize=size, va="top", color=shade)
    axis.set(xlim=(-_FARTHEST, _FARTHEST), ylim=(-0.25, count - 0.2), xticks=[], yticks=[])
    marks = {"o": "measured, 95% interval", "|": "predicted", "x": "the rival"}
    legend_above(axis, [handle(m, marker=k, linestyle="none") for k, m in marks.items()])
    sns.despine(ax=axis, left=True, bottom=True)


def _number(estimate: float, low: float, high: float) -> str:
    if not np.isfinite(estimate):
        return "no estimate"
    return with_interval(estimate, low, high)


def _scale(rival: float, predicted: float) -> Callable[[float], float]:
    """Maps what the rival shows to -1, what is predicted to 1; what is far off goes to the rim."""
    middle, half = (rival + predicted) / 2, (predicted - rival) / 2
    half = half if np.isfinite(half) and half else 1.0
    middle = middle if np.isfinite(middle) else 0.0
    return lambda value: float(np.clip((value - middle) / half, -_FARTHEST, _FARTHEST))
