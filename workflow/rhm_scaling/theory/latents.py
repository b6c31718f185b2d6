"""Latent prediction: from how many sentences the code of a sibling tuple gives away the symbols.

Who predicts, from a tuple, the *code* of its sibling (the symbol that made it), sees the pairs of
symbols that rules of the level above make. That correlation is not diluted on a way down to tokens
or up to the label, so it is the same at every level and depth (arXiv:2605.27734, of which only a
summary was at hand). For a tuple of a rule of level ``l`` and rank ``k``, which has siblings below
one parent of level ``l+1``, it stands out from the noise of its estimate, as in `correlations`, at

    P_(l,k) = sum P(tuple) P(code) / sum (P(tuple, code) - P(tuple) P(code))**2

instances of the parent, ``s**(L-l-1)`` of which are in a sentence. For uniform rules that is ``v
m**2/(1-f)``: a factor of ``m`` less than where the sibling is seen as a tuple, ``v m**3/(1-f)``, as
its ``m`` synonyms share a code (`as_tuples`). The summary has the latter.

Who predicts the sibling's *tokens* sees a correlation that is diluted by every level below the
sibling: for uniform rules ``v m**(l+2)/(1-f)`` instances, at the top ``v m**(L+1)/(1-f)``
sentences, for any one of its ``s**l`` tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar, Parameters
from .complexities import at_half, grammatical_fraction

# a public name would change the identity of all theory that is made
from .correlations import _complexities, rank_probabilities

Array = NDArray[np.float64]


def levels(parameters: Parameters) -> range:
    """Levels whose symbols have siblings: ``1..L-1``."""
    return range(1, parameters.L)


def parents(parameters: Parameters, level: int) -> int:
    """Nodes of the level above in a sentence: pairs of siblings are pooled over them."""
    return int(parameters.s ** (parameters.L - level - 1))


def marginal(grammar: Grammar, level: int) -> Array:
    """``p(symbol)`` of `level`, averaged over its nodes, ``(symbols,)``."""
    p = grammar.parameters
    weights = grammar.root
    for above in range(p.L, level, -1):
        steps = [grammar.transition(above, child) for child in range(p.s)]
        weights = weights @ np.mean(steps, axis=0)
    return np.asarray(weights)


def with_sibling(grammar: Grammar, level: int) -> Iterator[Array]:
    """Joint ``P(symbol, sibling's symbol)`` of `level`, ``(v_l, v_l)``, averaged over parents.

    For every ordered pair of places below a parent.
    """
    v, s = grammar.parameters.v[level], grammar.parameters.s
    rules = grammar.rules_of(level + 1)
    weights = marginal(grammar, level + 1)[:, None] * grammar.probabilities_of(level + 1)
    for one in range(s):
        for other in range(s):
            if one != other:
                joint = np.zeros((v, v))
                np.add.at(joint, (rules[..., one], rules[..., other]), weights)
                yield joint


def latent_complexities(grammar: Grammar, level: int) -> Array:
    """``P_(l,k)`` of this grammar in sentences, by rank, ``(m_l,)``; infinite without correlations.

    Raises
    ------
    ValueError
        If symbols of the level have no siblings.
    """
    _check(grammar.parameters, level)
    found = _complexities(grammar, level, with_sibling(grammar, level))
    return np.asarray(found / parents(grammar.parameters, level))


def latent_thresholds(grammar: Grammar) -> Array:
    """``P_1 .. P_(L-1)`` of this grammar, in sentences: `at_half` of `latent_complexities`."""
    return np.array(
        [
            at_half(latent_complexities(grammar, level), rank_probabilities(grammar, level))
            for level in levels(grammar.parameters)
        ]
    )


def token_thresholds(grammar: Grammar) -> Array:
    """The same where a token of the sibling is seen, not its code, ``(L-1,)``.

    The mean over the sibling's tokens, each of which is seen alone: who pools them needs less.
    """
    found = []
    for level in levels(grammar.parameters):
        joints = (
            joint @ below
            for joint in with_sibling(grammar, level)
            for below in _tokens(grammar, level)
        )
        complexities = _complexities(grammar, level, joints) / parents(grammar.parameters, level)
        found.append(at_half(complexities, rank_probabilities(grammar, level)))
    return np.array(found)


def _tokens(grammar: Grammar, level: int) -> Iterator[Array]:
    """``p(token | symbol)`` of each of the tokens below a symbol of `level`, ``(v_l, v_0)``."""
    for child in range(grammar.parameters.s):
        step = grammar.transition(level, child)
        if level == 1:
            yield step
        else:
            yield from (step @ below for below in _tokens(grammar, level - 1))


def bare_latent_threshold(parameters: Parameters, level: int) -> float:
    """``v_(l+1)/(f_k (1-f_(l+1)) q_(l+1))`` over the parents of a sentence, for large ``v``.

    For uniform rules the first factor is ``v m**2/(1-f)``; at the top level ``v_(l+1)`` is ``n``.
    """
    _check(parameters, level)
    signal = 1.0 - grammatical_fraction(parameters, level + 1)
    signal = signal if signal > 1e-12 else 0.0
    signal *= parameters.q(level + 1) / parameters.symbols(level + 1)
    return _sentences(parameters, level, signal)


def ensemble_latent_threshold(parameters: Parameters, level: int) -> float:
    """``P_l`` from ``<C**2>`` over rule draws, with all its factors.

    The mean squared weight ``S`` of a parent's symbol, averaged over the parents of a sentence, is
    ``1/n`` at the root. Of two symbols one step down, those made by one rule are equal if they
    stand at the same of ``s`` places, else with probability ``1/v``.
    """
    _check(parameters, level)
    s, weight = parameters.s, 1.0 / parameters.n
    for above in range(parameters.L, level + 1, -1):
        same, v = weight * parameters.q(above), parameters.v[above - 1]
        alike = (v ** (s - 1) - 1) / (parameters.tuples(above) - 1)
        weight = (same + (1 - same) * alike) / s + (1 - 1 / s) / v
    same, tuples = weight * parameters.q(level + 1), parameters.tuples(level + 1)
    # what rounding leaves of a difference that vanishes is no signal
    excess = same - 1 / tuples if same * tuples - 1 > 1e-12 else 0.0
    signal = excess / (1 - 1 / tuples) * (1 - 1 / parameters.v[level]) ** 2
    return _sentences(parameters, level, signal)


def largest_latent_threshold(grammar: Parameters | Grammar) -> float:
    """The largest threshold over levels, of the ensemble or of a given grammar.

    Infinite if there are no hidden levels.
    """
    if isinstance(grammar, Parameters):
        known = [ensemble_latent_threshold(grammar, level) for level in levels(grammar)]
    else:
        known = latent_thresholds(grammar).tolist()
    return max(known, default=float("inf"))


def as_tuples(parameters: Parameters, level: int) -> float:
    """How much larger ``P_l`` is where siblings are seen as tuples, not codes: ``1/q_l``."""
    return float(1.0 / parameters.q(level))


def _sentences(parameters: Parameters, level: int, signal: float) -> float:
    f = parameters.probabilities(level)
    needed = 1.0 / (f * signal) if signal > 0 else np.full(len(f), np.inf)
    return at_half(needed, f) / parents(parameters, level)


def _check(parameters: Parameters, level: int) -> None:
    if level not in levels(parameters):
        raise ValueError(f"level must lie in 1..{parameters.L - 1}, not {level}")
