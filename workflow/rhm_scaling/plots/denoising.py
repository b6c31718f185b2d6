"""Figures of denoising: what corrupted sentences tell of each level, and what restoring changes."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .numbers import with_interval
from .style import (
    GREY,
    errorbars,
    evenly,
    handle,
    heading,
    legend_above,
    legend_of,
    ordered,
    stacked,
    whole_numbers,
)

_PANEL = 1.7  # inches high
_MOST = 6  # depths that are drawn
_GUIDE: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "linestyle": "--", "zorder": 1}
_BAND: dict[str, Any] = {"color": "0.88", "linewidth": 0, "zorder": 0}
_FRACTION = {"mask": "masked fraction of tokens", "noise": "fraction of tokens under noise"}


def denoising(rows: pd.DataFrame, transition: pd.DataFrame, title: str) -> Figure:
    """Posterior of the root against the fraction, a line a depth; and where successive ones cross.

    Parameters
    ----------
    rows, transition
        ``denoising.csv`` and ``transition.csv``, of one grammar and corruption.
    title
        Heading.
    """
    figure, (curves, crossings) = stacked(1.3 * _PANEL, _PANEL, around=0.9)
    roots = rows[rows["quantity"] == "root"]
    depths = evenly(roots["level"], _MOST)
    looks = ordered(len(depths))
    for depth, (color, marker) in zip(depths, looks):
        line = roots[roots["level"] == depth]
        errorbars(curves, line["fraction"], line, "mean", color=color, marker=marker)
        curves.plot(line["fraction"], line["predicted"], color=color, linewidth=0.8)
    first = transition.iloc[0]
    _critical(curves, first)
    curves.set(xlabel=_FRACTION[first["corruption"]], ylabel="posterior of the true root")
    curves.set_ylim(-0.03, 1.03)
    told = with_interval(*(first[f"critical{end}"] for end in ("", "_low", "_high")))
    legend_above(curves, [], f"critical fraction {told}")

    crossings.axhspan(first["critical_low"], first["critical_high"], **_BAND)
    crossings.axhline(first["critical"], **_GUIDE)
    renamed = transition.rename(columns={f"crossing_{end}": end for end in ("low", "high")})
    errorbars(crossings, renamed["L"], renamed, "crossing", color="black", marker="o")
    crossings.set(xlabel="depth $L$", ylabel="crosses $L-1$ at")
    crossings.margins(x=0.05)
    low, high = crossings.get_ylim()
    crossings.set_ylim(max(low, 0.0), min(high, 1.0))
    whole_numbers(crossings, transition["L"])
    lines = [handle(f"$L$ = {d:g}", color=c, marker=m) for d, (c, m) in zip(depths, looks)]
    legend_of(figure, [*lines, handle("fixed point", **_GUIDE)])
    heading(figure, title)
    return figure


def restoring(rows: pd.DataFrame, transition: pd.DataFrame, title: str) -> Figure:
    """Posterior of every level given the whole sentence; what changes; what obeys the rules.

    Parameters
    ----------
    rows, transition
        As for `denoising`.
    title
        Heading.
    """
    figure, (symbols, changes, rules) = stacked(_PANEL, _PANEL, _PANEL, around=1.0)
    of = {name: rows[rows["quantity"] == name] for name in rows["quantity"].unique()}
    levels = evenly(of["symbol"]["level"], _MOST)
    looks = dict(zip(levels, ordered(len(levels))))
    for level, (color, marker) in looks.items():
        look = {"color": color, "marker": marker}
        line = of["symbol"][of["symbol"]["level"] == level]
        errorbars(symbols, line["fraction"], line, "mean", **look, linestyle="-")
        line = of["obeying_alone"][of["obeying_alone"]["level"] == level]
        if len(line):  # tokens are no subtrees
            errorbars(rules, line["fraction"], line, "mean", **look, linestyle="-")
    whole = of["obeying"].groupby("fraction")["mean"].min()
    rules.plot(whole.index, whole, color="black", linewidth=0.8)
    line = of["susceptibility"]
    errorbars(changes, line["fraction"], line, "mean", color="black", marker="o", linestyle="-")
    changes.set_ylim(bottom=0)
    symbols.set_ylabel("posterior of the truth")
    changes.set_ylabel("susceptibility")
    rules.set_ylabel("subtrees that obey")
    for axis in (symbols, rules):
        axis.set_ylim(-0.03, 1.05)
    for axis in (symbols, changes, rules):
        _critical(axis, transition.iloc[0])
        axis.set_xlabel(_FRACTION[transition["corruption"].iloc[0]])
    lines = [handle(f"level {level:g}", color=c, marker=m) for level, (c, m) in looks.items()]
    drawn = handle("all levels, restored together", color="black", linewidth=0.8)
    legend_of(figure, [*lines, drawn, handle("critical fraction", **_GUIDE)])
    heading(figure, title)
    return figure


def _critical(axis: Axes, row: pd.Series) -> None:
    axis.axvspan(row["critical_low"], row["critical_high"], **_BAND)
    axis.axvline(row["critical"], **_GUIDE)
