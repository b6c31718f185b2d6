"""At which training sizes hidden layers become invariant to synonyms, and in which order.

A layer is half invariant to the synonyms of a level where exchanging a subtree for a synonym's
changes it half as much as exchanging it for another symbol's (B4, arXiv:2505.07070).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import falls_to, geometric_mean

Array = NDArray[np.float64]

HALF = 0.5
NO_SIZES = "no training size counts"  # of a language that is too small
EACH = ["rule_seed", "layer", "level", "half_at", "crossed_at", "threshold"]
SUMMED = [
    *("layer", "level", "rule_draws", "draws", "half_at", "low", "high", "at_least", "at_most"),
    *("crossed_at", "threshold"),
]


def half_invariant(layers: pd.DataFrame, counted: Array, crossed: pd.DataFrame) -> pd.DataFrame:
    """Sizes of half invariance of one curve, a row a rule draw, layer and level.

    Parameters
    ----------
    layers
        The curve's rows of ``representations.csv``; replicas of a rule draw are averaged first.
    counted
        Training sizes that count, ``(sizes,)``.
    crossed
        Where its loss crosses levels, at these sizes (`thresholds.crossings`). The level above
        tells synonyms, so that is the one beside.

    Returns
    -------
    DataFrame
        Columns `EACH`; half_at is NaN if a layer is half invariant at the smallest size, infinite
        if it is not at the largest. Layers that no exchange changes are left out.
    """
    rows = []
    key = ["rule_seed", "layer", "level"]
    seen = layers[layers["train_size"].isin(counted) & (layers["other"] > 0)]
    for where, group in seen.groupby(key):
        means = group.groupby("train_size")[["synonym", "other"]].mean()
        ratio = means["synonym"] / means["other"]
        at = falls_to(ratio.index.to_numpy(dtype=float), ratio.to_numpy(dtype=float), HALF)
        rows.append((*where, at))
    found = pd.DataFrame(rows, columns=[*key, "half_at"])
    above = crossed.assign(level=crossed["level"] - 1)
    return found.merge(above, on=["rule_seed", "level"], how="left")[EACH]


def invariance_sizes(each: pd.DataFrame, counted: Array) -> pd.DataFrame:
    """Sizes of half invariance of one curve, a row a layer and level.

    Columns `SUMMED`: rule_draws, draws (that become half invariant between the sizes that count),
    half_at with low and high (geometric mean over rule draws and Student's interval; infinite or
    NaN if a draw's is), at_least and at_most (bounds on that mean, of all draws, for what they do
    not show: beyond the largest size or below the smallest), and geometric means of crossed_at and
    threshold. Parameters are those of `half_invariant`, and what it gives.
    """
    rows = []
    for (layer, level), group in each.groupby(["layer", "level"]):
        at = group["half_at"].to_numpy(dtype=float)
        row = {"layer": layer, "level": level, "rule_draws": len(at)}
        row["draws"] = int(np.isfinite(at).sum())
        row |= dict(zip(("half_at", "low", "high"), geometric_mean(at)))
        row["at_least"] = _mean(np.where(np.isinf(at), counted.max(), np.nan_to_num(at, nan=0.0)))
        row["at_most"] = _mean(np.where(np.isnan(at), counted.min(), at))
        for column in ("crossed_at", "threshold"):
            row[column] = geometric_mean(group[column].to_numpy(dtype=float))[0]
        rows.append(row)
    return pd.DataFrame(rows, columns=SUMMED)


def _mean(values: Array) -> float:
    """Geometric mean; zero if a value is, else infinite if one is."""
    return 0.0 if not values.all() else float(np.exp(np.log(values).mean()))


def mean_or_bound(row: Mapping[Any, Any]) -> tuple[float, str]:
    """The mean size in a row of `invariance_sizes`, or a bound on it with its sign; NaN if neither.

    Where no rule draw becomes half invariant, the largest size is no bound that tells of draws.
    """
    if np.isfinite(row["half_at"]):
        return row["half_at"], ""
    if np.isfinite(row["at_most"]):
        return row["at_most"], "<"
    return (row["at_least"], ">") if row["draws"] and row["at_least"] else (np.nan, "")


@dataclass(frozen=True)
class Order:
    """In which order a layer becomes half invariant to the levels, draw by draw.

    Attributes
    ----------
    layer
        Which.
    levels
        Its levels, from 1 on.
    draws, in_order, undecided
        Rule draws: all, those where each level comes before the next, and those of which the sizes
        do not tell, as two levels both come before the smallest or beyond the largest.
    by_chance
        The share of draws in order if all levels came at once, so that chance decides.
    """

    layer: int
    levels: list[int]
    draws: int
    in_order: int
    undecided: int

    @property
    def by_chance(self) -> float:
        """One order of all."""
        return 1 / math.factorial(len(self.levels))

    @property
    def as_many_by_chance(self) -> float:
        """Probability that, all at once, as many draws or more are in order."""
        p = self.by_chance
        return sum(
            math.comb(self.draws, k) * p**k * (1 - p) ** (self.draws - k)
            for k in range(self.in_order, self.draws + 1)
        )


def order_of_levels(each: pd.DataFrame) -> Order:
    """The order in the deepest layer of one curve, from its `half_invariant`."""
    deepest = each[each["layer"] == each["layer"].max()]
    # what came before the smallest size came first, though nobody knows when
    filled = deepest.assign(half_at=deepest["half_at"].fillna(0.0))
    at = filled.pivot(index="rule_seed", columns="level", values="half_at")
    before, after = at.to_numpy(dtype=float)[:, :-1], at.to_numpy(dtype=float)[:, 1:]
    in_order, against = (after > before).all(axis=1), (after < before).any(axis=1)
    return Order(
        layer=int(deepest["layer"].iloc[0]),
        levels=[int(level) for level in at.columns],
        draws=len(at),
        in_order=int(in_order.sum()),
        undecided=int((~in_order & ~against).sum()),
    )
