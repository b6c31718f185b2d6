"""Criteria of the claims about power-law distributed production rules, A1 to A4 (arXiv:2505.07067).

They compare growth and exponents, and absolute sizes in A1 alone, within half a decade.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.complexities import classification_exponent
from .measured import Curves, Draws, Evidence
from .slopes import mean, slope
from .verdicts import Criterion

_FALLEN = "larger P, or max_steps: too few sizes where the error fell and trainings ended"
_BESIDE = "the same grammar with uniform rules beside, or other sizes"
_EIGHTH, _QUARTER, _HALF = 1 / 8, 1 / 4, 1 / 2  # shares of chance


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
    return mean((rows["y"] - rows["x"]) / np.log(10))


def _drop(curves: Curves, draws: Draws) -> float:
    """Local exponent between the half and the eighth of chance."""
    spans = [
        np.log(curve.size_at(draws, _EIGHTH) / curve.size_at(draws, _HALF))
        for curve in curves
        if _uniform(curve)
    ]
    return mean(np.log(_HALF / _EIGHTH) / span for span in spans)


def _by_a(curves: Curves, draws: Draws) -> pd.DataFrame:
    """Fitted exponents (y) and ``a/(1+a)`` (x), a row a grammar with Zipf rules at level 1."""
    rows = [
        {"x": classification_exponent(curve.parameters), "y": curve.exponent(draws)}
        for curve in _zipf(curves)
    ]
    return pd.DataFrame(rows, columns=["x", "y"])


def _exponent(curves: Curves, draws: Draws) -> float:
    rows = _by_a(curves, draws)
    return mean(np.log2(rows["y"] / rows["x"]))


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
    return mean(bends)


A1 = (
    Criterion(
        "the threshold grows as n m^L",
        "slope of log(size at half of chance) on log(n m^L) over the grammars with uniform rules",
        lambda curves, draws: slope(_thresholds(curves, draws)),
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
A2 = (
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
        lambda curves, draws: slope(_by_a(curves, draws)),
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
A3 = (
    Criterion(
        "the constant grows with depth",
        "slope of log(constant), where the error is a quarter of chance, on L (a/(1+a)) log m; "
        "more than 1 if more patches can fail",
        lambda curves, draws: slope(_constants(curves, draws), ["a"]),
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
    return mean(z.exponent(draws, w) - u.exponent(draws, w) for z, u, w in _pairs(curves))


def _early(curves: Curves, draws: Draws) -> float:
    return mean(z.exponent(draws, ~w) - u.exponent(draws, ~w) for z, u, w in _pairs(curves))


A4 = (
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
