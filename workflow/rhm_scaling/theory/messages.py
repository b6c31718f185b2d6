"""Messages on the tree of a grammar, for any evidence and any grammar.

Upward, each node's message is the likelihood of what is known below it, for every symbol that it
may hold (the inside algorithm; belief propagation on a tree); downward, a node's belief is pushed
to a child through the messages of some of its siblings. Which siblings decides what is asked: all
for hidden symbols, those to the left for autoregressive prediction. Unseen tokens are marginalised.
Nothing of it assumes that the grammar is unambiguous.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar

Array = NDArray[np.float64]

# Sentences are the last, contiguous axis: every operation is a row operation. Blocks are as long as
# keeps a node's messages in the cache and a block's messages in memory.
_NODE_SET = 2**14
BLOCK_SET = 2**22


def blocks(grammar: Grammar, sentences: int) -> Iterator[slice]:
    """Slices of the sentences that inference works on at a time: memory is flat in `sentences`."""
    width = max(*grammar.parameters.v, grammar.parameters.n)
    size = max(1, min(_NODE_SET // width, BLOCK_SET // (width * grammar.parameters.d)))
    for start in range(0, sentences, size):
        yield slice(start, min(start + size, sentences))


class Level:
    """The rules of one level as row operations on ``B`` sentences."""

    def __init__(self, grammar: Grammar, level: int) -> None:
        self.level = level
        self.rules = grammar.rules_of(level)
        self.probabilities = grammar.probabilities_of(level)
        self.v = grammar.parameters.v[level - 1]

    def up(self, children: Array) -> tuple[Array, Array]:
        """Message of a node, ``(symbols, B)``, from its children's, ``(s, v_(l-1), B)``.

        Scaled to a maximum of one; the scale comes second, ``(B,)``, and is zero where no symbol
        can have such children.
        """
        message = np.zeros((len(self.rules), children.shape[2]))
        for rank, weights in enumerate(self.probabilities.T):
            term = weights[:, None] * children[0].take(self.rules[:, rank, 0], axis=0)
            for child in range(1, len(children)):
                term *= children[child].take(self.rules[:, rank, child], axis=0)
            message += term
        scale = message.max(axis=0)
        message /= np.where(scale > 0, scale, 1.0)
        return message, scale

    def up_all(self, children: Array) -> Array:
        """Messages of `up` for any number of nodes, as many at a time as the cache holds."""
        found = np.empty((len(self.rules), children.shape[2]))
        size = max(1, _NODE_SET // max(self.rules.shape[0], self.v))
        for start in range(0, found.shape[1], size):
            some = children[:, :, start : start + size].copy()  # rows far apart are slow to read
            found[:, start : start + size] = self.up(some)[0]
        return found

    def down(self, beliefs: Array, child: int, siblings: Mapping[int, Array]) -> Array:
        """Belief about a child, ``(C, v_(l-1), B)``, from the parent's, ``(C, symbols, B)``.

        `siblings` holds the messages, ``(v_(l-1), B)``, of those whose evidence counts.
        """
        table = self.rules.reshape(-1, self.rules.shape[2])
        order = np.argsort(table[:, child], kind="stable")
        table = table[order]
        parent = order // self.rules.shape[1]
        weight = np.repeat(self.probabilities.reshape(-1, 1)[order], beliefs.shape[2], axis=1)
        for sibling, message in siblings.items():
            weight *= message.take(table[:, sibling], axis=0)
        present, starts = np.unique(table[:, child], return_index=True)
        found = np.zeros((len(beliefs), self.v, beliefs.shape[2]))
        for row, belief in enumerate(beliefs):
            joint = belief.take(parent, axis=0)
            joint *= weight
            found[row, present] = np.add.reduceat(joint, starts, axis=0)
        total = found.sum(axis=1, keepdims=True)
        found /= np.where(total > 0, total, 1.0)
        return found


class Tree:
    """Messages of one block of ``B`` sentences.

    Attributes
    ----------
    messages
        By level from `below`, ``(nodes, symbols, B)``.
    log_scale
        Logarithm of all scales taken out of the root's message, ``(B,)``.
    """

    def __init__(self, grammar: Grammar, messages: Array, below: int = 0, first: int = 0) -> None:
        """Pass messages up from level `below`; `first` is the number of the first sentence.

        Raises
        ------
        ValueError
            If a sentence cannot be produced; the text names the sentence and the node.
        """
        parameters = grammar.parameters
        self.grammar = grammar
        self.levels = [Level(grammar, level) for level in range(below + 1, parameters.L + 1)]
        self.messages = [messages]
        self.log_scale = np.zeros(messages.shape[2])
        for level in self.levels:
            children = self.messages[-1].reshape(-1, parameters.s, level.v, len(self.log_scale))
            found = [level.up(nodes) for nodes in children]
            for node, (_, scale) in enumerate(found):
                if not scale.all():
                    row = first + int(np.flatnonzero(scale == 0)[0])
                    raise ValueError(
                        f"sentence {row} is not of this grammar: no level-{level.level} symbol "
                        f"produces the tuple at node {node}"
                    )
            self.messages.append(np.stack([message for message, _ in found]))
            self.log_scale += np.sum(np.log([scale for _, scale in found]), axis=0)

    def root(self) -> Array:
        """Posterior of the root, ``(n, B)``."""
        joint = self.grammar.root[:, None] * self.messages[-1][0]
        total = joint.sum(axis=0)
        if not total.all():
            raise ValueError("a sentence is not of this grammar: its root has probability zero")
        return np.asarray(joint / total)

    def beliefs(self, left_only: bool) -> list[Array]:
        """Beliefs about all nodes, by level from 0, ``(nodes, symbols, B)``.

        Given the evidence outside each node's own subtree; with `left_only`, given only what
        stands to its left.
        """
        prior = np.repeat(self.grammar.root[:, None], len(self.log_scale), axis=1)
        found = [prior[None]]
        s = self.grammar.parameters.s
        for level in reversed(self.levels):
            below = self.messages[level.level - 1]
            children = []
            for node, belief in enumerate(found[0]):
                for child in range(s):
                    evident = range(child) if left_only else range(s)
                    siblings = {i: below[node * s + i] for i in evident if i != child}
                    children.append(level.down(belief[None], child, siblings)[0])
            found.insert(0, np.stack(children))
        return found


def leaves(
    grammar: Grammar, tokens: NDArray[np.integer], known: NDArray[np.bool_] | None = None
) -> Array:
    """Messages of tokens, ``(d, v_0, B)``: one-hot where known, one where marginalised."""
    symbols = np.arange(grammar.parameters.v[0])[:, None]
    found = tokens.T[:, None, :] == symbols
    if known is not None:
        found |= ~known.T[:, None, :]
    return np.asarray(found, dtype=np.float64)


def refuse(grammar: Grammar, messages: Array, possible: NDArray[np.bool_], first: int) -> None:
    """Raise the `ValueError` of the first sentence that is not possible."""
    for row in np.flatnonzero(~possible)[:1]:
        Tree(grammar, messages[:, :, row : row + 1], first=first + row).root()
