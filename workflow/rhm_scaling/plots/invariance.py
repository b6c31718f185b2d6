"""Figures of what hidden layers tell apart: matrices of layer by level, in print 85 mm wide."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..analysis.curves import CURVE_KEY, rows_of
from ..analysis.invariance import HALF, NO_SIZES, mean_or_bound
from .curves import curve_labels
from .numbers import size
from .style import COLUMN, SMALLEST, TEXT, nothing_to_draw

_MATRICES, _RATIOS = 2, 5  # side by side
_MOST_LEVELS = 4  # of matrices side by side, for room
_COLORS = "viridis"  # as light in print as they are on the screen
_BESIDE = {"crossed_at": "loss", "threshold": "$P_{l+1}$"}  # rows above the layers
_GAP = 0.25  # between them and the layers, in rows
_PASSED: dict[str, Any] = {"color": "black", "linewidth": 1.2, "solid_capstyle": "butt"}


def invariance_sizes(table: pd.DataFrame, title: str) -> Figure:
    """Sizes of half invariance of one experiment: a panel a curve, layers by levels.

    `table` is ``invariance_sizes.csv``. Above the layers stand the sizes at which the loss crosses
    the level above, and its predicted threshold. Cells that no rule draw reaches are hatched;
    where some do not, the number is a bound on the mean, over the share that does.
    """
    if table.empty:
        return nothing_to_draw(title, NO_SIZES)
    labels = curve_labels(table)
    columns = min(_MATRICES if table["level"].nunique() <= _MOST_LEVELS else 1, len(labels))
    rows = math.ceil(len(labels) / columns)
    most = table["layer"].nunique() + len(_BESIDE)
    figure, axes = plt.subplots(
        rows, columns, figsize=(COLUMN, 0.7 + rows * (0.5 + 0.24 * most)), squeeze=False
    )
    told = [mean_or_bound(row)[0] for row in table.to_dict("records")]
    shown = np.array([*told, *table[[*_BESIDE]].to_numpy(dtype=float).flat])
    shown = shown[np.isfinite(shown)]
    norm = LogNorm(shown.min() / 1.02, shown.max() * 1.02) if len(shown) else LogNorm(1, 10)
    for axis, (key, label) in zip(axes.flat, labels.items()):
        _matrix(axis, rows_of(table, dict(zip(CURVE_KEY, key))), norm)
        axis.set_title(label, fontsize=TEXT)
    for axis in axes.flat[len(labels) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel("hidden layer", fontsize=TEXT)
    _bar(figure, axes, norm, "bottom", "training sentences $P$")
    figure.suptitle(title.replace("$", r"\$"), fontsize=TEXT + 1)
    return figure


def _matrix(axis: Axes, rows: pd.DataFrame, norm: LogNorm) -> None:
    """One curve's: cells at whole numbers, layers from the bottom up."""
    layers, levels = (sorted(rows[name].unique()) for name in ("layer", "level"))
    for row in rows.to_dict("records"):
        at = levels.index(row["level"]), layers.index(row["layer"])
        share = f"{row['draws']}/{row['rule_draws']}"
        value, sign = mean_or_bound(row)
        _cell(axis, at, norm, value, sign, share if 0 < row["draws"] < row["rule_draws"] else "")
    above = [len(layers) + _GAP + index for index in range(len(_BESIDE))]
    for y, column in zip(above, _BESIDE):
        for x, level in enumerate(levels):
            value = rows.loc[rows["level"] == level, column].iloc[0]
            _cell(axis, (x, y), norm, value if np.isfinite(value) else np.nan, "")
    axis.set(xlim=(-0.5, len(levels) - 0.5), ylim=(-0.5, above[-1] + 0.5))
    axis.set_xticks(range(len(levels)), levels, fontsize=TEXT)
    axis.set_xlabel("synonyms of level $l$", fontsize=TEXT)
    axis.set_yticks([*range(len(layers)), *above], [*layers, *_BESIDE.values()], fontsize=TEXT)
    _bare(axis)


def _cell(
    axis: Axes, at: tuple[float, float], norm: Normalize, value: float, sign: str, told: str = ""
) -> None:
    """A coloured cell with its number; hatched if there is none."""
    known = np.isfinite(value)
    color = plt.get_cmap(_COLORS)(norm(value)) if known else (1.0, 1.0, 1.0, 1.0)
    hatch = None if known else "////"
    corner = at[0] - 0.5, at[1] - 0.5
    axis.add_patch(
        Rectangle(corner, 1, 1, facecolor=color, edgecolor="0.8", hatch=hatch, linewidth=0.5)
    )
    ink = "black" if not known or _light(color) else "white"
    lift = 0.17 if told else 0.0
    text = f"{sign}{size(value)}" if known else "–"
    behind = None if known else {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    where: dict[str, Any] = {"ha": "center", "va": "center_baseline", "color": ink}
    axis.text(at[0], at[1] + lift, text, fontsize=TEXT, bbox=behind, **where)
    axis.text(at[0], at[1] - 0.3, told, fontsize=SMALLEST, **where)


def _light(color: tuple[float, float, float, float]) -> bool:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 0.5


def _bar(figure: Figure, axes: Any, norm: Normalize, where: str, label: str) -> None:
    """The scale of the colours of all panels."""
    colors = plt.cm.ScalarMappable(norm, _COLORS)
    bar = figure.colorbar(colors, ax=axes, location=where, aspect=40, pad=0.02)
    bar.set_label(label, fontsize=TEXT)
    bar.ax.tick_params(labelsize=TEXT, width=0.5)
    bar.outline.set_linewidth(0.5)


def _bare(axis: Axes) -> None:
    axis.tick_params(length=0, pad=2)
    axis.spines[:].set_visible(False)


def invariance_ratios(table: pd.DataFrame, thresholds: pd.DataFrame, title: str) -> Figure:
    """How far synonyms move layers, of one experiment: a matrix for each training size.

    `table` is ``invariance.csv``. Dots: less than half as far as other symbols do. A bar below a
    column: the size lies beyond the predicted threshold (of ``thresholds.csv``) of the level above.
    """
    labels = curve_labels(table)
    keys = [dict(zip(CURVE_KEY, key)) for key in labels]
    parts = [rows_of(table, key) for key in keys]
    columns = min(_RATIOS, max(part["train_size"].nunique() for part in parts))
    lines = [math.ceil(part["train_size"].nunique() / columns) for part in parts]
    height = 0.8 + sum(lines) * (0.4 + 0.12 * table["layer"].nunique())
    figure, axes = plt.subplots(sum(lines), columns, figsize=(COLUMN, height), squeeze=False)
    norm = Normalize(0, 1)
    panels = np.split(axes, np.cumsum(lines)[:-1])
    for key, label, part, mine in zip(keys, labels.values(), parts, panels):
        for axis in mine.flat[part["train_size"].nunique() :]:
            axis.set_axis_off()
        steps = rows_of(thresholds, key).set_index("level")["threshold"]
        told = part.dropna(subset=["mean"])["layer"]  # layers that some exchange changes
        seen = part[part["layer"].isin(told)] if len(told) else part
        for axis, (_, rows) in zip(mine.flat, seen.groupby("train_size")):
            _ratios(axis, rows, steps, norm)
            if axis not in mine[:, 0]:
                axis.set_yticklabels([])
        _name(mine[0, 0], label)
    _bar(figure, axes, norm, "top", "change by a synonym / by another symbol")
    for axis in axes[:, 0]:
        axis.set_ylabel("layer", fontsize=TEXT)
    figure.supxlabel("synonyms of level $l$", fontsize=TEXT)
    figure.suptitle(title.replace("$", r"\$"), fontsize=TEXT + 1)
    return figure


def _ratios(axis: Axes, rows: pd.DataFrame, steps: pd.Series, norm: Normalize) -> None:
    """One size's: cells at their levels and layers; none where nothing was measured."""
    levels, layers = (sorted(rows[name].unique()) for name in ("level", "layer"))
    for row in rows.dropna(subset=["mean"]).to_dict("records"):
        level, layer, value = row["level"], row["layer"], row["mean"]
        color = plt.get_cmap(_COLORS)(norm(value))
        axis.add_patch(Rectangle((level - 0.5, layer - 0.5), 1, 1, facecolor=color, linewidth=0))
        if value < HALF:
            axis.plot(level, layer, ".", color="black" if _light(color) else "white", markersize=3)
    train_size = rows["train_size"].iloc[0]
    for level in levels:
        if steps[level + 1] <= train_size:
            axis.plot([level - 0.4, level + 0.4], 2 * [layers[0] - 0.65], **_PASSED)
    axis.set(xlim=(levels[0] - 0.5, levels[-1] + 0.5), ylim=(layers[0] - 0.8, layers[-1] + 0.5))
    for set_ticks, at in ((axis.set_xticks, levels), (axis.set_yticks, layers)):
        set_ticks(at, at, fontsize=TEXT)
    axis.set_title(f"$P=${size(train_size)}", loc="left", fontsize=TEXT, pad=2)
    _bare(axis)


def _name(axis: Axes, label: str) -> None:
    """A curve's name above the title of its first panel."""
    axis.set_title(f"\n{axis.get_title('left')}", loc="left", fontsize=TEXT, pad=2)
    named = axis.annotate(
        label, (0, 1), xytext=(0, 1.5 * TEXT), xycoords="axes fraction",
        textcoords="offset points", fontsize=TEXT, weight="bold",
    )  # fmt: skip
    named.set_in_layout(False)  # it may be wider than the panel
