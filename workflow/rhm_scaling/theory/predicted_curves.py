"""Predicted learning curves, without free parameters, from thresholds and exact losses.

Thresholds are those of one grammar (`correlations`) or of the ensemble (`theory`); losses are exact
(`limits`). Next-token prediction follows a staircase of levels (arXiv:2505.07070), classification
one of rules (arXiv:2505.07067).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def all_patches(numbers: Sequence[int], errors: Sequence[float]) -> Array:
    """Bayes errors with ``0..J`` patches known, ``(J+1,)``, from those at some numbers."""
    return np.asarray(np.interp(np.arange(max(numbers) + 1), numbers, errors))


def patch_factor(errors_by_patches: Array) -> float:
    """Error caused by one unknown patch, times the number of patches.

    `errors_by_patches` are the Bayes errors with ``0..J`` patches known, ``(J+1,)``.
    """
    return float((len(errors_by_patches) - 1) * (errors_by_patches[-2] - errors_by_patches[-1]))


def power_law_through(thresholds: Array, levels: Array, start: float, sizes: Array) -> Array:
    """The envelope of a staircase: a piecewise power law through its corners.

    A staircase has no slope, and its position is predicted only up to a factor; its corners have
    local exponents, which do not depend on such a factor. Outside the corners the nearest local
    exponent is continued, up to the height before the first step.

    Parameters
    ----------
    thresholds, levels
        Corners: the curve has fallen to ``levels[i]`` at size ``thresholds[i]``, or later if a
        corner before it comes later; of corners at one size the lowest counts. Corners that are
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
    x, y = np.maximum.accumulate(np.log(thresholds[usable])), np.log(levels[usable])
    lowest = np.append(np.diff(x) > 1e-9, True)[: len(x)]
    x, y = x[lowest], y[lowest]
    if len(x) < 2:
        return np.full(np.shape(sizes), np.nan)
    slopes = np.diff(y) / np.diff(x)
    at = np.log(sizes)
    piece = np.clip(np.searchsorted(x, at) - 1, 0, len(slopes) - 1)
    envelope = np.exp(y[piece] + slopes[piece] * (at - x[piece]))
    return np.asarray(np.minimum(start, envelope))


def staircase(thresholds: Array, entropies: Array, sizes: Array) -> Array:
    """Last-token excess if level ``l`` is learnt at ``P_l`` all at once, ``l = 1..L``.

    `thresholds` are ``P_1..P_L``, `entropies` ``H_0..H_L`` of one grammar. A level counts as learnt
    when all below it are.
    """
    reached = np.maximum.accumulate(thresholds)
    learnt = np.searchsorted(reached, sizes, side="right")
    return np.asarray((entropies - entropies[-1])[learnt])


def middles(entropies: Array) -> Array:
    """The excess half-way between neighbouring levels, ``(L,)``, from ``H_0 .. H_L``.

    A level counts as learnt where a curve falls below its own.
    """
    excess = entropies - entropies[-1]
    return np.asarray((excess[:-1] + excess[1:]) / 2)


def predicted_excess(thresholds: Array, entropies: Array, sizes: Array) -> Array:
    """Last-token excess over the Bayes limit: half of every step is made at its threshold.

    Around ``P_l`` the loss falls from ``H_(l-1)`` to ``H_l`` (arXiv:2505.07070), so the curve goes
    through the middles of the steps, where a level counts as learnt; see `power_law_through`.
    Through the ends of the steps it could not be drawn: the last one ends at no excess at all,
    and without it the threshold of level ``L`` would not enter, the only one that tells the
    learners apart at ``L = 3``.

    `thresholds` are ``P_1..P_L``, `entropies` ``H_0..H_L`` of one grammar.
    """
    start = float(entropies[0] - entropies[-1])
    return power_law_through(thresholds, middles(entropies), start, sizes)


def local_exponents(thresholds: Array, entropies: Array) -> Array:
    """Slopes of the staircase, ``log(excess_l/excess_(l+1))/log(P_(l+1)/P_l)``, ``l = 1..L-2``.

    Of the ends of its steps, ``(P_l, H_l)``; arguments as in `predicted_excess`. NaN where a
    threshold is infinite or an excess vanishes.
    """
    excess = entropies[1:-1] - entropies[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = -np.diff(np.log(excess)) / np.diff(np.log(thresholds[: len(excess)]))
    return np.where(np.isfinite(slopes) & (slopes != 0), slopes, np.nan)


def predicted_error(thresholds: Array, errors: Array, sizes: Array) -> Array:
    """Classification error along ``(P_k, error with k rules known)``, ``k = 1..m_1 - 1``.

    `thresholds` are ``P_1..P_(m_1)``, `errors` (``k = 0..m_1``) come from
    `bayes_errors.classification_errors_by_rank`. NaN beyond the last threshold, where no rule is
    left to learn, and for uniform rules, whose thresholds coincide: a single drop, no power law.
    """
    curve = power_law_through(thresholds[:-1], errors[1:-1], float(errors[0]), sizes)
    return np.where(sizes <= thresholds.max(), curve, np.nan)


def any_patch_error(n: int, patches: int, thresholds: Array, f: Array, sizes: Array) -> Array:
    """Upper estimate of the classification error: any patch whose rule is unknown makes it fail.

    ``(1 - 1/n)(1 - F(P)**patches)``, with ``F(P)`` the probability of the rules with ``P_k <= P``;
    through the corners, as `predicted_error`.
    """
    known = np.concatenate([[0.0], np.cumsum(f)])
    return predicted_error(thresholds, (1 - 1 / n) * (1 - np.minimum(known, 1.0) ** patches), sizes)


def error_of_known(errors_by_patches: Array, p: Array) -> Array:
    """Bayes error when every patch is known with probability `p`, independently.

    `errors_by_patches` are the Bayes errors with ``0..J`` random patches known. As the rule's rank
    says nothing of the symbol, this holds whatever makes a patch known.
    """
    from scipy import special  # not needed where a study is only planned

    patches = len(errors_by_patches) - 1
    j = np.arange(patches + 1)
    inside = np.clip(np.asarray(p, dtype=float)[..., None], 1e-300, 1 - 1e-16)
    logs = j * np.log(inside) + (patches - j) * np.log1p(-inside)
    logs = logs + special.gammaln(patches + 1) - special.gammaln(j + 1)
    weights = np.exp(logs - special.gammaln(patches - j + 1))
    return np.asarray(weights @ errors_by_patches)


def rule_curve(
    sizes: Array, errors: Array, threshold: float, errors_by_patches: Array
) -> Callable[[Array], Array]:
    """How a single rule becomes known, from the measured curve of rules of one frequency.

    Parameters
    ----------
    sizes, errors
        The measured curve of a grammar whose level-1 rules are uniform.
    threshold
        Its ``P*``.
    errors_by_patches
        Its Bayes errors with ``0..J`` patches known.

    Returns
    -------
    function
        The fraction known ``g(P/P*)`` of rules, from the ratio: where the error is `error_of_known`
        of it. A rule is unknown below the measured range of ratios, and known above it.
    """
    from scipy import optimize  # not needed where a study is only planned

    p = np.linspace(0.0, 1.0, 2001)
    heights = np.minimum.accumulate(error_of_known(errors_by_patches, p))
    order = np.argsort(sizes)
    ratios = np.log(sizes[order] / threshold)
    # the nearest falling curve: near chance much knowledge makes little difference to the error,
    # and one low measurement there would make all rules half known from then on
    falling = optimize.isotonic_regression(errors[order], increasing=False).x
    g = np.interp(-falling, -heights, p)
    return lambda ratio: np.asarray(np.interp(np.log(ratio), ratios, g, left=0.0, right=1.0))


def smooth_error(
    known: Callable[[Array], Array],
    thresholds: Array,
    f: Array,
    errors_by_patches: Array,
    sizes: Array,
) -> Array:
    """Classification error with Zipf rules if every rule becomes known as `known` says.

    A patch is then known with probability ``sum_k f_k g(P/P_k)``. No free parameter.

    Parameters
    ----------
    known
        ``g``, of `rule_curve`.
    thresholds, f
        ``P_k`` and ``f_k`` of the level-1 rules, ``(m_1,)``.
    errors_by_patches
        Bayes errors with ``0..J`` patches known.
    sizes
        Where to evaluate.
    """
    return error_of_known(errors_by_patches, known(sizes[:, None] / thresholds) @ f)


def expected_overlap(log_probabilities: Array, sizes: Array) -> Array:
    """Chance that a sentence occurs among ``P`` others, from the ``log p`` of sampled sentences.

    ``<1 - (1 - p)**P>``; shape of `sizes`.
    """
    p = np.exp(log_probabilities)
    with np.errstate(divide="ignore"):
        unseen = np.log1p(-np.minimum(p, 1.0))
    return np.array([-np.expm1(size * unseen).mean() for size in sizes])


def lookup_error(n: int, overlap: Array) -> Array:
    """Error of a table of seen sentences, ``(1 - 1/n)(1 - overlap)``: the control to beat."""
    return np.asarray((1.0 - 1.0 / n) * (1.0 - overlap))
