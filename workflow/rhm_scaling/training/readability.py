"""Whether true symbols can be read linearly from codes, in a way that serves their synonyms too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Nodes = tuple[NDArray[np.floating], Integers, Integers]

_RIDGE = 1e-3  # of the probe, in units of the variance of a code's numbers


def readable(known: Nodes, asked: Nodes, symbols: int) -> float:
    """How well a linear probe reads symbols from codes of tuples that it has not been fitted on.

    The synonyms of a symbol (its different tuples) are parted into two halves. A probe is fitted on
    the nodes of one half, and asked for those of the other, and the other way round. One if it
    names them all; zero if it does no better than the most frequent symbol (less than that is
    possible). NaN if no symbol has synonyms. (A probe that has seen all tuples would not do: the
    codes of an untrained network tell a few hundred tuples apart, and so their symbols.)

    Parameters
    ----------
    known, asked
        Of the nodes that the probe is fitted on, and of those that it is asked for: codes
        ``(N, nodes, K)``, true symbols ``(N, nodes)`` and those of their children
        ``(N, nodes*s)``.
    symbols
        Of the level.
    """
    fitted, tested = _flat(*known), _flat(*asked)
    tuples, numbers = np.unique(np.concatenate([fitted[2], tested[2]]), axis=0, return_inverse=True)
    # rows are sorted by their symbol first, so that every other one is half of its synonyms
    first = np.searchsorted(tuples[:, 0], tuples[:, 0])
    halves = ((np.arange(len(tuples)) - first) % 2)[numbers.ravel()]
    mine, other = np.split(halves, [len(fitted[0])])
    right, total = 0, 0
    for half in (0, 1):
        learnt, wanted = mine == half, other != half
        both = np.isin(tested[1], fitted[1][learnt]) & wanted
        if both.any():
            read = _probe(fitted[0][learnt], fitted[1][learnt], symbols, tested[0][both])
            right += int((read == tested[1][both]).sum())
            total += int(both.sum())
    if not total:
        return float("nan")
    chance = np.bincount(tested[1]).max() / len(tested[1])
    return float((right / total - chance) / (1.0 - chance)) if chance < 1.0 else float("nan")


def _flat(
    codes: NDArray[np.floating], symbols: Integers, below: Integers
) -> tuple[Array, Integers, Integers]:
    """Codes, symbols, and rows of a symbol and its children, a node a row."""
    named = np.column_stack([symbols.ravel(), below.reshape(symbols.size, -1)])
    return codes.reshape(-1, codes.shape[-1]).astype(np.float64), symbols.ravel(), named


def _probe(codes: Array, symbols: Integers, classes: int, asked: Array) -> Integers:
    """Symbols of the `asked` codes, by least squares onto one-hot vectors."""
    mean, scale = codes.mean(axis=0), codes.std(axis=0) + 1e-6
    x = (codes - mean) / scale
    wanted = np.eye(classes)[symbols]
    offset = wanted.mean(axis=0)
    gram = x.T @ x / len(x) + _RIDGE * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (wanted - offset) / len(x))
    return np.asarray(((asked - mean) / scale @ weights + offset).argmax(axis=1))
