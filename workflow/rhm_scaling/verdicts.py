"""Verdicts: estimates with intervals, held against regions that are stated beforehand.

One rule for every claim. A criterion has a prediction, a rival (what would be measured if the claim
were false) and a region around the prediction whose edges lie half-way to the rival. It

agrees
    if the whole interval of the estimate lies inside the region,
disagrees
    if the whole interval lies outside,
is undetermined
    if the interval holds an edge, or if there is no interval.

A claim agrees if all its criteria agree, disagrees if one disagrees, and else is undetermined.

Intervals are Student's, with the jackknife's standard error over rule draws: draws differ more than
replicas of one draw, and any estimator, also a ratio of fits, can be computed without one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .curves import student_factor

VERDICTS = AGREES, DISAGREES, UNDETERMINED = "agrees", "disagrees", "undetermined"
_MOST_DRAWS = 1000  # so many are as good as never

Estimator = Callable[[Sequence[int]], float]


@dataclass(frozen=True)
class Criterion:
    """What decides a claim, or a part of it.

    Attributes
    ----------
    name
        Names it within its claim.
    rule
        In words: what is estimated, and which region stands for the claim.
    estimator
        The estimate from some rule draws (their seeds); NaN if it cannot be formed.
    prediction, rival
        What the claim predicts, and what would be seen without it; NaN where only an inequality is
        predicted.
    region
        Its two edges; one may be infinite.
    lacking
        What to change where no estimate can be formed.
    """

    name: str
    rule: str
    estimator: Estimator
    prediction: float
    rival: float
    region: tuple[float, float]
    lacking: str


@dataclass(frozen=True)
class Finding:
    """A criterion's estimate, interval and verdict; `needed` says what an open one would take."""

    estimate: float
    low: float
    high: float
    verdict: str
    needed: str


def around(prediction: float, rival: float) -> tuple[float, float]:
    """The region up to half-way to the rival, and as far on the other side."""
    half = abs(prediction - rival) / 2
    return prediction - half, prediction + half


def jackknife(estimator: Estimator, draws: Sequence[int]) -> tuple[float, float, float]:
    """Estimate from all rule draws, with its Student interval.

    NaN ends for a single draw, or if leaving one out leaves no estimate.
    """
    estimate = estimator(draws)
    if len(draws) < 2 or not np.isfinite(estimate):
        return estimate, np.nan, np.nan
    without = np.array([estimator([d for d in draws if d != left]) for left in draws])
    count = len(draws)
    error = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    half = student_factor(count) * float(error)
    return estimate, estimate - half, estimate + half


def decide(criterion: Criterion, draws: Sequence[int]) -> Finding:
    """Estimate, interval and verdict of a criterion from some rule draws."""
    estimate, low, high = jackknife(criterion.estimator, draws)
    bottom, top = criterion.region
    if not np.isfinite(estimate):
        return Finding(estimate, low, high, UNDETERMINED, criterion.lacking)
    if not np.isfinite(high - low):
        return Finding(estimate, low, high, UNDETERMINED, "at least 2 rule draws")
    if bottom < low and high < top:
        return Finding(estimate, low, high, AGREES, "")
    if high < bottom or low > top:
        return Finding(estimate, low, high, DISAGREES, "")
    half, distance = (high - low) / 2, min(abs(estimate - bottom), abs(estimate - top))
    return Finding(estimate, low, high, UNDETERMINED, _more(len(draws), half, distance))


def _more(draws: int, half: float, distance: float) -> str:
    """How many rule draws would narrow the interval to the distance from the nearest edge.

    Its half-width falls as the root of their number.
    """
    needed = draws * (half / distance) ** 2 if distance > 0 else np.inf
    if needed > _MOST_DRAWS:
        return "more rule draws do not decide: the estimate is at the edge; larger P"
    return f"about {max(int(np.ceil(needed)), draws + 1)} rule draws"


def together(verdicts: Iterable[str]) -> str:
    """The verdict on a claim from those on its criteria; undetermined without any."""
    found = set(verdicts)
    if DISAGREES in found:
        return DISAGREES
    return AGREES if found == {AGREES} else UNDETERMINED
