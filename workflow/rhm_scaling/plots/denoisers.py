"""Figures of networks that denoise: excess by masked fraction, and levels that they compose."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.curves import CURVE_KEY, rows_of
from .curves import curve_labels
from .style import (
    errorbars,
    evenly,
    handle,
    heading,
    legend_of,
    nothing_to_draw,
    ordered,
    sizes_axis,
    stacked,
)

_PANEL = 1.6  # inches high
_MOST = 6  # fractions or levels that are drawn
_WIDEST = 0.5  # interval of a fraction that tells something
_ORDERS = {"in turn": "-", "at once": ":"}
_EXACT: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 0.7}


def masked(curves: pd.DataFrame, title: str) -> Figure:
    """Excess of a masked token against sentences, a line a fraction, a panel a curve.

    Parameters
    ----------
    curves
        ``masked_curves.csv`` of one experiment.
    title
        Heading.
    """
    rows = _seen(curves)
    if not len(rows):
        return nothing_to_draw(title)
    labels = curve_labels(rows)
    figure, axes = stacked(*[_PANEL] * len(labels), around=0.9)
    fractions = evenly(rows["fraction"], _MOST)
    looks = dict(zip(fractions, ordered(len(fractions))))
    for axis, (known_as, label) in zip(axes, labels.items()):
        mine = rows_of(rows, dict(zip(CURVE_KEY, known_as)))
        mine = mine[mine["quantity"] == "excess"]
        sizes_axis(axis, mine["sentences"], _along(mine, axis is axes[-1]))
        axis.set_yscale("log")
        for fraction, (color, marker) in looks.items():
            line = mine[(mine["fraction"] == fraction) & (mine["mean"] > 0)]
            look: dict[str, Any] = {"color": color, "marker": marker, "linestyle": "-"}
            errorbars(axis, line["sentences"], line, "mean", **look)
        axis.set_ylabel("excess (nats)")
        axis.set_title(label, loc="left")
    handles = [
        handle(f"{fraction:g} masked", color=color, marker=marker)
        for fraction, (color, marker) in looks.items()
    ]
    legend_of(figure, handles)
    heading(figure, title)
    return figure


def composition(curves: pd.DataFrame, composed: pd.DataFrame, title: str) -> Figure:
    """Filled sentences that obey the rules, by level, at the largest fraction: two panels a curve.

    Parameters
    ----------
    curves, composed
        ``masked_curves.csv`` and ``composed_at.csv`` of one experiment.
    title
        Heading.
    """
    rows = _seen(curves)
    if not len(rows):
        return nothing_to_draw(title)
    labels = curve_labels(rows)
    figure, axes = stacked(*[_PANEL, _PANEL] * len(labels), around=1.1)
    levels = evenly(rows["level"], _MOST)
    looks = dict(zip(levels, ordered(len(levels))))
    for number, (known_as, label) in enumerate(labels.items()):
        key = dict(zip(CURVE_KEY, known_as))
        mine, at = rows_of(rows, key), rows_of(composed, key)
        largest = mine["fraction"].max()
        mine, at = (table[table["fraction"] == largest] for table in (mine, at))
        upper, lower = axes[2 * number : 2 * number + 2]
        for axis, quantity in ((upper, "obeying"), (lower, "composing")):
            told = mine[mine["quantity"] == quantity]
            last = number == len(labels) - 1 and axis is lower
            sizes_axis(axis, told["sentences"], _along(told, last))
            for level, look in looks.items():
                _level(axis, told[told["level"] == level], look, quantity)
                half = at[(at["measure"] == quantity) & (at["level"] == level)]["sentences"]
                axis.plot(half, [0.02] * len(half), **_mark(look), transform=_along_x(axis))
            axis.set_ylim(-0.03, 1.05)
        upper.set_ylabel("subtrees that obey")
        lower.set_ylabel("of those whose\nparts obey")
        upper.set_title(f"{label}: {largest:g} masked", loc="left")
    handles = [
        handle(f"level {level:.0f}", color=color, marker=marker)
        for level, (color, marker) in looks.items()
    ]
    handles += [handle(f"filled {order}", linestyle=line) for order, line in _ORDERS.items()]
    handles.append(handle("exact marginals, at once", **_EXACT))
    handles.append(handle("half-way, at the bottom", marker="o", linestyle="none"))
    legend_of(figure, handles)
    heading(figure, title)
    return figure


def _level(axis: Axes, rows: pd.DataFrame, look: tuple[Any, str], quantity: str) -> None:
    """A level's fractions by both orders, and those of exact marginals; of what is new, in turn.

    That may be anything while few subtrees have parts that obey: it is drawn where every rule draw
    has some, and their interval is narrower than half of all that there is.
    """
    color, marker = look
    if quantity == "composing":
        rows = rows[rows["order"] == "in turn"]
        rows = rows[rows["rule_draws"] == rows["rule_draws"].max()]
        rows = rows[~(rows["high"] - rows["low"] > _WIDEST)]
    for order, line in _ORDERS.items():
        mine = rows[rows["order"] == order]
        if order == "in turn":
            errorbars(
                axis, mine["sentences"], mine, "mean", color=color, marker=marker, linestyle=line
            )
            continue
        axis.plot(mine["sentences"], mine["mean"], color=color, linestyle=line)
        if len(mine):
            axis.axhline(mine["exact"].mean(), color=color, **_EXACT)


def _mark(look: tuple[Any, str]) -> dict[str, Any]:
    color, marker = look
    return {"color": color, "marker": marker, "linestyle": "none", "clip_on": False, "zorder": 4}


def _along_x(axis: Axes) -> Any:
    return axis.get_xaxis_transform()


def _seen(curves: pd.DataFrame) -> pd.DataFrame:
    return curves[(curves["sentences"] > 0) & curves["mean"].notna()]


def _along(rows: pd.DataFrame, last: bool) -> str:
    """What the axis of sentences is called, below the last panel of a kind."""
    online = (rows["protocol"] == "online").all()
    return ("sentences seen, all fresh" if online else "training sentences $P$") if last else ""
