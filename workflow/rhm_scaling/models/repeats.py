"""Subtrees that repeat within a batch: where they are worth a search, and which are distinct."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .layers import Shape

Numbers = NDArray[np.int64]

# What a search costs in operations of matrix products that a CPU's thread could do meanwhile,
# roughly: for a level of a replica, for a subtree, and for a number handed on to the level above
_SEARCH, _LOOK, _HAND_ON = 4e6, 1500, 50
_UNEVEN = 1.1  # products of odd numbers of rows take so much longer
# Products of rows of other lengths depend, in the last bit, on where in memory the rows begin, and
# so on the replicas before them
_ALIGNED = 16
_TABLE = 2**22  # entries of the largest table in which distinct tuples are looked up


@lru_cache
def repeating_levels(shape: Shape, batch: int) -> int:
    """How many of a CNN's lowest levels to compute once for every distinct subtree of a batch.

    Zero, or at least two: the lowest alone is not worth it. Told from the grammar, the width and
    the batch's size alone, so that it is the same for a replica in every pack; zero where rows
    would not be aligned. Of ``n`` draws among ``S`` equally likely strings,
    ``S (1 - exp(-n / S))`` are distinct; other probabilities leave fewer.
    """
    if shape.width % _ALIGNED or shape.s * shape.v % _ALIGNED:
        return 0
    below, saved, gains = shape.v, 0.0, {0: 0.0}
    for level, strings in enumerate(shape.strings, 1):
        if strings == math.inf:
            break  # nothing repeats from here on
        subtrees = batch * shape.s ** (shape.L - level)
        # the mask makes strings of their own of those at the end of a sentence
        known = sum(-strings * math.expm1(-n / strings) for n in (subtrees - batch, batch))
        passes = 2 if level == 1 else 3  # tokens have no gradient
        operations = passes * 2 * shape.s * below * shape.width
        saved += (subtrees - _UNEVEN * known) * operations - _LOOK * subtrees - _SEARCH
        if level > 1:
            gains[level] = saved - _HAND_ON * subtrees * shape.width
        below = shape.width
    return max(gains, key=gains.__getitem__)


def distinct(tuples: Numbers) -> tuple[Numbers, Numbers, list[int]]:
    """Distinct tuples of every replica.

    Parameters
    ----------
    tuples
        ``(R, N, s)``.

    Returns
    -------
    first, number, counts
        The distinct tuples, of one replica after the other, ``(sum(counts), s)``; which of them
        each tuple is, ``(R * N,)``; how many each replica has. A replica's are in an order that
        does not depend on the others.
    """
    R, N, s = tuples.shape
    own = tuples - tuples.reshape(R, -1).min(1)[:, None, None]
    values = int(own.max()) + 1
    codes, size = np.repeat(np.arange(R), N), R
    for child in own.reshape(-1, s).T:
        codes, size = codes * values + child, size * values
        if size > _TABLE:
            codes = np.unique(codes, return_inverse=True)[1]
            size = int(codes.max()) + 1
    # of equal tuples the last one stands for all: quicker than to sort them
    place, table = np.arange(R * N), np.empty(size, np.int64)
    table[codes] = place
    last = table[codes]
    stands = last == place
    number = stands.cumsum() - 1
    counts: list[int] = stands.reshape(R, N).sum(1).tolist()
    return tuples.reshape(-1, s)[stands], number[last], counts
