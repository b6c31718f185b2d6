"""What criteria of hidden representations compare (B4, arXiv:2505.07070); as in `contrasts`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import falls_to
from .contrasts import crossings
from .evidence import Curves, Evidence
from .frozen import frozen
from .parts import Found, Options, Part, Reasons, available, by_network, each, joined
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]


def half_invariant(curve: Evidence, levels: Sequence[int]) -> Part:
    """Logarithms of the sizes at which the deepest hidden layer is half invariant, a cell a level.

    There synonyms of a level change it half as much as other symbols do. The level above tells
    synonyms, so its threshold is what is predicted; the rival: all levels at once.
    """
    if max(levels) >= curve.parameters.L:
        raise Lacking(f"grammars with levels up to {max(levels) + 1}")
    claim = np.log([[curve.thresholds()[draw][np.array(levels)] for draw in curve.draws]])
    at_once = np.repeat(claim.mean(axis=-1, keepdims=True), len(levels), axis=-1)
    if not curve.trained:
        reach = np.log(curve.sizes.max(initial=1.0) / frozen().beforehand.prefactor)
        if claim.max() > reach:
            raise Lacking(f"larger P: {curve.network} becomes half invariant to levels {levels}")
        return Part(curve.draws, None, claim, at_once)
    deepest = curve.layers[curve.layers["layer"] == curve.layers["layer"].max()]
    means = deepest.groupby(["rule_seed", "level", "train_size"])[["synonym", "other"]].mean()
    ratio = (means["synonym"] / means["other"]).unstack("train_size")
    # the sizes at which losses count: little of the language was seen, and the steps sufficed
    counted = curve.sizes[np.isfinite(curve.losses).any(axis=0)]
    ratio = ratio[[size for size in ratio.columns if size in counted]]
    sizes = ratio.columns.to_numpy(dtype=float)
    measured = np.array(
        [
            [
                np.log(falls_to(sizes, ratio.loc[(draw, level)].to_numpy(dtype=float), 0.5))
                for level in levels
            ]
            for draw in curve.draws
        ]
    )
    if not np.isfinite(measured).all():
        raise Lacking(
            f"sizes that count between which {curve.network} becomes half invariant to levels "
            f"{levels}"
        )
    return Part(curve.draws, measured, claim, at_once)


def _represented(curves: Curves, options: Options) -> dict[str, Curves]:
    return by_network([curve for curve in curves if len(curve.layers)], options)


def invariance_with_level(curves: Curves, options: Options) -> Found:
    """Mean growth of the size of half invariance from one level to another, over grammars."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        found = available(mine, lambda curve: half_invariant(curve, options["levels"]), left)
        parts = [part for _, part in found]
        return joined(parts, lambda y: (y[..., 1::2] - y[..., ::2]).mean(axis=-1))

    return each(_represented(curves, options), observe, "representations: true")


def invariance_with_loss(curves: Curves, options: Options) -> Found:
    """The same, less the growth of the loss's crossings of the levels above."""
    levels = options["levels"]

    def both(curve: Evidence) -> Part:
        hidden, loss = half_invariant(curve, levels), crossings(curve, [k + 1 for k in levels])
        # the rival: all levels of a layer at once, while the loss falls as predicted
        loss = Part(loss.draws, loss.measured, loss.claim, loss.claim)
        return Part.side_by_side([hidden, loss])

    def observe(mine: Curves, left: Reasons) -> Observed:
        parts = [part for _, part in available(mine, both, left)]
        weights = np.tile([-1.0, 1.0, 1.0, -1.0], len(parts)) / len(parts)
        return joined(parts, lambda y: y @ weights)

    return each(_represented(curves, options), observe, "representations: true")
