"""Learning rates: which of those tried a point takes, where the best one lies, how it scales."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import CONFIDENCE, CURVE_KEY, FAILED, cluster_means, mean_and_interval, usable

Array = NDArray[np.float64]

POINT = [*CURVE_KEY, "train_size"]
LIST_EDGES = ("lowest", "highest")
RESAMPLES = 1000


def choices(runs: pd.DataFrame) -> pd.DataFrame:
    """Columns ``rates_tried`` and ``chosen`` of every row of `runs`.

    A point of a curve takes the rate at which fewest replicas failed, and among those the one of
    least mean validation loss; the test set has no say. Learners without a rate have tried none.
    """
    rates = runs.assign(lr=runs["lr"].fillna(0.0), bad=runs["status"] != "ok")
    loss = rates["val_loss"].where(~rates["bad"])
    found = rates.assign(val_loss=loss).groupby([*POINT, "lr"])
    mean = found.agg(bad=("bad", "sum"), val_loss=("val_loss", "mean")).reset_index()
    best = mean.sort_values(["bad", "val_loss", "lr"]).groupby(POINT)["lr"].first()
    chosen = rates[POINT].join(best.rename("best"), on=POINT)["best"] == rates["lr"]
    tried = runs.groupby(POINT)["lr"].transform("nunique")
    return pd.DataFrame({"rates_tried": tried, "chosen": chosen}, index=runs.index)


def at_chosen_rate(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows that learning curves are made of."""
    return runs[runs["chosen"]]


class Optimum(NamedTuple):
    """Where the validation loss is least.

    Attributes
    ----------
    rate
        Of the parabola through the least point and its neighbours, in logarithms; the least point
        itself at an edge of the list; NaN if there is none.
    edge
        ``lowest`` or ``highest`` if the least point is an edge of the list (`LIST_EDGES`): the
        optimum may lie beyond. ``stability`` if a neighbour failed. Else empty.
    """

    rate: float
    edge: str


def optimum(rates: Array, losses: Array) -> Optimum:
    """The best learning rate, between those tried; `rates` grow, a NaN loss is not usable."""
    if not np.isfinite(losses).any():
        return Optimum(np.nan, "")
    row = int(np.nanargmin(losses))
    if row in (0, len(rates) - 1):
        return Optimum(float(rates[row]), "lowest" if row == 0 else "highest")
    if not np.isfinite(losses[row - 1 : row + 2]).all():
        return Optimum(float(rates[row]), "stability")
    x, y = np.log(rates[row - 1 : row + 2]), np.log(losses[row - 1 : row + 2])
    left, right = np.diff(y) / np.diff(x)
    middle = (x[:-1] + x[1:]) / 2  # where a parabola has these slopes
    share = -left / (right - left)
    return Optimum(float(np.exp(middle[0] + share * (middle[1] - middle[0]))), "")


def rate_curve(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a learning rate, from the rows of one point.

    Columns: lr, replicas, diverged, collapsed, val_loss, low, high (mean over rule draws, its
    interval), chosen.
    """
    rows = []
    for rate, group in runs.groupby("lr"):
        good = usable(group)
        mean, low, high = mean_and_interval(cluster_means(good, "val_loss"))
        rows.append(
            {
                "lr": rate,
                "replicas": len(good),
                **{name: int((group["status"] == name).sum()) for name in FAILED},
                "val_loss": mean,
                "low": low,
                "high": high,
                "chosen": bool(group["chosen"].iloc[0]),
            }
        )
    return pd.DataFrame(rows)


def _optima(runs: pd.DataFrame, seed: int) -> tuple[Optimum, Array]:
    """The optimum of one point, and those of `RESAMPLES` resamples of rule draws.

    Draws are resampled with all their replicas; equal seeds choose equal draws, so that points
    that share them vary together. A rate at which a replica failed is not usable. With a single
    draw there is nothing to resample, and the second part is NaN.
    """
    usable_losses = runs["val_loss"].where(runs["status"] == "ok")
    by_draw = usable_losses.groupby([runs["rule_seed"], runs["lr"]])
    whole = usable_losses.notna().groupby([runs["rule_seed"], runs["lr"]]).all()
    sums, counts = (table.unstack("lr") for table in (by_draw.sum().where(whole), by_draw.size()))
    rates = sums.columns.to_numpy(dtype=float)
    found = optimum(rates, (sums.sum(skipna=False) / counts.sum()).to_numpy())
    if len(sums) == 1:
        return found, np.full(RESAMPLES, np.nan)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    resampled = sums.to_numpy()[drawn].sum(axis=1) / counts.to_numpy()[drawn].sum(axis=1)
    return found, np.array([optimum(rates, losses).rate for losses in resampled])


def _interval(values: Array) -> tuple[float, float]:
    good = values[np.isfinite(values)]
    if not len(good):
        return np.nan, np.nan
    low, high = np.quantile(good, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return float(low), float(high)


def best_rate(runs: pd.DataFrame, seed: int) -> dict[str, Any]:
    """The best rate of one point with its interval from resampled rule draws.

    Keys: chosen (of those tried), optimum, low, high, edge.
    """
    found, again = _optima(runs, seed)
    low, high = _interval(again)
    chosen = float(runs.loc[runs["chosen"], "lr"].iloc[0])
    return {"chosen": chosen, "optimum": found.rate, "low": low, "high": high, "edge": found.edge}


def scaling_with_width(runs: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Exponent of the best configured rate against the width, from the rows of several widths.

    A parametrization under which rates transfer has exponent zero. Keys: widths, exponent, low,
    high, at_edge (widths whose optimum lies at an edge of the list and bounds the exponent only).
    """
    widths, parts = zip(*runs.groupby("width"))
    found, again = zip(*(_optima(part, seed) for part in parts))
    logs = np.log(np.array(widths, dtype=float))
    centred = logs - logs.mean()

    def slope(rates: Array) -> Array:
        return np.asarray(centred @ np.log(rates) / (centred @ centred))

    low, high = _interval(slope(np.array(again)))
    return {
        "widths": len(widths),
        "exponent": float(slope(np.array([best.rate for best in found]))),
        "low": low,
        "high": high,
        "at_edge": sum(best.edge in LIST_EDGES for best in found),
    }
