"""What all criteria share: the cells of a curve, side by side, and slopes over several curves.

A criterion is a function of a study's curves and its options. It gives what is observed by the name
of what it is about (a network, a Zipf exponent): `Observed`, or `Lacking` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .evidence import Curves, Evidence
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]
Options = Mapping[str, Any]
Found = dict[str, Observed | Lacking]
Reasons = list[str]  # why curves are left out
Formed = TypeVar("Formed")
Group = TypeVar("Group")


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


def by_network(
    curves: Curves, options: Options, kept: Callable[[Evidence], bool] = lambda curve: True
) -> dict[str, Curves]:
    """The curves of every network that are `kept`, of the kinds that a criterion names or of all.

    A network of which none is kept has an empty list.
    """
    named = options.get("networks")
    groups: dict[str, Curves] = {}
    for curve in curves:
        if named is None or curve.kind in named:
            mine = groups.setdefault(curve.network, [])
            mine += [curve] if kept(curve) else []
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


def slopes(
    groups: Mapping[str, Curves],
    part: Callable[[Evidence], Part],
    x: Callable[[Evidence], float],
    lacking: str,
    value: Callable[[Array], Array] = lambda y: y,
    what: str = "such networks",
) -> Found:
    """Least-squares slope on `x` of the `value` of a curve's cells, over the curves of each group.

    `lacking` says what it would take where all have one `x`, `what` if there is no group.
    """

    def observe(mine: Curves, left: Reasons) -> Observed:
        found = list(available(mine, part, left))
        at = np.array([x(curve) for curve, _ in found])
        if np.ptp(at) < 1e-9:
            raise Lacking(lacking)
        weights = slope_of(at)
        return joined([made for _, made in found], lambda y: value(y) @ weights)

    return each(groups, observe, what)
