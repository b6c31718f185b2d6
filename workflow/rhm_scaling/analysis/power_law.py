"""Power laws fitted to learning curves, with intervals that resample rule draws and replicas.

Huber loss on logarithms, minimised from many starts; interval from a bootstrap over rule draws
and, within them, replicas. Recovery and coverage on synthetic curves are tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import student_factor

Array = NDArray[np.float64]

HUBER = 0.1  # residuals of the logarithm beyond this count linearly, not quadratically
STARTS = (0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0)  # exponents from which the fit is started
BOOTSTRAPS = 400
FEWEST_POINTS = 3
_OCTAVE = 1.9  # steps of an octave are rounded


@dataclass(frozen=True)
class PowerLaw:
    """``y = amplitude * P**-exponent``.

    Attributes
    ----------
    exponent, amplitude
        The best fit over all starts.
    converged
        Whether every start converged, and to the same exponent within 1e-3.
    """

    exponent: float
    amplitude: float
    converged: bool


NO_FIT = PowerLaw(np.nan, np.nan, False)


def fit_power_law(sizes: Array, values: Array, starts: tuple[float, ...] = STARTS) -> PowerLaw:
    """Huber fit of a power law; NaN if fewer than `FEWEST_POINTS` values are above zero."""
    from scipy import optimize  # not needed where a study is only planned

    good = np.isfinite(values) & (values > 0)
    if good.sum() < FEWEST_POINTS:
        return NO_FIT
    x, y = np.log(sizes[good]), np.log(values[good])
    centre = x.mean()  # decorrelates the two parameters

    design = np.stack([np.ones_like(x), centre - x], axis=1)

    def residuals(parameters: Array) -> Array:
        return np.asarray(design @ parameters - y)

    def jacobian(parameters: Array) -> Array:
        return design

    found = [
        optimize.least_squares(
            residuals, (y.mean(), start), jac=jacobian, loss="huber", f_scale=HUBER
        )
        for start in starts
    ]
    best = min(found, key=lambda solution: float(solution.cost))
    level, exponent = best.x
    agree = np.ptp([solution.x[1] for solution in found]) < 1e-3
    converged = bool(agree and all(solution.success for solution in found))
    return PowerLaw(float(exponent), float(np.exp(level + exponent * centre)), converged)


@dataclass(frozen=True)
class Window:
    """Which sizes enter a fit, and why."""

    inside: NDArray[np.bool_]
    reason: str


def fitting_window(curve: pd.DataFrame) -> Window:
    """Sizes where a power law is expected: below the plateau, above the resolution.

    `curve` has the columns sentences, mean, chance (the untrained learner's value), resolution
    (below it the test set cannot tell) and exhausted (the size at which Zipf rules are used up,
    or infinity). The window is contiguous.
    """
    sizes = curve["sentences"].to_numpy(dtype=float)
    mean = curve["mean"].to_numpy(dtype=float)
    started = np.maximum.accumulate(mean <= curve["chance"].to_numpy() / 2)
    ended = np.maximum.accumulate(~(mean > curve["resolution"].to_numpy()) & started)
    finite = sizes <= curve["exhausted"].to_numpy(dtype=float)
    inside = started & ~ended & finite
    if not inside.any():
        return Window(inside, "no size lies below half of chance and above the resolution")
    first, last = np.flatnonzero(inside)[[0, -1]]
    low = "first size" if first == 0 else "below half of chance"
    if last == len(sizes) - 1:
        high = "last size"
    else:
        high = "rules exhausted beyond" if not finite[last + 1] else "test set too small beyond"
    return Window(inside, f"from {sizes[first]:.0f} ({low}) to {sizes[last]:.0f} ({high})")


def bootstrap_means(replicas: pd.DataFrame, seed: int, count: int = BOOTSTRAPS) -> Array:
    """Resampled mean curves, ``(count, sizes)``.

    Parameters
    ----------
    replicas
        A row a replica, a column a size; the index starts with ``rule_seed``.
    seed
        Of the resampling.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    draws = [group.to_numpy(dtype=float) for _, group in replicas.groupby(level="rule_seed")]
    curves = np.empty((count, replicas.shape[1]))
    for row in range(count):
        means = []
        for chosen in generator.integers(len(draws), size=len(draws)):
            values = draws[chosen]
            resampled = values[generator.integers(len(values), size=len(values))]
            means.append(_column_means(resampled))
        curves[row] = _column_means(np.array(means))
    return curves


def _column_means(values: Array) -> Array:
    """Means of the columns over their finite entries; NaN where there is none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def interval(estimate: float, resampled: Array, replicas: pd.DataFrame) -> tuple[float, float]:
    """Student interval with the bootstrap's standard error.

    The plain percentile interval is too narrow for the few rule draws that can be afforded. The
    standard error is enlarged by ``sqrt(k/(k-1))`` (a bootstrap divides by ``k``), and Student's
    factor with ``k - 1`` degrees of freedom is used, for ``k`` rule draws; with one draw, its
    replicas are the units. NaN where there is a single unit.
    """
    draws = replicas.index.get_level_values("rule_seed").nunique()
    units = draws if draws > 1 else len(replicas)
    finite = resampled[np.isfinite(resampled)]
    if units < 2 or len(finite) < 0.9 * len(resampled):
        return np.nan, np.nan
    error = finite.std(ddof=1) * np.sqrt(units / (units - 1))
    half = student_factor(units) * error
    return estimate - half, estimate + half


def fit_with_interval(
    sizes: Array, replicas: pd.DataFrame, seed: int
) -> tuple[PowerLaw, float, float]:
    """Fit of the mean curve over rule draws, with the interval of its exponent.

    `replicas` as in `bootstrap_means`, its columns the `sizes` inside the window.
    """
    best = fit_power_law(sizes, mean_curve(replicas))
    if not np.isfinite(best.exponent):
        return best, np.nan, np.nan
    curves = bootstrap_means(replicas, seed)
    start = (best.exponent,)  # resampled curves are alike: the best fit is start enough
    resampled = np.array([fit_power_law(sizes, curve, start).exponent for curve in curves])
    return best, *interval(best.exponent, resampled, replicas)


def mean_curve(replicas: pd.DataFrame) -> Array:
    """Mean over rule draws of each draw's mean over replicas, ``(sizes,)``."""
    by_draw = replicas.groupby(level="rule_seed").mean()
    return _column_means(by_draw.to_numpy(dtype=float))


def local_exponents(sizes: Array, replicas: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Slopes between neighbouring sizes: sentences (geometric mean), exponent, low, high.

    Sizes that are less than an octave beyond the one before are passed over: so short a slope tells
    noise.
    """
    kept = [0] if len(sizes) else []
    for column, size in enumerate(sizes):
        if size >= _OCTAVE * sizes[kept[-1]]:
            kept.append(column)
    sizes, replicas = sizes[kept], replicas.iloc[:, kept]

    def slopes(curves: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = -np.diff(np.log(curves), axis=-1) / np.diff(np.log(sizes))
        return np.asarray(np.where(np.isfinite(steps), steps, np.nan))

    estimate = slopes(mean_curve(replicas))
    resampled = slopes(bootstrap_means(replicas, seed))
    rows = []
    for column, exponent in enumerate(estimate):
        low, high = interval(exponent, resampled[:, column], replicas)
        middle = float(np.sqrt(sizes[column] * sizes[column + 1]))
        rows.append({"sentences": middle, "exponent": exponent, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["sentences", "exponent", "low", "high"])
