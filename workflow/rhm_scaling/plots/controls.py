"""Controls beside curves: whether networks that are trained otherwise do better."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..analysis.control_names import WORDS
from ..analysis.controls import BETTER, CROSSED, NOT_COMPARED, WITHIN, WORSE
from ..analysis.curves import CURVE_KEY
from .curves import curve_labels
from .style import COLUMN, GREY

_MARKERS = "osD"
_APART = 0.22  # of the distance of two rows, between controls
_LEAST = 0.35  # of the axis on either side, so that small ratios look small
_LONGEST = 44  # characters of a line of the title
# of a level that is learnt in one way alone: the edge, and an arrow beyond it
_WITHOUT_RATIO = {BETTER: (-1.0, "<"), WORSE: (1.0, ">")}


def controls(table: pd.DataFrame, title: str) -> Figure:
    """A row a point of a curve: ratios of its controls to it, on a logarithm, with intervals.

    `table` is ``controls.csv``, of one experiment.
    """
    labels = curve_labels(table)
    points = table[[*CURVE_KEY, "quantity", "train_size", "level"]].drop_duplicates()
    count = len(points)
    figure, axis = plt.subplots(figsize=(COLUMN, 1.5 + 0.34 * count))
    same = [*points.columns]
    rows = table.merge(points.assign(at=np.arange(count)[::-1].astype(float)), on=same)
    ends = rows[["log2_ratio", "log2_low", "log2_high"]].to_numpy(dtype=float)
    reach = 1.15 * max(_LEAST, np.abs(ends[np.isfinite(ends)]).max(initial=0.0))
    shades = dict(zip(WORDS, zip(sns.color_palette("colorblind"), _MARKERS)))
    for row in rows.to_dict("records"):
        color, marker = shades[row["control"]]
        at = row["at"] + _APART * (1 - [*WORDS].index(row["control"]))
        _point(axis, row, at, reach, color, marker)
    axis.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    named = [
        f"{labels[tuple(point[column] for column in CURVE_KEY)]}, {_at(point)}"
        for point in points.to_dict("records")
    ]
    axis.set(xlim=(-reach, reach), ylim=(-0.6, count - 0.4))
    axis.set_yticks(np.arange(count)[::-1], named, fontsize="small")
    axis.set_xlabel(r"$\log_2$ (control / curve)")
    handles = [
        Line2D([], [], color=color, marker=marker, markersize=4, linewidth=1, label=WORDS[name])
        for name, (color, marker) in shades.items()
        if (table["control"] == name).any()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize="x-small")
    told = "\n".join(textwrap.wrap(title, _LONGEST))
    figure.suptitle(told.replace("$", r"\$"), fontsize="medium")
    sns.despine(figure)
    return figure


def _at(point: Mapping[Any, Any]) -> str:
    if point["quantity"] == CROSSED:
        return f"level {point['level']:.0f}"
    return f"$P$ = {point['train_size']:,.0f}"


def _point(
    axis: Axes, row: Mapping[Any, Any], at: float, reach: float, color: Any, marker: str
) -> None:
    """A control: open where it differs; at an edge, what has no ratio."""
    ratio, finding = row["log2_ratio"], row["finding"]
    fill = color if finding == WITHIN else "white"
    if finding == NOT_COMPARED or not np.isfinite(ratio):
        edge, sign = _WITHOUT_RATIO.get(finding, (1.0, "x"))
        place = ratio if np.isfinite(ratio) else edge * reach
        axis.plot(place, at, sign, color=color, markersize=5, clip_on=False)
        return
    spread = np.nan_to_num([[ratio - row["log2_low"]], [row["log2_high"] - ratio]])
    axis.errorbar(
        ratio, at, xerr=spread, color=color, marker=marker, markerfacecolor=fill,
        markersize=4, elinewidth=1, capsize=2,
    )  # fmt: skip
