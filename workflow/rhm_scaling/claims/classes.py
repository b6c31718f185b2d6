"""What criteria of classification compare, A1 to A3 (arXiv:2505.07067).

As in `contrasts`; what is predicted of Zipf rules is the *smooth* error of each rule draw, whose
only input is how the network learns rules of one frequency: its curve on a grammar with the same
upper levels and few, equally frequent rules at level 1. No number is read off the curves that are
judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import falls_to
from ..analysis.theory_columns import are_twins, measured_rule_curve, smooth_errors
from ..theory.complexities import classification_exponent
from .evidence import Curves, Evidence
from .frozen import frozen
from .parts import (
    Found,
    Options,
    Part,
    Reasons,
    available,
    by_network,
    each,
    joined,
    slope_of,
    slopes,
)
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]

_TAIL = 0.1  # of a/(1+a): how far the local slope of what is predicted may lie from it
_FEWEST = 3  # sizes of a tail
_OCTAVE = 2**0.25  # half of the step over which a local slope is taken


def _uniform(curve: Evidence) -> bool:
    return not any(curve.parameters.zipf) and curve.parameters.file is None


def falls(
    curve: Evidence,
    shares: Sequence[float],
    predicted: Mapping[int, float],
    lacking: str = "larger P",
) -> Part:
    """Logarithms of the sizes at shares of chance, a cell a share.

    Of claim and rival, those of the size that is `predicted` of a rule draw, in all cells.

    Raises
    ------
    Lacking
        If a draw does not fall so far between the sizes, with the word for other ones.
    """
    chance = {draw: float(curve.known.errors_by_rank[draw][0]) for draw in curve.draws}
    claim = np.log([[[predicted[draw]] * len(shares) for draw in curve.draws]])
    measured = None
    if curve.trained:
        at = [curve.crossed({d: share * e for d, e in chance.items()}) for share in shares]
        measured = np.stack(at, axis=1)
        seen = np.isfinite(measured)
    else:
        seen = claim[0] <= np.log(curve.sizes.max(initial=1.0))
    if not seen.all():
        raise Lacking(
            f"{lacking}: {curve.key['grammar']} learnt by every rule draw between sizes that count "
            f"({curve.network}: by {seen.all(axis=1).sum()} of {len(seen)})"
        )
    return Part(curve.draws, measured, claim, claim)


def labels_learnt_at(curve: Evidence) -> dict[int, float]:
    """``P*`` of each rule draw."""
    return {draw: curve.known.rule_thresholds[draw].mean() for draw in curve.draws}


def rules_of_a_label(curve: Evidence) -> float:
    """``log(n m^L)``."""
    return float(np.log(curve.parameters.n) + np.log(curve.parameters.m).sum())


def growth_of_threshold(curves: Curves, options: Options) -> Found:
    """Slope of the size at half of chance on ``n m^L``, in logarithms, over grammars.

    The rival does not grow, or (``sentences``) grows as the number of sentences.
    """

    def rival(curve: Evidence) -> float:
        return curve.parameters.log_sentences() if options.get("rival") == "sentences" else 0.0

    def part(curve: Evidence) -> Part:
        found = falls(curve, (0.5,), labels_learnt_at(curve))
        against = np.full_like(found.claim, rival(curve))
        return Part(found.draws, found.measured, found.claim, against)

    return slopes(
        by_network(curves, options, _uniform),
        part,
        rules_of_a_label,
        "grammars with other n m^L",
        what="networks",
    )


def drop(curves: Curves, options: Options) -> Found:
    """Mean local exponent between the half and the eighth of chance, over grammars."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        shares = (1 / 2, 1 / 8)
        found = available(mine, lambda c: falls(c, shares, labels_learnt_at(c)), left)
        apart, steep, bound = np.array([0.0, np.log(4.0)]), options["example"], options["bound"]
        # what scatter does to a ratio hangs on the distance of the two sizes
        parts = [
            Part(p.draws, p.measured, p.claim + apart / steep, p.claim + apart / bound)
            for _, p in found
        ]

        def contrast(y: Array) -> Array:
            spans = np.maximum(y[..., 1::2] - y[..., ::2], 1e-3)
            return np.asarray((np.log(4) / spans).mean(axis=-1))

        return joined(parts, contrast)

    return each(by_network(curves, options, _uniform), observe, "networks")


# ---- the tail of Zipf rules


def _chance(curve: Evidence) -> float:
    return float(np.mean([errors[0] for errors in curve.known.errors_by_rank.values()]))


class Tail:
    """The tail of a curve with Zipf rules at level 1: sizes that are fixed without that curve.

    There the predicted local slope lies near ``a/(1+a)``, and the upper levels are known: the twin,
    a grammar with the same ones and few, uniform rules at level 1, has fallen to an eighth of
    chance. Of the curve itself only sizes are missing at which a rule draw makes no mistake.

    Attributes
    ----------
    curve
        The curve.
    x
        Logarithms of the sizes of the tail.
    part
        Logarithms of errors there, a cell a size; of claim and rival, what is predicted.
    """

    def __init__(self, curve: Evidence, twin: Evidence | None) -> None:
        self.curve = curve
        if twin is None:
            raise Lacking("a grammar with the same upper levels and uniform rules at level 1")
        draws = sorted({*curve.draws} & {*twin.draws})
        fractions: dict[int, Callable[[Array], Array]]
        if curve.trained:
            # each draw is predicted from one draw of the twin, not from their mean: so the scatter
            # of deviations has that of what is predicted
            rows = dict(zip(twin.draws, twin.losses))
            if not draws or min(np.isfinite(rows[draw]).sum() for draw in draws) < _FEWEST:
                raise Lacking(f"{_FEWEST} sizes that count, of {twin.key['grammar']}")
            fractions = {
                draw: measured_rule_curve(twin.known, twin.sizes, rows[draw], draw)
                for draw in draws
            }
            errors = np.mean([rows[draw] for draw in draws], axis=0)
            seen = np.isfinite(errors)
            start = falls_to(twin.sizes[seen], errors[seen], _chance(twin) / 8)
        else:
            assumed = frozen()
            sharpness = float(np.median(assumed.sharpness))
            start = assumed.beforehand.prefactor * float(
                np.mean([p[0] for p in twin.known.rule_thresholds.values()])
            )

            def assumed_fraction(ratio: Array) -> Array:
                return np.asarray(1 / (1 + ratio**-sharpness))

            fractions = dict.fromkeys(draws, assumed_fraction)

        def predicted(sizes: Array) -> Array:
            return np.array(
                [
                    smooth_errors(curve.parameters, curve.known, fractions[draw], sizes, draw)[draw]
                    for draw in draws
                ]
            )

        mean = [predicted(curve.sizes * step).mean(axis=0) for step in (_OCTAVE, 1 / _OCTAVE)]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = -np.log(mean[0] / mean[1]) / (2 * np.log(_OCTAVE))
        limit = classification_exponent(curve.parameters)
        inside = (np.abs(slopes / limit - 1) <= _TAIL) & (curve.sizes >= start)
        measured = None
        if curve.trained:
            measured = curve.losses[[curve.draws.index(draw) for draw in draws]]
        if measured is not None:
            inside &= (np.isfinite(measured) & (measured > 0)).all(axis=0)
        if inside.sum() < _FEWEST:
            raise Lacking(
                f"{_FEWEST} sizes in the tail of {curve.key['grammar']}: upper levels are known at "
                f"{start:.0f} sentences, and the predicted local slope lies within {_TAIL:.0%} of "
                f"a/(1+a) ({curve.network}: {inside.sum()})"
            )
        claim = np.log(predicted(curve.sizes[inside]))[None]
        logs = None if measured is None else np.log(measured[:, inside])
        self.x = np.log(curve.sizes[inside])
        self.part = Part(draws, logs, claim, claim)

    @property
    def weights(self) -> Array:
        """What makes an exponent of logarithms of errors, ``(sizes,)``."""
        return -slope_of(self.x)

    @property
    def exponent(self) -> float:
        """That of the prediction, the mean over rule draws."""
        return float((self.part.claim @ self.weights).mean())

    def against(self, rival: Array) -> Part:
        """Its part with another rival."""
        return Part(self.part.draws, self.part.measured, self.part.claim, rival)


def _tails(curves: Curves, left: Reasons) -> list[Tail]:
    """The tails of all curves with Zipf rules at level 1 and no other."""
    zipf = [curve for curve in curves if curve.parameters.zipf[0] is not None]

    def twin(curve: Evidence) -> Evidence | None:
        own = curve.parameters.specification()
        found = [
            other
            for other in curves
            if other.network == curve.network and are_twins(own, other.parameters.specification())
        ]
        return min(found, key=lambda other: other.parameters.m[0], default=None)

    return [tail for _, tail in available(zipf, lambda curve: Tail(curve, twin(curve)), left)]


def _by_depth(curves: Curves, options: Options) -> dict[str, Curves]:
    groups: dict[str, Curves] = {}
    for network, mine in by_network(curves, options).items():
        for curve in mine:
            groups.setdefault(f"{network}, L = {curve.parameters.L}", []).append(curve)
    zipf = {name for name, mine in groups.items() for curve in mine if any(curve.parameters.zipf)}
    return {name: mine for name, mine in groups.items() if name in zipf}


def exponent_with_a(curves: Curves, options: Options) -> Found:
    """Slope of the exponent in the tail on the predicted one, over Zipf exponents."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        tails = _tails(mine, left)
        x = np.array([tail.exponent for tail in tails])
        if np.ptp(x) < 1e-9:
            raise Lacking("several Zipf exponents a whose tails are reached")
        # the rival: one exponent for all
        parts = [
            tail.against(tail.part.claim + (tail.exponent - x.mean()) * (tail.x - tail.x.mean()))
            for tail in tails
        ]
        weights = np.concatenate([k * tail.weights for k, tail in zip(slope_of(x), tails)])
        return joined(parts, lambda y: y @ weights)

    return each(_by_depth(curves, options), observe, "Zipf rules at level 1")


def exponent_over_predicted(curves: Curves, options: Options) -> Found:
    """Mean log2 of the exponent in the tail over the predicted one, over Zipf exponents."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        tails = _tails(mine, left)
        parts = [
            tail.against(tail.part.claim - tail.exponent * (tail.x - tail.x.mean()))
            for tail in tails
        ]

        def contrast(y: Array) -> Array:
            found, start = [], 0
            for tail in tails:
                exponents = y[..., start : start + len(tail.x)] @ tail.weights
                found.append(np.log2(np.maximum(exponents, 1e-3) / tail.exponent))
                start += len(tail.x)
            return np.asarray(np.mean(found, axis=0))

        return joined(parts, contrast)

    return each(_by_depth(curves, options), observe, "Zipf rules at level 1")


# ---- the constant


def _by_a(curves: Curves, options: Options) -> dict[str, Curves]:
    groups: dict[str, Curves] = {}
    for network, mine in by_network(curves, options).items():
        for a in {curve.parameters.zipf[0] for curve in mine} - {None}:
            alike = [c for c in mine if _uniform(c) or c.parameters.zipf[0] == a]
            groups[f"{network}, a = {a:g}"] = alike
    return groups


def _constants(tails: Sequence[Tail]) -> Callable[[Array], Array]:
    """Logarithms of the constants at the exponent that all tails have in common, ``(..., tails)``.

    Parallel lines: one exponent, a constant for each depth.
    """
    owner = np.repeat(np.arange(len(tails)), [len(tail.x) for tail in tails])
    x = np.concatenate([tail.x for tail in tails])
    design = np.column_stack([owner[:, None] == np.arange(len(tails)), -x]).astype(float)
    solved = np.linalg.pinv(design)[:-1]
    return lambda y: np.asarray(y @ solved.T)


def _of_depths(
    curves: Curves,
    options: Options,
    least: int,
    shape: Callable[[Array, Array], Array],
    rival: Callable[[Array, Array], Array],
) -> Found:
    """A contrast of log constants ``(..., depths)`` at depths ``(depths,)``, for each ``a``.

    `rival` says what the constants, ``(depths,)``, would be.
    """

    def observe(mine: Curves, left: Reasons) -> Observed:
        tails = sorted(_tails(mine, left), key=lambda tail: tail.curve.parameters.L)
        depths = np.array([tail.curve.parameters.L for tail in tails], dtype=float)
        if len({*depths}) < least:
            raise Lacking(f"{least} depths whose tails are reached")
        if len({*depths}) < len(depths):
            raise Lacking("a single grammar of each depth")
        constants = _constants(tails)
        claimed = [tail.part.claim[0].mean(axis=0) for tail in tails]
        given = constants(np.concatenate(claimed))
        moved = rival(depths, given) - given
        parts = [tail.against(tail.part.claim + by) for tail, by in zip(tails, moved)]
        return joined(parts, lambda y: shape(depths, constants(y)))

    return each(_by_a(curves, options), observe, "Zipf rules at level 1")


def growth_of_constant(curves: Curves, options: Options) -> Found:
    """Growth of the logarithm of the constant a level, from the least depth to the largest."""
    return _of_depths(
        curves,
        options,
        2,
        lambda L, c: (c[..., -1] - c[..., 0]) / (L[-1] - L[0]),
        lambda L, given: np.full(len(L), given.mean()),
    )


def bend_of_constant(curves: Curves, options: Options) -> Found:
    """Its growth over the last level less that over the first; the rival is a power of depth."""

    def power(L: Array, given: Array) -> Array:
        exponent = (given[-1] - given[0]) / np.log(L[-1] / L[0])
        return np.asarray(given[0] + exponent * np.log(L / L[0]))

    def bend(L: Array, c: Array) -> Array:
        slopes = np.diff(c, axis=-1) / np.diff(L)
        return np.asarray(slopes[..., -1] - slopes[..., 0])

    return _of_depths(curves, options, 3, bend, power)
