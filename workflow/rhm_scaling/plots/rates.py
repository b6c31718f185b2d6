"""Figures of learning rates: loss against rate, the optimum over widths, coordinate checks."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.learning_rates import LIST_EDGES
from .numbers import with_interval
from .style import COLUMN, handle, heading, legend_above, looks, ordered

_NETWORK = ["grammar", "task", "architecture", "depth", "context"]
_MOST_RATES, _MOST_TICKS = 3, 4  # panels side by side have no room for more


def learning_rates(
    title: str,
    rates: pd.DataFrame,
    best: pd.DataFrame,
    scaling: pd.DataFrame,
    coordinates: pd.DataFrame,
) -> Figure:
    """By network: loss against rate at the largest size, best rate; below, the coordinate check.

    The largest is that of online training, if there is such a curve.

    The tables are those of the stage ``rates``, for one experiment.
    """
    networks = list(rates[_NETWORK].drop_duplicates().itertuples(index=False, name=None))
    rows = 2 if len(coordinates) else 1
    figure = plt.figure(figsize=(COLUMN, 0.3 + 2.1 * rows * len(networks)))
    grid = figure.add_gridspec(rows * len(networks), 2)
    for index, network in enumerate(networks):
        at = rows * index
        row = [figure.add_subplot(grid[at, column]) for column in (0, 1)]
        mine, optima, slopes, checks = (
            _of(table, network) for table in (rates, best, scaling, coordinates)
        )
        largest = mine["train_size"].max()
        grammar, _, architecture, depth, context = network
        window = f", last {context} tokens" if context else ""
        named = f"{grammar}, {architecture}\ndepth {depth}{window}, {_size(largest)}"
        _losses(row[0], mine[mine["train_size"] == largest], optima, named)
        _optima(row[1], optima, slopes)
        if len(checks):
            _coordinates(figure.add_subplot(grid[at + 1, :]), checks)
    heading(figure, title)
    sns.despine(figure)
    return figure


def _of(table: pd.DataFrame, network: tuple[Any, ...]) -> pd.DataFrame:
    return table[(table[_NETWORK] == pd.Series(network, index=_NETWORK)).all(axis=1)]


def _size(sentences: Any) -> str:
    """The size of a training set for a legend; a training that ends nowhere has none."""
    return "online" if math.isinf(sentences) else f"$P={sentences:.0f}$"


def _losses(axis: Axes, rates: pd.DataFrame, optima: pd.DataFrame, named: str) -> None:
    """Validation loss against the learning rate, a line a width; a star at each optimum."""
    look = ordered(rates["width"].nunique())
    for (width, curve), (color, marker) in zip(rates.groupby("width"), look):
        axis.plot(
            curve["lr"], curve["val_loss"], color=color, marker=marker,
            label=f"width {width}",
        )  # fmt: skip
        axis.fill_between(curve["lr"], curve["low"], curve["high"], color=color, alpha=0.15, lw=0)
        here = optima[
            (optima["width"] == width) & (optima["train_size"] == curve["train_size"].iloc[0])
        ]
        found = here["optimum"].iloc[0]
        axis.plot(
            found, curve["val_loss"].min(), "*", color=color, markersize=6, mec="black", mew=0.4
        )
    means = rates["val_loss"].dropna()
    if len(means):  # else everything diverged
        axis.set_ylim(0.8 * means.min(), 1.1 * means.max())  # intervals may leave it
    axis.set(xscale="log", xlabel="learning rate, as configured", ylabel="validation loss (nats)")
    _only_ticks(axis, rates["lr"], _MOST_RATES)
    best = handle("best", marker="*", linestyle="none", markersize=6)
    legend_above(axis, [*axis.get_legend_handles_labels()[0], best], named, beside=2)


def slope_in_words(slope: pd.Series) -> str:
    """The exponent of the best rate in the width, where it is a result."""
    if slope["high"] - slope["low"] < 0.01 and abs(slope["exponent"]) < 0.005:
        return "does not move"
    return with_interval(slope["exponent"], slope["low"], slope["high"])


def _optima(axis: Axes, optima: pd.DataFrame, slopes: pd.DataFrame) -> None:
    """The best rate against the width, a line a training size; open if at an edge of the list.

    Of a single width it is against the size, and a dashed line is the best rate online.
    """
    several = optima["width"].nunique() > 1
    over, other = ("width", "train_size") if several else ("train_size", "width")
    online = optima[np.isinf(optima[over])]
    tried, optima = optima["chosen"], optima.drop(online.index)
    look = looks(optima[other].nunique())
    handles = []
    for (value, group), (color, marker) in zip(optima.groupby(other), look):
        label = _size(value) if several else f"width {value}"
        slope = slopes[slopes["train_size"] == value] if several else slopes[:0]
        if slope["exponent"].notna().any():
            label += f":\n{slope_in_words(slope.iloc[0])}"
        spread = [
            (group["optimum"] - group["low"]).clip(lower=0).fillna(0),
            (group["high"] - group["optimum"]).clip(lower=0).fillna(0),
        ]
        handles.append(handle(label, color=color, marker=marker))
        axis.errorbar(
            group[over], group["optimum"], yerr=spread, color=color, capsize=1.3, linewidth=0.8,
            elinewidth=0.7,
        )  # fmt: skip
        for inside, face in ((True, color), (False, "white")):
            shown = group[~group["edge"].isin(LIST_EDGES) == inside]
            axis.plot(
                shown[over], shown["optimum"], linestyle="none", marker=marker, color=color,
                markerfacecolor=face,
            )  # fmt: skip
    for found in online["optimum"]:
        axis.axhline(found, color="0.4", linestyle="--", linewidth=0.8)
        handles.append(handle("online", color="0.4", linestyle="--"))
    axis.set(xscale="log", yscale="log", ylabel="best learning rate")
    axis.set_xlabel("width" if several else "training sentences $P$")
    _only_ticks(axis, optima[over])
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, tried.min() / 3), max(high, tried.max() * 3))
    handles.append(handle("at an edge", marker="o", linestyle="none", markerfacecolor="white"))
    legend_above(axis, handles, "exponent [95%]" if several and len(slopes) else "", beside=2)


def _coordinates(axis: Axes, checks: pd.DataFrame) -> None:
    """Change of every layer after the first and the last watched step, against the width."""
    layers, steps = sorted(checks["layer"].unique()), sorted(checks["step"].unique())
    for layer, (color, marker) in zip(layers, looks(len(layers))):
        label = "logits" if layer == layers[-1] else f"layer {layer}"
        for step, line in ((steps[0], ":"), (steps[-1], "-")):
            mine = checks[(checks["layer"] == layer) & (checks["step"] == step)]
            mean = mine.groupby("width")["change"].mean()
            axis.plot(
                mean.index, mean, color=color, linestyle=line, marker=marker,
                label=label if step == steps[-1] else None,
            )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlabel="width", ylabel="rms change of activations")
    _only_ticks(axis, checks["width"])
    legend_above(axis, title=f"coordinate check, after {steps[0]} step (dotted) and {steps[-1]}")


def _only_ticks(axis: Axes, values: pd.Series, most: int = _MOST_TICKS) -> None:
    """Name values that occur, no others, and no more than there is room for."""
    shown = sorted(values.unique())
    shown = shown[:: math.ceil(len(shown) / most) or 1]
    axis.set_xticks(shown, [f"{value:g}" for value in shown])
    axis.minorticks_off()
