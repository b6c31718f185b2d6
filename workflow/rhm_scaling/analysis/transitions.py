"""The transition of the root's posterior on every rule draw by itself, which claim D1 is about."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
TRANSITIONS = ["rule_seed", "L", "critical", "crossing", "half", "steepness", "response"]
# of the way from chance to certainty, by the recursion: where steepness is taken, and crossings
_STEEP, _NEAR = (1 / 6, 2 / 3), (0.05, 0.9)
_DEGREE = 3  # of the polynomial that the difference of two curves is near there


def by_draw(rows: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Where curves of depths cross on each rule draw, and how steep they are.

    Parameters
    ----------
    rows
        ``quantity``, ``fraction``, ``level``, ``value`` and ``rule_seed``: ``root``, measured on
        sentences; ``recursion`` and ``critical``, without any.
    chance
        Posterior of the true root of who sees nothing.

    Returns
    -------
    table
        Of columns `TRANSITIONS`, a row a rule draw and depth from 2. ``crossing``: where the curve
        of sentences comes to lie below that of the depth before, by a cubic through their
        difference where the recursion of that depth is from 0.05 to 0.9 of the way from chance to
        certainty. ``steepness``: its mean fall with the fraction where that is from a sixth to two
        thirds. Of the recursion alone are ``half``, where it is a half, and ``response``, its fall
        at the critical fraction. NaN where the fractions do not reach.
    """
    found = []
    for rule_seed, mine in rows.groupby("rule_seed", sort=True):
        critical = float(mine.loc[mine["quantity"] == "critical", "value"].iloc[0])
        roots, known = (_curves(mine, name) for name in ("root", "recursion"))
        fractions = np.array(roots.columns, dtype=float)
        for before, depth in zip(roots.index, roots.index[1:]):
            pair = roots.loc[before].to_numpy(), roots.loc[depth].to_numpy()
            told = known.loc[depth].to_numpy()
            found.append(
                (
                    *(rule_seed, int(depth), critical),
                    _crossing(fractions, pair[1] - pair[0], (told - chance) / (1 - chance)),
                    _falls_to(fractions, told, 0.5),
                    _steepness(fractions, pair[1], (told - chance) / (1 - chance)),
                    response(fractions, told, critical),
                )
            )
    return pd.DataFrame(found, columns=TRANSITIONS)


def _curves(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """A row a depth, a column a fraction, both growing."""
    mine = rows[rows["quantity"] == quantity]
    return mine.pivot(index="level", columns="fraction", values="value")


def _crossing(fractions: Array, grows: Array, way: Array) -> float:
    """Where a difference falls through zero, nearest to the middle of where it is looked for."""
    inside = (way > _NEAR[0]) & (way < _NEAR[1])
    if inside.sum() <= _DEGREE:
        return np.nan
    x = fractions[inside]
    middle = x.mean()
    cubic = np.poly1d(np.polyfit(x - middle, grows[inside], _DEGREE))
    at = cubic.roots[np.abs(cubic.roots.imag) < 1e-9].real
    at = at[(cubic.deriv()(at) < 0) & (at >= x[0] - middle) & (at <= x[-1] - middle)]
    return float(middle + at[np.abs(at).argmin()]) if len(at) else np.nan


def _steepness(fractions: Array, curve: Array, way: Array) -> float:
    inside = (way >= _STEEP[0]) & (way <= _STEEP[1])
    if inside.sum() < 3:
        return np.nan
    return float(-np.polyfit(fractions[inside], curve[inside], 1)[0])


def response(fractions: Array, curve: Array, critical: float) -> float:
    """How fast a curve falls at a fraction: through two points on either side, ``(n,)`` each.

    Of the recursion near its fixed point this is what a small change of the tokens has grown to: by
    the same factor a level, its eigenvalue there. NaN at the rim.
    """
    after = int(np.searchsorted(fractions, critical))
    if not 2 <= after <= len(fractions) - 2:
        return np.nan
    near = slice(after - 2, after + 2)
    return float(-np.polyfit(fractions[near], curve[near], 1)[0])


def _falls_to(fractions: Array, curve: Array, height: float) -> float:
    """Where a curve first comes to lie below a height; NaN if it does not, or begins there."""
    below = np.flatnonzero(curve < height)
    if not len(below) or below[0] == 0:
        return np.nan
    last = below[0]
    part = (curve[last - 1] - height) / (curve[last - 1] - curve[last])
    return float(fractions[last - 1] + part * (fractions[last] - fractions[last - 1]))
