"""Power, before anything is trained: verdicts on synthetic curves that obey a claim, or its rival.

Curves are sums of smooth steps at predicted sizes, times a factor that theory leaves open, with the
scatter of rule draws and of single points. They go through the very rules that decide measured
curves, so they say how wide intervals will be, and how often a study of some design decides
rightly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .claims import criteria
from .evidence import Evidence, common_draws
from .expectations import entropies, errors_by_rank, rule_thresholds, thresholds
from .fields import ClaimName
from .theory import Learner, classification_thresholds
from .verdicts import VERDICTS, decide, together

Array = NDArray[np.float64]

STUDIES = 20
# Of networks, from the reference results (results/reference/README.md): sizes over predicted ones,
# the scatter of that ratio's logarithm over rule draws, and of a single point's logarithm
PREFACTOR, OF_DRAWS, OF_POINTS = 4.0, 0.25, 0.1
_SHARPNESS = 2.0  # a transition is about a decade wide
COLUMNS = [
    *("claim", "criterion", "assumed", "studies", "half_width"),
    *VERDICTS,
]

Curve = Callable[[Evidence, int, Array], Array]  # losses of a rule draw at some sizes


def steps(corners: Array, levels: Array, sizes: Array) -> Array:
    """A smooth staircase from ``levels[0]`` down to ``levels[-1]``, a step at each corner.

    `corners` ``(n,)``, `levels` ``(n+1,)``.
    """
    with np.errstate(over="ignore"):
        left = 1 / (1 + (sizes[:, None] / corners) ** _SHARPNESS)
    return np.asarray(levels[-1] + left @ -np.diff(levels))


def _excess(curve: Evidence, rule: int) -> Array:
    levels = entropies(curve.known)[rule]
    return np.asarray(levels - levels[-1])


def _staircase(learner: Learner | None) -> Curve:
    """The last token's excess of a learner; of the curve's own, if None."""

    def losses(curve: Evidence, rule: int, sizes: Array) -> Array:
        corners = thresholds(curve.known, learner or curve.learner)[rule]
        return steps(corners * PREFACTOR, _excess(curve, rule), sizes)

    return losses


def _at_once(curve: Evidence, rule: int, sizes: Array) -> Array:
    """All levels at one size."""
    corners = thresholds(curve.known, curve.learner)[rule]
    middle = np.full(len(corners), np.exp(np.log(corners).mean()))
    return steps(middle * PREFACTOR, _excess(curve, rule), sizes)


def _as_classification(curve: Evidence, rule: int, sizes: Array) -> Array:
    """The last token's excess as a power law with the exponent of classification."""
    exponents = [a / (1 + a) for a in curve.parameters.zipf if a is not None]
    if not exponents:
        return np.asarray(_staircase(None)(curve, rule, sizes))
    start = thresholds(curve.known, curve.learner)[rule][0]
    falling = np.minimum(1.0, (sizes / start) ** -min(exponents))
    return np.asarray(_excess(curve, rule)[0] * falling)


def _unknown(curve: Evidence) -> Array:
    """The probability that a rule of level 1 is not among the first ``0 .. m_1``."""
    known = np.cumsum(curve.parameters.probabilities(1))
    return np.asarray(np.maximum(1 - np.concatenate([[0.0], known]), 0.0))


def _rules(power: float = 1.0) -> Curve:
    """A mistake where `power` patches at once have rules that are not learnt yet."""

    def losses(curve: Evidence, rule: int, sizes: Array) -> Array:
        chance = errors_by_rank(curve.known)[rule][0]
        return steps(rule_thresholds(curve.known)[rule], chance * _unknown(curve) ** power, sizes)

    return losses


def _at_any_depth(curve: Evidence, rule: int, sizes: Array) -> Array:
    """Rules that are learnt as if there were no level above them."""
    chance = errors_by_rank(curve.known)[rule][0]
    corners = curve.parameters.n / curve.parameters.probabilities(1)
    return steps(corners, chance * _unknown(curve), sizes)


def _one_drop(curve: Evidence, rule: int, sizes: Array) -> Array:
    chance = errors_by_rank(curve.known)[rule][0]
    return steps(classification_thresholds(curve.parameters)[:1], np.array([chance, 0.0]), sizes)


def _one_power_law(curve: Evidence, rule: int, sizes: Array) -> Array:
    """A power law of exponent 1/2 that no grammar shifts."""
    chance = errors_by_rank(curve.known)[rule][0]
    return np.asarray(chance / np.sqrt(1 + sizes / sizes.min()))


ASSUMED: dict[ClaimName, tuple[Curve, Curve]] = {
    "A1": (_one_drop, _one_power_law),
    "A2": (_rules(), _rules(2.0)),
    "A3": (_rules(), _at_any_depth),
    "A4": (_staircase(None), _as_classification),
    "B1": (_staircase(None), _at_once),
    "B2": (_staircase(None), _staircase("cnn")),
    "B3": (_staircase(None), _staircase("transformer")),
    "B4": (_staircase(None), _staircase(None)),
    "B5": (_staircase(None), _staircase("cnn")),
}
"""What curves look like if a claim holds, and if its rival does."""


def synthetic(
    name: ClaimName, holds: bool, design: Sequence[Evidence], generator: np.random.Generator
) -> list[Evidence]:
    """The curves of a study that was never trained.

    Parameters
    ----------
    name, holds
        Which claim holds, or does not.
    design
        The study's curves; of their runs only seeds and sizes matter.
    generator
        Of the scatter. Curves of one rule draw share no scatter: that is pessimistic for ratios.
    """
    return [_scattered(name, holds, curve, generator) for curve in design]


def _scattered(
    name: ClaimName, holds: bool, curve: Evidence, generator: np.random.Generator
) -> Evidence:
    make = ASSUMED[name][0 if holds else 1]
    parts, layers = [], []
    for rule, runs in curve.runs.groupby("rule_seed"):
        draw = int(str(rule))
        sizes = runs["train_size"].to_numpy(dtype=float)
        moved = sizes * np.exp(OF_DRAWS * generator.standard_normal())
        scatter = np.exp(OF_POINTS * generator.standard_normal(len(sizes)))
        losses = make(curve, draw, moved) * scatter
        parts.append(runs.assign(status="ok", overlap=0.0))
        parts[-1][curve.measure] = losses
        if len(curve.layers):
            layers.append(_invariance(curve, draw, holds, moved, generator))
    return replace(
        curve, runs=pd.concat(parts), layers=pd.concat(layers) if layers else curve.layers
    )


def _invariance(
    curve: Evidence, rule: int, holds: bool, moved: Array, generator: np.random.Generator
) -> pd.DataFrame:
    """Layers that become invariant with their level, or with all levels at once."""
    rows = curve.layers[curve.layers["rule_seed"] == rule]
    corners = PREFACTOR * thresholds(curve.known, curve.learner)[rule]
    at = corners if holds else np.full(len(corners), np.exp(np.log(corners).mean()))
    size_of = dict(zip(np.sort(rows["train_size"].unique()), moved))
    ratio = rows["train_size"].map(size_of) / at[rows["level"].to_numpy()]
    scatter = np.exp(OF_POINTS * generator.standard_normal(len(rows)))
    return rows.assign(synonym=scatter / (1 + ratio**_SHARPNESS), other=1.0)


def power(name: ClaimName, design: Sequence[Evidence], seed: int) -> pd.DataFrame:
    """How often a study of some design would decide a claim, a row a criterion and assumption.

    Columns `COLUMNS`: the median half-width of the intervals and the shares of the verdicts over
    synthetic studies in which the claim (or its rival) holds. The criterion ``claim`` is the
    verdict on the whole.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    rows = []
    for assumed in ("claim", "rival"):
        for _ in range(STUDIES):
            curves = synthetic(name, assumed == "claim", design, generator)
            draws = common_draws(curves)
            found = [(c.name, decide(c, draws)) for c in criteria(name, curves)]
            for criterion, finding in found:
                half = (finding.high - finding.low) / 2
                rows.append((criterion, assumed, half, finding.verdict))
            rows.append(("claim", assumed, np.nan, together(f.verdict for _, f in found)))
    table = pd.DataFrame(rows, columns=["criterion", "assumed", "half_width", "verdict"])
    summed = []
    for (of_what, if_what), group in table.groupby(["criterion", "assumed"], sort=False):
        told = {"claim": name, "criterion": of_what, "assumed": if_what, "studies": len(group)}
        shares = {v: float((group["verdict"] == v).mean()) for v in VERDICTS}
        summed.append({**told, "half_width": float(group["half_width"].median()), **shares})
    return pd.DataFrame(summed, columns=COLUMNS)
