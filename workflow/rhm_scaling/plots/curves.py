"""Figures from tidy tables: learning curves and local exponents, each with the theory beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory, offset_copy

from ..analysis.curves import CURVE_KEY, FAILED, rows_of
from .numbers import with_interval
from .style import (
    GREY,
    SMALL,
    SMALLEST,
    apart,
    density,
    dodged,
    errorbars,
    handle,
    heading,
    in_turn,
    legend_of,
    looks,
    ordered,
    same_curves,
    sizes_axis,
    stacked,
)

MEASURE_LABELS = {
    "test_error": "test error",
    "test_excess": "excess over the Bayes limit (nats)",
}
_ROW = 7.0  # points from one row of thresholds to the next
_COLUMN = 11.0  # points from one grammar's names of entropies to the next
_FARTHEST = 30  # below the least measured value, predictions are cut off
_HIGHEST = 3  # above the largest value, intervals are cut off: those of two rule draws have no end
_WORST = -0.25  # of what is recovered: what lies lower is drawn there
_MOST_MARKS = 5  # of a predicted curve
_HOLLOW = {"markerfacecolor": "white", "markersize": 2.8, "markeredgewidth": 0.7}
_PREDICTIONS: dict[str, tuple[str, tuple[float, float]]] = {
    "predicted": ("predicted", (3.0, 1.5)),
    "predicted_smooth": ("predicted from the uniform curve", (1.0, 1.0)),
}
Key = tuple[Any, ...]


def curve_labels(curves: pd.DataFrame) -> dict[Key, str]:
    """A short name for each curve: the parts of its key in which the curves differ."""
    keys = curves[CURVE_KEY].drop_duplicates()
    words = {
        **{"grammar": "{}", "architecture": "{}", "width": "width {}", "depth": "depth {}"},
        **{"protocol": "{}", "context": "last {} tokens"},
    }
    telling = [column for column in words if keys[column].nunique() > 1] or ["architecture"]
    if keys.groupby("architecture")["width"].nunique().max() == 1 and "architecture" in telling:
        telling = [column for column in telling if column != "width"]  # it tells nothing more
    labels = {}
    for key in keys.itertuples(index=False, name=None):
        parts = {column: key[CURVE_KEY.index(column)] for column in telling}
        # learners that count have no width
        labels[key] = ", ".join(words[c].format(part) for c, part in parts.items() if part != 0)
    return labels


def _rows(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    return rows_of(table, dict(zip(CURVE_KEY, key)))


def exponent_in_words(fit: pd.Series, drops: bool) -> str:
    """A fitted exponent with its interval, where it is a result; `drops`: theory has none."""
    if not np.isfinite(fit["exponent"]):
        return "no fit"
    if drops:
        return "drops, no power law"
    if np.nanmax([fit["exponent"], fit["high"]]) < 0.005:
        return "does not fall"
    return with_interval(fit["exponent"], fit["low"], fit["high"])


def learning_curves(
    curves: pd.DataFrame, fits: pd.DataFrame, theory: pd.DataFrame, title: str
) -> Figure:
    """Learning curves of one experiment, log-log, with fits, predictions, controls and thresholds.

    For prediction tasks a panel above shows the test loss between the exact n-gram entropies.
    Predictions have hollow markers; where those of several curves coincide, their dashes and their
    markers take turns. Thresholds stand above the panel, a row for curves that share them.
    """
    task, labels = curves["task"].iloc[0], curve_labels(curves)
    shared = dict(zip(labels, looks(len(labels))))
    around = 0.75 + 0.19 * len(labels)
    if task == "classification":
        figure, (axis,) = stacked(2.4, around=around)
    else:
        figure, (loss_axis, axis) = stacked(1.3, 2.2, around=around)
        _losses(loss_axis, curves, theory, shared)
        loss_axis.set_xlabel("")
    sizes_axis(axis, curves["sentences"])
    axis.set_yscale("log")
    axis.set_ylabel(MEASURE_LABELS[curves["measure"].iloc[0]])
    handles = []
    exponents = theory[theory["quantity"] == "exponent"].dropna(subset=["value"])
    dense = density(curves["sentences"].nunique(), len(labels))
    for index, (key, label) in enumerate(labels.items()):
        table, fit = _rows(curves, key), _rows(fits, key).iloc[0]
        color, marker = shared[key]
        shown = table[table["mean"] > 0]
        at = dodged(axis, shown["sentences"], index, len(labels))
        errorbars(axis, at, shown, "mean", color=color, marker=marker, **dense(index))
        drops = task == "classification" and key[0] not in {*exponents["grammar"]}
        if np.isfinite(fit["exponent"]) and not drops:
            span = np.geomspace(fit["window_low"], fit["window_high"], 2)
            axis.plot(span, fit["amplitude"] * span ** -fit["exponent"], color=color)
        tuned = ", tuned rate" if (table["rates_tried"] > 1).all() else ""
        failed = [f", {fit[name]} {name}" for name in FAILED if fit[name]]
        text = f"{label}{tuned}: {exponent_in_words(fit, drops)}{''.join(failed)}"
        handles.append(handle(text, color=color, marker=marker, linestyle="none"))
    for column, (_, dashes) in _PREDICTIONS.items():
        _in_turn(axis, curves, column, shared, dashes, _HOLLOW)
    _in_turn(axis, curves, "lookup", shared, (0.8, 1.2), None)
    _limit(axis, curves)
    handles += _line_styles(curves, fits)
    handles += _thresholds(axis, curves, theory, shared)
    heading(figure, title)
    legend_of(figure, handles, "fitted exponent [95% interval]")
    sns.despine(figure)
    return figure


def _in_turn(
    axis: Axes,
    curves: pd.DataFrame,
    column: str,
    shared: dict[Key, tuple[Any, str]],
    dashes: tuple[float, float],
    marks: dict[str, Any] | None,
) -> None:
    """A known curve of each measured one; those that coincide are drawn in turns."""
    known = {
        key: _rows(curves, key).loc[lambda rows: rows[column] > 0, ["sentences", column]]
        for key in shared
    }
    for group in same_curves({k: rows.to_numpy() for k, rows in known.items() if len(rows)}):
        every = -(-len(known[group[0]]) // _MOST_MARKS)
        for index, key in enumerate(group):
            color, marker = shared[key]
            axis.plot(
                known[key]["sentences"],
                known[key][column],
                color=color,
                linestyle=in_turn(index, len(group), *dashes),
                zorder=2.5,
                **({} if marks is None else {**marks, "marker": marker}),
                markevery=(min(every * index, len(known[key]) - 1), every * len(group)),
            )


def _limit(axis: Axes, curves: pd.DataFrame) -> None:
    """Show what was measured and what is predicted, as far as that is not far below it."""
    measured = curves["mean"][curves["mean"] > 0]
    if not len(measured):
        return
    known = curves[["mean", "low", *_PREDICTIONS]].to_numpy(dtype=float)
    largest = np.nanmax([measured.max(), curves["lookup"].max()])
    top = min(np.nanmax([largest, curves["high"].max()]), _HIGHEST * largest)
    bottom = max(np.nanmin(np.where(known > 0, known, np.nan)), measured.min() / _FARTHEST)
    axis.set_ylim(bottom / 1.5, top * 1.5)


def _line_styles(curves: pd.DataFrame, fits: pd.DataFrame) -> list[Line2D]:
    mine = fits.merge(curves[CURVE_KEY].drop_duplicates())
    shown = [handle("fitted power law")] if mine["exponent"].notna().any() else []
    for column, (label, dashes) in _PREDICTIONS.items():
        if curves[column].notna().any():
            look = {"linestyle": (0, dashes), "marker": "o", **_HOLLOW}
            shown.append(handle(f"{label} (hollow)", **look))
    if curves["lookup"].notna().any():
        shown.append(handle("lookup table of seen sentences", linestyle=(0, (0.8, 1.2))))
    return shown


def _thresholds(
    axis: Axes,
    curves: pd.DataFrame,
    theory: pd.DataFrame,
    shared: dict[Key, tuple[Any, str]],
) -> list[Line2D]:
    """Predicted thresholds above the panel, by level or by rank; what the legend says of them."""
    ranked = curves["task"].iloc[0] == "classification"
    quantity = "sample_complexity" if ranked else "threshold"
    known = theory[(theory["quantity"] == quantity) & (theory["method"] == "ensemble")]
    low, high = axis.get_xlim()
    rows: dict[tuple[Any, ...], tuple[pd.DataFrame, list[Key]]] = {}
    for key in shared:
        learner = _rows(curves, key)["learner"].iloc[0]
        if not isinstance(learner, str):  # has no thresholds
            continue
        mine = known[(known["grammar"] == key[0]) & (known["task"] == key[1])]
        mine = mine[mine["learner"].isna() | (mine["learner"] == learner)]
        mine = mine[mine["value"].between(low, high)].drop_duplicates(["level", "value"])
        if len(mine):
            same = key[0], *sorted(mine["value"])
            rows.setdefault(same, (mine, []))[1].append(key)
    figure = axis.figure
    for row, (mine, keys) in enumerate(rows.values()):
        color = shared[keys[0]][0]
        up: dict[str, Any] = {"y": 4.0 + _ROW * row, "units": "points", "fig": figure}
        along = offset_copy(blended_transform_factory(axis.transData, axis.transAxes), **up)
        for value, level in zip(mine["value"], mine["level"]):
            if ranked:
                axis.plot(value, 1.0, "|", color=color, markersize=4.5, transform=along,
                          clip_on=False)  # fmt: skip
            else:
                axis.text(
                    value, 1.0, f"{float(level):.0f}", color=color, fontsize=SMALL, weight="bold",
                    transform=along, ha="center", va="center",
                )  # fmt: skip
        for place, key in enumerate(keys):
            beside = offset_copy(axis.transAxes, x=-6.0 - 6.0 * place, **up)
            axis.plot(0.0, 1.0, shared[key][1], color=shared[key][0], transform=beside,
                      clip_on=False)  # fmt: skip
    if not rows:
        return []
    if ranked:
        label = "thresholds of rules (above)"
        return [handle(label, linestyle="none", marker="|", markersize=4.5)]
    level = f"{float(next(iter(rows.values()))[0]['level'].max()):.0f}"
    label = f"threshold $P_{level}$ (above)"
    return [handle(label, linestyle="none", marker=f"${level}$", markersize=4.5)]


def _losses(
    axis: Axes, curves: pd.DataFrame, theory: pd.DataFrame, shared: dict[Key, tuple[Any, str]]
) -> None:
    """Test loss against size, between the exact entropies (mean over rule draws)."""
    sizes_axis(axis, curves["sentences"])
    for key, (color, marker) in shared.items():
        table = _rows(curves, key)
        every = -(-len(table) // 8)
        axis.plot(
            table["sentences"], table["test_loss"], color=color, marker=marker, markevery=every
        )
    axis.set_ylabel("test loss (nats)")
    grammars: dict[str, list[Key]] = {}
    for key in shared:
        grammars.setdefault(key[0], []).append(key)
    if curves["task"].iloc[0] == "last_token":
        entropies = theory.loc[theory["quantity"] == "entropy", "value"]
        above = entropies[entropies >= curves["test_loss"].max()].min()  # the next one, for scale
        lowest = np.nanmin([entropies.min(), curves["test_loss"].min()])
        highest = np.nanmax([above, curves["test_loss"].max()])
        beyond = 0.05 * (highest - lowest)
        axis.set_ylim(lowest - beyond, highest + beyond)
        right = 0.0
        for grammar, keys in grammars.items():
            alone = len(grammars) == 1
            right = _entropies(axis, theory, shared[keys[0]], grammar, right, alone)
        return
    for keys in grammars.values():
        floors = {key: _rows(curves, key)["bayes_loss"].mean() for key in keys}
        for group in same_curves({key: np.array([floor]) for key, floor in floors.items()}):
            for index, key in enumerate(group):
                line = in_turn(index, len(group), 1.0, 1.0)
                axis.axhline(floors[key], color=shared[key][0], linestyle=line, zorder=0)
    axis.annotate(
        "Bayes limit", (0.0, np.nanmin([*floors.values()])), fontsize=SMALL, color=GREY,
        xycoords=("axes fraction", "data"), xytext=(2, 2), textcoords="offset points",
    )  # fmt: skip


def _entropies(
    axis: Axes,
    theory: pd.DataFrame,
    look: tuple[Any, str],
    grammar: str,
    right: float,
    alone: bool,
) -> float:
    """Lines at a grammar's entropies, named to the right, under the marker of its first curve.

    `right` is where the column begins, in points beyond the axis; where it ends is returned.
    """
    known = theory[(theory["quantity"] == "entropy") & (theory["grammar"] == grammar)]
    mean = known.groupby("level")["value"].mean()
    color = GREY if alone else look[0]
    low, high = axis.get_ylim()
    mean = mean[mean.between(low, high)]
    points = 0.75 * axis.bbox.height * 72 / axis.figure.dpi  # about what the layout leaves
    gap = (SMALLEST + 0.5) / points * (high - low)
    for (level, value), place in zip(mean.items(), apart([*mean], gap)):
        axis.axhline(value, color=color, linewidth=0.6, zorder=0)
        axis.annotate(
            f"$H_{{{int(float(str(level)))}}}$",
            (1.0, value),
            xytext=(right + 3, (place - value) / (high - low) * points),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=SMALLEST,
        )
    if not alone:
        on: dict[str, Any] = {"fig": axis.figure}
        up = offset_copy(axis.transAxes, x=right + 7, y=5, units="points", **on)
        axis.plot(1.0, 1.0, look[1], color=color, transform=up, clip_on=False)
    return right + _COLUMN


def local_exponents(
    curves: pd.DataFrame, local: pd.DataFrame, fits: pd.DataFrame, title: str
) -> Figure:
    """Slopes between neighbouring sizes, with the asymptotic exponents as dashed lines."""
    labels = curve_labels(curves)
    shared = dict(zip(labels, looks(len(labels))))
    figure, (axis,) = stacked(2.2, around=0.6 + 0.07 * len(labels))
    sizes_axis(axis, curves["sentences"])
    ends, handles, known = [0.0, 1.0], [], {}
    for index, (key, label) in enumerate(labels.items()):
        table, fit = _rows(local, key).dropna(subset=["exponent"]), _rows(fits, key).iloc[0]
        color, marker = shared[key]
        at = dodged(axis, table["sentences"], index, len(labels))
        look = {"color": color, "marker": marker, "linestyle": "-", "linewidth": 0.6}
        errorbars(axis, at, table, "exponent", **look)
        handles.append(handle(label, **look))
        ends += [table["exponent"].min(), table["exponent"].max(), fit["predicted_asymptotic"]]
        if np.isfinite(fit["predicted_asymptotic"]):
            known[key] = np.array([fit["predicted_asymptotic"]])
    for group in same_curves(known):
        for index, key in enumerate(group):
            line = in_turn(index, len(group))
            axis.axhline(known[key][0], color=shared[key][0], linestyle=line)
    if known:
        handles.append(handle("asymptotic prediction", linestyle=(0, (3.0, 1.5))))
    axis.set_ylabel("local exponent")
    axis.set_ylim(1.2 * float(np.nanmin(ends)), 1.2 * float(np.nanmax(ends)))
    heading(figure, title)
    legend_of(figure, handles)
    sns.despine(figure)
    return figure


def recoveries(recovery: pd.DataFrame, found: pd.DataFrame, title: str) -> Figure:
    """How well learners recover hidden symbols, by level; a panel a learner.

    One is all of them, zero as many as by guessing. Means below `_WORST`, as there are of tiny
    sets, are drawn at that height, so that the others can be read.
    """
    labels = curve_labels(recovery)
    means = recovery.groupby([*CURVE_KEY, "level", "train_size"])["recovered"].mean()
    lowest = np.clip(np.nan_to_num(means.min()), _WORST, 0.0)
    figure, axes = stacked(*([1.4] * len(labels)), around=0.8, sharex=True, sharey=True)
    handles: dict[int, Line2D] = {}
    for axis, (key, label) in zip(axes, labels.items()):
        mine, at = _rows(recovery, key), _rows(found, key)
        sizes_axis(axis, mine["train_size"], "training sentences $P$" if axis is axes[-1] else "")
        levels = sorted(mine["level"].unique())
        for level, (color, marker) in zip(levels, ordered(len(levels))):
            curve = mine[mine["level"] == level].groupby("train_size")["recovered"].mean()
            axis.plot(curve.index, curve.clip(lower=_WORST), color=color, marker=marker)
            here = at[at["level"] == level]
            predicted = np.exp(np.log(here["predicted"]).mean())
            if np.isfinite(predicted):
                axis.axvline(predicted, color=color, linestyle="--", linewidth=0.8)
                top = (predicted, 1.0), ("data", "axes fraction")
                if axis.get_xlim()[0] < predicted < axis.get_xlim()[1]:
                    axis.annotate(
                        f"{level}", top[0], xycoords=top[1], xytext=(2, -1), ha="left", va="top",
                        textcoords="offset points", fontsize=SMALL, color=color,
                    )  # fmt: skip
            half = here["recovered_at"][np.isfinite(here["recovered_at"])]
            axis.plot(half, np.full(len(half), 0.5), "x", color=color)
            handles[level] = handle(f"level {level}", color=color, marker=marker)
        axis.set_title(label)
        axis.axhline(0, color=GREY, linewidth=0.7, zorder=1)
        axis.set(ylim=(lowest - 0.04, 1.08), ylabel="recovered\n(0: guessed)")
    named = [
        handle("half is reached, each rule draw", marker="x", linestyle="none"),
        handle("predicted threshold of a level", linestyle="--", linewidth=0.8),
    ]
    heading(figure, title)
    legend_of(figure, [*handles.values(), *named], "hidden symbols that are recovered")
    sns.despine(figure)
    return figure
