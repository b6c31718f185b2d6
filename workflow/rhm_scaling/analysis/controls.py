"""Controls beside curves: whether networks that are trained otherwise learn more from the data.

A point of a curve is the error, or the excess, at a size of the training set, or the size at which
a level is learnt. A control that has a smaller one, or learns the level from fewer sentences, tells
that training limits the curve there, if its mean lies beyond the 95 % interval of the point, or if
the interval of their ratio does not hold one. The ratio is taken rule draw by rule draw, so that it
is not hidden by how much rule draws differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .control_names import WORDS
from .curves import (
    CURVE_KEY,
    FAILED,
    failures,
    geometric_mean,
    largest,
    mean_and_interval,
    usable,
)

Array = NDArray[np.float64]

CROSSED = "crossed_at"  # what is compared of online curves
WITHIN, BETTER, WORSE, NOT_COMPARED = "within", "better", "worse", "not compared"
_NUMBERS = ("mean", "low", "high", "control_mean", "log2_ratio", "log2_low", "log2_high")
COMPARED = [
    *("control", "quantity", "train_size", "level", "rule_draws", "unpaired", *FAILED),
    *(*_NUMBERS, "finding"),
]
_NOUNS = {"test_error": "error", "test_excess": "excess"}
_PAIRS = 2  # fewer have no interval


def errors_compared(
    points: pd.DataFrame, control: pd.DataFrame, measure: str
) -> list[dict[str, Any]]:
    """The errors of a curve beside those of a control, a row a size of the training set.

    Parameters
    ----------
    points, control
        A row a replica and size (`curves.points`): of the curve, which may have more sizes and
        rule draws, and of its control.
    measure
        Their column.

    Returns
    -------
    rows
        The columns `COMPARED`, but for the name of the control.
    """
    rows = []
    for size, other in control.groupby("train_size"):
        mine = points[points["train_size"] == size]
        one, two = (usable(part).groupby("rule_seed")[measure].mean() for part in (mine, other))
        point = {"quantity": measure, "train_size": size, "level": np.nan}
        rows.append(point | _compared(one, two, other))
    return rows


def crossings_compared(
    crossed: pd.DataFrame, control: pd.DataFrame, runs: pd.DataFrame, levels: Iterable[int]
) -> list[dict[str, Any]]:
    """The sizes at which a curve and a control learn each level, a row a level.

    Parameters
    ----------
    crossed, control
        Of the curve and of its control (`thresholds.crossings`).
    runs
        A row a replica of the control, failed ones too.
    levels
        Those to be learnt.

    Returns
    -------
    rows
        As of `errors_compared`.
    """
    rows = []
    for level in levels:
        one, two = (
            part[part["level"] == level].set_index("rule_seed")[CROSSED]
            for part in (crossed, control)
        )
        point = {"quantity": CROSSED, "train_size": np.nan, "level": level}
        rows.append(point | _compared(one, two, runs))
    return rows


def _compared(mine: pd.Series, other: pd.Series, runs: pd.DataFrame) -> dict[str, Any]:
    """A point of a curve beside its control, on the rule draws of `runs`: values by rule draw."""
    draws = sorted({*runs["rule_seed"]})
    own, control = (part.reindex(draws).to_numpy(dtype=float) for part in (mine, other))
    pairs = np.isfinite(own) & np.isfinite(control)
    count = int(pairs.sum())
    found = dict.fromkeys(_NUMBERS, np.nan)
    if count:
        own_mean, other_mean = (
            geometric_mean(values[pairs])
            if mine.name == CROSSED
            else mean_and_interval(values[pairs], most=largest(str(mine.name)))
            for values in (own, control)
        )
        found |= dict(zip(("mean", "low", "high"), own_mean))
        found["control_mean"] = other_mean[0]
        with np.errstate(divide="ignore", invalid="ignore"):  # an error may be zero
            ratios = np.log2(geometric_mean(control[pairs] / own[pairs]))
        found |= dict(zip(("log2_ratio", "log2_low", "log2_high"), ratios))
    return {
        "rule_draws": count,
        "unpaired": len(draws) - count,
        **{name: int((runs["status"] == name).sum()) for name in FAILED},
        **found,
        "finding": _beside(found) if count >= _PAIRS else _reached(own, control),
    }


def _beside(found: Mapping[str, float]) -> str:
    """Where a control lies beside a curve: by the curve's interval, or by that of their ratio."""
    low, high, control = found["low"], found["high"], found["control_mean"]
    if found["mean"] == 0:  # no mistake in any draw; an interval on a logarithm has no ends
        low = high = 0.0
    if not np.isfinite([low, high]).all():
        return NOT_COMPARED
    # without an end, as where an error is zero, it leaves the decision to the curve's interval
    if control < low or found["log2_high"] < 0:
        return BETTER
    return WORSE if control > high or found["log2_low"] > 0 else WITHIN


def _reached(own: Array, control: Array) -> str:
    """Of a level that is learnt by the curve or by the control alone: by which, in most draws."""
    known = ~(np.isnan(own) | np.isnan(control))
    reach = [bool(np.isfinite(part[known]).mean() > 0.5) for part in (own, control) if known.any()]
    if known.sum() < _PAIRS or reach[0] == reach[1]:
        return NOT_COMPARED
    return BETTER if reach[1] else WORSE


@dataclass(frozen=True)
class Told:
    """What controls say of a study's curves, in words.

    Attributes
    ----------
    summary
        How many comparisons there are, and how they end.
    limited
        Of every control that is better: the curve, the point, the control, and by how much.
    differing
        The same of those that are worse: they do not say that training limits the curve.
    """

    summary: str
    limited: list[str]
    differing: list[str]


def told(table: pd.DataFrame) -> Told:
    """What ``controls.csv`` says."""
    counts = table["finding"].value_counts()
    ends = (WITHIN, BETTER, WORSE, NOT_COMPARED)
    ended = ", ".join(f"{counts.get(end, 0)} {end}" for end in ends)
    # the trainings of an online curve are those of all its levels
    each = [failures(rows) for _, rows in table.groupby([*CURVE_KEY, "control"])]
    failed = ", ".join(f"{sum(one[name] for one in each)} {name}" for name in FAILED)
    names = _names(table)

    def said(finding: str, head: str) -> list[str]:
        return [
            f"{head}: {names[key]} {_point(row)}: {WORDS[str(row['control'])]} {_effect(row)}"
            for row in table[table["finding"] == finding].to_dict("records")
            for key in [tuple(row[column] for column in CURVE_KEY)]
        ]

    return Told(
        f"{len(table)} comparisons: {ended}; trainings of controls that failed: {failed}",
        said(BETTER, "limited by training"),
        said(WORSE, "the control differs: worse"),
    )


def _names(table: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """Curves in words, with what tells curves of one architecture apart."""
    words = {"width": "width {}", "depth": "depth {}", "task": "{}", "context": "last {} tokens"}
    telling = [c for c in words if table.groupby("architecture")[c].nunique().max() > 1]
    found = {}
    for key in table[CURVE_KEY].drop_duplicates().to_dict("records"):
        parts = [words[column].format(key[column]) for column in telling]
        parts += ["online"] if key["protocol"] == "online" else []
        named = ", ".join([str(key["architecture"]), *parts])
        found[tuple(key.values())] = f"{named}{',' if parts else ''} on {key['grammar']}"
    return found


def _point(row: Mapping[Any, Any]) -> str:
    """The point of a curve that a control was compared at."""
    if row["quantity"] == CROSSED:
        return f"at level {row['level']:.0f}"
    return f"at {row['train_size']:,.0f}"


def _effect(row: Mapping[Any, Any]) -> str:
    """What a control does to it."""
    noun = _NOUNS.get(str(row["quantity"]), "sentences")
    if not row["mean"]:  # only an error may be zero
        return f"gives an {noun} of {row['control_mean']:.2g}, the curve none"
    if not row["control_mean"]:
        return f"gives no {noun}, the curve {row['mean']:.2g}"
    times = row["control_mean"] / row["mean"]
    if row["quantity"] != CROSSED:
        return f"gives {times:.2g} times the {noun}"
    if row["rule_draws"] >= _PAIRS:
        return f"takes {times:.2g} times the {noun}"
    return "learns it, and the curve does not" if row["finding"] == BETTER else "does not learn it"
