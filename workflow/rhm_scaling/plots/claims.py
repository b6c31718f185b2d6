"""A figure for each claim: what was measured beside what is predicted, and what decides."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import product
from textwrap import wrap
from typing import Any, cast

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from ..claims.names import CLAIM_TASKS, ClaimName
from ..claims.verdicts import AGREES, DISAGREES, NEARER, UNDETERMINED
from .claim_panels import PANELS, Tables
from .numbers import with_interval
from .style import (
    GREY,
    SMALL,
    SMALLEST,
    handle,
    legend_above,
    legend_of,
    stacked,
)

COLORS = {AGREES: "#0173b2", NEARER: "#56b4e9", DISAGREES: "#d55e00", UNDETERMINED: "0.45"}
_LETTERS, _LETTERS_BESIDE = 70, 42  # of a line across the figure, and beside an interval
_LETTERS_HIGH, _BETWEEN = 0.1, 0.06  # inches of a line, and from row to row
_NAMED_INSIDE = {"B4"}  # whose panel gives its curves lines, and colours to the levels
_FARTHEST = 3.0  # of a row's scale, from its middle
_LEFT = -9.0  # of the panel, on that scale; words begin left of it
_EDGE = 0.015  # of the figure's width: where they begin
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
    lines = _lines(decided)
    rows = sum(line.height for line in lines) + 0.35
    drawn = [*product(panels, parts)]
    figure, axes = stacked(*([1.9] * len(drawn)), rows, around=0.2 + 0.08 * len(named))
    told: set[str] = set()
    for axis, (panel, protocol) in zip(axes, drawn):
        panel(axis, parts[protocol])
        if len(parts) > 1:
            axis.set_xlabel(f"{axis.get_xlabel()} ({protocol})")
        told |= {*axis.get_legend_handles_labels()[1]}
        sns.despine(ax=axis)
    _criteria(axes[-1], lines)
    legend_of(
        figure,
        [
            handle(label, color=color, marker=marker, linewidth=0.6)
            for label, (color, marker) in named.items()
            if label in told and name not in _NAMED_INSIDE
        ],
    )
    return figure


@dataclass(frozen=True)
class _Line:
    """Words about the criteria, of a curve with its row of ``claims.csv``."""

    words: str
    row: dict[Hashable, Any] | None = None

    @property
    def height(self) -> float:
        """Inches."""
        return _LETTERS_HIGH * (self.words.count("\n") + 1) + _BETWEEN / (1 if self.row else 2)


def _lines(decided: pd.DataFrame) -> list[_Line]:
    """A heading for each criterion, and its curves below."""
    lines = []
    for name, rows in decided.groupby("criterion", sort=False):
        lines.append(_Line("\n".join(wrap(str(name), _LETTERS))))
        for row in rows.to_dict("records"):
            number = with_interval(row["estimate"], row["low"], row["high"], "no estimate")
            said = f"{number}: {row['verdict']}{'' if row['decisive'] else ', not decisive'}"
            told = [said] if pd.isna(row["about"]) else [str(row["about"]), said]
            words = [line for part in told for line in wrap(part, _LETTERS_BESIDE)]
            lines.append(_Line("\n".join(words), row))
    return lines


def _criteria(axis: Axes, lines: list[_Line]) -> None:
    """Words, and beside those of a curve its interval."""
    figure = cast("Figure", axis.get_figure(root=True))
    beside = blended_transform_factory(figure.transFigure, axis.transData)
    at = -_BETWEEN / 2
    for line in lines:
        size, shade = (SMALL, "black") if line.row is None else (SMALLEST, GREY)
        how: dict[str, Any] = {"fontsize": size, "va": "top", "color": shade, "transform": beside}
        axis.text(_EDGE, at, line.words, **how).set_in_layout(False)
        at -= line.height
        if line.row is not None:
            _interval(axis, line.row, at + (line.height + _BETWEEN) / 2)
    axis.set(xlim=(_LEFT, _FARTHEST), ylim=(at, 0.0), xticks=[], yticks=[])
    marks = {"o": "measured, 95% interval", "|": "predicted", "x": "the rival"}
    legend_above(axis, [handle(m, marker=k, linestyle="none") for k, m in marks.items()])
    sns.despine(ax=axis, left=True, bottom=True)


def _interval(axis: Axes, row: dict[Hashable, Any], at: float) -> None:
    """Between what the rival shows (left) and what is predicted; of an inequality, from its bound.

    Below it a thin line, where theory leaves open a range.
    """
    color = COLORS[str(row["verdict"])] if row["decisive"] else "0.7"
    expected = row["prediction"]
    if not np.isnan(row["bound"]):  # no number is predicted, so the scale is the measurement's own
        half = (row["high"] - row["low"]) / 2
        expected = row["rival"] + 2 * np.nanmax([abs(row["estimate"] - row["rival"]), half, 0.0])
    scale = _scale(row["rival"], expected)
    for value, marker in ((row["prediction"], "|"), (row["rival"], "x")):
        if np.isfinite(value):
            axis.plot(scale(value), at, marker, color=GREY, markersize=5)
    left_open = [scale(row[f"prediction_{end}"]) for end in ("low", "high")]
    if np.ptp(left_open) > _RANGE:
        axis.plot(left_open, [at - _BETWEEN] * 2, color=GREY, linewidth=0.7)
    if np.isfinite(row["estimate"]):
        axis.plot(scale(row["estimate"]), at, "o", color=color, markersize=4)
        if np.isfinite(row["low"]):
            ends = sorted([scale(row["low"]), scale(row["high"])])
            axis.plot(ends, [at, at], color=color, linewidth=1.4)
            for end, arrow in zip(ends, "<>"):
                if abs(end) == _FARTHEST:  # goes on beyond
                    axis.plot(end, at, arrow, color=color, markersize=5, clip_on=False)


def _scale(rival: float, predicted: float) -> Callable[[float], float]:
    """Maps what the rival shows to -1, what is predicted to 1; what is far off goes to the rim."""
    middle, half = (rival + predicted) / 2, (predicted - rival) / 2
    half = half if np.isfinite(half) and half else 1.0
    middle = middle if np.isfinite(middle) else 0.0
    return lambda value: float(np.clip((value - middle) / half, -_FARTHEST, _FARTHEST))
