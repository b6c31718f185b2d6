"""What criteria of next-token prediction compare, A4 and B1 to B5 (arXiv:2505.07067, 2505.07070).

Each function takes a study's curves and the options of a criterion, and gives what is observed by
the name of what it is about (a network, a Zipf exponent): `Observed`, or `Lacking` with the reason.
Thresholds are scales: only their growth is predicted, so every contrast is one of logarithms in
which factors of a network cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import falls_to
from ..grammar.model import Parameters
from ..theory.complexities import Learner
from ..theory.predicted_curves import middles
from .evidence import Curves, Evidence
from .frozen import frozen
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]
Options = Mapping[str, Any]
Found = dict[str, Observed | Lacking]
Reasons = list[str]  # why curves are left out
Formed = TypeVar("Formed")
Group = TypeVar("Group")
OTHER: dict[Learner | None, Learner] = {"cnn": "transformer", "transformer": "cnn"}


@dataclass(frozen=True)
class Part:
    """The cells of one curve, all logarithms.

    Attributes
    ----------
    draws
        Rule seeds.
    measured
        ``(draws, cells)``; None before anything is trained.
    claim, rival
        What is predicted and what the rival would show, ``(shapes, draws, cells)``, for some shapes
        of what theory leaves open.
    """

    draws: list[int]
    measured: Array | None
    claim: Array
    rival: Array

    def of(self, draws: Sequence[int]) -> Part:
        """The same of some of its draws."""
        rows = [self.draws.index(draw) for draw in draws]
        measured = None if self.measured is None else self.measured[rows]
        return Part(list(draws), measured, self.claim[:, rows], self.rival[:, rows])

    @classmethod
    def side_by_side(cls, parts: Sequence[Part]) -> Part:
        """The cells of several curves, of the rule draws that all have.

        Raises
        ------
        Lacking
            If there are no such draws.
        """
        draws = sorted(set.intersection(*(set(part.draws) for part in parts)))
        if not draws:
            raise Lacking("rule draws that all of its networks have")
        chosen = [part.of(draws) for part in parts]
        measured = [part.measured for part in chosen if part.measured is not None]
        return cls(
            draws,
            np.concatenate(measured, axis=1) if measured else None,
            _beside([part.claim for part in chosen]),
            _beside([part.rival for part in chosen]),
        )


def _beside(values: Sequence[Array]) -> Array:
    """Cells beside cells; what has one shape has it for all."""
    shapes = max(map(len, values))
    whole = [np.broadcast_to(part, (shapes, *part.shape[1:])) for part in values]
    return np.concatenate(whole, axis=-1)


def joined(parts: Sequence[Part], contrast: Callable[[Array], Array]) -> Observed:
    """What is observed on the rule draws that all parts have; cells in the order of the parts.

    Raises
    ------
    Lacking
        If a part has no such draws.
    """
    whole = Part.side_by_side(parts)
    together = np.repeat(np.arange(len(parts)), [part.claim.shape[-1] for part in parts])
    return Observed(whole.measured, whole.claim, whole.rival, together, contrast)


def each(
    groups: Mapping[str, Group], observe: Callable[[Group, Reasons], Observed], what: str
) -> Found:
    """What is observed of every group; the reason where that cannot be."""
    found: Found = {}
    for name, group in groups.items():
        try:
            left: Reasons = []
            found[name] = replace(observe(group, left), left_out=tuple(left))
        except Lacking as lacking:
            found[name] = lacking
    return found or {"": Lacking(what)}


def slope_of(x: Array) -> Array:
    """What makes a least-squares slope on `x` of values at it, ``(n,)``."""
    centred = x - x.mean()
    return np.asarray(centred / (centred @ centred))


def by_network(curves: Curves, options: Options) -> dict[str, Curves]:
    """The curves of every network, of the kinds that a criterion names or of all."""
    named = options.get("networks")
    groups: dict[str, Curves] = {}
    for curve in curves:
        if named is None or curve.kind in named:
            groups.setdefault(curve.network, []).append(curve)
    return groups


def available(
    curves: Iterable[Evidence], part: Callable[[Evidence], Formed], left: Reasons | None = None
) -> Iterator[tuple[Evidence, Formed]]:
    """The curves of which something can be formed, with it; the others leave their reasons.

    So do those that lack rule draws, as their trainings failed.

    Raises
    ------
    Lacking
        If there is none: with the reason of the last.
    """
    lacking, none = Lacking("such networks"), True
    for curve in curves:
        try:
            formed = part(curve)
        except Lacking as reason:
            lacking = reason
            if left is not None:
                left.append(str(reason))
            continue
        none = False
        if curve.failed and left is not None:
            left.append(curve.failed)
        yield curve, formed
    if none:
        raise lacking


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

    def observe(mine: Curves, left: Reasons) -> Observed:
        uniform = [c for c in mine if len({*c.parameters.m}) == 1 and not any(c.parameters.zipf)]
        found = list(available(uniform, lambda c: crossings(c, options["levels"]), left))
        m = np.log([curve.parameters.m[0] for curve, _ in found])
        if len({*m}) < 2:
            raise Lacking("grammars with two values of m whose levels are crossed")
        weights = slope_of(m)
        return joined([part for _, part in found], lambda y: (y[..., 1::2] - y[..., ::2]) @ weights)

    return each(by_network(curves, options), observe, "such networks")


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
