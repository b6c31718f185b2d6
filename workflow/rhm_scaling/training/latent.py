"""A learner without a network that predicts the code of a tuple's sibling, level by level.

Tuples made by the same symbol (synonyms) have siblings with the same distribution of symbols. So
tuples are grouped by their counts with their siblings', the groups are the codes by which siblings
are counted again, until no group changes, and one level up the groups are the symbols. The label is
not used below the root, and siblings are next to each other at every level, so the number of
sentences that it takes does not grow with depth (arXiv:2605.27734, of which only a summary was at
hand).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist

# a public name would change the identity of all that has been counted
from .counting import Array, Codebook, CountingLearner, Integers, _numbers

_LINKED = 512  # most frequent tuples, from which the groups start: linkage is quadratic in them
_SEEN_APART = 511  # most frequent tuples that are told apart as siblings at first
_ROUNDS = 8  # at most; two or three are usual


def fit(
    tokens: NDArray[np.integer],
    labels: NDArray[np.integer],
    *,
    v: Sequence[int],
    s: int,
    classes: int,
) -> CountingLearner:
    """Recover the symbols of the levels ``1..L-1``, and count labels by those below the root.

    Parameters and what is raised are those of `CountingLearner.fit`. Positions are pooled.
    """
    # refuses what this refuses: no sentences, other lengths, more tuples than can be numbered
    CountingLearner.fit(
        "classification", tokens[:1], labels[:1], v=v, s=s, classes=classes, sharing=True
    )
    codes = tokens.astype(np.int64)
    codebooks: list[Codebook] = []
    for below, symbols in pairwise(v):
        book = learn(codes, v=below, symbols=symbols, s=s)
        codebooks.append(book)
        codes = book.read(codes)
    given = labels.astype(np.int64)
    return CountingLearner("classification", tuple(v), s, classes, tuple(codebooks), codes, given)


def learn(codes: Integers, *, v: int, symbols: int, s: int) -> Codebook:
    """Group the `s`-tuples of `codes`, ``(P, nodes*s)``, below `symbols`, by their siblings.

    The first groups are by the siblings themselves, tuple by tuple; the next by their groups.
    """
    tuples, places = np.unique(_numbers(codes, v, s, sharing=True), return_inverse=True)
    siblings = places.reshape(-1, s)
    seen = _most_frequent(siblings, len(tuples))
    groups = _cluster(_count(siblings, seen, len(tuples)), symbols)
    for _ in range(_ROUNDS):
        found = _cluster(_count(siblings, groups, len(tuples)), symbols)
        if np.array_equal(_named(found), _named(groups)):
            break
        groups = found
    return Codebook(v, symbols, s, True, tuples, groups)


def _most_frequent(siblings: Integers, tuples: int) -> Integers:
    """Codes by which tuples are told apart, ``(T,)``; rare ones of very many share one."""
    if tuples <= _SEEN_APART:
        return np.arange(tuples)
    seen = np.bincount(siblings.ravel(), minlength=tuples)
    codes = np.full(tuples, _SEEN_APART)
    codes[np.argsort(-seen, kind="stable")[:_SEEN_APART]] = np.arange(_SEEN_APART)
    return codes


def _count(siblings: Integers, codes: Integers, tuples: int) -> Array:
    """How often a tuple has siblings of each code, ``(T, s*(s-1), codes)``, at each pair of places.

    `siblings` are the numbers of the tuples below each parent, ``(parents, s)``.
    """
    s, classes = siblings.shape[1], int(codes.max()) + 1
    pairs = [(one, other) for one in range(s) for other in range(s) if one != other]
    counts = [
        np.bincount(
            siblings[:, one] * classes + codes[siblings[:, other]], minlength=tuples * classes
        ).reshape(tuples, classes)
        for one, other in pairs
    ]
    return np.stack(counts, axis=1).astype(np.float64)


def _cluster(counts: Array, groups: int) -> Integers:
    """Groups of tuples whose siblings have equal codes, ``(T,)``: counts are ``(T, pairs, codes)``.

    Ward's linkage of the most frequent tuples by the directions in which their frequencies differ
    from the mean: how far a rare one is from it tells of noise. Then each tuple goes to the group
    under which its counts are most probable.
    """
    if len(counts) <= groups:
        return np.arange(len(counts))
    overall = counts.sum(axis=0) + 0.5
    overall /= overall.sum(axis=1, keepdims=True)
    linked = counts[np.argsort(-counts.sum(axis=(1, 2)), kind="stable")[:_LINKED]]
    # the square root of a frequency has the same noise whatever its size
    points = np.sqrt(_shrunk(linked, overall)).reshape(len(linked), -1)
    points -= points.mean(axis=0)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    tree = hierarchy.ward(pdist(points))
    members = np.eye(groups)[hierarchy.fcluster(tree, groups, "maxclust") - 1]
    profiles = np.log(_shrunk(np.tensordot(members, linked, (0, 0)), overall))
    likelihood = np.tensordot(counts, profiles, ((1, 2), (1, 2)))
    return np.asarray(likelihood.argmax(axis=1))


def _shrunk(counts: Array, overall: Array) -> Array:
    """Frequencies of codes, shrunk to the `overall` ones by one count."""
    return np.asarray((counts + overall) / (counts.sum(axis=-1, keepdims=True) + 1))


def _named(groups: Integers) -> Integers:
    """The same groups, named in the order in which they come."""
    _, first, names = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[names])
