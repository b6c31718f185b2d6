"""Sample complexities and exponents, from closed forms.

A correlation can be used once it exceeds the noise of its estimate from ``P`` sentences. The
learner `transformer` (no locality, no weight sharing) has to find each position's own
correlations; the learner `cnn` pools positions (arXiv:2505.07070; arXiv:2406.00048).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Parameters

Learner = Literal["cnn", "transformer"]
Array = NDArray[np.float64]

_ALL_TOLD, _TOLD_PER_OCTAVE = 256, 16  # ranks of a table


def grammatical_fraction(parameters: Parameters, level: int) -> float:
    """``f_l = v_l/(v_(l-1)^s q_l)``, whose complement carries the correlations of `level`.

    ``v_L`` is ``n``. For uniform rules and one ``v`` at all levels it is ``f = m / v**(s-1)``.
    """
    return float(parameters.symbols(level) / (parameters.tuples(level) * parameters.q(level)))


def sample_complexities(parameters: Parameters, level: int, learner: Learner) -> Array:
    """``P_(l,k)``: sentences at which tuples of rank ``k`` give away the symbols of `level`.

    The papers' form, for large ``v``; `ensemble_complexities` has the factors that it leaves out.
    ``l = 1``: ``v_1/((1-f_1) f_k)``; ``l >= 2``: arXiv:2505.07070, with the rule probabilities of
    arXiv:2505.07067 (``f_k`` of level 1 for the transformer, of level ``l-1`` for the CNN), and
    the symbols of each level, ``v_l/(f_k (1-f_l) q_l prod_(j=1..l-1) q_j)`` for the CNN, times
    ``prod_(j=2..l-1) 1/q_j`` for the transformer.

    Returns
    -------
    array
        One value a rank, most probable first; infinite where the correlations vanish (``f = 1``).
    """
    check_level(parameters, level)
    signal = 1.0 - grammatical_fraction(parameters, level)
    signal = signal if signal > 1e-12 else 0.0
    if level > 1:
        path = [parameters.q(j) for j in range(1, level + 1)]
        signal *= float(np.prod(path))
        if learner == "transformer":
            signal *= float(np.prod(path[1:-1]))
    f_k = parameters.probabilities(ranked_level(level, learner))
    return _inverse(signal * f_k / parameters.symbols(level))


def check_level(parameters: Parameters, level: int) -> None:
    """Raise `ValueError` if the grammar has no such level of rules."""
    if not 1 <= level <= parameters.L:
        raise ValueError(f"level must lie in 1..{parameters.L}, not {level}")


def ensemble_complexities(parameters: Parameters, level: int, learner: Learner) -> Array:
    """``P_(l,k)`` from ``<C^2>`` over rule draws, with all its factors, ``(ranks,)``.

    What `sample_complexities` leaves out matters at small ``v``. Drawing tuples without
    replacement, each step down the tree multiplies summed squares of correlations by
    ``q_j (1 - 1/v)/(1 - v**-s)`` with the ``v`` of level ``j-1``, and the marginal of the ancestor
    is not uniform: its mean squared weight ``S_l``, which is ``1/n`` at the root, takes the place
    of ``1/v_l``. Exact but for the dependence between two steps through one rule table;
    correlations of drawn grammars agree within a few per cent (tested).
    """
    check_level(parameters, level)
    s, tuples = parameters.s, parameters.tuples(level)
    weight = 1.0 / parameters.n
    for above in range(parameters.L, level, -1):
        same = weight * parameters.q(above)
        # chance that two distinct tuples share a child
        alike = (parameters.v[above - 1] ** (s - 1) - 1) / (parameters.tuples(above) - 1)
        weight = same + (1 - same) * alike
    same = weight * parameters.q(level)
    # what rounding leaves of a difference that vanishes is no signal; small signals are
    excess = same - 1 / tuples if same * tuples - 1 > 1e-12 else 0.0
    signal, v = excess / (1 - 1 / tuples), parameters.v[level - 1]
    if level == 1:
        signal *= (1 - 1 / v) * (1 - 1 / v ** (s - 1)) / parameters.q(1)
    else:
        signal *= (1 - 1 / v) ** 2
        signal *= float(np.prod([_step(parameters, j) for j in range(1, level)]))
        if learner == "transformer":
            signal *= float(np.prod([_step(parameters, j) for j in range(2, level)]))
    return _inverse(signal * parameters.probabilities(ranked_level(level, learner)))


def _step(parameters: Parameters, level: int) -> float:
    """What is left of summed squares of correlations one step down, by a rule of `level`."""
    v = parameters.v[level - 1]
    return parameters.q(level) * ((1 - 1 / v) / (1 - 1 / parameters.tuples(level)))


def _inverse(signal: Array) -> Array:
    """``1/signal``, infinite where there is none."""
    found = np.full(signal.shape, np.inf)
    return np.asarray(np.divide(1.0, signal, where=signal > 0, out=found))


def ranked_level(level: int, learner: Learner) -> int:
    """The level whose rules make the tuples, and give the rank, of ``P_(l,k)``."""
    return 1 if learner == "transformer" else max(level - 1, 1)


def half_rank(probabilities: Array) -> int:
    """The rank, from 0, that completes half of the rules' probability; they are by rank."""
    half = np.searchsorted(np.cumsum(probabilities), 0.5 - 1e-12)
    return min(int(half), len(probabilities) - 1)


def at_half(complexities: Array, probabilities: Array) -> float:
    """``P_l``: where the rules that make up half of the probability are within reach.

    Both arguments are by rank. For uniform rules every rank has the same complexity.
    """
    return float(complexities[half_rank(probabilities)])


def told_ranks(count: int) -> NDArray[np.int64]:
    """The ranks that tables tell of, from 1: all of a few hundred, of more some an octave."""
    if count <= _ALL_TOLD:
        return np.arange(1, count + 1)
    steps = np.arange(1, np.ceil(np.log2(count / _ALL_TOLD) * _TOLD_PER_OCTAVE))
    spaced = np.round(_ALL_TOLD * 2 ** (steps / _TOLD_PER_OCTAVE)).astype(int)
    return np.concatenate([np.arange(1, _ALL_TOLD + 1), spaced, [count]])


def at_every_rank(ranks: NDArray[np.int64], values: Array) -> Array:
    """Values at all ranks ``1..m``, ``(m,)``, from those of `told_ranks`, by straight lines."""
    every = np.arange(1, ranks[-1] + 1)
    return values if len(every) == len(ranks) else np.interp(every, ranks, values)


def threshold(parameters: Parameters, level: int, learner: Learner) -> float:
    """``P_l`` of the ensemble: `at_half` of `ensemble_complexities`."""
    f = parameters.probabilities(ranked_level(level, learner))
    return at_half(ensemble_complexities(parameters, level, learner), f)


def parameters_needed(parameters: Parameters, level: int, learner: Learner) -> float:
    """Trainable numbers that hold the rules up to a level, one a rule: a counting argument.

    The last token's loss is ``H_l`` for who knows the rules inside its ancestor of level ``l``.
    Level ``j`` has ``v_j m_j`` rules (``v_L`` is ``n``), drawn at random, so what is known of some
    tells nothing of others, and a network holds about as many such associations as it has weights
    (Cover 1965 for one threshold unit: two a weight; Baum 1988 for networks of them). With weights
    shared over
    positions (`cnn`) each rule is held once, ``sum_(j<=l) v_j m_j``; without (`transformer`) once
    for each of the ``s**(l-j)`` nodes of its level. The argument is silent on whether gradient
    descent finds such weights.
    """
    check_level(parameters, level)
    copies = 1 if learner == "cnn" else parameters.s
    return float(
        sum(
            parameters.symbols(j) * parameters.m[j - 1] * copies ** (level - j)
            for j in range(1, level + 1)
        )
    )


def asymptotic_exponent(parameters: Parameters, learner: Learner) -> float:
    """``log(1/f)/(2 log m)`` (transformer) or ``log(1/f)/log m`` (CNN), for next-token prediction.

    Zipf rules at a level keep it (arXiv:2505.07067). NaN where there is no asymptotic law: ``v`` or
    ``m`` differs between levels, ``m`` equals one, the correlations vanish, or the grammar is not
    drawn.
    """
    differ = len(set(parameters.v)) > 1 or len(set(parameters.m)) > 1
    if parameters.file is not None or differ:
        return float("nan")
    m = parameters.m[0]
    f = m / parameters.v[0] ** (parameters.s - 1)
    if m == 1 or f >= 1:
        return float("nan")
    return float(np.log(1 / f) / np.log(m) / (2 if learner == "transformer" else 1))


def classification_thresholds(parameters: Parameters) -> Array:
    """``P_k = n/(f_k prod_(j>=2) q_j)`` for the level-1 rules, ``(m_1,)``; uniform: ``n m^L``."""
    above = float(np.prod([parameters.q(level) for level in range(2, parameters.L + 1)]))
    return np.asarray(parameters.n / (above * parameters.probabilities(1)))


def ensemble_label_complexities(parameters: Parameters) -> Array:
    """``P_k`` of classification from ``<C^2>`` over rule draws with all its factors, ``(m_1,)``.

    As in `ensemble_complexities`; infinite for a single class.
    """
    above = [_step(parameters, level) for level in range(2, parameters.L + 1)]
    signal = (1 - 1 / parameters.n) / parameters.n * float(np.prod(above))
    return _inverse(signal * parameters.probabilities(1))


def classification_exponent(parameters: Parameters) -> float:
    """``a/(1+a)`` for Zipf rules at level 1 (arXiv:2505.07067); NaN for uniform rules."""
    a = parameters.zipf[0]
    return float("nan") if a is None else a / (1 + a)


def classification_amplitude(parameters: Parameters, patch_factor: float) -> float:
    """Constant of the asymptotic law ``error ~ amplitude * P**-(a/(1+a))`` (arXiv:2505.07067).

    ``patch_factor (1/(a Z)) (n Z prod_(j>=2) 1/q_j)^(a/(1+a))``: the probability of the rules not
    yet learnt, times the error that one unknown patch makes, summed over patches. That factor is at
    most ``s**(L-1)``; `patch_factor` of the Bayes errors gives a grammar's own. NaN for uniform
    rules.
    """
    a = parameters.zipf[0]
    if a is None:
        return float("nan")
    first = float(parameters.probabilities(1)[0])  # 1/Z
    reach = classification_thresholds(parameters)[0]  # n Z prod 1/q, for the first rule is 1/Z
    return float(patch_factor * first / a * reach ** (a / (1 + a)))


def autoregressive_floor(parameters: Parameters) -> float:
    """``(log n + sum_l s^(L-l) S_l)/s^L``: exact loss per token of an unambiguous grammar."""
    total = np.log(parameters.n)
    for level in range(1, parameters.L + 1):
        f = parameters.probabilities(level)
        total -= parameters.s ** (parameters.L - level) * float((f * np.log(f)).sum())
    return float(total / parameters.d)
