"""What criteria of next-token prediction compare, A4 and B1 to B5 (arXiv:2505.07067, 2505.07070).

Thresholds are scales: only their growth is predicted, so every contrast is one of logarithms in
which factors of a network cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import falls_to
from ..grammar.model import Parameters
from ..theory.complexities import Learner
from ..theory.predicted_curves import middles
from .evidence import Curves, Evidence
from .frozen import frozen
from .parts import Found, Options, Part, Reasons, available, by_network, each, joined, slopes
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]
OTHER: dict[Learner | None, Learner] = {"cnn": "transformer", "transformer": "cnn"}


# ---- sizes at which levels are learnt


def crossings(curve: Evidence, levels: Sequence[int], rival: str = "other") -> Part:
    """Logarithms of the sizes at which levels are learnt, a cell a level.

    Predicted are those of smooth staircases at the rule draw's exact thresholds and entropies, up
    to a factor, for several sharpnesses of a step: where thresholds are close, the foot of one step
    covers the next. The rival's thresholds are the other learner's, or (``at once``) one for all
    levels.

    Raises
    ------
    Lacking
        If some rule draw does not cross a level between the sizes: what the others do would be a
        choice of the fastest.
    """
    if max(levels) > curve.parameters.L:
        raise Lacking(f"grammars with levels up to {max(levels)}")
    index = np.array(levels) - 1
    heights = {draw: middles(curve.known.entropies[draw])[index] for draw in curve.draws}
    own, other = (
        [known[draw] for draw in curve.draws]
        for known in (curve.thresholds(), curve.thresholds(OTHER[curve.learner]))
    )
    if rival == "at once":
        other = [np.full(len(each), np.exp(np.log(each).mean())) for each in own]
    if not np.isfinite([*own, *other]).all():
        raise Lacking("grammars of which every level has a threshold")
    claim, against = (
        np.array(
            [
                [
                    _crossed(thresholds, curve.known.entropies[draw], heights[draw], sharpness)
                    for draw, thresholds in zip(curve.draws, corners)
                ]
                for sharpness in frozen().sharpness
            ]
        )
        for corners in (own, other)
    )
    measured = None
    if curve.trained:
        at = [curve.crossed({d: h[i] for d, h in heights.items()}) for i in range(len(levels))]
        measured = np.stack(at, axis=1)
        crossed = np.isfinite(measured)
    else:
        reach = np.log(curve.sizes[-1] / frozen().beforehand.prefactor) if len(curve.sizes) else 0
        crossed = claim.max(axis=0) <= reach
    for level, seen in zip(levels, crossed.T):
        if not seen.all():
            raise Lacking(
                f"level {level} of {curve.key['grammar']} crossed by every rule draw between sizes "
                f"that count ({curve.network}: by {seen.sum()} of {len(seen)})"
            )
    return Part(curve.draws, measured, claim, against)


def _crossed(thresholds: Array, entropies: Array, heights: Array, sharpness: float) -> Array:
    """Logarithms of the sizes at which a smooth staircase falls to some heights."""
    ends = np.log([thresholds.min(), thresholds.max()])
    sizes = np.exp(np.arange(ends[0] - _FAR, ends[1] + _FAR, _FINE))
    curve = steps(thresholds, entropies - entropies[-1], sizes, sharpness)
    return np.array([np.log(falls_to(sizes, curve, height)) for height in heights])


_FAR, _FINE = 6.0, 0.02  # of logarithms of sizes


def steps(corners: Array, heights: Array, sizes: Array, sharpness: float) -> Array:
    """A smooth staircase from ``heights[0]`` down to ``heights[-1]``, a step at each corner.

    `corners` ``(n,)``, `heights` ``(n+1,)``; the curve has the shape of `sizes`. What is left of a
    step is ``1/(1 + (P/P_l)**sharpness)``.
    """
    with np.errstate(over="ignore"):
        left = 1 / (1 + (sizes[:, None] / corners) ** sharpness)
    return np.asarray(heights[-1] + left @ -np.diff(heights))


def growth_with_level(curves: Curves, options: Options) -> Found:
    """Mean growth of the crossing from one level to another, over grammars."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        levels, rival = options["levels"], options.get("rival", "at once")
        parts = [part for _, part in available(mine, lambda c: crossings(c, levels, rival), left)]
        return joined(parts, lambda y: (y[..., 1::2] - y[..., ::2]).mean(axis=-1))

    return each(by_network(curves, options), observe, "such networks")


def growth_with_m(curves: Curves, options: Options) -> Found:
    """How much faster the crossing grows from one level to another, the more rules there are."""

    def uniform(curve: Evidence) -> bool:
        return len({*curve.parameters.m}) == 1 and not any(curve.parameters.zipf)

    return slopes(
        by_network(curves, options, uniform),
        lambda curve: crossings(curve, options["levels"]),
        lambda curve: float(np.log(curve.parameters.m[0])),
        "grammars with two values of m whose levels are crossed",
        lambda y: y[..., 1::2] - y[..., ::2],
    )


def _each_with_each(first: Part, second: Part) -> tuple[Part, Part]:
    """Two networks with all pairs of what theory leaves open: it may differ between them."""
    one, other = len(first.claim), len(second.claim)
    return (
        Part(
            first.draws,
            first.measured,
            np.repeat(first.claim, other, axis=0),
            np.repeat(first.rival, other, axis=0),
        ),
        Part(
            second.draws,
            second.measured,
            np.tile(second.claim, (one, 1, 1)),
            np.tile(second.rival, (one, 1, 1)),
        ),
    )


def double_ratio(curves: Curves, options: Options) -> Found:
    """Growth from one level to another over that of the convolutional network, over grammars."""
    levels = options["levels"]

    def observe(mine: Curves, left: Reasons) -> Observed:
        def both(curve: Evidence) -> Part:
            beside = [
                other
                for other in curves
                if other.kind == "cnn"
                and all(other.key[name] == curve.key[name] for name in ("grammar", "protocol"))
            ]
            part = crossings(curve, levels)
            _, cnn = next(available(beside, lambda c: crossings(c, levels)))
            # the rival: this network grows as the convolutional one
            return Part.side_by_side(
                _each_with_each(part, Part(cnn.draws, cnn.measured, cnn.claim, cnn.claim))
            )

        parts = [part for _, part in available(mine, both, left)]
        growth = np.tile([-1.0, 1.0, 1.0, -1.0], len(parts)) / len(parts)
        return joined(parts, lambda y: y @ growth)

    return each(by_network(curves, options), observe, "such networks")


# ---- Zipf rules beside uniform ones


def _beside_uniform(curves: Curves, part: Callable[[Evidence], Part]) -> Found:
    """Growth of the second cell over the first with Zipf rules, less that with uniform rules.

    Over grammars, if several have the same exponent at the same level.
    """

    def twin(parameters: Parameters) -> tuple[Any, ...]:
        shape = parameters.specification()
        return tuple(str(shape[name]) for name in sorted(shape) if name != "zipf")

    pairs: dict[str, list[tuple[Evidence, Evidence]]] = {}
    for curve in curves:
        for level, a in enumerate(curve.parameters.zipf, 1):
            if a is None:
                continue
            for other in curves:
                alike = twin(other.parameters) == twin(curve.parameters)
                if alike and other.network == curve.network and not any(other.parameters.zipf):
                    about = f"{curve.network}, a = {a:g} at level {level}"
                    pairs.setdefault(about, []).append((curve, other))

    def observe(mine: list[tuple[Evidence, Evidence]], left: Reasons) -> Observed:
        parts = [
            made for curve, other in mine for made in _each_with_each(part(curve), part(other))
        ]
        weights = np.tile([-1.0, 1.0, 1.0, -1.0], len(mine)) / len(mine)
        return joined(parts, lambda y: y @ weights)

    return each(pairs, observe, "the same grammar with uniform rules beside")


def growth_beside_uniform(curves: Curves, options: Options) -> Found:
    """Growth of the crossing from one level to another, beside that with uniform rules.

    The rival's curve falls with the exponent ``a/(1+a)`` of classification from the first of the
    levels on.
    """
    levels = options["levels"]

    def part(curve: Evidence) -> Part:
        found = crossings(curve, levels)
        rival = found.claim.copy()
        given = [a for a in curve.parameters.zipf if a is not None]
        if given:
            heights = np.array([middles(curve.known.entropies[draw]) for draw in found.draws])
            first, last = (heights[:, level - 1] for level in levels)
            rival[..., 1] = rival[..., 0] + np.log(first / last) * (1 + given[0]) / given[0]
        return Part(found.draws, found.measured, found.claim, rival)

    return _beside_uniform(curves, part)


_SHARES = (0.75, 0.25)  # of the first step that are left


def width_beside_uniform(curves: Curves, options: Options) -> Found:
    """Width of the first step, beside that with uniform rules."""

    def part(curve: Evidence) -> Part:
        nothing = np.zeros((1, len(curve.draws), 2))
        if not curve.trained:
            return Part(curve.draws, None, nothing, nothing)
        known = {draw: curve.known.entropies[draw] for draw in curve.draws}
        measured = np.stack(
            [
                curve.crossed({d: h[1] - h[-1] + share * (h[0] - h[1]) for d, h in known.items()})
                for share in _SHARES
            ],
            axis=1,
        )
        if not np.isfinite(measured).all():
            raise Lacking(f"smaller or larger P: {curve.network} crosses both quarters of a step")
        return Part(curve.draws, measured, nothing, nothing)

    return _beside_uniform(curves, part)
