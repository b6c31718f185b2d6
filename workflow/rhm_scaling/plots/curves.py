"""Figures from tidy tables: learning curves and local exponents, each with the theory beside.

Colours are safe for colour-blind readers and every curve has its own marker too, so that figures
survive black-and-white print.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from ..analysis.curves import CURVE_KEY, FAILED, rows_of
from ..core.files import write_aside

MARKERS = "osD^vP*Xd<>"
MEASURE_LABELS = {
    "test_error": "test error",
    "test_excess": "excess over the Bayes limit (nats)",
}
GREY = "0.35"
_MOST_TICKS = 7
_PREDICTIONS: dict[str, tuple[str, Any]] = {
    "predicted": ("predicted", "--"),
    "predicted_smooth": ("predicted from the uniform curve", (0, (6, 1, 1, 1, 1, 1))),
}


def style() -> None:
    """The look of all figures of a job; no display is needed, or asked for."""
    matplotlib.use("Agg")
    matplotlib.rcdefaults()  # whatever a user's own settings are
    sns.set_theme(context="paper", style="ticks", palette="colorblind", font_scale=0.95)
    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "savefig.dpi": 200,
            "pdf.fonttype": 42,  # text stays text
            "axes.titlesize": "medium",
            "legend.edgecolor": "none",
            "legend.fontsize": "small",
        }
    )


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as PDF and PNG into a folder; equal figures make equal files."""
    for suffix, metadata in {"pdf": {"CreationDate": None}, "png": {"Software": None}}.items():
        path = folder / f"{name}.{suffix}"
        write_aside(path, partial(figure.savefig, metadata=metadata))
        figure.set_layout_engine("none")  # it is laid out now
    plt.close(figure)


def curve_labels(curves: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """A short name for each curve: the parts of its key in which the curves differ."""
    keys = curves[CURVE_KEY].drop_duplicates()
    words = {
        **{"grammar": "{}", "architecture": "{}", "width": "width {}", "depth": "depth {}"},
        **{"protocol": "{}", "context": "last {} tokens"},
    }
    telling = [column for column in words if keys[column].nunique() > 1] or ["architecture"]
    labels = {}
    for key in keys.itertuples(index=False, name=None):
        parts = {column: key[CURVE_KEY.index(column)] for column in telling}
        # learners that count have no width
        labels[key] = ", ".join(words[c].format(part) for c, part in parts.items() if part != 0)
    return labels


def with_interval(fit: pd.Series, column: str = "exponent") -> str:
    """A fitted number with its interval, for a legend."""
    if not np.isfinite(fit[column]):
        return "no fit"
    if not np.isfinite(fit["low"]):
        return f"{fit[column]:.2f}"
    return f"{fit[column]:.2f} [{fit['low']:.2f}, {fit['high']:.2f}]"


def _rows(table: pd.DataFrame, key: tuple[Any, ...]) -> pd.DataFrame:
    return rows_of(table, dict(zip(CURVE_KEY, key)))


def _errorbars(axis: Axes, table: pd.DataFrame, column: str, color: Any, marker: str) -> None:
    # a missing interval is drawn as none; the point stays
    spread = [
        (table[column] - table["low"]).fillna(0.0).clip(lower=0.0),
        (table["high"] - table[column]).fillna(0.0).clip(lower=0.0),
    ]
    axis.errorbar(
        table["sentences"],
        table[column],
        yerr=spread,
        color=color,
        marker=marker,
        markersize=4,
        linestyle="none",
        elinewidth=1,
        capsize=2,
        zorder=3,
    )


def learning_curves(
    curves: pd.DataFrame, fits: pd.DataFrame, theory: pd.DataFrame, title: str
) -> Figure:
    """Learning curves of one experiment, log-log, with fits, predictions, controls and thresholds.

    For prediction tasks a second panel shows the test loss between the exact n-gram entropies.
    """
    task = curves["task"].iloc[0]
    labels = curve_labels(curves)
    colors = sns.color_palette("colorblind", len(labels))
    if task == "classification":
        figure, axis = plt.subplots(figsize=(5.6, 4.2))
    else:
        figure, (loss_axis, axis) = plt.subplots(1, 2, figsize=(9.2, 4.0))
        _losses(loss_axis, curves, theory, labels)
    handles = []
    for (key, label), color, marker in zip(labels.items(), colors, MARKERS * 9):
        table, fit = _rows(curves, key), _rows(fits, key).iloc[0]
        shown = table[table["mean"] > 0]
        _errorbars(axis, shown, "mean", color, marker)
        if np.isfinite(fit["exponent"]):
            span = np.geomspace(fit["window_low"], fit["window_high"], 2)
            axis.plot(span, fit["amplitude"] * span ** -fit["exponent"], color=color, linewidth=1.4)
        for column, (_, line) in _PREDICTIONS.items():
            visible = table[table[column] > 0]
            axis.plot(
                visible["sentences"], visible[column], color=color, linestyle=line, linewidth=1
            )
        if table["lookup"].notna().any():
            axis.plot(
                table["sentences"], table["lookup"], color=color, linestyle=":", linewidth=1.2
            )
        tuned = ", tuned rate" if (table["rates_tried"] > 1).all() else ""
        failed = [f", {fit[name]} {name}" for name in FAILED if fit[name]]
        text = f"{label}{tuned}: {with_interval(fit)}{''.join(failed)}"
        handles.append(Line2D([], [], color=color, marker=marker, markersize=4, label=text))
    _sizes(axis, curves["sentences"])
    axis.set_yscale("log")
    axis.set_ylabel(MEASURE_LABELS[curves["measure"].iloc[0]])
    _limit(axis, curves)
    _thresholds(axis, curves, theory, labels, colors)
    axis.set_title(title.replace("$", r"\$"))  # a title is no formula
    axis.legend(handles=handles + _line_styles(curves), loc="lower left", title="exponent [95%]")
    sns.despine(figure)
    return figure


def _sizes(axis: Axes, known: pd.Series) -> None:
    """A logarithmic axis of sizes that names those known, or powers of two if there are many."""
    sizes = sorted(known.unique())
    octaves = range(math.ceil(math.log2(sizes[0])), math.floor(math.log2(sizes[-1])) + 1)
    if len(sizes) > _MOST_TICKS and len(octaves) > 2:
        sizes = [2.0**octave for octave in octaves]
    sizes = sizes[:: -(-len(sizes) // _MOST_TICKS)]
    axis.set(xscale="log", xlabel="training sentences $P$")
    axis.set_xticks(sizes)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())


def _limit(axis: Axes, curves: pd.DataFrame) -> None:
    """Show the measured curves; predictions that leave this range are cut off."""
    measured = curves["mean"][curves["mean"] > 0]
    if len(measured):
        top = max(measured.max(), curves["lookup"].max(skipna=True) if len(curves) else 0)
        top = measured.max() if not np.isfinite(top) else top
        axis.set_ylim(measured.min() / 12, top * 2)  # room for the legend below


def _line_styles(curves: pd.DataFrame) -> list[Line2D]:
    shown = [Line2D([], [], color=GREY, linewidth=1.4, label="fitted power law")]
    for column, (label, line) in _PREDICTIONS.items():
        if curves[column].notna().any():
            shown.append(Line2D([], [], color=GREY, linestyle=line, linewidth=1, label=label))
    if curves["lookup"].notna().any():
        label = "lookup table of seen sentences"
        shown.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.2, label=label))
    return shown


def _thresholds(
    axis: Axes,
    curves: pd.DataFrame,
    theory: pd.DataFrame,
    labels: dict[tuple[Any, ...], str],
    colors: Any,
) -> None:
    """Predicted sample complexities as short ticks at the top, in the curve's colour."""
    low, high = axis.get_xlim()
    task = curves["task"].iloc[0]
    quantity = "sample_complexity" if task == "classification" else "threshold"
    known = theory[(theory["quantity"] == quantity) & (theory["method"] == "ensemble")]
    for row, (key, color) in enumerate(zip(labels, colors)):
        learner = _rows(curves, key)["learner"].iloc[0]
        if not isinstance(learner, str):  # has no thresholds
            continue
        mine = known[(known["grammar"] == key[0]) & (known["task"] == key[1])]
        mine = mine[mine["learner"].isna() | (mine["learner"] == learner)]
        for value in mine["value"].unique():
            if low < value < high:
                top = 1.0 - 0.03 * row
                axis.axvline(value, ymin=top - 0.025, ymax=top, color=color, linewidth=1.5)


def _losses(
    axis: Axes, curves: pd.DataFrame, theory: pd.DataFrame, labels: dict[tuple[Any, ...], str]
) -> None:
    """Test loss against size, between the exact entropies (mean over rule draws)."""
    colors = sns.color_palette("colorblind", len(labels))
    for (key, label), color, marker in zip(labels.items(), colors, MARKERS * 9):
        table = _rows(curves, key)
        axis.plot(
            table["sentences"], table["test_loss"], color=color, marker=marker, markersize=4,
            label=label,
        )  # fmt: skip
    entropies = theory[theory["quantity"].isin(["entropy", "entropy_rate"])]
    same = curves["grammar"].nunique() == 1
    if same and curves["task"].iloc[0] == "last_token":
        mean = entropies[entropies["quantity"] == "entropy"].groupby("level")["value"].mean()
        for level, value in mean.items():
            axis.axhline(value, color=GREY, linewidth=0.7, zorder=0)
            axis.annotate(
                f"$H_{{{int(str(level).split('.')[0])}}}$",
                (1.0, value),
                xycoords=("axes fraction", "data"),
                xytext=(2, -2),
                textcoords="offset points",
                color=GREY,
                fontsize="small",
            )
    else:
        for (key, _), color in zip(labels.items(), colors):
            floor = _rows(curves, key)["bayes_loss"].mean()
            axis.axhline(floor, color=color, linewidth=0.7, linestyle=":", zorder=0)
    _sizes(axis, curves["sentences"])
    axis.set_ylabel("test loss (nats)")
    axis.set_title("test loss and exact entropies")
    axis.legend(loc="best")


def local_exponents(
    curves: pd.DataFrame, local: pd.DataFrame, fits: pd.DataFrame, title: str
) -> Figure:
    """Slopes between neighbouring sizes, with the asymptotic exponents as dashed lines."""
    labels = curve_labels(curves)
    colors = sns.color_palette("colorblind", len(labels))
    figure, axis = plt.subplots(figsize=(5.6, 3.8))
    ends = [0.0, 1.0]
    for (key, label), color, marker in zip(labels.items(), colors, MARKERS * 9):
        table, fit = _rows(local, key).dropna(subset=["exponent"]), _rows(fits, key).iloc[0]
        _errorbars(axis, table, "exponent", color, marker)
        axis.plot(
            table["sentences"], table["exponent"], color=color, marker=marker, markersize=4,
            linewidth=0.8, label=label,
        )  # fmt: skip
        ends += [table["exponent"].min(), table["exponent"].max(), fit["predicted_asymptotic"]]
        if np.isfinite(fit["predicted_asymptotic"]):
            axis.axhline(fit["predicted_asymptotic"], color=color, linestyle="--", linewidth=1)
    handles, _ = axis.get_legend_handles_labels()
    if fits["predicted_asymptotic"].notna().any():
        name = "asymptotic prediction"
        handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1, label=name))
    _sizes(axis, curves["sentences"])
    axis.set_ylabel("local exponent")
    axis.set_ylim(1.5 * float(np.nanmin(ends)), 1.5 * float(np.nanmax(ends)))
    axis.set_title(title.replace("$", r"\$"))  # a title is no formula
    axis.legend(handles=handles, loc="upper left")
    sns.despine(figure)
    return figure


def recoveries(recovery: pd.DataFrame, found: pd.DataFrame, title: str) -> Figure:
    """Fraction of hidden symbols that counting recovers, by level; a panel a learner.

    Vertical lines: the predicted thresholds, mean over rule draws; crosses: where half is reached.
    """
    labels = curve_labels(recovery)
    figure, axes = plt.subplots(
        1, len(labels), figsize=(1.4 + 3.8 * len(labels), 3.6), sharey=True, squeeze=False
    )
    for axis, (key, label) in zip(axes[0], labels.items()):
        mine, at = _rows(recovery, key), _rows(found, key)
        levels = sorted(mine["level"].unique())
        for level, color, marker in zip(levels, sns.color_palette("colorblind"), MARKERS):
            curve = mine[mine["level"] == level].groupby("train_size")["recovered"].mean()
            axis.plot(
                curve.index, curve, color=color, marker=marker, markersize=4, label=f"level {level}"
            )
            here = at[at["level"] == level]
            predicted = np.exp(np.log(here["predicted"]).mean())
            if np.isfinite(predicted):
                axis.axvline(predicted, color=color, linestyle="--", linewidth=0.8)
            half = here["recovered_at"][np.isfinite(here["recovered_at"])]
            axis.plot(half, np.full(len(half), 0.5), "x", color=color, markersize=5)
        axis.set_title(label)
        _sizes(axis, mine["train_size"])
    axes[0, -1].legend(title="hidden symbols of", loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes[0, 0].set_ylabel("fraction recovered by counting")
    axes[0, 0].set_ylim(-0.03, 1.03)
    figure.suptitle(title.replace("$", r"\$"), fontsize="medium")
    sns.despine(figure)
    return figure
