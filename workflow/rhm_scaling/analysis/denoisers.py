"""Networks that denoise: their curves at every masked fraction, and when levels are composed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import REPLICA_KEY, geometric_mean, mean_and_interval

Array = NDArray[np.float64]
POINT = ["lr", "train_size", "sentences", *REPLICA_KEY, "step", "fraction"]
MASKED = [*POINT, "loss", "floor", "excess"]
GENERATION = [*POINT, "order", "level", "obeying", "exact", "random", "composing"]
CURVES = [
    *("sentences", "quantity", "order", "fraction", "level", "rule_draws"),
    *("mean", "low", "high", "exact", "random"),
]
COMPOSED = [
    *("measure", "fraction", "level", "rule_draws", "sentences", "low", "high"),
    *("ratio", "ratio_low", "ratio_high", "in_order"),
]


def averaged(masked: pd.DataFrame, generation: pd.DataFrame) -> pd.DataFrame:
    """Means over rule draws with 95 % intervals, of one curve.

    Parameters
    ----------
    masked, generation
        Rows of ``masked.csv`` and ``generation.csv`` of the curve, of trainings that did not fail.

    Returns
    -------
    table
        Of columns `CURVES`: the excess by fraction, and ``obeying`` and ``composing`` by order,
        fraction and level. Intervals stay within the range of what is averaged.
    """
    found: list[tuple[Any, ...]] = []
    for (sentences, fraction), group in masked.groupby(["sentences", "fraction"]):
        values = group.groupby("rule_seed")["excess"].mean().to_numpy(dtype=float)
        told = (len(values), *mean_and_interval(values), np.nan, np.nan)
        found.append((sentences, "excess", "", fraction, np.nan, *told))
    for names, group in generation.groupby(["sentences", "order", "fraction", "level"]):
        sentences, order, fraction, level = names
        draws = group.groupby("rule_seed")[["obeying", "composing", "exact", "random"]].mean()
        for quantity in ("obeying", "composing"):
            values = draws[quantity].dropna().to_numpy(dtype=float)
            of = draws if quantity == "obeying" else draws * np.nan
            ends = mean_and_interval(values, most=1.0)
            told = (len(values), *ends, of["exact"].mean(), of["random"].mean())
            found.append((sentences, quantity, order, fraction, level, *told))
    return pd.DataFrame(found, columns=CURVES).astype({"level": "Int64"})


def composed_at(generation: pd.DataFrame, guessed: Mapping[int, float]) -> pd.DataFrame:
    """Numbers of sentences from which half of what random tokens lack is composed, by level.

    For each rule draw, of sentences filled in token by token, on a logarithmic axis: where
    ``obeying`` stays above half-way from that of random tokens to 1, and ``composing`` from that of
    random symbols. The former can only grow from level to level, whatever is learnt; the latter
    asks for what is new at each. Before a network composes the level below, ``composing`` is of
    so few subtrees that it may be anything.

    Parameters
    ----------
    generation
        Rows of ``generation.csv`` of one curve, of trainings that did not fail.
    guessed
        By level, the fraction of tuples of symbols that are a right-hand side of a rule.

    Returns
    -------
    table
        Of columns `COMPOSED`: geometric means over rule draws, infinite where one does not come so
        far and empty where one begins beyond; ratios to the level below, draw by draw; and the
        fraction of draws in which the level below comes first, empty if it is not known of all.
    """
    found = []
    told = generation[(generation["order"] == "in turn") & (generation["sentences"] > 0)]
    for fraction, mine in told.groupby("fraction"):
        for measure in ("obeying", "composing"):
            before = np.array([])
            for level, rows in mine.groupby("level"):
                at = _half_way(rows, measure, guessed[int(str(level))])
                both = len(before) == len(at)
                ratios = np.full(len(at), np.nan)
                if both:
                    ratios = np.where(np.isfinite(before), at, np.nan) / before
                known = both and not np.isnan([at, before]).any()
                in_order = (at > before).mean() if known else np.nan
                found.append(
                    (
                        *(measure, fraction, level, len(at)),
                        *geometric_mean(at),
                        *geometric_mean(ratios),
                        in_order,
                    )
                )
                before = at
    return pd.DataFrame(found, columns=COMPOSED)


def _half_way(rows: pd.DataFrame, measure: str, guess: float) -> Array:
    """Sentences of each rule draw, ``(R,)``, of one fraction and level."""
    at: list[float] = []
    for _, draw in rows.groupby("rule_seed"):
        start = draw["random"].mean() if measure == "obeying" else guess
        curve = draw.groupby("sentences")[measure].mean().dropna()
        at.append(float(np.exp(stays_above(curve, (start + 1) / 2))) if len(curve) else np.inf)
    return np.array(at)


def stays_above(curve: pd.Series, height: float) -> float:
    """Logarithm of the size from which on a curve, by growing size, stays above a height.

    NaN if it does from the first size on, infinite if it does not at the last.
    """
    sizes, above = np.log(curve.index.to_numpy(dtype=float)), curve.to_numpy(dtype=float) - height
    below = np.flatnonzero(above < 0)
    if not len(below):
        return np.nan
    last = int(below[-1])
    if last + 1 == len(above):
        return np.inf
    share = -above[last] / (above[last + 1] - above[last])
    return float(sizes[last] + share * (sizes[last + 1] - sizes[last]))
