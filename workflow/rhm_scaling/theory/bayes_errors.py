"""Bayes errors of the root from partial knowledge: some patches known, the others marginalised.

Patches become known one after another. A few levels above them, nodes can only send so many
different messages, whatever is known: those are found once for a grammar, and looked up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar
from .entropies import Estimate
from .inference import checked
from .lookup import Tuples
from .messages import BLOCK_SET, Level, leaves, refuse

Array = NDArray[np.float64]
Integers = NDArray[np.integer]

_MASKS = 32  # most numbers of known patches that are tried


def rule_ranks(grammar: Grammar, tokens: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rank ``k - 1`` of the level-1 rule that made each patch, shape ``(N, d/s)``.

    The lowest rank where an ambiguous grammar allows several.

    Raises
    ------
    ValueError
        If a token is out of range or a patch cannot be produced.
    """
    tokens = checked(grammar, tokens)
    patches = tokens.reshape(len(tokens), -1, grammar.parameters.s)
    tuples = Tuples(grammar, 1)
    numbers = tuples.numbers(patches)
    missing = numbers == len(tuples.rows)
    if missing.any():
        patch = tuple(patches[missing][0].tolist())
        raise ValueError(f"no level-1 symbol produces the tuple {patch}")
    _, rank, place = tuples.of_rules
    lowest = rank[np.unique(place, return_index=True)[1]]
    return np.asarray(lowest[numbers])


def _kinds(messages: Array) -> tuple[Array, Integers]:
    """Messages, ``(symbols, count)``, but for repeats, and the place of each among them.

    Those that leave one symbol, or none, are equal; others are taken to differ, and come first.
    """
    symbols, count = messages.shape
    left = np.count_nonzero(messages, axis=0)
    name = np.where(left > 1, np.arange(count) - count, messages.argmax(axis=0))
    _, first, place = np.unique(
        np.where(left > 0, name, symbols), return_index=True, return_inverse=True
    )
    return messages[:, first], place


class _PartialKnowledge:
    """Messages to the root of sentences of which some patches are known.

    A node's *kind* is the number of its message among those that nodes of its level can send. At
    levels where there are few, the kind is looked up by the kinds of the node's children.
    """

    def __init__(self, grammar: Grammar, nodes: int) -> None:
        """Find the kinds of all levels where that is less work than to pass messages.

        `nodes` is the number of patches that will be asked for, those of all sentences.
        """
        self.s = s = grammar.parameters.s
        self.tuples = Tuples(grammar, 1)
        symbol, rank, place = self.tuples.of_rules
        count = len(self.tuples.rows)
        # what is not known says the same of every symbol; it comes first, and is of kind 0
        messages = np.zeros((grammar.parameters.symbols(1), 1 + count + 1))
        messages[:, 0] = 1.0
        np.add.at(messages, (symbol, 1 + place), grammar.probabilities_of(1)[symbol, rank])
        messages[:, :-1] /= messages[:, :-1].max(axis=0)  # the last: of tuples that are none
        self.messages, of_tuples = _kinds(messages)
        # short integers where siblings' kinds make one: patches are most of the work
        short = self.messages.shape[1] ** s <= 2**16
        self.of_tuples = of_tuples[1:].astype(np.uint16 if short else np.int64)
        self.tables: list[tuple[int, Integers]] = []
        levels = [Level(grammar, level) for level in range(2, grammar.parameters.L + 1)]
        for number, level in enumerate(levels, 1):
            kinds = self.messages.shape[1]
            if kinds**s > min(nodes // s**number, BLOCK_SET // level.v):
                break
            children = np.indices((kinds,) * s).reshape(s, -1)
            self.messages, table = _kinds(level.up_all(self.messages[:, children].swapaxes(0, 1)))
            self.tables.append((kinds, table))
        self.levels = levels[len(self.tables) :]

    def kinds(self, patches: NDArray[np.integer]) -> Integers:
        """Kinds of known `patches`, ``(..., s)``."""
        return np.asarray(self.of_tuples[self.tuples.numbers(patches)])

    def to_root(self, kinds: Integers) -> Array:
        """The root's messages, ``(n, B)``, from the kinds of patches, ``(patches, B)``.

        The first children of all level-2 nodes come first, then the second ones, and so at every
        level: siblings are then read side by side.
        """
        sentences = kinds.shape[1]
        kinds = kinds.ravel()
        for base, table in self.tables:
            first, *others = kinds.reshape(self.s, -1)
            for child in others:
                first = first * base + child
            kinds = table.take(first)
        messages = self.messages.take(kinds, axis=1)
        for level in self.levels:
            messages = level.up_all(messages.reshape(len(messages), self.s, -1).swapaxes(0, 1))
        return messages.reshape(-1, sentences)


def root_errors(
    grammar: Grammar, tokens: NDArray[np.integer], order: Integers, numbers: Integers
) -> Array:
    """Bayes errors of the root, ``(M, N)``, as more and more patches are known.

    Parameters
    ----------
    tokens
        Sentences, ``(N, d)``.
    order
        When each patch becomes known, ``(N, d/s)``, from 0 and below the last of `numbers`.
    numbers
        Ascending, ``(M,)``: known are the patches whose `order` is below the number.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    tokens = checked(grammar, tokens)
    knowledge = _PartialKnowledge(grammar, order.size * len(numbers))
    parameters = grammar.parameters
    s, L = parameters.s, parameters.L
    wrong = np.empty((len(numbers), len(tokens)))
    size = max(1, BLOCK_SET // (order.shape[1] * max(*parameters.v, parameters.n)))
    for start in range(0, len(tokens), size):
        block = slice(start, min(start + size, len(tokens)))
        # the axes of the tree, reversed
        patches = tokens[block].reshape(-1, *[s] * L).transpose(*range(L - 1, -1, -1), L)
        kinds = knowledge.kinds(patches).reshape(-1, len(tokens[block]))
        turns = order[block].astype(np.min_scalar_type(numbers[-1]))
        turns = turns.reshape(-1, *[s] * (L - 1)).T.reshape(kinds.shape)
        for row, number in enumerate(numbers.tolist()):
            messages = knowledge.to_root(kinds * (turns < number))
            joint = grammar.root[:, None] * messages
            total = joint.sum(axis=0)
            if not total.all():
                refuse(grammar, leaves(grammar, tokens[block]), total > 0, start)
            wrong[row, block] = 1.0 - (joint / total).max(axis=0)
    return wrong


def _averages(wrong: Array) -> list[Estimate]:
    """Means over sentences, the last axis."""
    means = wrong.mean(axis=1)
    errors = wrong.std(axis=1) / np.sqrt(max(wrong.shape[1] - 1, 1))
    return [Estimate(float(m), float(e), "sampled") for m, e in zip(means, errors)]


def classification_errors_by_rank(grammar: Grammar, tokens: NDArray[np.integer]) -> list[Estimate]:
    """Bayes error of the root when only the ``k`` most probable level-1 rules are known.

    For ``k = 0..m_1``; every patch made by a rule of higher rank is marginalised. A prediction
    without free parameters for Zipf rules (arXiv:2505.07067).
    """
    ranks = rule_ranks(grammar, tokens)
    numbers, patches = np.arange(grammar.parameters.m[0] + 1), ranks.shape[1]
    if len(numbers) <= patches:
        return _averages(root_errors(grammar, tokens, ranks, numbers))
    # a sentence's patches become known one after another, however many rules there are
    order = ranks.argsort(axis=1, kind="stable").argsort(axis=1)
    by_number = root_errors(grammar, tokens, order, np.arange(patches + 1))
    row = np.arange(len(ranks))
    # some ranks at a time: there may be thousands of rules, and as many sentences
    parts = np.array_split(numbers, -(-numbers.size * row.size // BLOCK_SET))
    return [
        average
        for part in parts
        for average in _averages(np.stack([by_number[(ranks < k).sum(axis=1), row] for k in part]))
    ]


def classification_errors_by_patches(
    grammar: Grammar, tokens: NDArray[np.integer], seed: int
) -> dict[int, Estimate]:
    """Bayes error of the root when ``j`` patches, chosen at random, are known.

    By ``j``, from none to all (a few dozen numbers at most); all: the Bayes-optimal classifier.
    """
    patches = grammar.parameters.d // grammar.parameters.s
    numbers = np.linspace(0, patches, min(patches, _MASKS) + 1).round().astype(np.int64)
    numbers = np.unique([*numbers, patches - 1])
    generator = np.random.Generator(np.random.Philox(seed))
    order = generator.random((len(tokens), patches)).argsort(axis=1)
    return dict(zip(numbers.tolist(), _averages(root_errors(grammar, tokens, order, numbers))))
