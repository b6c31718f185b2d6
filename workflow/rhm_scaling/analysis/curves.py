"""Learning curves: tidy rows of replicas in, one row a size out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.hashing import seed_from

CURVE_KEY = ["grammar", "task", "architecture", "width", "depth", "protocol", "context"]
REPLICA_KEY = ["rule_seed", "sample_seed", "init_seed"]
FAILED = ("diverged", "collapsed")  # what a replica's status can be beside ok
CONFIDENCE = 0.95


def rows_of(table: pd.DataFrame, key: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one curve; `key` holds `CURVE_KEY`, and may hold more."""
    wanted = pd.Series({column: key[column] for column in CURVE_KEY})
    return table[(table[CURVE_KEY] == wanted).all(axis=1)]


def identified(table: pd.DataFrame, study: str, key: Mapping[str, Any]) -> pd.DataFrame:
    """The table of one curve with the columns in front that identify it."""
    columns = {"study": study, **{column: key[column] for column in CURVE_KEY}}
    return table.assign(**columns)[[*columns, *table.columns]]


def seed_of(purpose: str, key: Mapping[str, Any]) -> int:
    """A seed of what is drawn for a curve: of its key, but for a context that it has not."""
    named = {column: key[column] for column in CURVE_KEY if column != "context" or key[column]}
    return seed_from(purpose, named)


def usable(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows that enter averages: diverged and collapsed replicas are counted, never averaged."""
    return runs[runs["status"] == "ok"]


def of_runs(histories: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``histories.csv`` of some runs."""
    return histories.merge(runs[[*CURVE_KEY, *REPLICA_KEY, "lr", "rates_tried"]])


def points(runs: pd.DataFrame, histories: pd.DataFrame | None = None) -> pd.DataFrame:
    """What curves are made of: a row a replica and number of training sentences.

    Of finite training sets, every training is a point; of online trainings, every evaluation.

    Parameters
    ----------
    runs
        Rows of ``runs.csv`` at the chosen rates.
    histories
        ``histories.csv``, if anything was trained online; those of `runs` are taken.
    """
    parts = [runs[runs["protocol"] == "finite"]]
    parts += [] if histories is None else [of_runs(histories, runs)]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def student_factor(clusters: int) -> float:
    """Half-width of a two-sided interval in standard errors, for a mean of `clusters` values."""
    from scipy import special  # scipy.stats would take a second to import

    return float(special.stdtrit(clusters - 1, 0.5 + CONFIDENCE / 2)) if clusters > 1 else np.nan


def cluster_means(rows: pd.DataFrame, measure: str) -> NDArray[np.float64]:
    """Mean of a measure for each rule draw; for a single draw, the replicas themselves.

    Rule draws differ more than replicas of one draw, so they are the independent units; with a
    single draw the interval describes that grammar alone.
    """
    values = rows.groupby("rule_seed")[measure].mean()
    return (values if len(values) > 1 else rows[measure]).to_numpy(dtype=float)


def largest(measure: str) -> float:
    """The largest value that a measure can have: an error is a fraction, an excess has no end."""
    return 1.0 if measure == "test_error" else np.inf


def between(
    estimate: float, half: float, least: float = 0.0, most: float = np.inf
) -> tuple[float, float]:
    """Ends of an interval that stays between two bounds, and is about ``estimate ± half``.

    It is symmetric on the logarithm of the distance from `least` over that from `most`, to which
    `half` is carried over by the derivative; without an end above, on the logarithm of the distance
    from `least`; without any end, as it is. NaN for an estimate at a bound: what all lies there
    tells no scatter.
    """
    if np.isinf(least):
        return estimate - half, estimate + half
    below, above = estimate - least, most - estimate
    if not (below > 0 and above > 0):
        return np.nan, np.nan
    # an end that is too near to a bound for a number is that bound
    with np.errstate(over="ignore", divide="ignore"):
        factor = np.exp(half / below + half / above)
        ends = np.array([below / factor, below * factor])
        if np.isfinite(most):
            ends = (most - least) / (1 + above / ends)
    return float(least + ends[0]), float(least + ends[1])


def mean_and_interval(
    values: NDArray[np.float64], least: float = 0.0, most: float = np.inf
) -> tuple[float, float, float]:
    """Mean and its Student interval, which stays `between` the bounds of what is averaged."""
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = student_factor(len(values)) * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, *between(mean, half, least, most)


def learning_curve(rows: pd.DataFrame, measure: str, over: str = "sentences") -> pd.DataFrame:
    """One row a number of training sentences, for the replicas of one curve (of `points`).

    Columns: train_size, sentences, lr, rates_tried, measure, replicas, rule_draws, diverged,
    collapsed, mean, low, high (interval of the mean over rule draws), test_loss, bayes_loss
    (means), overlap. A row of the table is a value of `over`, which may also be ``train_size``.
    """
    table = []
    for _, group in rows.groupby(over):
        # of an online training, what fails at some step is missing at all
        whole = rows[rows["train_size"] == group["train_size"].iloc[0]]
        failed = whole.drop_duplicates(REPLICA_KEY)["status"]
        good = usable(group)
        mean, low, high = mean_and_interval(cluster_means(good, measure), most=largest(measure))
        table.append(
            {
                "train_size": group["train_size"].iloc[0],
                "sentences": group["sentences"].max(),
                "lr": group["lr"].iloc[0],
                "rates_tried": group["rates_tried"].iloc[0],
                "measure": measure,
                "replicas": len(good),
                "rule_draws": good["rule_seed"].nunique(),
                **{name: int((failed == name).sum()) for name in FAILED},
                "mean": mean,
                "low": low,
                "high": high,
                "test_loss": good["test_loss"].mean(),
                "bayes_loss": good["bayes_loss"].mean(),
                "overlap": good["overlap"].mean(),
            }
        )
    return pd.DataFrame(table)


def failures(curve: pd.DataFrame) -> dict[str, int]:
    """Trainings of one curve that failed, by status, from its rows of ``curves.csv``."""
    online = (curve["protocol"] == "online").all()
    return {name: int(curve[name].max() if online else curve[name].sum()) for name in FAILED}


def replica_matrix(rows: pd.DataFrame, measure: str, sizes: Sequence[float]) -> pd.DataFrame:
    """A row a replica (indexed by its seeds), a column a size in sentences; NaN if it failed."""
    table = usable(rows).pivot_table(index=REPLICA_KEY, columns="sentences", values=measure)
    return table.reindex(columns=list(sizes))


def crossing(sizes: NDArray[np.float64], values: NDArray[np.float64], height: float) -> float:
    """The size at which a growing curve first reaches a height, between sizes on a logarithm.

    NaN if it starts above, infinite if it never reaches it. `sizes` grow.
    """
    reached = np.flatnonzero(values >= height)
    if not len(reached):
        return np.inf
    after = reached[0]
    if after == 0:
        return np.nan
    low, high = values[after - 1], values[after]
    share = (height - low) / (high - low)
    logs = np.log(sizes[after - 1 : after + 1])
    return float(np.exp(logs[0] + share * (logs[1] - logs[0])))


def geometric_mean(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Geometric mean and its Student interval, of values above zero, one a unit.

    Infinite if a value is, NaN if one is NaN; without an interval then, or for a single value.
    """
    logs = np.log(values)
    middle = float(logs.mean())
    if not np.isfinite(middle) or len(logs) < 2:
        return float(np.exp(middle)), np.nan, np.nan
    half = student_factor(len(logs)) * float(logs.std(ddof=1)) / np.sqrt(len(logs))
    return float(np.exp(middle)), float(np.exp(middle - half)), float(np.exp(middle + half))


def falls_to(sizes: NDArray[np.float64], losses: NDArray[np.float64], height: float) -> float:
    """`crossing` of a falling curve, between sizes on both logarithms; infinite at no height.

    What lies far below the height counts as a thousandth of it: zero has no logarithm.
    """
    if height <= 0:
        return np.inf
    return crossing(sizes, -np.log(np.maximum(losses, height / 1000)), -np.log(height))
