"""Verdicts: estimates with intervals, held against regions that are stated beforehand.

One rule for every claim. What is estimated from a study's curves is also computed from curves of
the same grammars and sizes that obey the claim, and from curves that obey its rival: so the
prediction and the rival hold at the sizes that were measured. The asymptotic value of the theory is
a prediction too. The region of a claim spans its predictions, and reaches on both sides half as far
again as the nearest of them lies from the rival. A criterion

agrees
    if the whole interval of its estimate lies inside the region,
disagrees
    if the whole interval lies outside,
is undetermined
    if the interval holds an edge, if there is no interval, or if at the sizes measured curves that
    obey the claim lie outside themselves (a region may be stated for the limit).

A claim disagrees if one of its sound criteria does, agrees if all its decisive criteria agree, and
else is undetermined. Known from theory before anything is trained (`power`): a criterion is sound
if a study of this design would hardly ever disagree, were the claim true, and decisive if it is
sound and would probably agree.

Intervals are Student's, with the jackknife's standard error over rule draws: draws differ more than
replicas of one draw, and any estimator, also a ratio of fits, can be computed without one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analysis.curves import student_factor

VERDICTS = AGREES, DISAGREES, UNDETERMINED = "agrees", "disagrees", "undetermined"
_TOO_SMALL = "larger P: at these sizes curves that obey the claim lie outside its region, too"
_MOST_DRAWS = 1000  # so many are as good as never

Estimator = Callable[[Any, Sequence[int]], float]


@dataclass(frozen=True)
class Criterion:
    """What decides a claim, or a part of it.

    Attributes
    ----------
    name
        Names it within its claim.
    rule
        In words: what is estimated.
    estimator
        The estimate from a study's curves and some rule draws (their seeds); NaN if it cannot be
        formed.
    asymptotic
        What theory predicts in the limit; several values if it leaves them open.
    rival
        What would be seen in the limit if the claim were false.
    lacking
        What to change where no estimate can be formed.
    region
        Its edges, where the claim is an inequality.
    kinds
        The kinds of networks whose curves it looks at; none named: all.
    """

    name: str
    rule: str
    estimator: Estimator
    asymptotic: tuple[float, ...]
    rival: float
    lacking: str
    region: tuple[float, float] | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expectation:
    """A criterion's estimate on curves that obey the claim and its rival, and the region."""

    prediction: float
    rival: float
    region: tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """A criterion's estimate, interval and verdict; `needed` says what an open one would take."""

    rule_draws: int
    estimate: float
    low: float
    high: float
    verdict: str
    needed: str


def expectation(
    criterion: Criterion, holding: Any, rival: Any, draws: Sequence[int]
) -> Expectation:
    """The region of a criterion.

    Parameters
    ----------
    holding, rival
        Curves without noise that obey the claim, and its rival. Where they give no estimate, the
        asymptotic values stand alone.
    draws
        Rule draws.
    """
    at_sizes = criterion.estimator(holding, draws)
    against = criterion.estimator(rival, draws)
    against = against if np.isfinite(against) else criterion.rival
    if criterion.region is not None:
        return Expectation(at_sizes, against, criterion.region)
    found = [p for p in (at_sizes, *criterion.asymptotic) if np.isfinite(p)]
    if not found:
        return Expectation(at_sizes, against, (np.nan, np.nan))
    # predictions on the rival's other side would draw the rival into the region
    alike = [p for p in found if (p > against) == (found[0] > against)]
    half = min(abs(p - against) for p in alike) / 2
    return Expectation(at_sizes, against, (min(alike) - half, max(alike) + half))


def jackknife(
    estimator: Callable[[Sequence[int]], float], draws: Sequence[int]
) -> tuple[float, float, float]:
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


def decide(
    criterion: Criterion, expected: Expectation, curves: Any, draws: Sequence[int]
) -> Finding:
    """Estimate, interval and verdict of a criterion from a study's curves and rule draws."""
    if not draws:
        lacking = "rule draws whose trainings do not diverge"
        return Finding(0, np.nan, np.nan, np.nan, UNDETERMINED, lacking)
    estimate, low, high = jackknife(lambda some: criterion.estimator(curves, some), draws)
    bottom, top = expected.region

    def found(verdict: str, needed: str = "") -> Finding:
        return Finding(len(draws), estimate, low, high, verdict, needed)

    if not np.isfinite(estimate) or np.isnan(bottom):
        return found(UNDETERMINED, criterion.lacking)
    if not np.isfinite(high - low):
        return found(UNDETERMINED, "at least 2 rule draws")
    if expected.prediction <= bottom or expected.prediction >= top:
        return found(UNDETERMINED, _TOO_SMALL)
    if bottom < low and high < top:
        return found(AGREES)
    if high < bottom or low > top:
        return found(DISAGREES)
    half, distance = (high - low) / 2, min(abs(estimate - bottom), abs(estimate - top))
    return found(UNDETERMINED, _more(len(draws), half, distance))


def _more(draws: int, half: float, distance: float) -> str:
    """How many rule draws would narrow the interval to the distance from the nearest edge.

    Its half-width falls as the root of their number.
    """
    needed = draws * (half / distance) ** 2 if distance > 0 else np.inf
    if needed > _MOST_DRAWS:
        return "larger P: the estimate lies at the edge of its region"
    return f"about {max(int(np.ceil(needed)), draws + 1)} rule draws"


@dataclass(frozen=True)
class Weight:
    """What a criterion's verdict counts: whether it can speak for its claim, and against it."""

    decisive: bool
    sound: bool


def together(found: Iterable[tuple[str, Weight]]) -> str:
    """The verdict on a claim from those on its criteria, each with its weight."""
    verdicts = list(found)
    if any(verdict == DISAGREES and weight.sound for verdict, weight in verdicts):
        return DISAGREES
    decisive = [verdict for verdict, weight in verdicts if weight.decisive]
    return AGREES if decisive and all(v == AGREES for v in decisive) else UNDETERMINED
