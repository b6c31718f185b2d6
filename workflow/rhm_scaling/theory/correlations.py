"""Exact correlations of one grammar, and the numbers of sentences at which they can be seen.

Joint probabilities of distant symbols are products of level transition matrices. A correlation
``C(tuple, x) = P(tuple, x) - P(tuple) P(x)`` stands out from the noise of its estimate from ``P``
sentences, of variance ``P(tuple) P(x)/P``, once ``P`` exceeds ``sum P(tuple) P(x) / sum C**2``
(arXiv:2406.00048, arXiv:2505.07070).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar
from .complexities import Learner, at_half, check_level, ranked_level

Array = NDArray[np.float64]

# Summed squares of correlations that vanish exactly are left at this fraction by rounding.
ROUNDING = 1e-24


def _below(grammar: Grammar, level: int, bottom: int) -> Iterator[Array]:
    """``p(symbol of a descendant | symbol)`` for all descendants at level `bottom`, in order."""
    if level == bottom:
        yield np.eye(grammar.parameters.symbols(level))
        return
    for child in range(grammar.parameters.s):
        step = grammar.transition(level, child)
        for path in _below(grammar, level - 1, bottom):
            yield step @ path


def _last(grammar: Grammar, level: int) -> Array:
    """``p(last token below | symbol of level)``, ``(symbols, v_0)``."""
    path = np.eye(grammar.parameters.symbols(level))
    for below in range(level, 0, -1):
        path = path @ grammar.transition(below, grammar.parameters.s - 1)
    return path


def with_last_token(grammar: Grammar, ancestor: int, level: int) -> Iterator[Array]:
    """Joint ``P(symbol of level, last token)``, ``(v_l, v_0)``, for each position of the symbol.

    The positions are those whose lowest common ancestor with the last token is at level
    `ancestor`, from left to right.
    """
    s = grammar.parameters.s
    rules = grammar.rules_of(ancestor)
    weights = grammar.last_marginal(ancestor)[:, None] * grammar.probabilities_of(ancestor)
    last = _last(grammar, ancestor - 1)
    v = grammar.parameters.v[ancestor - 1]
    for child in range(s - 1):
        siblings = np.zeros((v, v))
        np.add.at(siblings, (rules[..., child], rules[..., s - 1]), weights)
        for path in _below(grammar, ancestor - 1, level):
            yield path.T @ siblings @ last


def with_label(grammar: Grammar) -> Iterator[Array]:
    """Joint ``P(level-1 symbol, label)``, ``(symbols, n)``, for each position of the symbol."""
    for path in _below(grammar, grammar.parameters.L, 1):
        yield (grammar.root[:, None] * path).T


def _complexities(grammar: Grammar, level: int, joints: Iterator[Array]) -> Array:
    """``sum P P / sum C**2`` over the tuples made by level-`level` rules of each rank, ``(m,)``.

    Summed over positions too. A tuple that several symbols produce counts once, at its lowest
    rank.
    """
    rules, weights = grammar.rules_of(level), grammar.probabilities_of(level)
    symbol, rank = np.nonzero(weights)
    by_rank = np.lexsort((symbol, rank))
    symbol, rank = symbol[by_rank], rank[by_rank]
    _, first, place = np.unique(rules[symbol, rank], axis=0, return_index=True, return_inverse=True)
    produced = np.zeros((len(first), len(rules)))  # p(tuple | symbol)
    np.add.at(produced, (place.ravel(), symbol), weights[symbol, rank])
    noise, signal = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for joint in joints:
        independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
        correlation = produced @ (joint - independent)
        chance = produced @ independent
        squares = (correlation**2).sum(axis=1)
        squares[squares < ROUNDING * (chance**2).sum(axis=1)] = 0.0
        noise += np.bincount(rank[first], chance.sum(axis=1), minlength=len(noise))
        signal += np.bincount(rank[first], squares, minlength=len(signal))
    with np.errstate(divide="ignore", invalid="ignore"):
        # a rank whose tuples all have a lower rank too has no tuples of its own
        return np.where(noise > 0, noise / signal, np.inf)


def sample_complexities(grammar: Grammar, level: int, learner: Learner) -> Array:
    """``P_(l,k)`` of this grammar, by rank, ``(m,)``; infinite where the correlations vanish.

    The tuples are those of tokens made by level-1 rules for the transformer, and those made by
    rules of level ``l-1`` beside the last branch for the CNN, which has learnt to see their
    symbols. For ``l = 1`` tuple and last token come from one rule: the correlation is that of the
    ``s-1`` tokens before the last with the last, and ranks share it in proportion to ``1/f_k``.

    Raises
    ------
    ValueError
        If the level is not of this grammar.
    """
    check_level(grammar.parameters, level)
    if level == 1:
        return _within_the_last_patch(grammar)
    made_by = ranked_level(level, learner)
    return _complexities(grammar, made_by, with_last_token(grammar, level, made_by))


def rank_probabilities(grammar: Grammar, level: int) -> Array:
    """Mean probability of the rules of each rank, ``(m_l,)``, over the symbols of `level`."""
    weights = grammar.probabilities_of(level)
    real = weights.any(axis=1)  # rows without rules fill up a level
    return np.asarray(weights[real].mean(axis=0))


def threshold(grammar: Grammar, level: int, learner: Learner) -> float:
    """``P_l`` of this grammar: `theory.at_half` of its `sample_complexities`."""
    f = rank_probabilities(grammar, ranked_level(level, learner))
    return at_half(sample_complexities(grammar, level, learner), f)


def _within_the_last_patch(grammar: Grammar) -> Array:
    rules, weights = grammar.rules_of(1), grammar.probabilities_of(1)
    probability = grammar.last_marginal(1)[:, None] * weights
    _, before = np.unique(rules[..., :-1].reshape(-1, rules.shape[2] - 1), axis=0,
                          return_inverse=True)  # fmt: skip
    joint = np.zeros((before.max() + 1, grammar.parameters.v[0]))
    np.add.at(joint, (before.ravel(), rules[..., -1].ravel()), probability.ravel())
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    # no term vanishes by itself: the tuples never seen make up the rest of the sums
    signal = ((joint - independent) ** 2).sum()
    if signal < ROUNDING * (independent**2).sum():
        return np.full(weights.shape[1], np.inf)
    by_rank = probability.sum(axis=0)
    mean = (probability.sum(axis=1) @ (weights**2).sum(axis=1)) / signal
    with np.errstate(divide="ignore"):
        return np.asarray(mean / by_rank)


def label_complexities(grammar: Grammar) -> Array:
    """``P_k`` of classification: of the tuples made by level-1 rules with the label, ``(m_1,)``.

    Over all positions (arXiv:2505.07067).
    """
    return _complexities(grammar, 1, with_label(grammar))
