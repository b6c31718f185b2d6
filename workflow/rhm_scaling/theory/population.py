"""The recursion of upward messages in a corrupted tree, as a population of messages.

In a tree of rules, messages of one level with one true symbol are alike and independent, and their
law follows from that of the level below. Population dynamics keeps a pool of messages of every true
symbol and makes the next level's from it. Repeated without end, the recursion forgets or restores
the root; between lies the critical fraction of corrupted tokens, at which it stays at an unstable
fixed point.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar
from .denoising import Corruption, evidence
from .messages import Level

Array = NDArray[np.float64]
POOL = 2**13  # messages of a level
_ROUNDS = 12  # of all levels, after which the recursion has forgotten or restored
_DECIDED = 0.05  # of the way from chance to certainty, from either end
_RESOLUTION = 2**-9  # of a critical fraction


def recursion(
    grammar: Grammar, kind: Corruption, fraction: float, seed: int, size: int = POOL
) -> Iterator[float]:
    """Mean posterior of the true root of ever deeper trees, from depth 1 on, without end.

    Roots have any symbol with equal probability. The levels' rules are those of the grammar, and
    above its root again those of level 1, 2 and so on: all levels need one vocabulary if more than
    ``L`` values are taken. Pools are as even as they can be: rules are as frequent as probable, and
    each message is used about as often as any other, so that little but the order is random.
    """
    source, parameters = np.random.default_rng(seed), grammar.parameters
    v = parameters.v[0]
    each = max(1, size // v)
    messages = evidence(_seen(v, each, kind, fraction), kind, fraction, v).reshape(v, -1)
    while True:
        for number in range(1, parameters.L + 1):
            level, v = Level(grammar, number), len(grammar.rules_of(number))
            place = (np.arange(each) + 0.5) / each
            ends = level.probabilities.cumsum(axis=1)
            rank = (ends[:, None] / ends[:, None, -1:] <= place[:, None]).sum(axis=2)
            children = level.rules[np.arange(v)[:, None], rank].reshape(-1, parameters.s)
            picked = [_picked(one, level.v, each, source) for one in children.T]
            messages = level.up_all(np.stack([messages[:, pick] for pick in picked]))
            posterior = messages / messages.sum(axis=0)
            yield float((posterior**2).sum(axis=0).mean())


def _seen(v: int, each: int, kind: Corruption, fraction: float) -> NDArray[np.int64]:
    """Corrupted tokens, ``(v, each)``, of every true one, as even as they can be."""
    seen = np.repeat(np.arange(v)[:, None], each, axis=1)
    count = round(fraction * each)
    seen[:, :count] = v if kind == "mask" else np.arange(count) % v
    return seen


def _picked(
    symbols: NDArray[np.int64], v: int, each: int, source: np.random.Generator
) -> NDArray[np.int64]:
    """For each node's symbol, a message of the pool, ``(nodes,)``: all of a symbol's in turn."""
    shuffled = source.permutation(len(symbols))
    order = shuffled[np.argsort(symbols[shuffled], kind="stable")]
    counts = np.bincount(symbols, minlength=v)
    turn = np.arange(len(symbols)) - np.repeat(counts.cumsum() - counts, counts)
    members = source.random((v, each)).argsort(axis=1)
    picked = np.empty_like(symbols)
    picked[order] = symbols[order] * each + members[symbols[order], turn % each]
    return picked


def critical_fraction(grammar: Grammar, kind: Corruption, seed: int, size: int = POOL) -> float:
    """The fraction of corrupted tokens below which the recursion restores the root.

    By bisection, to `_RESOLUTION`; the seed is that of all its pools. All levels need one
    vocabulary. Where the recursion settles in between, it restores if that is above half-way.
    """
    low, high = 0.0, 1.0
    while high - low > _RESOLUTION:
        middle = (low + high) / 2
        if _restores(grammar, recursion(grammar, kind, middle, seed, size)):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _restores(grammar: Grammar, values: Iterator[float]) -> bool:
    """Whether ever deeper trees tell their root."""
    chance, L = 1 / grammar.parameters.n, grammar.parameters.L
    ways: list[float] = []
    while len(ways) < _ROUNDS * L:
        ways.append((next(values) - chance) / (1 - chance))
        # it may begin near an end and leave it: what decides goes there, over all levels once
        before = ways[-1 - L] if len(ways) > L else None
        if before is not None and ways[-1] < _DECIDED and ways[-1] <= before:
            return False
        if before is not None and ways[-1] > 1 - _DECIDED and ways[-1] >= before:
            return True
    return ways[-1] > 0.5
