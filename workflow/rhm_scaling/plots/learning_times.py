"""Figure of the sizes at which contexts are learnt, and of the curve that they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.curves import CURVE_KEY, rows_of
from ..analysis.learning_times import WHOLE, residual
from .curves import curve_labels
from .numbers import number
from .style import (
    EDGE,
    SMALL,
    errorbars,
    handle,
    heading,
    legend_above,
    legend_of,
    nothing_to_draw,
    ordered,
    sizes_axis,
    stacked,
)

_SPECTRUM, _CURVE = 1.25, 1.5  # inches high
_LINES: dict[str, dict[str, Any]] = {
    "mean": {"color": "black", "marker": "o", "linestyle": "none"},
    "rebuilt": {"color": "black"},
    "rebuilt_whole": {"color": "black", "linestyle": ":"},
    "predicted": {"color": "0.6", "drawstyle": "steps-post"},
}
_NAMED = {
    "mean": "measured",
    "rebuilt": "sum of all learning times",
    "rebuilt_whole": "a single time a context",
    "predicted": "predicted staircase",
}


def learning_times(
    times: pd.DataFrame, peaks: pd.DataFrame, curves: pd.DataFrame, title: str
) -> Figure:
    """The spectrum of learning times, and the curve rebuilt from it: two panels a curve.

    Parameters
    ----------
    times, peaks, curves
        ``learning_times.csv``, ``learning_spectrum.csv`` and ``rebuilt_curves.csv``, of one
        experiment.
    title
        Of the experiment.
    """
    labels = curve_labels(curves) if len(curves) else {}
    if not labels:
        return nothing_to_draw(title)
    figure, axes = stacked(*[_SPECTRUM, _CURVE] * len(labels), around=0.8 + 0.3 * len(labels))
    for row, (known_as, label) in enumerate(labels.items()):
        key = dict(zip(CURVE_KEY, known_as))
        upper, lower = axes[2 * row : 2 * row + 2]
        mine = rows_of(curves, key)
        sizes_axis(upper, mine["train_size"], "")
        sizes_axis(lower, mine["train_size"])
        _spectrum(upper, rows_of(times, key), rows_of(peaks, key), label)
        _curve(lower, mine)
        lower.set_title(f"rebuilt within a factor of {number(residual(mine))}", loc="left")
    legend_of(figure, [handle(_NAMED[name], **look) for name, look in _LINES.items()])
    heading(figure, title)
    return figure


def _spectrum(axis: Axes, times: pd.DataFrame, peaks: pd.DataFrame, label: str) -> None:
    """The share of each level's weight that is learnt at each size."""
    told = peaks[(peaks["level"] != WHOLE) & (peaks["weight"] > 0)]
    handles, (low, high) = [], axis.get_xlim()
    for (color, marker), peak in zip(ordered(len(told)), told.to_dict("records")):
        mine = times[times["level"] == peak["level"]]
        at = mine.groupby("learnt_from")["weight"].sum()
        at = at[np.isfinite(at.index)] / at.sum()
        look = {"color": color, "marker": marker, **EDGE}
        axis.plot(at.index, at, **look)
        name = f"{peak['level']:.0f}: {number(peak['weight'])}"
        handles.append(handle(name, **look))
        if low <= peak["threshold"] <= high:
            place: dict[str, Any] = {"ha": "center", "va": "center"}
            place["transform"] = axis.get_xaxis_transform()
            name = f"$P_{{{peak['level']:.0f}}}$"
            axis.text(peak["threshold"], 0.93, name, color=color, fontsize=SMALL, **place)
    axis.set_ylabel("share learnt")
    top = axis.get_ylim()[1]
    axis.set_ylim(-0.05 * top, 1.15 * top)  # room for their names
    legend_above(axis, handles, f"{label}: each level, and the nats that it takes")


def _curve(axis: Axes, curve: pd.DataFrame) -> None:
    """Measured and rebuilt."""
    axis.set_yscale("log")
    for name in ("predicted", "rebuilt_whole", "rebuilt"):
        told = curve[curve[name] > 0]
        axis.plot(told["train_size"], told[name], **_LINES[name])
    errorbars(axis, curve["train_size"], curve, "mean", color="black", marker="o")
    axis.set_ylabel("excess (nats)")
