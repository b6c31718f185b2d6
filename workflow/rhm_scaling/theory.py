"""Sample complexities, exponents and predicted learning curves, from closed forms.

A correlation can be used once it exceeds the noise of its estimate from ``P`` sentences. The
learner `transformer` (no locality, no weight sharing) has to find each position's own
correlations; the learner `cnn` pools positions (arXiv:2505.07070; arXiv:2406.00048).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .grammar import Parameters

Learner = Literal["cnn", "transformer"]
Array = NDArray[np.float64]


def grammatical_fraction(parameters: Parameters, level: int) -> float:
    """``N_l/(v^s q_l)``, the factor whose complement carries the correlations of `level`.

    For uniform rules and ``n = v`` it is ``f = m / v**(s-1)``.
    """
    tuples = parameters.v**parameters.s
    return float(parameters.symbols(level) / (tuples * parameters.q(level)))


def sample_complexities(parameters: Parameters, level: int, learner: Learner) -> Array:
    """``P_(l,k)``: sentences at which tuples of rank ``k`` give away the symbols of `level`.

    ``l = 1``: ``v/((1-f) f_k)``; ``l >= 2``: arXiv:2505.07070, with the rule probabilities of
    arXiv:2505.07067 (``f_k`` of level 1 for the transformer, of level ``l-1`` for the CNN).

    Returns
    -------
    array
        One value a rank, most probable first; infinite where the correlations vanish (``f = 1``).
    """
    if not 1 <= level <= parameters.L:
        raise ValueError(f"level must lie in 1..{parameters.L}, not {level}")
    signal = 1.0 - grammatical_fraction(parameters, level)
    ranked = 1 if learner == "transformer" else max(level - 1, 1)
    f_k = parameters.probabilities(ranked)
    if level > 1:
        path = [parameters.q(j) for j in range(1, level + 1)]
        signal *= float(np.prod(path))
        if learner == "transformer":
            signal *= float(np.prod(path[1:-1]))
    if signal <= 1e-12:
        return np.full(f_k.shape, np.inf)
    return np.asarray(parameters.symbols(level) / (signal * f_k))


def threshold(parameters: Parameters, level: int, learner: Learner) -> float:
    """``P_l``: where the rules that make up half of the probability are within reach.

    For uniform rules every rank has the same threshold.
    """
    ranked = 1 if learner == "transformer" else max(level - 1, 1)
    half = int(np.searchsorted(np.cumsum(parameters.probabilities(ranked)), 0.5 - 1e-12))
    return float(sample_complexities(parameters, level, learner)[half])


def asymptotic_exponent(parameters: Parameters, learner: Learner) -> float:
    """``log(1/f)/(2 log m)`` (transformer) or ``log(1/f)/log m`` (CNN), for next-token prediction.

    Zipf rules at a level keep it (arXiv:2505.07067). NaN where there is no asymptotic law: ``m``
    differs between levels or equals one, or the correlations vanish.
    """
    m = parameters.m[0]
    f = m / parameters.v ** (parameters.s - 1)
    if len(set(parameters.m)) > 1 or m == 1 or f >= 1:
        return float("nan")
    return float(np.log(1 / f) / np.log(m) / (2 if learner == "transformer" else 1))


def classification_thresholds(parameters: Parameters) -> Array:
    """``P_k = n/(f_k prod_(j>=2) q_j)`` for the level-1 rules, ``(m_1,)``; uniform: ``n m^L``."""
    above = float(np.prod([parameters.q(level) for level in range(2, parameters.L + 1)]))
    return np.asarray(parameters.n / (above * parameters.probabilities(1)))


def classification_exponent(parameters: Parameters) -> float:
    """``a/(1+a)`` for Zipf rules at level 1 (arXiv:2505.07067); NaN for uniform rules."""
    a = parameters.zipf[0]
    return float("nan") if a is None else a / (1 + a)


def autoregressive_floor(parameters: Parameters) -> float:
    """``(log n + sum_l s^(L-l) S_l)/s^L``: exact loss per token of an unambiguous grammar."""
    total = np.log(parameters.n)
    for level in range(1, parameters.L + 1):
        f = parameters.probabilities(level)
        total -= parameters.s ** (parameters.L - level) * float((f * np.log(f)).sum())
    return float(total / parameters.d)


def power_law_through(thresholds: Array, levels: Array, start: float, sizes: Array) -> Array:
    """The envelope of a staircase: a piecewise power law through its corners.

    A staircase has no slope, and its position is predicted only up to a factor; its corners have
    local exponents, which do not depend on such a factor. Outside the corners the nearest local
    exponent is continued, up to the height before the first step.

    Parameters
    ----------
    thresholds, levels
        Corners: the curve has fallen to ``levels[i]`` at size ``thresholds[i]``. Corners that are
        infinite, or not above zero, are left out.
    start
        Height before the first step.
    sizes
        Where to evaluate.

    Returns
    -------
    array
        Same shape as `sizes`; NaN where fewer than two corners are left.
    """
    usable = np.isfinite(thresholds) & (levels > 0)
    x, y = np.log(thresholds[usable]), np.log(levels[usable])
    if len(x) < 2 or np.any(np.diff(x) <= 0):
        return np.full(np.shape(sizes), np.nan)
    slopes = np.diff(y) / np.diff(x)
    at = np.log(sizes)
    piece = np.clip(np.searchsorted(x, at) - 1, 0, len(slopes) - 1)
    envelope = np.exp(y[piece] + slopes[piece] * (at - x[piece]))
    return np.asarray(np.minimum(start, envelope))


def predicted_excess(
    parameters: Parameters, entropies: Array, learner: Learner, sizes: Array
) -> Array:
    """Last-token excess over the Bayes limit along the staircase ``(P_l, H_l)``, ``l = 1..L-1``.

    `entropies` are ``H_0..H_L`` of one grammar; see `power_law_through`.
    """
    levels = range(1, parameters.L)
    corners = np.array([threshold(parameters, level, learner) for level in levels])
    heights = entropies[1:-1] - entropies[-1]
    return power_law_through(corners, heights, float(entropies[0] - entropies[-1]), sizes)


def predicted_error(parameters: Parameters, errors: Array, sizes: Array) -> Array:
    """Classification error along ``(P_k, error with k rules known)``, ``k = 1..m_1 - 1``.

    `errors` (``k = 0..m_1``) come from `inference.classification_errors_by_rank`. NaN for uniform
    rules, whose thresholds coincide: a single drop, no power law.
    """
    thresholds = classification_thresholds(parameters)
    return power_law_through(thresholds[:-1], errors[1:-1], float(errors[0]), sizes)


def lookup_error(n: int, overlap: Array) -> Array:
    """Error of a table of seen sentences, ``(1 - 1/n)(1 - overlap)``: the control to beat."""
    return np.asarray((1.0 - 1.0 / n) * (1.0 - overlap))
