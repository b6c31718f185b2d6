"""Figures of sparse grammars: sizes against the number of blanks, and what networks do not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.curves import CURVE_KEY, rows_of
from ..analysis.scans import NETWORK
from .curves import curve_labels
from .numbers import with_interval
from .style import (
    GREY,
    amounts,
    errorbars,
    handle,
    heading,
    legend_above,
    legend_of,
    looks,
    ordered,
    sizes_axis,
    stacked,
    whole_numbers,
)

_PANEL = 1.9  # inches high
_FORMS = {"threshold": ("exact correlations", "--"), "bare": ("the paper's power", ":")}
_CHANGES = {"synonyms": "-", "blanks": "--"}
_ERROR: dict[str, Any] = {"color": GREY, "linestyle": ":", "marker": "x"}
_ANSWER = "output"  # the layer of `training.sensitivity`


def scan_sparsity(points: pd.DataFrame, laws: pd.DataFrame, title: str) -> Figure:
    """Measured ``P*`` of one experiment against ``s0 + 1``, beside both predictions.

    Parameters
    ----------
    points, laws
        ``scan_points.csv`` and ``scan_laws.csv``, of one experiment. Predictions are drawn through
        the geometric mean of the measured sizes: theory has their growth, not their prefactor.
    title
        Of the experiment.
    """
    told = points[points["reason"].isna()]
    networks = points[NETWORK].drop_duplicates().to_dict("records")
    figure, (axis,) = stacked(_PANEL, around=0.8)
    axis.set(xscale="log", yscale="log", xlabel="places in a block $s_0+1$")
    axis.set_ylabel("measured $P^*$")
    named = []
    for network, (color, marker) in zip(networks, looks(len(networks))):
        mine = told[(told[NETWORK] == pd.Series(network)).all(axis=1)].sort_values("sparsity")
        fitted = laws[(laws[NETWORK] == pd.Series(network)).all(axis=1)]
        fitted = fitted[fitted["law"] == "blanks"]
        said = "no fit"
        if len(fitted):
            law = fitted.iloc[0]
            said = with_interval(law["estimate"], law["low"], law["high"])
            said += f", predicted {law['predicted_same_fit']:.1f}, paper {law['bare_same_fit']:.1f}"
        name = f"{network['architecture']}: exponent {said}"
        named.append(handle(name, color=color, marker=marker, linestyle="none"))
        if not len(mine):
            continue
        x, y = mine["sparsity"] + 1, mine["crossed_at"]
        errorbars(axis, x, mine, "crossed_at", color=color, marker=marker)
        for form, (_, dashes) in _FORMS.items():
            constant = np.exp(np.log(y / mine[form]).mean())
            width = 0.8 if form == "threshold" else 2.0  # to be seen where the two are one
            axis.plot(x, constant * mine[form], dashes, color=color, linewidth=width)
    if len(told):
        whole_numbers(axis, told["sparsity"] + 1)
        amounts(axis)
    legend_above(axis, named)
    legend_of(figure, [handle(name, linestyle=dashes) for name, dashes in _FORMS.values()])
    heading(figure, title)
    return figure


def sensitivities(table: pd.DataFrame, curves: pd.DataFrame, title: str) -> Figure:
    """How far synonyms and moved blanks change the answer, against ``P``: a panel a curve.

    Parameters
    ----------
    table
        ``sensitivity_curves.csv``, of one experiment.
    curves
        ``curves.csv``; the test error over chance is drawn beside.
    title
        Of the experiment.
    """
    labels = curve_labels(table)
    figure, axes = stacked(*[_PANEL] * len(labels), around=0.9)
    levels = sorted(table["level"].unique())
    shades = dict(zip(levels, ordered(len(levels))))
    for axis, (key, label) in zip(axes, labels.items()):
        named = dict(zip(CURVE_KEY, key))
        mine = rows_of(table, named)
        _panel(axis, mine[mine["layer"] == _ANSWER], rows_of(curves, named), shades)
        legend_above(axis, [], label)
    lines = [
        handle(f"level {level}", color=color, marker=marker)
        for level, (color, marker) in shades.items()
    ]
    kinds = [handle(change, linestyle=dashes) for change, dashes in _CHANGES.items()]
    error = handle("test error / chance", **_ERROR)
    legend_of(figure, [*lines, *kinds, error])
    heading(figure, title)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, curve: pd.DataFrame, shades: dict[Any, Any]) -> None:
    """One curve's sensitivities of the answer, and its test error over chance."""
    for (level, change), line in rows.groupby(["level", "change"]):
        line = line.sort_values("train_size")
        color, marker = shades[level]
        look = {"color": color, "linestyle": _CHANGES[str(change)], "linewidth": 0.9}
        axis.plot(line["train_size"], line["mean"], marker=marker, markersize=2.4, **look)
    error = curve.sort_values("sentences")
    over = error["mean"] / error["chance"]
    axis.plot(error["sentences"], over, **_ERROR, markersize=3.0)
    sizes_axis(axis, rows["train_size"])
    axis.set(ylim=(-0.06, 1.25), ylabel="sensitivity")
