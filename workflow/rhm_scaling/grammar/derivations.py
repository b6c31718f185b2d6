"""Sentences with their hidden symbols, and the same sentences with one subtree exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Grammar

Symbols = NDArray[np.int64]


@dataclass(frozen=True)
class Exchange:
    """What hangs below one hidden symbol of every sentence, exchanged.

    Attributes
    ----------
    symbols
        The hidden symbols, ``(N,)``.
    synonym
        Sentences with another derivation of the same symbol, ``(N, d)``.
    other
        Sentences with a derivation of another symbol, ``(N, d)``.
    """

    symbols: Symbols
    synonym: Symbols
    other: Symbols


@dataclass(frozen=True)
class Derivations:
    """Whole derivations of sentences.

    Attributes
    ----------
    grammar
        Theirs.
    symbols
        By level, from the tokens (index 0) to the root (index ``L``): ``(N, s**(L-level))``.
    chosen
        Index of the rule taken at every symbol, by its level; index 0 is not used.
    """

    grammar: Grammar
    symbols: tuple[Symbols, ...]
    chosen: tuple[Symbols, ...]

    @classmethod
    def draw(cls, grammar: Grammar, count: int, source: np.random.Generator) -> Derivations:
        """Independent derivations from the grammar's own distribution."""
        roots = source.choice(len(grammar.root), size=(count, 1), p=grammar.root)
        symbols, chosen = _expand(grammar, grammar.parameters.L, roots, source)
        return cls(grammar, symbols, chosen)

    @property
    def tokens(self) -> Symbols:
        """The sentences, ``(N, d)``."""
        return self.symbols[0]

    def exchange(self, level: int, source: np.random.Generator) -> Exchange | None:
        """Exchange the subtree beside the last token's, below their common parent.

        Parameters
        ----------
        level
            Of the symbol whose subtree is exchanged, ``1 .. L-1``: the last but one of its level,
            whose parent is an ancestor of the last token. Its synonyms are what a learner of
            ``level + 1`` can tell.
        source
            Of the new derivations.

        Returns
        -------
        exchange
            None if a symbol of the level has no synonym: a single rule.
        """
        grammar, s = self.grammar, self.grammar.parameters.s
        place = self.symbols[level].shape[1] - 2
        old, taken = self.symbols[level][:, place], self.chosen[level][:, place]
        weights = grammar.probabilities_of(level)[old].copy()
        weights[np.arange(len(old)), taken] = 0.0
        if not (weights.sum(axis=1) > 0).all():
            return None
        span = slice(place * s**level, (place + 1) * s**level)
        rule = _choose(weights, source)
        below = grammar.rules_of(level)[old, rule]
        # another symbol as often as it stands here, in other sentences
        new = source.permutation(old)
        while (same := new == old).any() and len(np.unique(old)) > 1:
            new[same] = source.choice(old, size=int(same.sum()))
        sentences = []
        for top, symbols in ((level - 1, below), (level, new[:, None])):
            exchanged = self.tokens.copy()
            exchanged[:, span] = _expand(grammar, top, symbols, source)[0][0]
            sentences.append(exchanged)
        return Exchange(old, *sentences)


def _choose(weights: NDArray[np.float64], source: np.random.Generator) -> Symbols:
    """An index along the last axis, with probability proportional to its weight."""
    ends = weights.cumsum(axis=-1)
    at = source.random(ends.shape[:-1]) * ends[..., -1]
    return np.asarray((ends <= at[..., None]).sum(axis=-1), dtype=np.int64)


def _expand(
    grammar: Grammar, level: int, symbols: Symbols, source: np.random.Generator
) -> tuple[tuple[Symbols, ...], tuple[Symbols, ...]]:
    """Derive the tokens of symbols ``(N, count)`` of a level: symbols and rules by level."""
    found, chosen = [symbols], []
    for here in range(level, 0, -1):
        rule = _choose(grammar.probabilities_of(here)[symbols], source)
        symbols = grammar.rules_of(here)[symbols, rule].reshape(len(symbols), -1)
        found.append(symbols)
        chosen.append(rule)
    return tuple(reversed(found)), (np.empty(0, dtype=np.int64), *reversed(chosen))
