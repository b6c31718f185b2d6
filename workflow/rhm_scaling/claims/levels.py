"""Criteria of the claims about levels and learners, B1 to B5 (arXiv:2505.07070).

They compare growth and exponents, never absolute sizes, which theory predicts up to a factor only.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .measured import Curves, Draws, Evidence, of_kinds
from .simulated import predicted_exponent
from .slopes import mean, slope
from .verdicts import Criterion

_ATTENDING = ("transformer", "attention")
_DEEPER = "larger P, or max_steps: too few levels are crossed by every rule draw"


def _crossed(curves: Curves, draws: Draws, lowest: int) -> pd.DataFrame:
    """Logarithms of crossings of levels from `lowest` on, and of predicted thresholds.

    Columns: curve, who, rule_seed, level, crossed_at, threshold, x, y. Where a crossing lies
    between both learners' predictions: y on x has slope 0 if it grows as the CNN's, 1 if as the
    transformer's.
    """
    parts = [
        curve.logarithms[
            (curve.logarithms["level"] >= lowest) & curve.logarithms["rule_seed"].isin(draws)
        ].assign(curve=number)
        for number, curve in enumerate(curves)
    ]
    columns = ["rule_seed", "level", "crossed_at", "threshold", "who", "x", "y", "curve"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns, dtype=float)


def _over_levels(curves: Curves, draws: Draws) -> float:
    rows = _crossed(curves, draws, 1)
    rows = rows.assign(x=rows["threshold"], y=rows["crossed_at"])
    return slope(rows, ["curve", "rule_seed"])


def _positions(kinds: tuple[str, ...], asymptotic: float, rival: float) -> tuple[Criterion, ...]:
    """Growth of the crossings: the CNN's prediction stands for 0, the transformer's for 1."""
    scale = (
        "on the scale on which the CNN's predicted growth is 0 and the transformer's 1: slope of "
        "log(crossing / CNN's threshold) on log(transformer's / CNN's)"
    )

    def with_level(curves: Curves, draws: Draws) -> float:
        rows = _crossed(of_kinds(curves, *kinds), draws, 2)
        return slope(rows, ["curve", "rule_seed"])

    def with_rules(curves: Curves, draws: Draws) -> float:
        rows = _crossed(of_kinds(curves, *kinds), draws, 3)
        means = rows.groupby(["curve", "who", "level"], as_index=False)[["x", "y"]].mean()
        return slope(means, ["who", "level"])

    return (
        Criterion(
            "growth with the level",
            f"growth of the crossings from level 2 on, {scale}, each rule draw with its own factor",
            with_level,
            (asymptotic,),
            rival,
            _DEEPER,
            kinds=kinds,
        ),
        Criterion(
            "growth with m",
            f"growth of the crossings over grammars at a level from 3 on, {scale}, of means over "
            "rule draws, each level with its own factor",
            with_rules,
            (asymptotic,),
            rival,
            f"{_DEEPER}, or another grammar",
            kinds=kinds,
        ),
    )


def _over_predicted(curve: Evidence, draws: Draws) -> float:
    """log2 of the fitted exponent over that of the predicted staircases of the same rule draws."""
    return float(np.log2(curve.exponent(draws) / predicted_exponent(curve, draws)))


def _steepness(*kinds: str) -> Criterion:
    """The exponent, which tells the two predicted staircases apart."""
    return Criterion(
        "the exponent",
        "mean log2(fitted exponent / the same fit to the predicted staircases of the same rule "
        "draws); rival: staircases of the convolutional network",
        lambda curves, draws: mean(_over_predicted(c, draws) for c in of_kinds(curves, *kinds)),
        (0.0,),
        np.nan,
        _DEEPER,
        kinds=kinds,
    )


def _exponent_ratio(curves: Curves, draws: Draws) -> float:
    return mean(
        _over_predicted(cnn, draws) - _over_predicted(other, draws)
        for cnn in of_kinds(curves, "cnn")
        for other in of_kinds(curves, "transformer")
        if cnn.key["grammar"] == other.key["grammar"]
    )


B1 = (
    Criterion(
        "levels cross at the predicted ratios",
        "slope of log(crossing) on log(predicted threshold) over the levels of a rule draw; 0 if "
        "all levels were learnt in one drop",
        _over_levels,
        (1.0,),
        0.0,
        _DEEPER,
    ),
)
B2 = (*_positions(_ATTENDING, 1.0, 0.0), _steepness(*_ATTENDING))
B3 = (
    *_positions(("cnn",), 0.0, 1.0),
    Criterion(
        "a larger exponent than the transformer's",
        "mean log2(exponent of the CNN / of the transformer) on the same grammars, less that of "
        "the predicted staircases of the same rule draws; rival: they learn alike",
        _exponent_ratio,
        (0.0,),
        -1.0,
        "a transformer beside, or larger P",
        kinds=("cnn", "transformer"),
    ),
)
B5 = (*_positions(("lcn",), 1.0, 0.0), _steepness("lcn"))


# ---- B4: representations


def _half_invariant(curves: Curves, draws: Draws) -> pd.DataFrame:
    """When the deepest hidden layer becomes invariant: columns curve, rule_seed, level, x, y.

    For synonyms of level ``l - 1``: y is the logarithm of the size at which exchanging them changes
    the layer half as much as another symbol does, x that of the loss's crossing of level ``l``.
    """
    parts = [
        curve.half_invariant[curve.half_invariant["rule_seed"].isin(draws)].assign(curve=number)
        for number, curve in enumerate(curves)
        if len(curve.layers)
    ]
    columns = ["rule_seed", "level", "x", "y", "curve"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns, dtype=float)


def _with_the_level(curves: Curves, draws: Draws) -> float:
    rows = _half_invariant(curves, draws)
    return mean(rows["y"] - rows["x"])


_UNSEEN = "representations: true, and larger P: too few levels are seen to become invariant"
B4 = (
    Criterion(
        "invariance comes with the level",
        "mean log(size at which the deepest layer changes half as much under synonyms of level l-1 "
        "as under other symbols / size at which the loss crosses level l)",
        _with_the_level,
        (0.0,),
        np.nan,
        _UNSEEN,
        (-np.log(3.0), np.log(3.0)),
    ),
    Criterion(
        "one level at a time",
        "slope of log(size of half invariance) on log(the loss's crossing) over the levels of a "
        "rule draw; 0 if all levels became invariant at once",
        lambda curves, draws: slope(_half_invariant(curves, draws), ["curve", "rule_seed"]),
        (1.0,),
        0.0,
        _UNSEEN,
    ),
)
