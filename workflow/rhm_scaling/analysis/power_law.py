"""Power laws fitted to learning curves, with intervals that resample rule draws and replicas.

Huber loss on logarithms; interval from a bootstrap over rule draws and, within them, replicas.
Recovery and coverage on synthetic curves are tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import student_factor

Array = NDArray[np.float64]

HUBER = 0.1  # residuals of the logarithm beyond this count linearly, not quadratically
BOOTSTRAPS = 400
FEWEST_POINTS = 3
_FEWEST_UNITS, _WITH_A_FIT = 2, 0.9  # of an interval: units, and the share of resampled fits
_MOST_ITERATIONS, _CLOSE = 1000, 1e-10  # of a fit; a change of its numbers that ends it
_OCTAVE = 1.9  # steps of an octave are rounded


@dataclass(frozen=True)
class PowerLaw:
    """``y = amplitude * P**-exponent``; NaN where there are too few points."""

    exponent: float
    amplitude: float


def fit_power_law(sizes: Array, values: Array) -> PowerLaw:
    """Huber fit of a power law; NaN if fewer than `FEWEST_POINTS` values are above zero."""
    exponents, amplitudes = fit_power_laws(sizes, values[None])
    return PowerLaw(float(exponents[0]), float(amplitudes[0]))


def fit_power_laws(sizes: Array, curves: Array) -> tuple[Array, Array]:
    """`fit_power_law` of many curves, ``(curves, sizes)``: exponents and amplitudes, ``(curves,)``.

    On logarithms a power law is a straight line, so the loss is convex and has one least value,
    whatever the start. Iteratively reweighted least squares goes there: the weight of a point falls
    as its distance from the line grows beyond `HUBER`.
    """
    good = np.isfinite(curves) & (curves > 0)
    x, y = np.log(sizes), np.log(np.where(good, curves, 1.0))
    weights, line = good.astype(float), np.zeros((2, len(curves)))
    enough = _enough(good.sum(axis=1))
    for _ in range(_MOST_ITERATIONS):
        before = line
        with np.errstate(invalid="ignore"):  # 0/0, where nothing is good
            total = weights.sum(axis=1)
            x_mean, y_mean = weights @ x / total, (weights * y).sum(axis=1) / total
            centred = x - x_mean[:, None]
            slope = (weights * centred * y).sum(axis=1) / (weights * centred**2).sum(axis=1)
        line = np.stack([slope, y_mean - slope * x_mean])
        if np.abs(line - before)[:, enough].max(initial=0.0) < _CLOSE:
            break
        residuals = np.abs(y - line[1][:, None] - np.outer(slope, x))
        weights = good * HUBER / np.maximum(residuals, HUBER)
    slope, level = np.where(enough, line, np.nan)
    return -slope, np.exp(level)


def _enough(points: NDArray[np.int64]) -> NDArray[np.bool_]:
    return points >= FEWEST_POINTS


def why_no_fit(points: int, window: str) -> str:
    """Why a curve has no fit with so many points in its `Window`; empty if it can have one.

    `window` is the window's reason.
    """
    if _enough(np.array(points)):
        return ""
    if not points:
        return window
    needed = f"needs {FEWEST_POINTS} sizes below half of chance and above the resolution"
    return f"{needed}, has {points}: {window}"


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
    if not draws:  # all have failed
        return np.full((count, replicas.shape[1]), np.nan)
    numbers = np.array([len(group) for group in draws])
    padded = np.full((len(draws), numbers.max(), replicas.shape[1]), np.nan)
    for values, group in zip(padded, draws):
        values[: len(group)] = group
    chosen = generator.integers(len(draws), size=(count, len(draws)))
    within = generator.integers(numbers[chosen][..., None], size=(*chosen.shape, padded.shape[1]))
    resampled = padded[chosen[..., None], within]
    # a draw has as many replicas as it has, however many the others have
    resampled[np.arange(padded.shape[1]) >= numbers[chosen][..., None]] = np.nan
    return finite_means(finite_means(resampled, axis=2), axis=1)


def finite_means(values: Array, axis: int) -> Array:
    """Means along an axis over finite entries; NaN where there is none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def interval(estimate: float, resampled: Array, replicas: pd.DataFrame) -> tuple[float, float]:
    """Student interval with the bootstrap's standard error.

    The plain percentile interval is too narrow for the few rule draws that can be afforded. The
    standard error is enlarged by ``sqrt(k/(k-1))`` (a bootstrap divides by ``k``), and Student's
    factor with ``k - 1`` degrees of freedom is used, for ``k`` rule draws; with one draw, its
    replicas are the units. NaN where there is a single unit.
    """
    units = _units(replicas.index.get_level_values("rule_seed").nunique(), len(replicas))
    half = half_width(resampled, units)
    return estimate - half, estimate + half


def half_width(resampled: Array, units: int, known: float = _WITH_A_FIT) -> float:
    """Half of the width of that interval, from resampled values of so many units.

    NaN where there is a single unit, or fewer than a share `known` of the values are finite.
    """
    finite = resampled[np.isfinite(resampled)]
    if units < _FEWEST_UNITS or len(finite) < max(known * len(resampled), 2):
        return np.nan
    return float(student_factor(units) * finite.std(ddof=1) * np.sqrt(units / (units - 1)))


def _units(rule_draws: int, replicas: int) -> int:
    return rule_draws if rule_draws > 1 else replicas


def why_no_interval(rule_draws: int, replicas: int) -> str:
    """Why `interval` has none for an exponent that is known."""
    if _units(rule_draws, replicas) < _FEWEST_UNITS:
        return f"needs {_FEWEST_UNITS} rule draws, or as many replicas of one, has {replicas}"
    return f"less than {_WITH_A_FIT:.0%} of the resampled curves have a fit"


def fit_with_interval(
    sizes: Array, replicas: pd.DataFrame, seed: int
) -> tuple[PowerLaw, float, float]:
    """Fit of the mean curve over rule draws, with the interval of its exponent.

    `replicas` as in `bootstrap_means`, its columns the `sizes` inside the window.
    """
    best = fit_power_law(sizes, mean_curve(replicas))
    if not np.isfinite(best.exponent):
        return best, np.nan, np.nan
    resampled, _ = fit_power_laws(sizes, bootstrap_means(replicas, seed))
    return best, *interval(best.exponent, resampled, replicas)


def mean_curve(replicas: pd.DataFrame) -> Array:
    """Mean over rule draws of each draw's mean over replicas, ``(sizes,)``."""
    by_draw = replicas.groupby(level="rule_seed").mean()
    return finite_means(by_draw.to_numpy(dtype=float), axis=0)


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
