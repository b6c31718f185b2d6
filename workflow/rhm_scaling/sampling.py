"""Sentences of a grammar: prefix-stable streams, written in chunks.

Sentence ``i`` of a stream is the same whatever number is asked for: the stream is drawn in chunks
of fixed size, each from its own counter-based generator. Training sets of growing size are nested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .grammar import Grammar
from .provenance import seed_from, write_aside

CHUNK = 4096  # sentences; part of the definition of a stream
_OVERLAP_CHUNK = 2**18  # training sentences compared at a time, so that memory stays flat
STREAMS = ("train", "validation", "test", "theory")


def unsigned_type(symbols: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned integer type that holds ``0..symbols-1``."""
    return np.min_scalar_type(max(symbols - 1, 0))


def record_type(grammar: Grammar) -> np.dtype[np.void]:
    """One sentence: ``label`` (root symbol) and ``tokens``, shape ``(d,)``."""
    parameters = grammar.parameters
    return np.dtype(
        [
            ("label", unsigned_type(parameters.n)),
            ("tokens", unsigned_type(parameters.v), (parameters.d,)),
        ]
    )


@dataclass(frozen=True)
class Stream:
    """An endless sequence of sentences.

    Attributes
    ----------
    grammar
        The grammar that produces them.
    rule_seed, sample_seed, name
        Its identity, with the grammar's parameters: equal identities give equal sentences, and
        streams of other names (one of `STREAMS`) are independent.
    """

    grammar: Grammar
    rule_seed: int
    sample_seed: int
    name: str

    def chunk(self, index: int) -> NDArray[np.void]:
        """Sentences ``index*CHUNK .. (index+1)*CHUNK - 1``, of `record_type`."""
        parameters = self.grammar.parameters
        seed = seed_from(
            "sentences", parameters.specification(), self.rule_seed, self.sample_seed, self.name
        )
        generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))
        symbols = _draw_root(generator, self.grammar.root)
        sentences = np.empty(CHUNK, dtype=record_type(self.grammar))
        sentences["label"] = symbols[:, 0]
        for level in range(parameters.L, 0, -1):
            rule = _draw_rules(generator, self.grammar.probabilities_of(level), symbols)
            symbols = self.grammar.rules_of(level)[symbols, rule].reshape(CHUNK, -1)
        sentences["tokens"] = symbols
        return sentences

    def chunks(self, size: int) -> Iterator[NDArray[np.void]]:
        """The first `size` sentences, a chunk at a time."""
        for index in range(-(-size // CHUNK)):
            yield self.chunk(index)[: size - index * CHUNK]

    def take(self, size: int) -> NDArray[np.void]:
        """The first `size` sentences, shape ``(size,)``."""
        return np.concatenate([np.empty(0, record_type(self.grammar)), *self.chunks(size)])

    def write(self, path: Path, size: int) -> None:
        """Write the first `size` sentences as one ``.npy`` file; memory is flat in `size`."""

        def fill(aside: Path) -> None:
            header = {
                "descr": np.lib.format.dtype_to_descr(record_type(self.grammar)),
                "fortran_order": False,
                "shape": (size,),
            }
            with aside.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                for part in self.chunks(size):
                    file.write(part.tobytes())

        write_aside(path, fill)


def _draw_root(
    generator: np.random.Generator, probabilities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Root symbols of a chunk, ``(CHUNK, 1)``."""
    if np.ptp(probabilities) == 0:
        return generator.integers(len(probabilities), size=(CHUNK, 1))
    edges = np.cumsum(probabilities)[:-1]
    return np.searchsorted(edges, generator.random((CHUNK, 1)), side="right")


def _draw_rules(
    generator: np.random.Generator,
    probabilities: NDArray[np.float64],
    symbols: NDArray[np.integer],
) -> NDArray[np.int64]:
    """A rule index for each symbol, by inversion; `probabilities` are ``(symbols, m)``."""
    uniform = generator.random(symbols.shape)
    edges = np.cumsum(probabilities, axis=1)
    if not np.ptp(probabilities, axis=0).any():  # all symbols alike, as in a drawn grammar
        return np.searchsorted(edges[0, :-1], uniform, side="right")
    # rules without probability fill up the end of a row: rounding must not reach them
    edges[probabilities == 0] = np.inf
    last = (probabilities > 0).sum(axis=1) - 1
    edges[np.arange(len(edges)), last] = np.inf
    rules = np.empty(symbols.shape, dtype=np.int64)
    for symbol in np.unique(symbols):
        here = symbols == symbol
        rules[here] = np.searchsorted(edges[symbol], uniform[here], side="right")
    return rules


def overlap(train: NDArray[np.void], test: NDArray[np.void]) -> float:
    """Fraction of test sentences (tokens) that also occur among the training sentences."""
    distinct, inverse = np.unique(_rows(test), return_inverse=True)
    seen = np.zeros(len(distinct), dtype=bool)
    for start in range(0, len(train), _OVERLAP_CHUNK):
        seen |= np.isin(distinct, _rows(train[start : start + _OVERLAP_CHUNK]))
    return float(seen[inverse].mean())


def _rows(sentences: NDArray[np.void]) -> NDArray[np.void]:
    """Each sentence's tokens as one opaque value that can be compared and sorted."""
    tokens = np.ascontiguousarray(sentences["tokens"])
    return tokens.view(np.dtype((np.void, tokens.dtype.itemsize * tokens.shape[1]))).ravel()
