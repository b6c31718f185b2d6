"""Sentences of a grammar: prefix-stable streams, written in chunks.

Sentence ``i`` of a stream is the same whatever number is asked for: the stream is drawn in chunks
of fixed size, each from its own counter-based generator. Training sets of growing size are nested.

Several levels are drawn in one leap: all derivations of a symbol over a few levels fit into a table
that stays in the cache, and one random number chooses among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.files import write_aside
from ..core.hashing import seed_from
from .model import Grammar

CHUNK = 4096  # sentences; part of the definition of a stream
_TABLE = 2**17  # numbers in a leap's table: it should stay in the cache
_OVERLAP_CHUNK = 2**18  # training sentences compared at a time, so that memory stays flat
STREAMS = ("train", "validation", "test", "theory")
ONLINE = "online"  # the size of a training set that is a stream without end


def unsigned_type(symbols: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned integer type that holds ``0..symbols-1``."""
    return np.min_scalar_type(max(symbols - 1, 0))


def record_type(grammar: Grammar) -> np.dtype[np.void]:
    """One sentence: ``label`` (root symbol) and ``tokens``, shape ``(d,)``."""
    parameters = grammar.parameters
    return np.dtype(
        [
            ("label", unsigned_type(parameters.n)),
            ("tokens", unsigned_type(parameters.v[0]), (parameters.d,)),
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

    @cached_property
    def _leaps(self) -> list[_Leap]:
        """From the root down to the tokens."""
        return leaps(self.grammar)

    def chunk(self, index: int) -> NDArray[np.void]:
        """Sentences ``index*CHUNK .. (index+1)*CHUNK - 1``, of `record_type`."""
        parameters = self.grammar.parameters
        seed = seed_from(
            "sentences", parameters.specification(), self.rule_seed, self.sample_seed, self.name
        )
        source = np.random.Philox(key=seed, counter=[0, 0, 0, index])
        symbols: NDArray[np.integer] = _draw_roots(source, self.grammar.root)
        sentences = np.empty(CHUNK, dtype=record_type(self.grammar))
        sentences["label"] = symbols
        for leap in self._leaps:
            symbols = leap.draw(source, symbols)
        sentences["tokens"] = symbols.reshape(CHUNK, -1)
        return sentences

    def chunks(self, size: int) -> Iterator[NDArray[np.void]]:
        """The first `size` sentences, a chunk at a time."""
        for index in range(-(-size // CHUNK)):
            yield self.chunk(index)[: size - index * CHUNK]

    def take(self, size: int) -> NDArray[np.void]:
        """The first `size` sentences, shape ``(size,)``."""
        sentences = np.empty(size, record_type(self.grammar))
        opaque = np.dtype((np.void, sentences.dtype.itemsize))  # copied whole, not field by field
        for index, part in enumerate(self.chunks(size)):
            here = slice(index * CHUNK, index * CHUNK + len(part))
            sentences.view(opaque)[here] = part.view(opaque)
        return sentences

    def write(self, path: Path, size: int) -> None:
        """Write the first `size` sentences as one ``.npy`` file; memory is flat in `size`."""
        write_sentences(path, self.grammar, size, self.chunks(size))


def write_sentences(
    path: Path, grammar: Grammar, size: int, parts: Iterable[NDArray[np.void]]
) -> None:
    """Write `size` sentences, some at a time, as one ``.npy`` file."""

    def fill(aside: Path) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(record_type(grammar)),
            "fortran_order": False,
            "shape": (size,),
        }
        with aside.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                # not tofile, whose error on a full disk does not say so
                file.write(part.view(np.uint8).data)

    write_aside(path, fill)


@dataclass(frozen=True)
class _Leap:
    """All derivations from the symbols of one level to a level below, and a way to choose one.

    Attributes
    ----------
    derived
        The symbols below, ``(symbols * K, width)``, ``K`` derivations of each symbol above.
    packed
        The same rows as one integer each, where an integer is wide enough: they are faster to
        gather.
    derivations
        ``K``.
    keep, other
        For derivations of unequal probability, the alias method (Walker 1977): of the ``K`` of a
        symbol one is chosen uniformly and kept with probability ``keep * 2**-32``, else replaced by
        `other`. ``(K,)`` if all symbols are alike, else ``(symbols * K,)``; None if uniform.
    """

    derived: NDArray[np.unsignedinteger]
    packed: NDArray[np.unsignedinteger] | None
    derivations: int
    keep: NDArray[np.uint64] | None
    other: NDArray[np.int64] | None

    def draw(
        self, source: np.random.Philox, symbols: NDArray[np.integer]
    ) -> NDArray[np.unsignedinteger]:
        """A derivation of each symbol, ``(N,)`` to ``(N * width,)``."""
        chosen = self._choose(source, symbols.ravel())
        if self.packed is None:
            return self.derived.take(chosen, axis=0).ravel()
        return np.asarray(self.packed.take(chosen).view(self.derived.dtype))

    def _choose(self, source: np.random.Philox, symbols: NDArray[np.integer]) -> NDArray[np.int64]:
        """Rows of the table, ``(N,)``."""
        start = symbols * np.int64(self.derivations)
        if self.keep is None or self.other is None:
            return _below(source, len(symbols), self.derivations) + start
        random = source.random_raw(len(symbols))
        # the upper half chooses, the lower half decides whether to keep it
        chosen = _scaled(random >> _HALF, self.derivations)
        shared = len(self.keep) == self.derivations
        row = chosen if shared else chosen + start
        replaced = (random & _LOWER) >= self.keep.take(row)
        chosen = np.where(replaced, self.other.take(row), chosen)
        return chosen + start


_HALF, _LOWER = np.uint64(32), np.uint64(2**32 - 1)


def _scaled(random: NDArray[np.unsignedinteger], count: int) -> NDArray[np.int64]:
    """Numbers below `count` from random 32 bits; each has its probability within ``2**-32``."""
    product = np.multiply(random, np.uint64(count), dtype=np.uint64)
    product >>= _HALF
    return np.asarray(product.view(np.int64))


def _below(source: np.random.Philox, size: int, count: int) -> NDArray[np.int64]:
    """`size` numbers below `count`, equally likely."""
    halves = source.random_raw(-(-size // 2)).view(np.uint32)
    return _scaled(halves[:size], count)


def _draw_roots(source: np.random.Philox, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Root symbols of a chunk, ``(CHUNK,)``."""
    if np.ptp(probabilities) == 0:
        return _below(source, CHUNK, len(probabilities))
    edges = np.cumsum(probabilities)[:-1]
    uniform = source.random_raw(CHUNK) * 2.0**-64
    return np.searchsorted(edges, uniform, side="right")


def leaps(grammar: Grammar) -> list[_Leap]:
    """Leaps from the root down to the tokens, each over as many levels as its table may hold."""
    found: list[_Leap] = []
    bottom = 0
    while bottom < grammar.parameters.L:
        top = bottom + 1
        while top < grammar.parameters.L and _entries(grammar, top + 1, bottom) <= _TABLE:
            top += 1
        found.insert(0, _leap(grammar, top, bottom))
        bottom = top
    return found


def _entries(grammar: Grammar, top: int, bottom: int) -> float:
    """Numbers in the table of a leap."""
    derivations, width = 1.0, 1
    for level in range(top, bottom, -1):
        derivations *= float(grammar.rules_of(level).shape[1]) ** width
        width *= grammar.parameters.s
    return len(grammar.rules_of(top)) * derivations * width


def _leap(grammar: Grammar, top: int, bottom: int) -> _Leap:
    count = len(grammar.rules_of(top))
    derived = np.arange(count).reshape(count, 1, 1)
    probability = np.ones((count, 1))
    for level in range(top, bottom, -1):
        rules, weights = grammar.rules_of(level), grammar.probabilities_of(level)
        below = np.empty((*derived.shape[:2], 1, 0), dtype=np.int64)
        product = probability[:, :, None]
        for node in range(derived.shape[2]):
            parents = derived[:, :, node]
            m = rules.shape[1]
            children = np.tile(rules[parents], (1, 1, below.shape[2], 1))
            below = np.concatenate([np.repeat(below, m, axis=2), children], axis=3)
            product = (product[..., None] * weights[parents][:, :, None]).reshape(
                *derived.shape[:2], -1
            )
        derived = below.reshape(count, -1, below.shape[3])
        probability = product.reshape(count, -1)
    K, width = derived.shape[1:]
    rows = np.ascontiguousarray(
        derived.reshape(-1, width), dtype=unsigned_type(grammar.parameters.v[bottom])
    )
    size = rows.dtype.itemsize * width
    packed = rows.view(f"u{size}")[:, 0] if size in (1, 2, 4, 8) else None
    if not np.ptp(probability, axis=0).any():
        probability = probability[:1]
    if np.allclose(probability, 1.0 / K, rtol=1e-12):
        return _Leap(rows, packed, K, None, None)
    tables = [_alias(row) for row in probability]
    keep, other = (np.concatenate(part) for part in zip(*tables))
    return _Leap(rows, packed, K, keep, other)


def _alias(probability: NDArray[np.float64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Tables of the alias method, ``(K,)`` each, by Vose's algorithm (1991)."""
    total = probability.sum()
    # a symbol without rules only fills up its level: it is never drawn
    scaled = (
        (probability / total * len(probability)).tolist() if total else [1.0] * len(probability)
    )
    other = np.arange(len(scaled))
    small = [i for i, p in enumerate(scaled) if p < 1]
    large = [i for i, p in enumerate(scaled) if p >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        other[low] = high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    for rest in (*small, *large):  # one, but for rounding
        scaled[rest] = 1.0
    keep = np.array([round(min(p, 1.0) * 2**32) for p in scaled], dtype=np.uint64)
    return keep, other


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
