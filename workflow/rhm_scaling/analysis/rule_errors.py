"""Test errors by the rarest rule of a sentence, and whether rules are learnt as theory says.

Theory learns production rule ``k`` of level 1 at ``P_k`` sentences, in inverse proportion to its
probability (arXiv:2505.07067). The errors on sentences whose rarest rule it is are then one curve
of ``P/P_k`` for all rules, training sizes and Zipf exponents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.hashing import seed_from
from .curves import CURVE_KEY, cluster_means, falls_to, mean_and_interval
from .theory_columns import Known

Array = NDArray[np.float64]

NETWORK = ["architecture", "width", "depth"]
RANKS = ["level", "rank_low", "rank_high"]
CURVES = [
    *("train_size", *RANKS, "zipf", "probability", "threshold", "sentences", "rule_draws"),
    *("replicas", "mean", "low", "high", "chance", "predicted"),
]
COLLAPSE = ["bins", "learnt_at", "learnt_at_f", "spread", "shuffled", "predicted_at"]
FEWEST = 100  # test sentences, of all replicas, below which errors of a range tell nothing
_SHUFFLES = 1000


def with_thresholds(rows: pd.DataFrame, known: Known, most_probable: float) -> pd.DataFrame:
    """Counted errors of one curve with the ``threshold`` of each range of ranks.

    It is ``P_k`` of the mean probability of the sentences' rarest rules, from the correlations of
    the rule draw itself, of which ``P_k f_k`` is the same for all ranks.

    Parameters
    ----------
    rows
        What `steps.products.measure_rule_errors` writes, of one curve.
    known
        Theory of its grammar.
    most_probable
        ``f_1``.
    """
    first = {rule: by_rank[0] for rule, by_rank in known.rule_thresholds.items()}
    scale = rows["rule_seed"].map(first) * most_probable
    return rows.assign(threshold=scale / rows["probability"])


def rule_error_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean errors, a row a training size and range of ranks, of one curve (of `with_thresholds`).

    Columns `CURVES` but for zipf, chance and predicted.
    """
    table: list[dict[str, Any]] = []
    key = ["train_size", *RANKS]
    for values, group in rows.groupby(key):
        shares = group.assign(error=group["errors"] / group["sentences"])
        mean, low, high = mean_and_interval(cluster_means(shares, "error"), most=1.0)
        table.append(
            {
                **dict(zip(key, values)),
                "probability": group["probability"].mean(),
                "threshold": float(np.exp(np.log(group["threshold"]).mean())),
                "sentences": group["sentences"].sum(),
                "rule_draws": group["rule_seed"].nunique(),
                "replicas": len(group),
                **{"mean": mean, "low": low, "high": high},
            }
        )
    return pd.DataFrame(table, columns=CURVES)


def error_of_one_rule(
    known: Callable[[Array], Array], errors_by_patches: Array, ratios: Array
) -> Array:
    """Error on a sentence of which one patch is made by a rule with ``P/P_k``, all others known.

    Parameters
    ----------
    known
        How a single rule becomes known (`theory.predicted_curves.rule_curve`).
    errors_by_patches
        Bayes errors with ``0..J`` patches known.
    ratios
        ``P/P_k``.
    """
    with np.errstate(divide="ignore"):  # a rule that tells nothing of the label is never known
        return np.asarray(errors_by_patches[-2] * (1.0 - known(ratios)))


def collapse(curves: pd.DataFrame) -> dict[str, float]:
    """How near to each other curves of all ranks and grammars pass half of chance.

    Of ranges of ranks that do so between the sizes, with `FEWEST` sentences or more.

    Parameters
    ----------
    curves
        Rows of ``rule_error_curves.csv`` of one network and of grammars that differ in ``a`` alone.

    Returns
    -------
    dict
        bins: how many do; learnt_at, learnt_at_f: median of ``P/P_k`` and of ``P f_k`` there, NaN
        for none; spread: upper over lower quartile of ``P/P_k``; shuffled: the same if every range
        has the threshold of another, median over permutations; NaN for fewer than two.
        predicted_at: where what is predicted from a grammar with uniform rules passes it.
    """
    found = []
    for _, one in curves[curves["sentences"] >= FEWEST].groupby([*CURVE_KEY, *RANKS]):
        told = one.sort_values("train_size")
        sizes, errors = told[["train_size", "mean"]].to_numpy(dtype=float).T
        at = falls_to(sizes, errors, told["chance"].iloc[0] / 2)
        if np.isfinite(at) and np.isfinite(told["threshold"].iloc[0]):
            found.append((at, told["threshold"].iloc[0], told["probability"].iloc[0]))
    result: dict[str, float] = {**dict.fromkeys(COLLAPSE, np.nan), "bins": len(found)}
    result["predicted_at"] = _predicted_at(curves.dropna(subset="predicted"))
    if found:
        at, thresholds, f = np.log(np.array(found)).T
        result["learnt_at"] = float(np.exp(np.median(at - thresholds)))
        result["learnt_at_f"] = float(np.exp(np.median(at + f)))
    if len(found) > 1:
        source = np.random.Generator(np.random.Philox(seed_from("shuffled ranks", len(found))))
        shuffles = np.stack([source.permutation(thresholds) for _ in range(_SHUFFLES)])
        result["spread"] = float(_spread(at - thresholds))
        result["shuffled"] = float(np.median(_spread(at - shuffles)))
    return result


def _predicted_at(curves: pd.DataFrame) -> float:
    """``P/P_k`` at which the predicted error passes half of chance; NaN if it does not."""
    told = curves.assign(ratio=curves["train_size"] / curves["threshold"]).query("ratio > 0")
    ratios, errors = told.sort_values("ratio")[["ratio", "predicted"]].to_numpy(dtype=float).T
    at = falls_to(ratios, errors, told["chance"].iloc[0] / 2) if len(told) else np.nan
    return at if np.isfinite(at) else np.nan


def _spread(logs: Array) -> Array:
    """Upper over lower quartile, along the last axis, of what has these logarithms."""
    low, high = np.quantile(logs, [0.25, 0.75], axis=-1)
    return np.asarray(np.exp(high - low))
