"""Sentences without replacement: no sentence twice, none of the test set in training.

The distinct sentences of a stream, in the order in which they first come, so prefix-stable as the
stream is. The test set has those of its own stream; the validation set those of its stream that are
not in the test set; a training set those that are in neither, so memorising cannot help.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.hashing import seed_from
from .model import Grammar, Parameters
from .sampling import CHUNK, Stream, record_type, write_sentences

_AT_A_TIME = 64  # chunks compared at a time, at most: so that memory stays flat
# Sentences are drawn and repeats rejected: the probability of all those that are taken, so that at
# least one draw in twenty is new
_TAKEN = 0.95
_MOST_DRAWN = 64  # draws a sentence; only a grammar whose tuples have several parents needs more
_ORDERS = 1 + 2.0 ** (np.arange(-16, 41) / 4)  # of the sums of powers in `most_distinct`

Codes = NDArray[np.uint64]


@dataclass(frozen=True)
class DistinctStream:
    """The distinct sentences of a stream that are in none of some other sets.

    Attributes
    ----------
    stream
        The stream that they are drawn from.
    apart_from
        By the name of another stream of the same sample, how many of its sentences are left out:
        the first distinct ones, of the streams named later none that an earlier one has.
    """

    stream: Stream
    apart_from: tuple[tuple[str, int], ...] = ()

    @cached_property
    def _left_out(self) -> Codes:
        """Codes of the sentences of the other sets, sorted."""
        *before, (name, size) = self.apart_from
        stream = Stream(self.stream.grammar, self.stream.rule_seed, self.stream.sample_seed, name)
        other = DistinctStream(stream, tuple(before))
        found = [self._codes(part) for part in other.chunks(size)]
        before_it = [other._left_out] if before else []
        return np.sort(np.concatenate([*before_it, *found, np.empty(0, np.uint64)]))

    def chunks(self, size: int) -> Iterator[NDArray[np.void]]:
        """The first `size` sentences, some at a time.

        Raises
        ------
        ValueError
            If the language has too few for sampling to end (`most_distinct`).
        """
        known = self._left_out if self.apart_from else np.empty(0, np.uint64)
        missing, index = size, 0
        most = _MOST_DRAWN * (-(-size // CHUNK) + len(known) // CHUNK)
        while missing:
            if index > most:
                raise ValueError(
                    f"{index * CHUNK} sentences of the stream {self.stream.name} hold "
                    f"{size - missing} distinct ones, {size} are needed"
                )
            # never too few: what the stream has is taken in its order, however it is cut
            count = min(-(-missing // CHUNK), _AT_A_TIME)
            drawn = np.concatenate([self.stream.chunk(i) for i in range(index, index + count)])
            index += count
            codes, first = np.unique(self._codes(drawn), return_index=True)
            place = np.searchsorted(known, codes)
            new = np.append(known, 0)[place] != codes
            new |= place == len(known)
            known = np.insert(known, place[new], codes[new])
            rows = np.sort(first[new])[:missing]
            missing -= len(rows)
            opaque = np.dtype((np.void, drawn.dtype.itemsize))  # copied whole, not field by field
            yield drawn.view(opaque)[rows].view(drawn.dtype)

    def take(self, size: int) -> NDArray[np.void]:
        """The first `size` sentences, shape ``(size,)``; errors as in `chunks`."""
        nothing = np.empty(0, record_type(self.stream.grammar))
        return np.concatenate([nothing, *self.chunks(size)])

    def write(self, path: Path, size: int) -> None:
        """Write the first `size` sentences as one ``.npy`` file; errors as in `chunks`."""
        write_sentences(path, self.stream.grammar, size, self.chunks(size))

    def _codes(self, sentences: NDArray[np.void]) -> Codes:
        """A number for each sentence's tokens, ``(N,)``.

        Different for different sentences, if 64 bits hold them. If not, two that share a number
        count as one: of a million sentences, one is lost in one of millions of sets.
        """
        tokens, kind = sentences["tokens"], np.uint64
        return np.asarray(np.einsum("ij,j->i", tokens, self._factors, dtype=kind, casting="unsafe"))

    @cached_property
    def _factors(self) -> Codes:
        """What the tokens of a sentence are multiplied by, ``(d,)``."""
        parameters = self.stream.grammar.parameters
        if parameters.d * math.log2(parameters.v[0]) <= 64:
            return np.uint64(parameters.v[0]) ** np.arange(parameters.d, dtype=np.uint64)
        return np.random.Philox(key=seed_from("distinct")).random_raw(parameters.d) | np.uint64(1)


def most_distinct(grammar: Parameters | Grammar) -> float:
    """How many distinct sentences can be sampled, of all sets together, at twenty draws each.

    The ``D`` most probable sentences together have at most the probability ``0.95``: by Hölder's
    inequality for every order ``a > 1`` at most ``D**(1 - 1/a) (sum_x p(x)**a)**(1/a)``, whose sum
    is a product over the nodes of the tree. With uniform rules that is 95 % of the language
    (exact at infinite order), with Zipf rules less. Sentences that several derivations make count
    as several.
    """
    logs = _log_sums(grammar)
    finite = (_ORDERS * math.log(_TAKEN) - logs[:-1]) / (_ORDERS - 1)
    largest = max(float(finite.max()), math.log(_TAKEN) - float(logs[-1]))
    return math.exp(min(largest, 700.0))


def _log_sums(grammar: Parameters | Grammar) -> NDArray[np.float64]:
    """``log sum_x p(x)**a`` over the derivations at all `_ORDERS`; last, ``log max p(x)``."""
    if isinstance(grammar, Parameters):
        logs = np.append(1 - _ORDERS, -1.0) * math.log(grammar.n)
        for level in range(1, grammar.L + 1):
            # all symbols of a level have the same probabilities: only rules and ranks matter
            logs += grammar.s ** (grammar.L - level) * _of_rules(
                np.log(grammar.probabilities(level))
            )
        return logs
    below = np.zeros((len(_ORDERS) + 1, grammar.parameters.v[0]))
    with np.errstate(divide="ignore"):
        for rules, weights in zip(grammar.rules, grammar.probabilities):
            below = _of_rules(np.log(weights), below[:, rules].sum(axis=-1))
        return _of_rules(np.log(grammar.root), below)


def _of_rules(
    logs: NDArray[np.float64], below: float | NDArray[np.float64] = 0.0
) -> NDArray[np.float64]:
    """Of each order, the logarithm of the sum over rules, the last axis; last, that of the most."""
    powers = _ORDERS.reshape(-1, *[1] * logs.ndim) * logs
    if isinstance(below, float):
        return np.append(np.logaddexp.reduce(powers, axis=-1), logs.max())
    summed = np.logaddexp.reduce(powers + below[:-1], axis=-1)
    return np.concatenate([summed, (logs + below[-1]).max(axis=-1)[None]])
