"""Sparse grammars: blanks beside every symbol of a tuple (arXiv:2404.10727).

A *dense* grammar is spread out. A tuple of ``s`` symbols takes up ``s (s0+1)`` places: each symbol
has a block of ``s0+1`` places, stands in one of them, all equally likely, and leaves ``s0`` blanks.
A blank has one rule, a tuple of blanks, so that a sentence of ``(s (s0+1))**L`` tokens holds
``s**L`` that tell anything.

Every level below the root has one symbol more than its dense grammar, the last: the blank. A symbol
with ``m`` rules in the dense grammar has ``m (s0+1)**s``; no tuple has two parents. The dense
grammar, and with it the rules, is the same for every ``s0``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .model import Grammar, Parameters

# in the place of the identity of a user's file: no closed form of dense grammars applies
_SPARSE = "sparse"


@dataclass(frozen=True)
class SparseParameters(Parameters):
    """What a sparse grammar is drawn from; the other attributes are its shape, blanks included.

    Attributes
    ----------
    dense
        Of the grammar that is spread out.
    sparsity
        ``s0``: blanks beside every symbol of a tuple, at least 1.
    """

    dense: Parameters = field(kw_only=True)
    sparsity: int = field(kw_only=True)

    @classmethod
    def of(cls, dense: Parameters, sparsity: int) -> SparseParameters:
        """The shape of a sparse grammar.

        Raises
        ------
        ValueError
            If there are no blanks, or the dense grammar is a user's own.
        """
        if sparsity < 1:
            raise ValueError(f"sparsity: a sparse grammar has 1 or more blanks, not {sparsity}")
        if dense.file is not None:
            raise ValueError("sparsity: a grammar from a file has its blanks there")
        return cls(
            v=tuple(v + 1 for v in dense.v),
            n=dense.n,
            s=dense.s * (sparsity + 1),
            L=dense.L,
            m=tuple(m * (sparsity + 1) ** dense.s for m in dense.m),
            zipf=(None,) * dense.L,
            file=_SPARSE,
            dense=dense,
            sparsity=sparsity,
        )

    @property
    def places(self) -> int:
        """In how many ways a tuple can stand in its blocks, ``(s0+1)**s``."""
        return int((self.sparsity + 1) ** self.dense.s)

    def log_sentences(self) -> float:
        """Natural logarithm of the number of sentences of the language."""
        nodes = sum(self.dense.s**above for above in range(self.L))
        return float(self.dense.log_sentences() + nodes * np.log(self.places))

    def specification(self) -> dict[str, Any]:
        """A canonical JSON value, of which `Parameters.from_specification` reads the shape."""
        own = {"sparsity": self.sparsity, "dense": self.dense.specification()}
        return {**super().specification(), **own}

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> SparseParameters:
        """The inverse of `specification`."""
        dense = Parameters.from_specification(specification["dense"])
        return cls.of(dense, int(specification["sparsity"]))

    def label(self) -> str:
        """A readable name for paths: ``v8-n8-s2-L3-m3-sparsity1``."""
        return f"{self.dense.label()}-sparsity{self.sparsity}"


def parameters_of(specification: Mapping[str, Any]) -> Parameters:
    """The parameters of a grammar of any kind, from their `specification`."""
    kind = SparseParameters if "sparsity" in specification else Parameters
    return kind.from_specification(specification)


def dense_of(parameters: Parameters) -> tuple[Parameters, int]:
    """The parameters without blanks, and the blanks beside every symbol: 0 of a dense grammar."""
    if isinstance(parameters, SparseParameters):
        return parameters.dense, parameters.sparsity
    return parameters, 0


def draw(parameters: Parameters, rule_seed: int) -> Grammar:
    """A rule draw of a dense grammar (`Grammar.draw`) or a sparse one."""
    dense, sparsity = dense_of(parameters)
    drawn = Grammar.draw(dense, rule_seed)
    return spread(drawn, sparsity) if sparsity else drawn


def spread(grammar: Grammar, sparsity: int) -> Grammar:
    """The sparse grammar of a drawn dense one.

    The rules of a symbol are those of the dense grammar in their order, each in all its places:
    rule ``k`` becomes ``k*(s0+1)**s`` and the ones after it.
    """
    parameters = SparseParameters.of(grammar.parameters, sparsity)
    dense, size, count = grammar.parameters, sparsity + 1, parameters.places
    # places in their blocks, (count, s)
    offsets = np.indices((size,) * dense.s).reshape(dense.s, -1).T
    at = offsets + size * np.arange(dense.s)
    rules, probabilities = [], []
    for level, (tuples, weights) in enumerate(zip(grammar.rules, grammar.probabilities), 1):
        symbols, m, _ = tuples.shape
        blank = dense.v[level - 1]
        placed = np.full((symbols, m, count, parameters.s), blank, dtype=np.int64)
        placed[:, :, np.arange(count)[:, None], at] = tuples[:, :, None, :]
        own = np.repeat(weights / count, count, axis=1)
        table = placed.reshape(symbols, m * count, parameters.s)
        if level < dense.L:  # the blank of this level: one rule, the others only fill up
            table = np.concatenate([table, np.full((1, *table.shape[1:]), blank)])
            own = np.concatenate([own, np.eye(1, m * count)])
        rules.append(table)
        probabilities.append(own)
    return Grammar(parameters, tuple(rules), tuple(probabilities), grammar.root)
