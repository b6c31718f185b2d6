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
from .style import MARKERS

_NETWORK = ["grammar", "task", "architecture", "depth", "context"]
_MOST_TICKS = 6


def learning_rates(
    title: str,
    rates: pd.DataFrame,
    best: pd.DataFrame,
    scaling: pd.DataFrame,
    coordinates: pd.DataFrame,
) -> Figure:
    """A row a network: loss against rate at the largest size, best rate, coordinate check.

    The tables are those of the stage ``rates``, for one experiment.
    """
    networks = list(rates[_NETWORK].drop_duplicates().itertuples(index=False, name=None))
    columns = 3 if len(coordinates) else 2
    figure, axes = plt.subplots(
        len(networks), columns, figsize=(3.7 * columns, 0.5 + 3.2 * len(networks)), squeeze=False
    )
    for row, network in zip(axes, networks):
        mine, optima, slopes, checks = (
            _of(table, network) for table in (rates, best, scaling, coordinates)
        )
        largest = mine["train_size"].max()
        _losses(row[0], mine[mine["train_size"] == largest], optima)
        grammar, _, architecture, depth, context = network
        window = f", last {context} tokens" if context else ""
        row[0].set_title(f"{grammar} {architecture}, depth {depth}{window}, $P={largest}$")
        _optima(row[1], optima, slopes)
        if len(coordinates):
            _coordinates(row[2], checks)
    figure.suptitle(title.replace("$", r"\$"), fontsize="medium")
    sns.despine(figure)
    return figure


def _of(table: pd.DataFrame, network: tuple[Any, ...]) -> pd.DataFrame:
    return table[(table[_NETWORK] == pd.Series(network, index=_NETWORK)).all(axis=1)]


def _losses(axis: Axes, rates: pd.DataFrame, optima: pd.DataFrame) -> None:
    """Validation loss against the learning rate, a line a width; a star at each optimum."""
    colors = sns.color_palette("viridis", rates["width"].nunique())
    for (width, curve), color, marker in zip(rates.groupby("width"), colors, MARKERS * 9):
        axis.plot(
            curve["lr"], curve["val_loss"], color=color, marker=marker, markersize=4,
            label=f"width {width}",
        )  # fmt: skip
        axis.fill_between(curve["lr"], curve["low"], curve["high"], color=color, alpha=0.15, lw=0)
        here = optima[
            (optima["width"] == width) & (optima["train_size"] == curve["train_size"].iloc[0])
        ]
        found = here["optimum"].iloc[0]
        axis.plot(
            found, curve["val_loss"].min(), "*", color=color, markersize=11, mec="black", mew=0.4
        )
    means = rates["val_loss"].dropna()
    if len(means):  # else everything diverged
        axis.set_ylim(0.8 * means.min(), 1.1 * means.max())  # intervals may leave it
    axis.set(xscale="log", xlabel="learning rate, as configured", ylabel="validation loss (nats)")
    _only_ticks(axis, rates["lr"])
    axis.legend(loc="best")


def _optima(axis: Axes, optima: pd.DataFrame, slopes: pd.DataFrame) -> None:
    """The best rate against the width, a line a training size; open if at an edge of the list."""
    several = optima["width"].nunique() > 1
    over, other = ("width", "train_size") if several else ("train_size", "width")
    colors = sns.color_palette("colorblind", optima[other].nunique())
    for (value, group), color, marker in zip(optima.groupby(other), colors, MARKERS * 9):
        label = f"$P={value}$" if several else f"width {value}"
        slope = slopes[slopes["train_size"] == value] if several else slopes[:0]
        if slope["exponent"].notna().any():
            low, high = slope["low"].iloc[0], slope["high"].iloc[0]
            label += f": {slope['exponent'].iloc[0]:.2f}"
            label += f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else ""
        spread = [
            (group["optimum"] - group["low"]).clip(lower=0).fillna(0),
            (group["high"] - group["optimum"]).clip(lower=0).fillna(0),
        ]
        axis.errorbar(
            group[over], group["optimum"], yerr=spread, color=color, capsize=2, linewidth=1,
            label=label,
        )  # fmt: skip
        for inside, face in ((True, color), (False, "white")):
            shown = group[~group["edge"].isin(LIST_EDGES) == inside]
            axis.plot(
                shown[over], shown["optimum"], linestyle="none", marker=marker, color=color,
                markerfacecolor=face, markersize=5,
            )  # fmt: skip
    axis.set(xscale="log", yscale="log", ylabel="best learning rate")
    axis.set_xlabel("width" if several else "training sentences $P$")
    _only_ticks(axis, optima[over])
    tried = optima["chosen"]
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, tried.min() / 3), max(high, tried.max() * 3))
    axis.legend(loc="best", title="exponent [95%]" if several and len(slopes) else None)


def _coordinates(axis: Axes, checks: pd.DataFrame) -> None:
    """Change of every layer after the first and the last watched step, against the width."""
    if not len(checks):
        axis.set_axis_off()
        return
    layers, steps = sorted(checks["layer"].unique()), sorted(checks["step"].unique())
    colors = sns.color_palette("colorblind", len(layers))
    for layer, color, marker in zip(layers, colors, MARKERS * 9):
        label = "logits" if layer == layers[-1] else f"layer {layer}"
        for step, line in ((steps[0], ":"), (steps[-1], "-")):
            mine = checks[(checks["layer"] == layer) & (checks["step"] == step)]
            mean = mine.groupby("width")["change"].mean()
            axis.plot(
                mean.index, mean, color=color, linestyle=line, marker=marker, markersize=4,
                label=label if step == steps[-1] else None,
            )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlabel="width", ylabel="rms change of activations")
    axis.set_title(f"after {steps[0]} step (dotted) and {steps[-1]}")
    _only_ticks(axis, checks["width"])
    axis.legend(loc="best", ncols=2)


def _only_ticks(axis: Axes, values: pd.Series) -> None:
    """Name values that occur, no others, and no more than there is room for."""
    shown = sorted(values.unique())
    shown = shown[:: math.ceil(len(shown) / _MOST_TICKS)]
    axis.set_xticks(shown, [str(value) for value in shown])
    axis.minorticks_off()
