"""What no learner can beat: n-gram and positional entropies.

An entropy of a token given its context is exact where the contexts can be enumerated, and an
average over sampled sentences where they cannot. All entropies are in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar
from .inference import entropy, last_token_posteriors, token_posteriors
from .messages import blocks

Array = NDArray[np.float64]
Method = Literal["enumerated", "sampled"]

ENUMERABLE = 2**22  # most (context, symbol) pairs that are enumerated at once: memory
_BUDGET = 2**24  # and for one grammar in all: time


class Estimate(NamedTuple):
    """A number, its standard error (zero if exact) and how it was found."""

    value: float
    stderr: float
    method: Method


class _TooManyError(Exception):
    """There are too many contexts to enumerate."""


@dataclass(frozen=True)
class _Contexts:
    """Joint probabilities of contexts and symbols, sparse: one entry a row."""

    context: NDArray[np.int64]
    symbol: NDArray[np.int64]
    weight: Array

    @classmethod
    def none(cls, prior: Array) -> _Contexts:
        """The empty context."""
        symbols = np.flatnonzero(prior)
        return cls(np.zeros(len(symbols), dtype=np.int64), symbols, prior[symbols])

    def entropy(self) -> float:
        """Entropy of the symbol given the context."""
        total = np.bincount(self.context, self.weight)
        return max(0.0, -float((self.weight * np.log(self.weight / total[self.context])).sum()))

    def merged(self) -> _Contexts:
        """Equal entries added up, and the contexts that leave a single symbol made one a symbol.

        What follows depends on a context only through its distribution of the symbol.
        """
        _, context = np.unique(self.context, return_inverse=True)
        width = int(self.symbol.max()) + 1
        pairs, place = np.unique(context * width + self.symbol, return_inverse=True)
        weight = np.bincount(place, self.weight).astype(np.float64)
        context, symbol = pairs // width, pairs % width
        certain = np.bincount(context)[context] == 1
        context = np.where(certain, context.max() + 1 + symbol, context)
        if not certain.any():
            return _Contexts(context, symbol, weight)
        pairs, place = np.unique(context * width + symbol, return_inverse=True)
        _, context = np.unique(pairs // width, return_inverse=True)
        weight = np.bincount(place, weight).astype(np.float64)
        return _Contexts(context, pairs % width, weight)


@dataclass(frozen=True)
class _Branch:
    """Ways from a node to one of its children, given the evidence below the children before it.

    A row for each: the node's symbol (sorted), the evidence, the child's symbol, the probability.
    """

    parent: NDArray[np.int64]
    evidence: NDArray[np.int64]
    child: NDArray[np.int64]
    weight: Array

    def ways(self, contexts: _Contexts) -> NDArray[np.int64]:
        """Number of ways that continue each entry."""
        symbols = int(max(self.parent.max(), contexts.symbol.max())) + 1
        return np.bincount(self.parent, minlength=symbols)[contexts.symbol]

    def extend(self, contexts: _Contexts) -> _Contexts:
        """Contexts that reach to the child."""
        ways = self.ways(contexts)
        start = np.searchsorted(self.parent, np.arange(int(contexts.symbol.max()) + 1))
        entry = np.repeat(np.arange(len(ways)), ways)
        within = np.arange(len(entry)) - np.repeat(np.cumsum(ways) - ways, ways)
        row = start[contexts.symbol][entry] + within
        width = int(self.evidence.max()) + 1
        found = _Contexts(
            contexts.context[entry] * width + self.evidence[row],
            self.child[row],
            contexts.weight[entry] * self.weight[row],
        )
        return found.merged()


class _Enumeration:
    """Exact entropies of one grammar.

    The complete evidence below a node falls into classes with proportional likelihoods; in an
    unambiguous grammar they are the node's symbols.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._classes: list[Array | None] = [None]  # by level; None: the symbols themselves
        self._branches: dict[tuple[int, int], _Branch] = {}
        self._spent = 0

    def _classes_of(self, level: int) -> Array | None:
        """``p(class | symbol)``, ``(classes, symbols)``, or None where classes are symbols."""
        while len(self._classes) <= level:
            self._classes.append(self._next(len(self._classes)))
        return self._classes[level]

    def _next(self, level: int) -> Array | None:
        below = self._classes[level - 1]
        if below is None and not len(self.grammar.shared_tuples(level)):
            return None
        parameters = self.grammar.parameters
        below = np.eye(parameters.v[level - 1]) if below is None else below
        rules, weights = self.grammar.rules_of(level), self.grammar.probabilities_of(level)
        if rules[..., 0].size * len(below) ** parameters.s > ENUMERABLE:
            raise _TooManyError
        likelihood = weights[None]
        for child in range(parameters.s):
            part = below[:, rules[..., child]]
            likelihood = (likelihood[:, None] * part[None]).reshape(-1, *rules.shape[:2])
        likelihood = likelihood.sum(axis=2)
        likelihood = likelihood[likelihood.any(axis=1)]
        shape = np.round(likelihood / likelihood.sum(axis=1, keepdims=True), 13)
        _, place = np.unique(shape, axis=0, return_inverse=True)
        classes = np.zeros((place.max() + 1, len(rules)))
        np.add.at(classes, place.ravel(), likelihood)
        return classes

    def _branch(self, level: int, child: int) -> _Branch:
        known = self._branches.get((level, child))
        if known is not None:
            return known
        rules, weights = self.grammar.rules_of(level), self.grammar.probabilities_of(level)
        parent, rank = np.nonzero(weights)
        table, weight = rules[parent, rank], weights[parent, rank]
        classes = self._classes_of(level - 1) if child else None
        if child == 0:
            evidence = np.zeros(len(table), dtype=np.int64)
        elif classes is None:
            _, evidence = np.unique(table[:, :child], axis=0, return_inverse=True)
        else:
            if len(table) * len(classes) ** child > ENUMERABLE:
                raise _TooManyError
            ways = weight[:, None]
            for sibling in range(child):
                ways = (ways[:, :, None] * classes[:, table[:, sibling]].T[:, None, :]).reshape(
                    len(table), -1
                )
            row, evidence = np.nonzero(ways)
            parent, table, weight = parent[row], table[row], ways[row, evidence]
        found = _Branch(parent, evidence.ravel(), table[:, child], weight)
        self._branches[level, child] = found
        return found

    def _extended(self, level: int, child: int, contexts: _Contexts) -> _Contexts:
        """Contexts that reach to a child of the nodes of `level`, if they can be afforded."""
        branch = self._branch(level, child)
        ways = int(branch.ways(contexts).sum())
        if ways > ENUMERABLE or self._spent + ways > _BUDGET:
            raise _TooManyError
        self._spent += ways
        return branch.extend(contexts)

    def last_token(self, context: int) -> float:
        """``H_l``: entropy of the last token given the ``s**l - 1`` before it."""
        known = _Contexts.none(self.grammar.last_marginal(context))
        for level in range(context, 0, -1):
            known = self._extended(level, self.grammar.parameters.s - 1, known)
        return known.entropy()

    def positions(self) -> Iterator[float | None]:
        """Entropy of every token given all before it; None where there are too many contexts."""
        yield from self._below(self.grammar.parameters.L, _Contexts.none(self.grammar.root))

    def _below(self, level: int, contexts: _Contexts) -> Iterator[float | None]:
        if level == 0:
            yield contexts.entropy()
            return
        s = self.grammar.parameters.s
        for child in range(s):
            try:
                longer = self._extended(level, child, contexts)
            except _TooManyError:
                yield from [None] * s ** (level - 1)
            else:
                yield from self._below(level - 1, longer)


def ngram_entropies(
    grammar: Grammar, chunks: Iterable[NDArray[np.integer]] | None = None
) -> list[Estimate]:
    """``H_0..H_L``: entropies of the last token given the preceding ``s**l - 1`` tokens.

    ``H_L`` is the Bayes limit of the last-token loss. What cannot be enumerated is averaged over
    the sentences of `chunks`, arrays ``(N, d)``, one at a time; the exact posterior's entropy is
    averaged, which varies less than ``-log p`` of the drawn token.

    Raises
    ------
    ValueError
        If sentences are needed and `chunks` is not given.
    """
    exact = _Enumeration(grammar)
    found: list[float | None] = []
    for context in range(grammar.parameters.L + 1):
        try:
            found.append(exact.last_token(context))
        except _TooManyError:
            found.append(None)
    rest = [context for context, known in enumerate(found) if known is None]
    return _completed(
        grammar, found, chunks, lambda tokens: last_token_posteriors(grammar, tokens, rest)
    )


def position_entropies(
    grammar: Grammar, chunks: Iterable[NDArray[np.integer]] | None = None
) -> list[Estimate]:
    """Entropy of every token given all tokens before it, ``d`` of them; `chunks` as above.

    Their mean is the loss per token that no autoregressive learner can beat.

    Raises
    ------
    ValueError
        If sentences are needed and `chunks` is not given.
    """
    found = list(_Enumeration(grammar).positions())
    rest = [position for position, known in enumerate(found) if known is None]
    return _completed(
        grammar,
        found,
        chunks,
        lambda tokens: token_posteriors(grammar, tokens).transpose(1, 0, 2)[rest],
    )


def _completed(
    grammar: Grammar,
    found: list[float | None],
    chunks: Iterable[NDArray[np.integer]] | None,
    posteriors: Callable[[NDArray[np.integer]], Array],
) -> list[Estimate]:
    """Estimates, those not `found` from the entropies of `posteriors`, ``(rest, N, v_0)``."""
    averages: Iterator[tuple[Any, Any]] = iter(())
    if None in found:
        if chunks is None:
            raise ValueError("too many contexts to enumerate: sentences are needed")
        count, total, squares = 0, np.zeros(1), np.zeros(1)
        for chunk in chunks:
            for block in blocks(grammar, len(chunk)):
                values = entropy(posteriors(chunk[block]))
                count += values.shape[1]
                total = total + values.sum(axis=1)
                squares = squares + (values**2).sum(axis=1)
        variance = np.maximum(squares / count - (total / count) ** 2, 0.0)
        averages = zip(total / count, np.sqrt(variance / max(count - 1, 1)))
    estimates = []
    for known in found:
        value, stderr = next(averages) if known is None else (known, 0.0)
        method: Method = "sampled" if known is None else "enumerated"
        estimates.append(Estimate(float(value), float(stderr), method))
    return estimates
