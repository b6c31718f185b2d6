"""Figures of network size: excess against size, what limits it, excess against compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from ..analysis.power_law import FEWEST_POINTS
from ..analysis.size_scaling import family, surface_of
from .numbers import with_interval
from .style import (
    GREY,
    SMALL,
    SMALLEST,
    dodged,
    errorbars,
    handle,
    heading,
    legend_above,
    nothing,
    ordered,
    stacked,
)

_EXCESS = "excess over the Bayes limit (nats)"
_HEIGHTS = (2.0, 1.7, 1.9)  # inches: the panels of a family
_ABOVE = 1.5  # times its floor: where a curve is still falling
_COUNTED = {"needed_shared": 0.05, "needed_unshared": 0.025}  # and the lengths of their ticks


def network_sizes(
    title: str,
    families: list[dict[str, Any]],
    sizes: pd.DataFrame,
    fits: pd.DataFrame,
    compute: pd.DataFrame,
    frontier: pd.DataFrame,
    levels: pd.DataFrame,
) -> Figure:
    """A row a family: excess against size, the plane of size and data, excess against compute.

    The tables are those of the stage ``scaling``.
    """
    figure, axes = stacked(*(_HEIGHTS * len(families)), around=0.3)
    for index, key in enumerate(families):
        row = axes[len(_HEIGHTS) * index : len(_HEIGHTS) * (index + 1)]
        mine, found, spent, best, reached = (
            family(table, key) for table in (sizes, fits, compute, frontier, levels)
        )
        _sizes(row[0], mine, found, reached, f"{key['architecture']} on {key['grammar']}")
        _regions(row[1], mine, found)
        _compute(row[2], spent, found, best)
    heading(figure, title)
    sns.despine(figure)
    return figure


def amount(train_size: float) -> str:
    """A training size in words."""
    return "online" if np.isinf(train_size) else f"$P={train_size:.0f}$"


def _told(fit: pd.Series) -> str:
    return with_interval(fit["estimate"], fit["low"], fit["high"])


def _value(fits: pd.DataFrame, quantity: str) -> pd.Series | None:
    rows = fits[fits["quantity"] == quantity]
    return rows.iloc[0] if len(rows) else None


def _sizes(
    axis: Axes, sizes: pd.DataFrame, fits: pd.DataFrame, levels: pd.DataFrame, named: str
) -> None:
    """Excess against parameters, a line a training size; filled points enter the fits."""
    if not (sizes["mean"] > 0).any():
        nothing(axis, "all networks failed")
        return
    amounts, handles = sorted(sizes["train_size"].unique()), []
    _span(axis, sizes["parameters"])
    for index, (size, (color, marker)) in enumerate(zip(amounts, ordered(len(amounts)))):
        curve = sizes[(sizes["train_size"] == size) & (sizes["mean"] > 0)]
        mine = fits[(fits["fit"] == "size") & (fits["train_size"] == size)]
        free = mine[mine["floor"] == "free"]
        exponent, label = _value(free, "size_exponent"), amount(size)
        if exponent is not None:
            floor = _value(free, "floor")
            if exponent["converged"] and tells_a_slope(curve, floor):
                label += f": {_told(exponent)}"
            used = curve.loc[curve["fitted"], "parameters"]
            span = np.geomspace(used.min(), used.max(), 60)
            axis.plot(span, surface_of(free, "size", "free").at(span), color=color, linewidth=1.2)
        for inside, face in ((True, color), (False, "white")):
            shown = curve[curve["fitted"] == inside]
            at = dodged(axis, shown["parameters"], index, len(amounts))
            errorbars(axis, at, shown, "mean", color=color, marker=marker, markerfacecolor=face)
        handles.append(handle(label, color=color, marker=marker))
    axis.set(xscale="log", yscale="log", xlabel="parameters $N$", ylabel=_EXCESS)
    _limit(axis, sizes["mean"], 8.0)
    handles += [
        handle("not in the fit", marker="o", linestyle="none", markerfacecolor="white"),
        *_levels(axis, levels),
    ]
    legend_above(axis, handles, f"{named}: exponent in $N$ [95%], if there is one")


def tells_a_slope(curve: pd.DataFrame, floor: pd.Series | None) -> bool:
    """Whether enough sizes lie above the floor; else any steep law would fit."""
    least = 0.0 if floor is None else float(floor["estimate"])
    return int((curve["fitted"] & (curve["mean"] > _ABOVE * least)).sum()) >= FEWEST_POINTS


def _span(axis: Axes, parameters: pd.Series) -> None:
    low, high = parameters.min(), parameters.max()
    beyond = max(high / low, 2.0) ** 0.06
    axis.set(xscale="log", xlim=(low / beyond, high * beyond))


def _limit(axis: Axes, values: pd.Series, above: float = 2.0) -> None:
    """Show the measured range, and room for what stands above."""
    positive = values[values > 0]
    if len(positive):
        axis.set_ylim(positive.min() / 2, positive.max() * above)


def _levels(axis: Axes, levels: pd.DataFrame) -> list[Line2D]:
    """At the top, sizes that counting rules asks for, and those at which levels are reached.

    Long ticks: every rule once; short ones: once for every position. What the legend says of them.
    """
    levels = levels.astype({"reached": float})  # a table without rows has no numbers
    low, high = axis.get_xlim()
    counted = levels[[*_COUNTED]].to_numpy(dtype=float)
    counted = counted[np.isfinite(counted)]
    if len(counted):
        axis.set_xlim(min(low, counted.min() / 1.3), max(high, counted.max() * 1.3))
    where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
    for _, row in levels.iterrows():
        for name, length in _COUNTED.items():
            if np.isfinite(row[name]):
                axis.axvline(row[name], ymin=1 - length, ymax=1, color=GREY, linewidth=1.2)
        if np.isfinite(row["needed_shared"]):
            at = row["needed_shared"], 0.93
            axis.annotate(f"{row['level']}", at, fontsize=SMALLEST, color=GREY, **where)
    for reached, rows in levels[np.isfinite(levels["reached"])].groupby("reached"):
        label = ", ".join(f"$H_{level}$" for level in rows["level"])
        axis.annotate(label, (reached, 0.85), fontsize=SMALL, **where)
    named = []
    if len(counted):
        named.append(handle("top: rules of level $l$", marker="|", linestyle="none"))
    if np.isfinite(levels["reached"]).any():
        named.append(handle("$H_l$: reached online", linestyle="none"))
    return named


def _regions(axis: Axes, sizes: pd.DataFrame, fits: pd.DataFrame) -> None:
    """The plane of parameters and sentences, divided where the joint fit's terms are equal."""
    joint = fits[(fits["fit"] == "joint") & (fits["floor"] == "exact")]
    surface = surface_of(joint, "joint")
    finite = sizes[np.isfinite(sizes["train_size"]) & (sizes["mean"] > 0)]
    if not len(finite) or not np.isfinite(surface.data_exponent):
        nothing(axis, "no joint fit: too few sizes\nbelow half of chance")
        return
    axis.set(xscale="log", yscale="log")  # before contours are labelled
    span = np.geomspace(finite["parameters"].min() / 1.5, finite["parameters"].max() * 1.5, 200)
    data = np.geomspace(finite["train_size"].min() / 2.6, finite["train_size"].max() * 2.6, 200)
    values = surface.at(span[None, :], data[:, None])
    levels = np.geomspace(values.min(), values.max(), 9)
    lines = axis.contour(span, data, values, levels=levels, colors=_shades(9), linewidths=0.9)
    axis.clabel(lines, fmt=lambda value: f"{value:.2g}", fontsize=SMALLEST)
    by_size = surface.size_amplitude * span**-surface.size_exponent
    edge = (surface.data_amplitude / by_size) ** (1 / surface.data_exponent)
    # above the line more sentences help little: the size limits
    axis.fill_between(span, edge, data[-1], where=edge < data[-1], color="C0", alpha=0.12, lw=0)
    axis.fill_between(span, data[0], np.clip(edge, data[0], None), color="C1", alpha=0.12, lw=0)
    axis.plot(span, edge, color="black", linewidth=1.2)
    for inside, face in ((True, GREY), (False, "white")):
        shown = finite[finite["fitted"] == inside]
        axis.plot(
            shown["parameters"], shown["train_size"], "o", color=GREY, markerfacecolor=face,
            markersize=4,
        )  # fmt: skip
    boxes = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    for text, where, ha, va in (
        ("limited by size", (0.03, 0.97), "left", "top"),
        ("limited by data", (0.97, 0.03), "right", "bottom"),
    ):
        axis.text(*where, text, transform=axis.transAxes, ha=ha, va=va, bbox=boxes, fontsize=SMALL)
    axis.set(xlabel="parameters $N$", ylabel="training sentences $P$")
    axis.set(xlim=(span[0], span[-1]), ylim=(data[0], data[-1]))
    ticks = sorted(finite["train_size"].unique())
    axis.set_yticks(ticks, [f"{size:g}" for size in ticks])
    axis.yaxis.set_minor_locator(NullLocator())
    exponents = [_value(joint, name) for name in ("size_exponent", "data_exponent")]
    shown = [_told(found) for found in exponents if found is not None]
    axis.set_title("joint fit, exponents [95%]:\n$N$ {}, $P$ {}".format(*shown), loc="left")


def _shades(count: int) -> list[Any]:
    return [color for color, _ in ordered(count)[::-1]]


def _compute(axis: Axes, spent: pd.DataFrame, fits: pd.DataFrame, frontier: pd.DataFrame) -> None:
    """Excess against operations, a line a size, with the measured and the fitted frontier."""
    if not len(spent):
        axis.set_axis_off()
        return
    sizes = sorted(spent["parameters"].unique())
    for size, (color, _) in zip(sizes, ordered(len(sizes))):
        curve = spent[(spent["parameters"] == size) & (spent["mean"] > 0)]
        axis.plot(curve["operations"], curve["mean"], color=color, linewidth=1, label=f"{size:.0f}")
    if len(frontier):
        frontier = frontier[frontier["best_excess"].notna()]
        for inside, face in ((True, "black"), (False, "white")):
            shown = frontier[frontier["inside"] == inside]
            axis.plot(
                shown["budget"], shown["best_excess"], "o", color="black", markersize=2.8,
                markerfacecolor=face, label="best swept size" if inside else None,
            )  # fmt: skip
        online = fits[(fits["fit"] == "online") & (fits["floor"] == "exact")]
        label = "fitted frontier"
        if (found := _value(online, "optimal_size_exponent")) is not None:
            label += f": $N\\sim C^p$,\n$p=${_told(found)}"
        axis.plot(
            frontier["budget"], frontier["fitted_excess"], "--", color="black", linewidth=1.2,
            label=label,
        )  # fmt: skip
    axis.set(xscale="log", yscale="log", ylabel=_EXCESS)
    axis.set_xlabel("training operations $C$")
    _limit(axis, spent["mean"])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda c, _: f"$10^{{{np.log10(c):.0f}}}$"))
    legend_above(axis, title="fresh sentences: excess against compute, by parameters")
