"""What corrupted sentences tell, averaged over rule draws; where curves of depths cross."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import between, mean_and_interval
from .power_law import BOOTSTRAPS, half_width

Array = NDArray[np.float64]
_CROSSING = 0.95  # of resampled curves: an interval is of those that cross
_BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("root", "symbol", "obeying", "obeying_alone"), (0.0, 1.0)),
    "correlation": (-1.0, 1.0),
    "susceptibility": (0.0, np.inf),
}
AVERAGED = ["quantity", "fraction", "level", "rule_draws", "mean", "low", "high", "predicted"]
TRANSITION = [
    *("L", "rule_draws", "crossing", "crossing_low", "crossing_high"),
    *("critical", "critical_low", "critical_high"),
    *("difference", "difference_low", "difference_high", "steepness"),
]


def averaged(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over rule draws and 95 % intervals, a row a quantity, fraction and level.

    Intervals are Student's, and lie `between` the bounds of the quantity.

    Parameters
    ----------
    rows
        ``quantity``, ``fraction``, ``level``, ``value`` and ``rule_seed``. What the ``recursion``
        says is the prediction of ``root``; ``critical`` is a number of the transition.

    Returns
    -------
    table
        Of columns `AVERAGED`.
    """
    found = []
    told = rows[~rows["quantity"].isin(["recursion", "critical"])]
    predicted = rows[rows["quantity"] == "recursion"]
    known = predicted.groupby(["fraction", "level"])["value"].mean()
    for (quantity, fraction, level), group in told.groupby(AVERAGED[:3], sort=False, dropna=False):
        values = group["value"].dropna().to_numpy(dtype=float)
        mean, low, high = mean_and_interval(values, *_BOUNDS[str(quantity)])
        here = float(known.get((fraction, level), np.nan)) if quantity == "root" else np.nan
        found.append((quantity, fraction, level, len(values), mean, low, high, here))
    return pd.DataFrame(found, columns=AVERAGED).astype({"level": "Int64"})


def transition(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Where the curve of each depth crosses that of the depth before, beside the critical fraction.

    Crossings are of the curves averaged over rule draws, and intervals from a bootstrap over them.
    The difference to the critical fraction, the mean of the draws' fixed points, is resampled
    as a whole.

    Parameters
    ----------
    rows
        As for `averaged`.
    seed
        Of the bootstrap.

    Returns
    -------
    table
        Of columns `TRANSITION`, a row a depth from 2.
    """
    roots = rows[rows["quantity"] == "root"]
    wide = roots.pivot_table(index="rule_seed", columns=["level", "fraction"], values="value")
    critical = rows[rows["quantity"] == "critical"].set_index("rule_seed")["value"]
    fixed = critical.loc[wide.index].to_numpy(dtype=float)
    fractions = np.sort(roots["fraction"].unique()).astype(float)
    curves = wide.to_numpy(dtype=float).reshape(len(wide), -1, len(fractions))
    generator = np.random.Generator(np.random.Philox(seed))
    chosen = generator.integers(len(curves), size=(BOOTSTRAPS, len(curves)))
    mean_critical = mean_and_interval(fixed, most=1.0)
    found = []
    for depth in range(2, curves.shape[1] + 1):
        pair = curves[:, depth - 2 : depth]
        crossing, steepness = _crossing(fractions, *pair.mean(axis=0))
        again = np.array([_crossing(fractions, *pair[draws].mean(axis=0))[0] for draws in chosen])
        apart = crossing - mean_critical[0]
        spread = again - fixed[chosen].mean(axis=1)
        found.append(
            (
                *(depth, len(curves)),
                *(crossing, *_resampled(crossing, again, len(curves))),
                *mean_critical,
                *(apart, *_resampled(apart, spread, len(curves), least=-1.0)),
                steepness,
            )
        )
    return pd.DataFrame(found, columns=TRANSITION)


def _resampled(
    estimate: float, values: Array, draws: int, least: float = 0.0
) -> tuple[float, float]:
    """Student's interval with the bootstrap's standard error, as in `power_law.interval`.

    Of a fraction of tokens, or of the difference of two, whose smallest value is `least`: it stays
    `between` that and one. NaN where curves of too many resamples do not cross.
    """
    return between(estimate, half_width(values, draws, _CROSSING), least, 1.0)


def _crossing(fractions: Array, before: Array, curve: Array) -> tuple[float, float]:
    """Where a curve comes to lie below that of the depth before, and how steeply it falls there.

    The sign of their difference changes where it best parts positive from negative ones; there a
    line is laid through two points on either side, as far as there are. NaN if it changes nowhere.
    """
    grows = curve - before
    last = int(np.argmax((grows * np.gradient(fractions)).cumsum()))
    if not grows[last] > 0 or last + 1 == len(grows):
        return np.nan, np.nan
    near = slice(max(last - 1, 0), last + 3)
    slope, constant = np.polyfit(fractions[near], grows[near], 1)
    fall, _ = np.polyfit(fractions[near], curve[near], 1)
    at = -constant / slope
    if not (slope < 0 and fractions[near][0] <= at <= fractions[near][-1]):
        return np.nan, np.nan
    return float(at), float(-fall)
