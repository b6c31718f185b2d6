"""Figures of network size: loss against size, what limits it, loss against compute."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from ..analysis.size_scaling import family, surface_of
from .style import GREY, MARKERS, with_interval

_EXCESS = "excess over the Bayes limit (nats)"


def network_sizes(
    title: str,
    families: list[dict[str, Any]],
    sizes: pd.DataFrame,
    fits: pd.DataFrame,
    compute: pd.DataFrame,
    frontier: pd.DataFrame,
    levels: pd.DataFrame,
) -> Figure:
    """A row a family: loss against size, the plane of size and data, loss against compute.

    The tables are those of the stage ``scaling``.
    """
    figure, axes = plt.subplots(
        len(families), 3, figsize=(12.0, 0.6 + 3.9 * len(families)), squeeze=False
    )
    for row, key in zip(axes, families):
        mine, found, spent, best, reached = (
            family(table, key) for table in (sizes, fits, compute, frontier, levels)
        )
        _sizes(row[0], mine, found, reached)
        _regions(row[1], mine, found)
        _compute(row[2], spent, found, best)
        row[0].set_title(f"{key['architecture']} on {key['grammar']}: loss against size")
    figure.suptitle(title.replace("$", r"\$"), fontsize="medium")
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


def _sizes(axis: Axes, sizes: pd.DataFrame, fits: pd.DataFrame, levels: pd.DataFrame) -> None:
    """Excess against parameters, a line a training size; filled points enter the fits."""
    if not (sizes["mean"] > 0).any():
        _nothing(axis, "all networks failed")
        return
    amounts = sorted(sizes["train_size"].unique())
    colors = sns.color_palette("viridis_r", len(amounts))
    for size, color, marker in zip(amounts, colors, MARKERS * 9):
        curve = sizes[(sizes["train_size"] == size) & (sizes["mean"] > 0)]
        mine = fits[(fits["fit"] == "size") & (fits["train_size"] == size)]
        free = mine[mine["floor"] == "free"]
        exponent, label = _value(free, "size_exponent"), amount(size)
        if exponent is not None:
            # else the size hardly matters, and any steep law would do
            label += f": {_told(exponent)}" if exponent["converged"] else ""
            used = curve.loc[curve["fitted"], "parameters"]
            span = np.geomspace(used.min(), used.max(), 60)
            axis.plot(span, surface_of(free, "size", "free").at(span), color=color, linewidth=1.2)
        spread = [
            (curve["mean"] - curve["low"]).fillna(0.0),
            (curve["high"] - curve["mean"]).fillna(0.0),
        ]
        axis.errorbar(
            curve["parameters"], curve["mean"], yerr=spread, color=color, linestyle="none",
            elinewidth=1, capsize=2,
        )  # fmt: skip
        for inside, face in ((True, color), (False, "white")):
            shown = curve[curve["fitted"] == inside]
            axis.plot(
                shown["parameters"], shown["mean"], marker, color=color, markerfacecolor=face,
                markersize=4.5,
            )  # fmt: skip
        axis.plot([], [], marker, color=color, markersize=4.5, label=label)
    axis.set(xscale="log", yscale="log", xlabel="parameters $N$", ylabel=_EXCESS)
    _room_below(axis, sizes["mean"])
    _levels(axis, levels)
    axis.legend(loc="lower left", title="exponent in $N$ [95%], floor free")


def _nothing(axis: Axes, why: str) -> None:
    """Say why there is nothing to see."""
    axis.text(0.5, 0.5, why, ha="center", va="center", transform=axis.transAxes, color=GREY)
    axis.set(xticks=[], yticks=[])


def _room_below(axis: Axes, values: pd.Series) -> None:
    """Show the measured range, with room for the legend below it."""
    positive = values[values > 0]
    if len(positive):
        axis.set_ylim(positive.min() / 15, positive.max() * 3)


def _levels(axis: Axes, levels: pd.DataFrame) -> None:
    """At the top, sizes that counting rules asks for, and those at which levels are reached.

    Long ticks: every rule once; short ones: once for every position.
    """
    where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top"}
    for _, row in levels.iterrows():
        for name, length in (("needed_shared", 0.05), ("needed_unshared", 0.025)):
            if np.isfinite(row[name]):
                axis.axvline(row[name], ymin=1 - length, ymax=1, color=GREY, linewidth=1.2)
        if np.isfinite(row["needed_shared"]):
            at = row["needed_shared"], 0.945
            axis.annotate(f"{row['level']}", at, fontsize="x-small", color=GREY, **where)
        if np.isfinite(row["reached"]):
            label = f"$H_{row['level']}$"
            axis.annotate(label, (row["reached"], 0.995), fontsize="small", **where)


def _regions(axis: Axes, sizes: pd.DataFrame, fits: pd.DataFrame) -> None:
    """The plane of parameters and sentences, divided where the joint fit's terms are equal."""
    joint = fits[(fits["fit"] == "joint") & (fits["floor"] == "exact")]
    surface = surface_of(joint, "joint")
    finite = sizes[np.isfinite(sizes["train_size"]) & (sizes["mean"] > 0)]
    if not len(finite) or not np.isfinite(surface.data_exponent):
        _nothing(axis, "no joint fit: too few sizes\nbelow half of chance")
        return
    axis.set(xscale="log", yscale="log")  # before contours are labelled
    span = np.geomspace(finite["parameters"].min() / 1.5, finite["parameters"].max() * 1.5, 200)
    data = np.geomspace(finite["train_size"].min() / 1.6, finite["train_size"].max() * 1.6, 200)
    values = surface.at(span[None, :], data[:, None])
    levels = np.geomspace(values.min(), values.max(), 9)
    lines = axis.contour(span, data, values, levels=levels, cmap="viridis_r", linewidths=0.9)
    axis.clabel(lines, fmt=lambda value: f"{value:.2g}", fontsize="x-small")
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
        axis.text(*where, text, transform=axis.transAxes, ha=ha, va=va, bbox=boxes)
    axis.set(xlabel="parameters $N$", ylabel="training sentences $P$")
    axis.set(xlim=(span[0], span[-1]), ylim=(data[0], data[-1]))
    ticks = sorted(finite["train_size"].unique())
    axis.set_yticks(ticks, [f"{size:g}" for size in ticks])
    axis.yaxis.set_minor_locator(NullLocator())
    exponents = [_value(joint, name) for name in ("size_exponent", "data_exponent")]
    shown = [_told(found) for found in exponents if found is not None]
    axis.set_title("$N$: {}, $P$: {}".format(*shown))


def _compute(axis: Axes, spent: pd.DataFrame, fits: pd.DataFrame, frontier: pd.DataFrame) -> None:
    """Excess against operations, a line a size, with the measured and the fitted frontier."""
    if not len(spent):
        axis.set_axis_off()
        return
    sizes = sorted(spent["parameters"].unique())
    colors = sns.color_palette("flare", len(sizes))
    for size, color in zip(sizes, colors):
        curve = spent[(spent["parameters"] == size) & (spent["mean"] > 0)]
        axis.plot(curve["operations"], curve["mean"], color=color, linewidth=1, label=f"{size:.0f}")
    if len(frontier):
        frontier = frontier[frontier["best_excess"].notna()]
        for inside, face in ((True, "black"), (False, "white")):
            shown = frontier[frontier["inside"] == inside]
            axis.plot(
                shown["budget"], shown["best_excess"], "o", color="black", markersize=3.5,
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
    axis.set_title("fresh sentences: loss against compute")
    _room_below(axis, spent["mean"])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda c, _: f"$10^{{{np.log10(c):.0f}}}$"))
    axis.legend(loc="lower left", title="parameters", fontsize="x-small", ncols=2)
