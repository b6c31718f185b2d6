"""The one rule of all verdicts.

A contrast is one number for each rule draw: a difference, ratio or slope of what was measured on
it, by networks that are compared on the same draws. Beside it stand the same contrast of what
theory predicts for that very draw, and of what a rival of the claim would show. Rule draws are the
units of evidence. Three statements are made, of which none stands for another:

holds
    the interval of the mean contrast (Student's, of the deviations from the draws' predictions)
    holds the mean prediction;
nearer
    the whole interval lies on the prediction's side of the middle between prediction and rival;
limit
    it holds what theory says where all numbers are large.

A criterion *agrees* if it holds and is nearer, is *nearer (prediction excluded)* if it is nearer
alone, *disagrees* if the interval excludes the prediction and lies wholly on the rival's side, and
is *undetermined* else. Of an inequality, which predicts no number, the whole interval lies beyond
the bound (agrees), before it (disagrees), or neither.

How often the claim's own studies and its rival's are called so is found by making up studies that
have the measured scatter: what is predicted (or what the rival would show) plus the deviations of
rule draws picked at random. A criterion that does not tell the two apart decides nothing. A claim's
verdict is the weakest of its decisive criteria; while one of its criteria decides nothing at all, a
part of it is open, and it is *undetermined* at best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import student_factor
from .frozen import Criterion, frozen

Array = NDArray[np.float64]

# from the weakest up
VERDICTS = DISAGREES, UNDETERMINED, NEARER, AGREES = (
    "disagrees",
    "undetermined",
    "nearer (prediction excluded)",
    "agrees",
)
_FEWEST_DRAWS = 3
_MOST_DRAWS = 1000  # so many are as good as never


class Lacking(Exception):  # noqa: N818 (no error: a study that cannot decide)
    """What a study has to have for a contrast to be formed."""


@dataclass(frozen=True)
class Observed:
    """What a contrast is formed of, for the same rule draws throughout.

    Attributes
    ----------
    measured
        ``(draws, cells)``, logarithms; None before anything is trained.
    claim, rival
        What is predicted for these draws, and what the rival would show, ``(shapes, draws,
        cells)``, for some shapes of what theory leaves open.
    together
        For each cell a number, equal for cells that share their rule draw's scatter: those of one
        network and grammar.
    contrast
        From ``(..., draws, cells)`` to ``(..., draws)``.
    left_out
        Curves of which nothing could be formed: the reasons. What is left may be a choice.
    """

    measured: Array | None
    claim: Array
    rival: Array
    together: NDArray[np.int64]
    contrast: Callable[[Array], Array]
    left_out: tuple[str, ...] = ()

    def deviations(self, generator: np.random.Generator, studies: int) -> Array:
        """Made-up deviations from what is assumed, ``(studies, draws, cells)``.

        Those of measured rule draws, without what all draws of a cell have in common; before
        anything is trained, those that are expected. Their negatives follow, so that they add up to
        nothing.
        """
        draws, cells = self.claim.shape[1:]
        half = studies // 2
        if self.measured is None:
            scatter = frozen().beforehand
            common = generator.standard_normal((half, draws, int(self.together.max()) + 1))
            made = scatter.draw * common[..., self.together]
            made = made + scatter.point * generator.standard_normal((half, draws, cells))
        else:
            found = self.measured - self.claim.mean(axis=0)
            found = (found - found.mean(axis=0)) * np.sqrt(draws / (draws - 1))
            made = found[generator.integers(draws, size=(half, draws))]
        return np.concatenate([made, -made])


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval; all NaN where there is none."""

    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True)
class Finding:
    """What a criterion says.

    Attributes
    ----------
    rule_draws
        Units of evidence.
    prediction, rival
        Mean contrasts of the claim and of its rival, with their ranges (``_low``, ``_high``) over
        what theory leaves open; the prediction of an inequality is NaN.
    measured
        The mean contrast, and its interval.
    holds, nearer, holds_limit
        The three statements; None where there is nothing to hold.
    verdict
        One of `VERDICTS`.
    half_width, claim_agrees, rival_agrees
        Of made-up studies: the median half-width of the interval, and the shares that agree.
    decisive
        Whether the criterion tells claim and rival apart.
    needed
        What an open one would take.
    left_out
        Curves that do not enter, as they lack something.
    """

    rule_draws: int = 0
    prediction: float = np.nan
    prediction_low: float = np.nan
    prediction_high: float = np.nan
    rival: float = np.nan
    rival_low: float = np.nan
    rival_high: float = np.nan
    measured: Interval = Interval()
    holds: bool | None = None
    nearer: bool | None = None
    holds_limit: bool | None = None
    verdict: str = UNDETERMINED
    half_width: float = np.nan
    claim_agrees: float = np.nan
    rival_agrees: float = np.nan
    decisive: bool = False
    needed: str = ""
    left_out: str = ""


def intervals(contrasts: Array, predicted: Array) -> tuple[Array, Array]:
    """Mean contrasts and half-widths of their intervals, ``(...)``, from ``(..., draws)``.

    The scatter is that of the deviations from each draw's own prediction.
    """
    draws = contrasts.shape[-1]
    scatter = (contrasts - predicted).std(axis=-1, ddof=1)
    return contrasts.mean(axis=-1), student_factor(draws) * scatter / np.sqrt(draws)


@dataclass(frozen=True)
class Rule:
    """How a criterion judges estimates, from what is predicted and what its rival would show.

    Both are ranges, least and largest value; an inequality has a bound instead of a prediction.
    """

    predicted: tuple[float, float]
    rival: tuple[float, float]
    bound: float | None

    @property
    def side(self) -> int:
        """Where the prediction lies as seen from the rival: 1 above, -1 below, 0 if they meet."""
        return int(self.predicted[0] > self.rival[1]) - int(self.predicted[1] < self.rival[0])

    @property
    def edge(self) -> float:
        """Where the claim's side ends: the bound, or the middle between prediction and rival."""
        if self.bound is not None:
            return self.bound
        upwards = self.predicted[0] + self.rival[1], self.predicted[1] + self.rival[0]
        return upwards[0 if self.side > 0 else 1] / 2

    def holds(self, estimate: Array, half: Array) -> NDArray[np.bool_]:
        """Whether intervals hold what is predicted; an inequality has nothing to hold."""
        if self.bound is not None:
            return np.ones_like(estimate, dtype=bool)
        low, high = self.predicted
        return np.asarray((estimate + half >= low) & (estimate - half <= high))

    def nearer(self, estimate: Array, half: Array) -> NDArray[np.bool_]:
        """Whether whole intervals lie on the claim's side."""
        return np.asarray(self.side * (estimate - self.edge) > half)

    def farther(self, estimate: Array, half: Array) -> NDArray[np.bool_]:
        """Whether whole intervals lie on the rival's side."""
        return np.asarray(self.side * (self.edge - estimate) > half)

    def verdicts(self, estimate: Array, half: Array) -> NDArray[np.str_]:
        """The verdict on each estimate with its half-width."""
        holds, nearer = self.holds(estimate, half), self.nearer(estimate, half)
        against = self.farther(estimate, half)
        if self.bound is None:
            against &= ~holds
        cases = [nearer & holds, nearer, against]
        return np.select(cases, [AGREES, NEARER, DISAGREES], UNDETERMINED)


def _made_up(observed: Observed, base: Array, deviations: Array) -> tuple[Array, Array]:
    """Contrasts of made-up studies ``(shapes, studies, draws)``, and of each draw on average."""
    made = np.stack([observed.contrast(shape + deviations) for shape in base])
    # scatter is a part of what a contrast that is not linear shows
    return made, made.mean(axis=1)


def decide(criterion: Criterion, observed: Observed, seed: int) -> Finding:
    """Estimate, verdict and power of a criterion; `seed` makes up its studies.

    Raises
    ------
    Lacking
        If there are too few rule draws.
    """
    draws, rules, bound = observed.claim.shape[1], frozen(), criterion.bound
    if draws < _FEWEST_DRAWS:
        raise Lacking(f"at least {_FEWEST_DRAWS} rule draws")
    generator = np.random.Generator(np.random.Philox(seed))
    deviations = observed.deviations(generator, rules.made_up)
    own, predicted = _made_up(observed, observed.claim, deviations)
    others, against = _made_up(observed, observed.rival, deviations)
    if bound is not None:
        own, predicted = (
            part - own.mean() + (criterion.example or 0.0) for part in (own, predicted)
        )
        others, against = (part - others.mean() + bound for part in (others, against))
    rule = Rule(_range(predicted), _range(against), bound)
    # each kind of study may have any of the shapes; what is judged does not know which
    shares, halves = [], []
    # an inequality predicts nothing of a draw, so all that draws differ in is scatter
    centre = predicted.mean(axis=0) if bound is None else np.zeros(draws)
    for made in (own, others):
        estimate, half = intervals(made, centre)
        shares.append(float((rule.verdicts(estimate, half) == AGREES).mean()))
        halves.append(float(np.median(half)))
    decisive = shares[0] >= rules.claim_agrees and shares[1] <= rules.rival_agrees
    finding = Finding(
        rule_draws=draws,
        prediction=float(predicted.mean()) if bound is None else np.nan,
        prediction_low=rule.predicted[0] if bound is None else np.nan,
        prediction_high=rule.predicted[1] if bound is None else np.nan,
        rival=float(against.mean()),
        rival_low=rule.rival[0],
        rival_high=rule.rival[1],
        half_width=halves[0],
        claim_agrees=shares[0],
        rival_agrees=shares[1],
        decisive=decisive,
        left_out="; ".join(observed.left_out),
    )
    if observed.measured is None:
        return finding
    estimate, half = intervals(observed.contrast(observed.measured), centre)
    said = str(rule.verdicts(estimate, half))
    needed = "" if decisive else "a design that tells the claim from its rival"
    if said == UNDETERMINED and decisive:
        needed = _more(draws, float(half), abs(float(estimate) - rule.edge))
    limit = criterion.limit
    return replace(
        finding,
        measured=Interval(float(estimate), float(estimate - half), float(estimate + half)),
        holds=bool(rule.holds(estimate, half)) if bound is None else None,
        nearer=bool(rule.nearer(estimate, half)),
        holds_limit=None if limit is None else bool(abs(estimate - limit) <= half),
        verdict=said,
        needed=needed,
    )


def _range(by_shape: Array) -> tuple[float, float]:
    """Least and largest mean over draws, of some shapes ``(shapes, draws)``."""
    means = by_shape.mean(axis=-1)
    return float(means.min()), float(means.max())


def _more(draws: int, half: float, distance: float) -> str:
    """How many rule draws would narrow the interval to the distance from the nearest edge.

    Its half-width falls as the root of their number.
    """
    needed = draws * (half / distance) ** 2 if distance > 0 else np.inf
    if needed > _MOST_DRAWS:
        return "another design: the estimate lies half-way between the claim and its rival"
    return f"about {max(int(np.ceil(needed)), draws + 1)} rule draws"


def together(findings: Iterable[tuple[str, Finding]]) -> str:
    """The verdict on a claim: the weakest of its decisive criteria, which have names.

    A criterion that decides nothing, whatever it is about, leaves a part of the claim open: the
    rival that it is there to exclude may be true.
    """
    decisive: dict[str, list[int]] = {}
    for name, finding in findings:
        found = decisive.setdefault(name, [])
        found += [VERDICTS.index(finding.verdict)] if finding.decisive else []
    undecided = VERDICTS.index(UNDETERMINED)
    weakest = [min(found, default=undecided) for found in decisive.values()]
    return VERDICTS[min(weakest, default=undecided)]
