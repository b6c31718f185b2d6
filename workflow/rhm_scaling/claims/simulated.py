"""Learning curves as the claims have them, and as their rivals have them: smooth steps.

A step lies at each predicted size, times a factor that theory leaves open, as it does the step's
width. Without noise they say what a criterion gives at a study's sizes; with it, and with other
widths (`power`), how likely the study is to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.complexities import Learner, classification_thresholds
from .measured import Evidence, fitted_exponent
from .names import ClaimName

Array = NDArray[np.float64]

PREFACTOR = 4.0  # crossings over predicted thresholds of networks, from the reference results
_SHARPNESS = 2.0  # a transition is about a decade wide
_DROP = 4.0  # that of rules of one frequency is narrower
_SHARP = 16.0  # one that has no width
_ANYWHERE = 256.0  # sentences, of a law that knows of no grammar

# losses of a rule draw at some sizes, with transitions of some sharpness
SimulatedCurve = Callable[[Evidence, int, Array, float], Array]


def steps(corners: Array, levels: Array, sizes: Array, sharpness: float) -> Array:
    """A smooth staircase from ``levels[0]`` down to ``levels[-1]``, a step at each corner.

    `corners` ``(n,)``, `levels` ``(n+1,)``.
    """
    with np.errstate(over="ignore"):
        left = 1 / (1 + (sizes[:, None] / corners) ** sharpness)
    return np.asarray(levels[-1] + left @ -np.diff(levels))


def _excess(curve: Evidence, rule: int) -> Array:
    levels = curve.known.entropies[rule]
    return np.asarray(levels - levels[-1])


def _staircase(learner: Learner | None) -> SimulatedCurve:
    """The last token's excess of a learner; of the curve's own, if None."""

    def losses(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
        corners = curve.known.thresholds(learner or curve.learner)[rule]
        return steps(corners * PREFACTOR, _excess(curve, rule), sizes, sharpness)

    return losses


def predicted_exponent(curve: Evidence, draws: Sequence[int]) -> float:
    """The fit of `Evidence.exponent`, to the predicted staircases of the same rule draws."""
    predicted = [_staircase(None)(curve, rule, curve.sizes, _SHARPNESS) for rule in draws]
    return fitted_exponent(curve.sizes, np.mean(predicted, axis=0), curve.window)


def _at_once(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
    """All levels in one drop: a smooth fall would cross them one after the other, too."""
    corners = curve.known.thresholds(curve.learner)[rule]
    middle = np.full(len(corners), np.exp(np.log(corners).mean()))
    return steps(middle * PREFACTOR, _excess(curve, rule), sizes, _SHARP)


def _as_classification(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
    """The last token's excess as a power law with the exponent of classification."""
    exponents = [a / (1 + a) for a in curve.parameters.zipf if a is not None]
    if not exponents:
        return np.asarray(_staircase(None)(curve, rule, sizes, sharpness))
    start = curve.known.thresholds(curve.learner)[rule][0]
    falling = np.minimum(1.0, (sizes / start) ** -min(exponents))
    return np.asarray(_excess(curve, rule)[0] * falling)


def _unknown(curve: Evidence) -> Array:
    """The probability that a rule of level 1 is not among the first ``0 .. m_1``."""
    known = np.cumsum(curve.parameters.probabilities(1))
    return np.asarray(np.maximum(1 - np.concatenate([[0.0], known]), 0.0))


def _rules(power: float = 1.0) -> SimulatedCurve:
    """A mistake where `power` patches at once have rules that are not learnt yet."""

    def losses(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
        chance = curve.known.errors_by_rank[rule][0]
        return steps(
            curve.known.rule_thresholds[rule], chance * _unknown(curve) ** power, sizes, sharpness
        )

    return losses


def _at_any_depth(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
    """Rules that are learnt as if there were one level above them, at any depth."""
    chance = curve.known.errors_by_rank[rule][0]
    one_level = curve.parameters.n * curve.parameters.m[1]
    corners = one_level / curve.parameters.probabilities(1)
    return steps(corners, chance * _unknown(curve), sizes, sharpness)


def _one_drop(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
    chance = curve.known.errors_by_rank[rule][0]
    corner = classification_thresholds(curve.parameters)[:1]
    return steps(corner, np.array([chance, 0.0]), sizes, _DROP)


def _one_power_law(curve: Evidence, rule: int, sizes: Array, sharpness: float) -> Array:
    """A power law of exponent 1/2 that no grammar shifts."""
    chance = curve.known.errors_by_rank[rule][0]
    return np.asarray(chance / np.sqrt(1 + sizes / _ANYWHERE))


ASSUMED: dict[ClaimName, tuple[SimulatedCurve, SimulatedCurve]] = {
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


def simulate(
    name: ClaimName,
    holds: bool,
    curves: Iterable[Evidence],
    scatter: Callable[[Array], tuple[Array, Array]] | None = None,
    network: Callable[[], tuple[float, float]] = lambda: (1.0, 1.0),
) -> list[Evidence]:
    """The curves of a study if a claim holds, or if its rival does.

    Parameters
    ----------
    curves
        The study's; of their runs only seeds and sizes matter.
    scatter
        Called with the sizes of a rule draw: factors of the sizes, and of the losses.
    network
        Called for each network, whatever its grammar: factors of all sizes, and of the sharpness of
        the transitions.
    """
    curves = list(curves)
    factors = {who: network() for who in dict.fromkeys(map(_network, curves))}
    return [
        _obeying(name, holds, curve, scatter or _none, *factors[_network(curve)])
        for curve in curves
    ]


def _network(curve: Evidence) -> tuple[Any, ...]:
    return tuple(curve.key[column] for column in ("architecture", "width", "depth"))


def _none(sizes: Array) -> tuple[Array, Array]:
    return np.ones_like(sizes), np.ones_like(sizes)


def _obeying(
    name: ClaimName,
    holds: bool,
    curve: Evidence,
    scatter: Callable[[Array], tuple[Array, Array]],
    shift: float,
    sharpening: float,
) -> Evidence:
    model = ASSUMED[name][0 if holds else 1]
    runs, layers = [], []
    for rule, rows in curve.runs.groupby("rule_seed"):
        draw, sizes = int(str(rule)), rows["sentences"].to_numpy(dtype=float)
        moved, factor = scatter(sizes)
        moved = moved * shift
        here = rows.assign(status="ok", overlap=0.0)
        here[curve.measure] = model(curve, draw, sizes * moved, sharpening * _SHARPNESS) * factor
        runs.append(here)
        if len(curve.layers):
            layers.append(_invariance(curve, draw, holds, float(moved[0]), scatter))
    made = pd.concat(layers) if layers else curve.layers
    return replace(curve, runs=pd.concat(runs), layers=made)


def _invariance(
    curve: Evidence,
    rule: int,
    holds: bool,
    moved: float,
    scatter: Callable[[Array], tuple[Array, Array]],
) -> pd.DataFrame:
    """Layers that become invariant with their level, or with all levels at once."""
    rows = curve.layers[curve.layers["rule_seed"] == rule]
    corners = PREFACTOR * curve.known.thresholds(curve.learner)[rule]
    at = corners if holds else np.full(len(corners), np.exp(np.log(corners).mean()))
    sizes = rows["train_size"].to_numpy(dtype=float)
    # synonyms of level l - 1 are told by level l, whose threshold comes next
    ratio = sizes * moved / at[rows["level"].to_numpy()]
    return rows.assign(synonym=scatter(sizes)[1] / (1 + ratio**_SHARPNESS), other=1.0)
