"""Exact evidence: where every tuple has one parent, hidden symbols are looked up, not summed over.

What `inference` computes for any grammar and any evidence by passing messages through all rules is,
for the sentences of an unambiguous grammar, one lookup a node: its cost follows the tokens, not the
number of rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar

_MOST_TUPLES = 2**24  # entries of a table of a level
_BLOCK = 2**16  # tokens, or probabilities, that are worked on at a time
_WAYS = 2**20  # and rules that may follow

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Lookup:
    """Tables of an unambiguous grammar.

    Attributes
    ----------
    grammar
        The grammar.
    parents
        By level from 1, the symbol that has a tuple as a production rule, by the tuple's number in
        base ``v_(l-1)``, shape ``(v_(l-1)**s,)``; -1 if none has it.
    probabilities
        Of those rules, in the same shape; 0 for tuples that are none.
    tuples
        By level from 1, the numbers of the tuples that are rules, ascending, ``(rules,)``.
    """

    grammar: Grammar
    parents: list[Integers]
    probabilities: list[Array]
    tuples: list[Integers]

    @classmethod
    def build(cls, grammar: Grammar) -> Lookup | None:
        """The tables; none if a tuple has two parents, or there are too many tuples."""
        levels = range(1, grammar.parameters.L + 1)
        if max(map(grammar.parameters.tuples, levels)) > _MOST_TUPLES:
            return None
        parents, probabilities, tuples = [], [], []
        for level in levels:
            weights = grammar.probabilities_of(level)
            symbols, ranks = np.nonzero(weights)  # padded rules have probability zero
            codes = _codes(grammar.rules_of(level)[symbols, ranks], grammar.parameters.v[level - 1])
            tuples.append(np.unique(codes))
            if len(tuples[-1]) < len(codes):
                return None
            count = grammar.parameters.tuples(level)
            parents.append(np.full(count, -1, dtype=np.int64))
            probabilities.append(np.zeros(count))
            parents[-1][codes] = symbols
            probabilities[-1][codes] = weights[symbols, ranks]
        return cls(grammar, parents, probabilities, tuples)

    def blocks(self, sentences: int) -> Iterator[slice]:
        """Slices of sentences, so that memory is flat in their number."""
        parameters = self.grammar.parameters
        size = max(1, _BLOCK // max(parameters.d, *parameters.v, parameters.n))
        for start in range(0, sentences, size):
            yield slice(start, min(start + size, sentences))

    def parse(self, tokens: NDArray[np.integer]) -> tuple[list[Integers], Array]:
        """Symbols of all nodes by level from 0, ``(B, nodes)``, and their rules' log-probability.

        A sentence that cannot be has -1 at the root, and a log-probability of -inf.
        """
        v_by_level, s = self.grammar.parameters.v, self.grammar.parameters.s
        levels = [tokens.astype(np.int64)]
        whole = np.zeros(len(tokens))
        for v, parents, probabilities in zip(v_by_level, self.parents, self.probabilities):
            codes = _codes(levels[-1].reshape(len(tokens), -1, s), v)
            # above a tuple that is none, whose probability is zero, any symbol will do
            levels.append(np.maximum(parents.take(codes), 0))
            with np.errstate(divide="ignore"):
                whole += np.log(probabilities.take(codes)).sum(axis=1)
        levels[-1][np.isneginf(whole)] = -1
        return levels, whole

    def every_token(self, levels: list[Integers]) -> Array:
        """Posteriors of all tokens given those to their left, ``(B, d, v_0)``.

        Of sentences that can be, from their symbols by level, as `parse` gives them.
        """
        parameters = self.grammar.parameters
        belief: Array = np.broadcast_to(self.grammar.root, (len(levels[0]), parameters.n))
        for level in range(parameters.L, 0, -1):
            children = levels[level - 1].reshape(len(belief), parameters.s)
            found = [
                self._down(level, belief, children[:, :child]) for child in range(parameters.s)
            ]
            belief = np.stack(found, axis=1).reshape(-1, parameters.v[level - 1])
            belief /= belief.sum(axis=1, keepdims=True)
        return belief.reshape(len(levels[0]), parameters.d, parameters.v[0])

    def _down(self, level: int, belief: Array, left: Integers) -> Array:
        """Belief about the children beside those to the `left`, not normalised.

        ``(nodes, v_(l-1))``, from the belief about their parents, ``(nodes, symbols)``: what
        follows the children to the left, ``(nodes, child)``, stands together in the order of the
        tuples.
        """
        parameters, child = self.grammar.parameters, left.shape[1]
        v, s = parameters.v[level - 1], parameters.s
        if child == 0:  # all rules may follow
            return belief @ self.grammar.transition(level, 0)
        tuples, width = self.tuples[level - 1], v ** (s - child)
        first, end = np.searchsorted(tuples, _codes(left, v) * width + [[0], [width]])
        found = np.empty((len(left), v))
        size = max(1, _WAYS // int((end - first).max()))
        for start in range(0, len(left), size):
            part = slice(start, start + size)
            ways = end[part] - first[part]
            node = np.repeat(np.arange(len(ways)), ways)
            skipped = first[part] - np.cumsum(ways) + ways
            code = tuples[np.arange(len(node)) + skipped[node]]
            joint = belief[part][node, self.parents[level - 1][code]]
            joint *= self.probabilities[level - 1][code]
            place = node * v + code // (width // v) % v
            found[part] = np.bincount(place, joint, len(ways) * v).reshape(-1, v)
        return found

    def last_token(
        self, tokens: NDArray[np.integer], contexts: Sequence[int]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Posteriors of last tokens, and which sentences can be.

        ``(len(contexts), B, v_0)`` and ``(B,)``, as `inference.last_token_posteriors`; the last
        column of `tokens` is not used.
        """
        parameters = self.grammar.parameters
        s, L = parameters.s, parameters.L
        # by level from 1, the number of what stands before the last child of the last node
        before, symbols = [], tokens[:, : parameters.d - 1].astype(np.int64)
        possible = np.ones(len(tokens), dtype=bool)
        for v, parents in zip(parameters.v, self.parents):
            whole, rest = np.split(symbols, [symbols.shape[1] // s * s], axis=1)
            possible &= (rest >= 0).all(axis=1)
            before.append(_codes(np.maximum(rest, 0), v))
            children = whole.reshape(len(tokens), -1, s)
            missing = (children < 0).any(axis=2)
            symbols = np.where(missing, -1, parents[np.where(missing, 0, _codes(children, v))])
        # the whole context tells which sentences can be
        order = [*contexts] if L in contexts else [*contexts, L]
        posteriors = np.empty((len(order), len(tokens), parameters.v[0]))
        for row, context in enumerate(order):
            marginal = self.grammar.last_marginal(context)
            belief: Array = np.broadcast_to(marginal, (len(tokens), len(marginal)))
            for level in range(context, 0, -1):
                ways = (-1, parameters.v[level - 1])
                parent = self.parents[level - 1].reshape(ways)[before[level - 1]]
                belief = np.take_along_axis(belief, np.maximum(parent, 0), axis=1)
                belief = belief * self.probabilities[level - 1].reshape(ways)[before[level - 1]]
            posteriors[row] = belief
        totals = posteriors.sum(axis=2, keepdims=True)
        possible &= (totals[:, :, 0] > 0).all(axis=0)
        posteriors /= np.where(totals > 0, totals, 1.0)
        return posteriors[: len(contexts)], possible


class Tuples:
    """The distinct tuples of one level, numbered in their order, for any grammar.

    Attributes
    ----------
    rows
        The tuples, ``(count, s)``.
    of_rules
        For every rule that has a probability, by rank and then by symbol: its symbol, its rank and
        the number of its tuple, each ``(rules,)``.
    """

    def __init__(self, grammar: Grammar, level: int) -> None:
        self.v = grammar.parameters.v[level - 1]
        rank, symbol = np.nonzero(grammar.probabilities_of(level).T)
        self.rows, place = np.unique(
            grammar.rules_of(level)[symbol, rank], axis=0, return_inverse=True
        )
        self.of_rules = symbol, rank, place.ravel()
        self._table: Integers | None = None
        if self.v ** self.rows.shape[1] <= _MOST_TUPLES:
            self._table = np.full(self.v ** self.rows.shape[1], len(self.rows), dtype=np.int64)
            self._table[_codes(self.rows, self.v)] = np.arange(len(self.rows))

    def numbers(self, tuples: NDArray[np.integer]) -> Integers:
        """Numbers of `tuples`, ``(..., s)``; ``count`` for those that no symbol produces."""
        if self._table is not None:
            return self._table[_codes(tuples, self.v)]
        # one symbol after another, so that no number exceeds tuples times v
        numbers, place = (np.zeros(t.shape[:-1], dtype=np.int64) for t in (tuples, self.rows))
        for child in range(self.rows.shape[1]):
            known, place = np.unique(place * self.v + self.rows[:, child], return_inverse=True)
            code = numbers * self.v + tuples[..., child]
            numbers = np.searchsorted(known, code)
            numbers[known.take(numbers, mode="clip") != code] = len(known)
        return numbers


def _codes(tuples: NDArray[np.integer], v: int) -> Integers:
    """Numbers of tuples, ``(..., s)``, in base `v`, the last symbol counting least."""
    found = tuples[..., 0].astype(np.int64)
    for child in range(1, tuples.shape[-1]):
        found *= v
        found += tuples[..., child]
    return found
