"""Denoising with the exact denoiser: what a corrupted sentence tells of each symbol of its tree.

Tokens are masked or replaced by random ones (uniform noise); both are evidence at the leaves, from
which messages go up the tree and beliefs down again (arXiv:2402.16991). Sentences are drawn anew
from the posterior of all tokens together, and what has changed in them is correlated over larger
and larger blocks near the transition of the root's posterior (arXiv:2410.13770). Nothing here
assumes that the grammar is unambiguous.

All nodes of a level are worked on at once, so that sentences may be long: messages are
``(symbols, B, nodes)`` for ``B`` sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar
from ..grammar.tasks import window
from .messages import Level, blocks

Array = NDArray[np.float64]
Symbols = NDArray[np.int64]
Corruption = Literal["mask", "noise"]
_NUMBERS = 2**20  # of a product of rules and nodes that is worked on at a time


def corrupt(
    tokens: NDArray[np.integer],
    kind: Corruption,
    fraction: float,
    v: int,
    source: np.random.Generator,
) -> Symbols:
    """Corrupted sentences, ``(N, d)``: each token with probability `fraction`, independently.

    ``v`` stands for a mask; under noise a token is replaced by one of ``0..v-1`` with equal
    probabilities, by itself too.
    """
    chosen = source.random(tokens.shape) < fraction
    other = v if kind == "mask" else source.integers(v, size=tokens.shape)
    return np.where(chosen, other, tokens).astype(np.int64)


def evidence(seen: Symbols, kind: Corruption, fraction: float, v: int) -> Array:
    """Likelihood of corrupted tokens, ``(v, *seen.shape)``, for every token that may have been."""
    same = seen == np.arange(v).reshape(v, *[1] * seen.ndim)
    if kind == "mask":
        return np.asarray(same | (seen == v), dtype=np.float64)
    return np.asarray((1 - fraction) * same + fraction / v)


def upward(grammar: Grammar, leaves: Array) -> list[Array]:
    """Messages by level from 0, from those of the tokens, ``(v_0, B, d)``; the largest is one.

    A node that no symbol can produce has the message zero, and so have all nodes above it.
    """
    s, messages = grammar.parameters.s, [leaves]
    for number in range(1, grammar.parameters.L + 1):
        level, below = Level(grammar, number), messages[-1]
        symbols, sentences, nodes = below.shape
        children = np.moveaxis(below.reshape(symbols, sentences, nodes // s, s), -1, 0)
        found = level.up_all(children.reshape(s, symbols, -1))
        messages.append(found.reshape(-1, sentences, nodes // s))
    return messages


def posteriors(grammar: Grammar, messages: list[Array]) -> list[Array]:
    """Posterior of every symbol given the whole sentence, by level from 0, as `messages`.

    Raises
    ------
    ValueError
        If no derivation of the grammar has this evidence.
    """
    s, sentences = grammar.parameters.s, messages[0].shape[1]
    belief = np.repeat(grammar.root[:, None], sentences, axis=1)[:, :, None]
    found = [_normalised(belief * messages[-1])]
    for number in range(grammar.parameters.L, 0, -1):
        below = messages[number - 1]
        children = below.reshape(len(below), sentences, -1, s)
        down = [_down(grammar, number, belief, children, child) for child in range(s)]
        belief = np.stack(down, axis=-1).reshape(below.shape)
        found.insert(0, _normalised(belief * below))
    return found


def _down(grammar: Grammar, number: int, belief: Array, children: Array, child: int) -> Array:
    """Beliefs about one child of all nodes of a level, ``(v_(l-1), B, nodes)``."""
    level, (symbols, *shape) = Level(grammar, number), belief.shape
    flat = belief.reshape(1, symbols, -1)
    siblings = {
        i: children[..., i].reshape(len(children), -1)
        for i in range(children.shape[-1])
        if i != child
    }
    found = np.empty((level.v, flat.shape[2]))
    for part in _parts(flat.shape[2], level.probabilities.size):
        near = {i: np.ascontiguousarray(message[:, part]) for i, message in siblings.items()}
        found[:, part] = level.down(flat[:, :, part], child, near)[0]
    return found.reshape(-1, *shape)


def _parts(count: int, each: int) -> Iterator[slice]:
    """Slices of `count` nodes that take so many numbers each."""
    size = max(1, _NUMBERS // each)
    return (slice(start, start + size) for start in range(0, count, size))


def _normalised(joint: Array) -> Array:
    total = joint.sum(axis=0)
    if not total.all():
        raise ValueError("no sentence of this grammar has such evidence")
    return np.asarray(joint / total)


def lowest(grammar: Grammar, levels: int) -> Grammar:
    """The grammar of the trees below a level's symbols, each as probable a root as any other."""
    parameters = window(grammar.parameters, grammar.parameters.s**levels)
    root = np.full(parameters.n, 1 / parameters.n)
    return Grammar(parameters, grammar.rules[:levels], grammar.probabilities[:levels], root)


def root_posteriors(grammar: Grammar, seen: Symbols, kind: Corruption, fraction: float) -> Array:
    """Posterior of the root of each corrupted sentence, ``(N, n)``; memory is flat in ``N``."""
    found = np.empty((len(seen), grammar.parameters.n))
    for block in blocks(grammar, len(seen)):
        leaves = evidence(seen[block], kind, fraction, grammar.parameters.v[0])
        message = upward(grammar, leaves)[-1][:, :, 0]
        found[block] = _normalised(grammar.root[:, None] * message).T
    return found


def resample(
    grammar: Grammar, messages: list[Array], source: np.random.Generator
) -> tuple[Symbols, ...]:
    """A derivation of each sentence from its posterior, by level from 0: ``(B, nodes)``.

    Exact: the root given all evidence, then for each symbol a rule given what is known below it.
    """
    s = grammar.parameters.s
    symbols = choose(_normalised(grammar.root[:, None, None] * messages[-1]), source)
    found = [symbols]
    for number in range(grammar.parameters.L, 0, -1):
        rules = grammar.rules_of(number)[symbols]  # (B, nodes, m, s)
        below = messages[number - 1]
        children = below.reshape(*below.shape[:2], -1, s)
        sentence, node = np.ogrid[: symbols.shape[0], : symbols.shape[1]]
        weights = grammar.probabilities_of(number)[symbols]
        for child in range(s):
            weights *= children[rules[..., child], sentence[..., None], node[..., None], child]
        chosen = choose(np.moveaxis(weights, -1, 0), source)
        symbols = rules[sentence, node, chosen].reshape(len(symbols), -1)
        found.insert(0, symbols)
    return tuple(found)


def choose(weights: Array, source: np.random.Generator) -> Symbols:
    """An index along the first axis, with probability proportional to its weight."""
    ends = weights.cumsum(axis=0)
    at = source.random(ends.shape[1:]) * ends[-1]
    return np.asarray((ends <= at).sum(axis=0), dtype=np.int64)


def obeying(grammar: Grammar, tokens: Symbols) -> Array:
    """Fraction of subtrees, by level from 1, ``(L,)``, that some symbol of that level produces."""
    found = upward(grammar, evidence(tokens, "mask", 0.0, grammar.parameters.v[0]))
    return np.array([(message.max(axis=0) > 0).mean() for message in found[1:]])


def correlations_of_changes(changed: NDArray[np.bool_], s: int) -> tuple[Array, float]:
    """How tokens that change do so together, from ``(B, d)`` changed ones.

    Returns
    -------
    correlation
        By level from 1, mean covariance of two tokens whose lowest common ancestor is of that
        level, over the mean variance of one; NaN if none ever changes.
    susceptibility
        The sum of all covariances over that of all variances (arXiv:2410.13770): the number of
        tokens that change together.
    """
    counts, variances = changed.astype(np.float64), []
    while True:
        variances.append(counts.var(axis=0, ddof=1).sum())
        if counts.shape[1] == 1:
            break
        counts = counts.reshape(len(counts), -1, s).sum(axis=2)
    levels = np.arange(1, len(variances))
    pairs = changed.shape[1] * (s - 1) * float(s) ** (levels - 1)  # ordered, by level
    with np.errstate(invalid="ignore"):
        one = variances[0] / changed.shape[1] if variances[0] else np.nan
    return np.diff(variances) / pairs / one, float(variances[-1] / (one * changed.shape[1]))
