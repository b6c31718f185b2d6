"""Sentences of a sparse grammar, and the same sentences with synonyms exchanged or blanks moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .derivations import _choose
from .model import Grammar

Symbols = NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """Derivations of sentences of a sparse grammar, with what can be changed without their class.

    Attributes
    ----------
    grammar
        The dense grammar.
    sparsity
        ``s0``.
    symbols
        By level from the tokens to the root, without blanks: ``(N, s**(L-level))``.
    chosen
        Index of the rule taken at every symbol, by its level; index 0 is not used.
    offsets
        Places of the symbols of its tuple in their blocks, ``0..s0``, of every symbol, by its
        level, ``(N, s**(L-level), s)``; index 0 is not used.
    """

    grammar: Grammar
    sparsity: int
    symbols: tuple[Symbols, ...]
    chosen: tuple[Symbols, ...]
    offsets: tuple[Symbols, ...]

    @classmethod
    def draw(
        cls, grammar: Grammar, sparsity: int, count: int, source: np.random.Generator
    ) -> Placed:
        """Independent derivations from the sparse grammar's own distribution."""
        L = grammar.parameters.L
        roots = source.choice(len(grammar.root), size=(count, 1), p=grammar.root)
        nothing = np.empty(0, dtype=np.int64)
        empty = cls(grammar, sparsity, (nothing,) * L + (roots,), (nothing,) * (L + 1), ())
        return replace(empty, offsets=(nothing,) * (L + 1))._derived(L, source)

    @property
    def tokens(self) -> Symbols:
        """The sentences, ``(N, (s (s0+1))**L)``, blanks included."""
        parameters, size = self.grammar.parameters, self.sparsity + 1
        count = len(self.symbols[-1])
        at = np.zeros((count, 1), dtype=np.int64)
        blocks = size * np.arange(parameters.s)
        for level in range(parameters.L, 0, -1):
            width = parameters.s * size
            at = (at[:, :, None] * width + blocks + self.offsets[level]).reshape(count, -1)
        whole = np.full((count, (parameters.s * size) ** parameters.L), parameters.v[0])
        np.put_along_axis(whole, at, self.symbols[0], axis=1)
        return whole

    def synonyms(self, level: int, source: np.random.Generator) -> Placed:
        """The same with another rule at every symbol of `level`, its tuple in the same places.

        What is below the new tuples is derived anew, places included. Symbols with a single rule
        keep it.
        """
        weights = self.grammar.probabilities_of(level)[self.symbols[level]].copy()
        np.put_along_axis(weights, self.chosen[level][..., None], 0.0, axis=-1)
        others = _choose(weights, source)
        rule = np.where(weights.any(axis=-1), others, self.chosen[level])
        return self._below(level, rule, self.offsets[level])._derived(level - 1, source)

    def moved(self, level: int, source: np.random.Generator) -> Placed:
        """The same with the tuple of every symbol of `level` in other places.

        All that hangs below moves along; at least one symbol of each tuple does.
        """
        size, s = self.sparsity + 1, self.grammar.parameters.s
        old = self.offsets[level]
        powers = size ** np.arange(s)
        steps = source.integers(1, size**s, size=old.shape[:-1])  # none is zero
        new = ((old @ powers + steps) % size**s)[..., None] // powers % size
        return replace(self, offsets=_with(self.offsets, level, new))

    def _derived(self, level: int, source: np.random.Generator) -> Placed:
        """With all below the symbols of `level` derived anew."""
        found, s = self, self.grammar.parameters.s
        for here in range(level, 0, -1):
            symbols = found.symbols[here]
            rule = _choose(self.grammar.probabilities_of(here)[symbols], source)
            offsets = source.integers(self.sparsity + 1, size=(*symbols.shape, s))
            found = found._below(here, rule, offsets)
        return found

    def _below(self, level: int, rule: Symbols, offsets: Symbols) -> Placed:
        """With these rules at the symbols of `level`, and their tuples in these places."""
        symbols = self.symbols[level]
        children = self.grammar.rules_of(level)[symbols, rule].reshape(len(symbols), -1)
        return replace(
            self,
            symbols=_with(self.symbols, level - 1, children),
            chosen=_with(self.chosen, level, rule),
            offsets=_with(self.offsets, level, offsets),
        )


def _with(arrays: tuple[Symbols, ...], index: int, new: Symbols) -> tuple[Symbols, ...]:
    return (*arrays[:index], new, *arrays[index + 1 :])


def changes(placed: Placed, source: np.random.Generator) -> Iterator[tuple[str, int, Symbols]]:
    """Sentences of the same classes, changed at one level, by what is changed and the level."""
    for level in range(1, placed.grammar.parameters.L + 1):
        yield "synonyms", level, placed.synonyms(level, source).tokens
        yield "blanks", level, placed.moved(level, source).tokens
