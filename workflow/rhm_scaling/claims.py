"""The nine claims of the two papers, and the criteria that decide each of them.

A1 to A4 are those of arXiv:2505.07067 (power-law distributed production rules), B1 to B5 those of
arXiv:2505.07070 (convolutional networks and transformers). Criteria compare growth and exponents,
never absolute sizes, which theory predicts up to a factor only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .assumed import obeying, predicted_exponent
from .evidence import Evidence, common_draws
from .fields import CLAIM_TASKS, ClaimName
from .theory import classification_exponent
from .verdicts import Criterion, Expectation, Finding, decide, expectation

Array = NDArray[np.float64]
Curves = Sequence[Evidence]
Draws = Sequence[int]

_ATTENDING = ("transformer", "attention")
_NETWORKS = ("cnn", "lcn", "fcn", *_ATTENDING)
_DEEPER = "larger P, or max_steps: too few levels are crossed by every rule draw"
_FALLEN = "larger P, or max_steps: too few sizes where the error fell and trainings ended"
_BESIDE = "the same grammar with uniform rules beside, or other sizes"
_EIGHTH, _QUARTER, _HALF = 1 / 8, 1 / 4, 1 / 2  # shares of chance, or of what is not a synonym


@dataclass(frozen=True)
class Claim:
    """What a claim says, and what decides it."""

    statement: str
    criteria: tuple[Criterion, ...]


def of_claim(name: ClaimName, curves: Iterable[Evidence]) -> list[Evidence]:
    """The curves of networks on a claim's task."""
    return [c for c in curves if c.key["task"] == CLAIM_TASKS[name] and c.kind in _NETWORKS]


def expected(name: ClaimName, curves: Curves) -> dict[Criterion, Expectation]:
    """The criteria of a claim that a study's curves allow, with their regions.

    Of the curves' runs only seeds and sizes matter.
    """
    mine = of_claim(name, curves)
    holding, rival = obeying(name, True, mine), obeying(name, False, mine)
    return {c: expectation(c, holding, rival, _draws(c, holding)) for c in CLAIMS[name].criteria}


def decided(name: ClaimName, curves: Curves, known: dict[Criterion, Expectation]) -> list[Finding]:
    """What a study's curves say of each criterion, in the order of `expected`."""
    mine = of_claim(name, curves)
    return [decide(c, expected, mine, _draws(c, mine)) for c, expected in known.items()]


def _draws(criterion: Criterion, curves: Curves) -> list[int]:
    """Rule draws of all curves that a criterion looks at."""
    return common_draws(_of(curves, *(criterion.kinds or _NETWORKS)))


def _of(curves: Curves, *kinds: str) -> list[Evidence]:
    return [curve for curve in curves if curve.kind in kinds]


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else np.nan


def _slope(rows: pd.DataFrame, *constants: Sequence[str]) -> float:
    """Slope of y on x, with a constant for every value of each group of columns.

    NaN where x does not vary beyond the constants.
    """
    rows = rows[np.isfinite(rows["x"].to_numpy(float)) & np.isfinite(rows["y"].to_numpy(float))]
    if len(rows) < 2:
        return np.nan
    codes = [rows.groupby(list(columns), sort=False).ngroup() for columns in constants]
    dummies = [code.to_numpy()[:, None] == np.unique(code) for code in codes]
    design = np.concatenate([*dummies, np.ones((len(rows), 1))], axis=1).astype(float)
    both = rows[["x", "y"]].to_numpy(dtype=float)
    x, y = (both - design @ np.linalg.lstsq(design, both, rcond=None)[0]).T
    square = float(x @ x)
    return float(x @ y) / square if square > 1e-9 else np.nan


# ---- A: classification with power-law distributed rules


def _uniform(curve: Evidence) -> bool:
    return all(a is None for a in curve.parameters.zipf) and curve.parameters.file is None


def _zipf(curves: Curves) -> list[Evidence]:
    """Curves with Zipf rules at level 1."""
    return [curve for curve in curves if curve.parameters.zipf[0] is not None]


def _thresholds(curves: Curves, draws: Draws) -> pd.DataFrame:
    """Sizes at half of chance (y) and ``n m^L`` (x), in logarithms, a row a uniform grammar."""
    rows = [
        {
            "x": np.log(curve.parameters.n * float(np.prod(curve.parameters.m))),
            "y": np.log(curve.size_at(draws, _HALF)),
        }
        for curve in curves
        if _uniform(curve)
    ]
    return pd.DataFrame(rows, columns=["x", "y"])


def _around(curves: Curves, draws: Draws) -> float:
    rows = _thresholds(curves, draws)
    return _mean((rows["y"] - rows["x"]) / np.log(10))


def _drop(curves: Curves, draws: Draws) -> float:
    """Local exponent between the half and the eighth of chance."""
    spans = [
        np.log(curve.size_at(draws, _EIGHTH) / curve.size_at(draws, _HALF))
        for curve in curves
        if _uniform(curve)
    ]
    return _mean(np.log(_HALF / _EIGHTH) / span for span in spans)


def _by_a(curves: Curves, draws: Draws) -> pd.DataFrame:
    """Fitted exponents (y) and ``a/(1+a)`` (x), a row a grammar with Zipf rules at level 1."""
    rows = [
        {"x": classification_exponent(curve.parameters), "y": curve.exponent(draws)}
        for curve in _zipf(curves)
    ]
    return pd.DataFrame(rows, columns=["x", "y"])


def _exponent(curves: Curves, draws: Draws) -> float:
    rows = _by_a(curves, draws)
    return _mean(np.log2(rows["y"] / rows["x"]))


def _over_lookup(curves: Curves, draws: Draws) -> float:
    """Largest log10 of error over that of the table, inside the windows."""
    ratios = [
        np.log10(curve.mean(draws) / curve.table["lookup"].to_numpy(dtype=float))[curve.window]
        for curve in _zipf(curves)
    ]
    return float(np.concatenate(ratios).max()) if any(map(len, ratios)) else np.nan


def _constants(curves: Curves, draws: Draws) -> pd.DataFrame:
    """Logarithm of the constant at a quarter of chance (y), and its predicted growth times L (x).

    The prediction leaves out the patches' factor; a row a grammar with Zipf rules, with its a.
    """
    rows = []
    for curve in _zipf(curves):
        exponent, p = classification_exponent(curve.parameters), curve.parameters
        growth = exponent * float(np.mean(np.log(p.m[1:])))
        constant = exponent * np.log(curve.size_at(draws, _QUARTER))
        rows.append({"a": p.zipf[0], "L": p.L, "x": p.L * growth, "y": constant})
    return pd.DataFrame(rows, columns=["a", "L", "x", "y"]).sort_values(["a", "L"])


def _bend(curves: Curves, draws: Draws) -> float:
    """How much faster the constant's logarithm grows at the last level than at the first."""
    bends = []
    for _, family in _constants(curves, draws).groupby("a"):
        slopes = np.diff(family["y"]) / np.diff(family["x"])
        if len(slopes) > 1:
            bends.append(float(slopes[-1] - slopes[0]))
    return _mean(bends)


_A1 = (
    Criterion(
        "the threshold grows as n m^L",
        "slope of log(size at half of chance) on log(n m^L) over the grammars with uniform rules",
        lambda curves, draws: _slope(_thresholds(curves, draws)),
        (1.0,),
        0.0,
        "grammars with other n m^L, or larger P",
    ),
    Criterion(
        "it lies around n m^L",
        "mean log10(size at half of chance / n m^L) over those grammars: within half a decade",
        _around,
        (0.0,),
        np.nan,
        _FALLEN,
        (-0.5, 0.5),
    ),
    Criterion(
        "a drop",
        "mean local exponent between the half and the eighth of chance: above 1, which no power "
        "law a/(1+a) reaches",
        _drop,
        (np.inf,),
        1.0,
        _FALLEN,
        (1.0, np.inf),
    ),
)
_A2 = (
    Criterion(
        "the exponent is a/(1+a)",
        "mean log2(fitted exponent / (a/(1+a))) over the values of a; 1 if it took two unknown "
        "rules to make a mistake",
        _exponent,
        (0.0,),
        1.0,
        _FALLEN,
    ),
    Criterion(
        "the exponent follows a",
        "slope of the fitted exponent on a/(1+a); 0 if it did not depend on a",
        lambda curves, draws: _slope(_by_a(curves, draws)),
        (1.0,),
        0.0,
        "several values of a",
        (0.5, 1.5),
    ),
    Criterion(
        "better than a lookup table",
        "largest log10(error / error of a table of the training sentences) inside the windows of "
        "the fits: below 0",
        _over_lookup,
        (-np.inf,),
        0.0,
        _FALLEN,
        (-np.inf, 0.0),
    ),
)
_A3 = (
    Criterion(
        "the constant grows with depth",
        "slope of log(constant), where the error is a quarter of chance, on L (a/(1+a)) log m; "
        "more than 1 if more patches can fail",
        lambda curves, draws: _slope(_constants(curves, draws), ["a"]),
        (1.0,),
        0.0,
        "several depths, or larger P",
    ),
    Criterion(
        "it grows exponentially",
        "change of that slope from the first to the last pair of depths, which is less than 1",
        _bend,
        (0.0,),
        1.0,
        "three depths, or larger P",
        (-1.0, 1.0),
    ),
)


# ---- A4: next-token prediction with power-law distributed rules


def _pairs(curves: Curves) -> list[tuple[Evidence, Evidence, NDArray[np.bool_]]]:
    """Curves with Zipf rules, each with that of the same grammar and learner with uniform rules.

    Third comes the window that both share.
    """

    def alike(curve: Evidence) -> tuple[object, ...]:
        p, key = curve.parameters, curve.key
        return p.v, p.n, p.s, p.m, key["architecture"], key["width"], key["depth"]

    uniform = {alike(curve): curve for curve in curves if _uniform(curve)}
    zipf = [curve for curve in curves if not _uniform(curve) and curve.parameters.file is None]
    pairs = [(curve, uniform[alike(curve)]) for curve in zipf if alike(curve) in uniform]
    return [(z, u, z.window & u.window) for z, u in pairs if np.array_equal(z.sizes, u.sizes)]


def _late(curves: Curves, draws: Draws) -> float:
    return _mean(z.exponent(draws, w) - u.exponent(draws, w) for z, u, w in _pairs(curves))


def _early(curves: Curves, draws: Draws) -> float:
    return _mean(z.exponent(draws, ~w) - u.exponent(draws, ~w) for z, u, w in _pairs(curves))


_A4 = (
    Criterion(
        "the large-scale exponent stays",
        "mean difference of fitted exponents, Zipf less uniform rules, over sizes inside both "
        "windows; rival: a/(1+a), which classification follows",
        _late,
        (0.0,),
        -1.0,
        _BESIDE,
    ),
    Criterion(
        "the local shape differs",
        "mean difference of fitted exponents, Zipf less uniform rules, at the sizes before: above "
        "0, as frequent rules are learnt earlier",
        _early,
        (np.nan,),
        0.0,
        _BESIDE,
        (0.0, np.inf),
    ),
)


# ---- B: levels, learners


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
    return _slope(rows, ["curve", "rule_seed"])


def _positions(kinds: tuple[str, ...], asymptotic: float, rival: float) -> tuple[Criterion, ...]:
    """Growth of the crossings: the CNN's prediction stands for 0, the transformer's for 1."""
    scale = (
        "on the scale on which the CNN's predicted growth is 0 and the transformer's 1: slope of "
        "log(crossing / CNN's threshold) on log(transformer's / CNN's)"
    )

    def with_level(curves: Curves, draws: Draws) -> float:
        rows = _crossed(_of(curves, *kinds), draws, 2)
        return _slope(rows, ["curve", "rule_seed"])

    def with_rules(curves: Curves, draws: Draws) -> float:
        rows = _crossed(_of(curves, *kinds), draws, 3)
        means = rows.groupby(["curve", "who", "level"], as_index=False)[["x", "y"]].mean()
        return _slope(means, ["who", "level"])

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
        lambda curves, draws: _mean(_over_predicted(c, draws) for c in _of(curves, *kinds)),
        (0.0,),
        np.nan,
        _DEEPER,
        kinds=kinds,
    )


def _exponent_ratio(curves: Curves, draws: Draws) -> float:
    return _mean(
        _over_predicted(cnn, draws) - _over_predicted(other, draws)
        for cnn in _of(curves, "cnn")
        for other in _of(curves, "transformer")
        if cnn.key["grammar"] == other.key["grammar"]
    )


_B1 = (
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
_B2 = (*_positions(_ATTENDING, 1.0, 0.0), _steepness(*_ATTENDING))
_B3 = (
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
_B5 = (*_positions(("lcn",), 1.0, 0.0), _steepness("lcn"))


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
    return _mean(rows["y"] - rows["x"])


_UNSEEN = "representations: true, and larger P: too few levels are seen to become invariant"
_B4 = (
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
        lambda curves, draws: _slope(_half_invariant(curves, draws), ["curve", "rule_seed"]),
        (1.0,),
        0.0,
        _UNSEEN,
    ),
)


CLAIMS: dict[ClaimName, Claim] = {
    "A1": Claim(
        "With uniform rules the classification error stays near chance, then drops around n m^L.",
        _A1,
    ),
    "A2": Claim(
        "With Zipf rules the classification error is a power law with exponent a/(1+a).",
        _A2,
    ),
    "A3": Claim(
        "The constant of that power law grows exponentially with depth.",
        _A3,
    ),
    "A4": Claim(
        "In next-token prediction, Zipf rules change the local shape of the learning curve, not "
        "its large-scale exponent.",
        _A4,
    ),
    "B1": Claim(
        "Next-token prediction is learnt level by level, at sizes that grow by a constant factor a "
        "level.",
        _B1,
    ),
    "B2": Claim(
        "Transformers: the size at which a level is learnt grows by m^2 a level, and the exponent "
        "is log(1/f)/(2 log m).",
        _B2,
    ),
    "B3": Claim(
        "Convolutional networks: that size grows by m a level, and the exponent is twice as large.",
        _B3,
    ),
    "B4": Claim(
        "Representations are built one level at a time: as level l is learnt, hidden layers become "
        "invariant to the synonyms of level l-1.",
        _B4,
    ),
    "B5": Claim(
        "Locality and weight sharing together cause the gain: without sharing, a locally connected "
        "network's thresholds grow as the transformer's.",
        _B5,
    ),
}
