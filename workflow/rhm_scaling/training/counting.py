"""A learner without a network: it counts correlations with the target and groups tuples by them.

Tuples made by the same symbol (synonyms) have the same correlations with a distant target. Counting
these in ``P`` sentences is enough to group the tuples, to write the group's number in their place
and to start again one level up: the way in which deep networks are thought to learn the hierarchy
(arXiv:2307.02129, PRX 2024, for labels; arXiv:2406.00048 for the last token). Where positions are
pooled, what is learnt about a tuple serves all of them, as in a convolutional network; where not,
each position needs its own correlations, as in a transformer (arXiv:2505.07070).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist

from ..grammar.tasks import Task

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_LINKED = 1024  # most frequent tuples, from which the groups start: linkage is quadratic in them


@dataclass(frozen=True, eq=False)
class Codebook:
    """What has been learnt about the tuples of one level.

    Attributes
    ----------
    v, symbols
        Of the level below, which makes up the tuples, and of their own.
    s, sharing
        See `CountingLearner.fit`.
    tuples, groups
        The tuples of training as sorted numbers, ``(T,)``, and their groups below `symbols`,
        ``(T,)``.
    """

    v: int
    symbols: int
    s: int
    sharing: bool
    tuples: Integers
    groups: Integers

    @classmethod
    def learn(
        cls,
        codes: Integers,
        targets: Integers,
        classes: int,
        *,
        v: int,
        symbols: int,
        s: int,
        sharing: bool,
    ) -> Codebook:
        """Group the `s`-tuples of `codes`, ``(P, nodes*s)``, that have no unknown part."""
        numbers = _numbers(codes, v, s, sharing)
        known = (codes < v).reshape(*numbers.shape, s).all(axis=(0, 2))
        positions = np.flatnonzero(known)
        tuples, groups = [], []
        for together in [positions] if sharing else positions[:, None]:
            seen, counts = _count(numbers[:, together], targets, classes)
            tuples.append(seen)
            groups.append(_cluster(counts, symbols))
        return cls(v, symbols, s, sharing, np.concatenate(tuples), np.concatenate(groups))

    def read(self, codes: Integers) -> Integers:
        """Groups of tuples, ``(N, nodes*s)`` to ``(N, nodes)``; `symbols` where unknown."""
        numbers = _numbers(codes, self.v, self.s, self.sharing)
        return np.append(self.groups, self.symbols)[_find(self.tuples, numbers)]


@dataclass(frozen=True, eq=False)
class CountingLearner:
    """Recovers hidden symbols level by level, and predicts by counting what follows them.

    Attributes
    ----------
    task, v, s, classes
        See `fit`.
    codebooks
        Of the levels ``1..L-1``.
    contexts, targets
        The training sentences as predictions see them, ``(P, k)``, and their targets, ``(P,)``.
    """

    task: Task
    v: tuple[int, ...]
    s: int
    classes: int
    codebooks: tuple[Codebook, ...]
    contexts: Integers
    targets: Integers

    @classmethod
    def fit(
        cls,
        task: Task,
        tokens: NDArray[np.integer],
        targets: NDArray[np.integer],
        *,
        v: Sequence[int],
        s: int,
        classes: int,
        sharing: bool,
    ) -> CountingLearner:
        """Learn from sentences; nothing is known of the rules but `v` and `s`.

        Parameters
        ----------
        task
            ``classification`` or ``last_token``.
        tokens, targets
            Sentences, ``(P, d)``, and their labels or last tokens, ``(P,)``. In last-token
            prediction the last column of `tokens` is ignored.
        v, s, classes
            Symbols of the levels ``0..L-1``, branching, classes of the target.
        sharing
            Whether the positions of a level are pooled.

        Raises
        ------
        ValueError
            If the task is autoregressive, there is no sentence, ``d`` is not `s` to the power of
            the number of levels, or ``(v+1)**s d`` exceeds an integer of 64 bits.
        """
        _check(task, tokens)
        d = tokens.shape[1]
        if d != s ** len(v):
            raise ValueError(f"sentences of {d} tokens, not of s**L = {s}**{len(v)}")
        if d * (max(v) + 1) ** s > np.iinfo(np.int64).max:
            raise ValueError(f"v = {max(v)}, s = {s}: more tuples than can be numbered")
        codes, answers = [_leaves(task, tokens, v[0])], targets.astype(np.int64)
        codebooks: list[Codebook] = []
        for below, symbols in pairwise(v):
            book = Codebook.learn(
                codes[-1], answers, classes, v=below, symbols=symbols, s=s, sharing=sharing
            )
            codebooks.append(book)
            codes.append(book.read(codes[-1]))
        contexts = _contexts(task, codes, s)
        return cls(task, tuple(v), s, classes, tuple(codebooks), contexts, answers)

    def codes(self, tokens: NDArray[np.integer]) -> list[Integers]:
        """Recovered symbols of the levels ``1..L-1``, each ``(N, nodes)``.

        They are named by group, from 0; the level's number of symbols stands for a tuple that
        training did not have, and for the last node in last-token prediction. Without sharing
        each node has names of its own.
        """
        return self._levels(tokens)[1:]

    def predict(self, tokens: NDArray[np.integer]) -> Array:
        """Probabilities of the target, ``(N, classes)``, from sentences, ``(N, d)``.

        Last-token contexts are the codes of the siblings of the last branch, level after level
        from the tokens up; a label's are those of the root's children.
        """
        contexts = _contexts(self.task, self._levels(tokens), self.s)
        return backoff(self.contexts, self.targets, contexts, self.classes)

    def _levels(self, tokens: NDArray[np.integer]) -> list[Integers]:
        levels = [_leaves(self.task, tokens, self.v[0])]
        for book in self.codebooks:
            levels.append(book.read(levels[-1]))
        return levels


def ngram(
    task: Task,
    tokens: NDArray[np.integer],
    targets: NDArray[np.integer],
    test: NDArray[np.integer],
    *,
    classes: int,
) -> Array:
    """Probabilities of the target from the nearest tokens: the control that has no hierarchy.

    It counts what follows the last ``0, 1, 2, ...`` tokens, up to all of them (see `backoff`).

    Learns from `tokens` and `targets` (parameters and errors as in `CountingLearner.fit`) and
    predicts for the sentences `test`, ``(N, d)``. Shape ``(N, classes)``.
    """
    _check(task, tokens)
    train, asked = _backwards(task, tokens), _backwards(task, test)
    return backoff(train, targets.astype(np.int64), asked, classes)


def backoff(train: Integers, targets: Integers, test: Integers, classes: int) -> Array:
    """Probabilities of the target from counts in nested contexts.

    A context is a row's first ``c`` columns, ``c = 0..k``. Its estimate is interpolated with that
    of the next shorter one, ``(n(c,x) + T(c) p(x)) / (n(c) + T(c))``, where ``T(c)`` is the number
    of distinct targets seen in it (Witten & Bell 1991, IEEE Trans. Inf. Theory 37:1085, method C).
    The shortest falls back on the uniform distribution, an unseen one on the next shorter; no
    probability is zero.

    Parameters
    ----------
    train, targets
        Training rows, ``(P, k)``, and their targets, ``(P,)``, below `classes`.
    test
        Rows to predict from, ``(N, k)``, to probabilities ``(N, classes)``.
    """
    probabilities = np.full((len(test), classes), 1.0 / classes)
    known, wanted = np.zeros(len(train), np.int64), np.zeros(len(test), np.int64)
    for used in range(test.shape[1] + 1):
        if used:
            column, asked = train[:, used - 1], test[:, used - 1]
            width = 1 + max(column.max(initial=0), asked.max(initial=0))
            known, wanted = known * width + column, wanted * width + asked
        contexts, wanted = np.unique(wanted, return_inverse=True)
        known = _find(contexts, known)
        # a training row whose context no test row has cannot agree with one further on
        common = known < len(contexts)
        known, train, targets = known[common], train[common], targets[common]
        cells = np.bincount(known * classes + targets, minlength=len(contexts) * classes)
        counts = cells.reshape(-1, classes)
        distinct = (counts > 0).sum(axis=1, keepdims=True)
        total = counts.sum(axis=1, keepdims=True) + distinct
        seen = (total > 0)[wanted]
        mixed = counts[wanted] + distinct[wanted] * probabilities
        probabilities = np.where(seen, mixed / np.maximum(total, 1)[wanted], probabilities)
    return probabilities


def recovery(codes: Integers, symbols: Integers, below: Integers, *, pooled: bool) -> float:
    """How well hidden symbols were recovered: whether synonyms, and only they, share a code.

    The fraction of pairs of synonyms (different tuples of one symbol) with equal codes, less that
    of pairs of different symbols. One if every symbol has a code of its own, whatever its name;
    zero, but for the noise of the sample, if codes are constant or tuples are grouped at random.
    NaN if there are no synonyms. (Matching codes to symbols would not do: instances of one tuple
    share a code anyway, so that random groups match far better than a constant.)

    Parameters
    ----------
    codes, symbols
        Codes and true symbols of some nodes of a level, ``(N, nodes)``.
    below
        True symbols of these nodes' children, ``(N, nodes*s)``.
    pooled
        Whether nodes at different positions are compared: only where positions share codes.
    """
    position = np.broadcast_to(0 if pooled else np.arange(symbols.shape[1]), symbols.shape)
    children = np.moveaxis(below.reshape(*symbols.shape, -1), -1, 0)
    same_symbol = _pairs(position, symbols)
    synonyms = same_symbol - _pairs(position, *children)
    others = _pairs(position) - same_symbol
    together = _pairs(position, symbols, codes)
    alike = together - _pairs(position, *children, codes)
    confused = _pairs(position, codes) - together
    return float(alike / synonyms - confused / others) if synonyms and others else float("nan")


def _check(task: Task, tokens: NDArray[np.integer]) -> None:
    if task == "autoregressive":
        raise ValueError("counting needs one target a sentence: the task cannot be autoregressive")
    if not len(tokens):
        raise ValueError("counting needs at least one sentence")


def _leaves(task: Task, tokens: NDArray[np.integer], v: int) -> Integers:
    """Tokens as codes of level 0, ``(N, d)``; the last one is unknown where it is the target."""
    leaves = tokens.astype(np.int64)
    if task == "last_token":
        leaves[:, -1] = v
    return leaves


def _backwards(task: Task, tokens: NDArray[np.integer]) -> Integers:
    """Tokens from the last to the first, nearest to the target first."""
    known = tokens[:, :-1] if task == "last_token" else tokens
    return known[:, ::-1].astype(np.int64)


def _contexts(task: Task, levels: list[Integers], s: int) -> Integers:
    """What predictions are counted from, most useful first, ``(N, k)``, from codes by level."""
    if task == "classification":
        return levels[-1]
    return np.concatenate([codes[:, -2 : -s - 1 : -1] for codes in levels], axis=1)


def _numbers(codes: Integers, v: int, s: int, sharing: bool) -> Integers:
    """One number a tuple, ``(N, nodes)``; without sharing a tuple's position belongs to it."""
    tuples = codes.reshape(len(codes), -1, s)
    numbers = tuples @ (v + 1) ** np.arange(s)
    return numbers if sharing else numbers + (v + 1) ** s * np.arange(tuples.shape[1])


def _find(ordered: Integers, wanted: Integers) -> Integers:
    """Where `wanted` are among the `ordered`, distinct and not negative; else their number."""
    at = np.searchsorted(ordered, wanted)
    return np.where(np.append(ordered, -1)[at] == wanted, at, len(ordered))


def _pairs(*keys: Integers) -> int:
    """Number of ordered pairs of entries that agree in all `keys`."""
    joint = np.zeros(keys[0].size, np.int64)
    for key in keys:
        _, joint = np.unique(joint * (key.max() + 1) + key.ravel(), return_inverse=True)
    return int((np.bincount(joint) ** 2).sum())


def _count(numbers: Integers, targets: Integers, classes: int) -> tuple[Integers, Array]:
    """Distinct tuples, ``(T,)``, and how often each has each target, ``(T, nodes, classes)``."""
    tuples, inverse = np.unique(numbers, return_inverse=True)
    shape = (len(tuples), numbers.shape[1], classes)
    cells = (inverse.reshape(numbers.shape) * shape[1] + np.arange(shape[1])) * classes
    counts = np.bincount((cells + targets[:, None]).ravel(), minlength=int(np.prod(shape)))
    return tuples, counts.reshape(shape).astype(np.float64)


def _cluster(counts: Array, groups: int) -> Integers:
    """Groups of tuples with equal distributions of the target at each position, ``(T,)``.

    Ward's linkage of the most frequent tuples, then each tuple to the group under which its counts
    are most probable: rare ones (Zipf) are too noisy to be linked. Positions weigh by how much
    the target depends on their tuple: far ones, of which there are many, would only add noise.
    """
    if len(counts) <= groups:
        return np.arange(len(counts))
    overall = counts.sum(axis=0) + 0.5
    overall /= overall.sum(axis=1, keepdims=True)
    linked = counts[np.argsort(-counts.sum(axis=(1, 2)), kind="stable")[:_LINKED]]
    # the square root of a frequency has the same noise whatever its size
    points = np.sqrt(_dependence(counts)[:, None] * _shrunk(linked, overall))
    tree = hierarchy.ward(pdist(points.reshape(len(linked), -1)))
    members = np.eye(groups)[hierarchy.fcluster(tree, groups, "maxclust") - 1]
    profiles = np.log(_shrunk(np.tensordot(members, linked, (0, 0)), overall))
    likelihood = np.tensordot(counts, profiles, ((1, 2), (1, 2)))
    return np.asarray(likelihood.argmax(axis=1))


def _shrunk(counts: Array, overall: Array) -> Array:
    """Frequencies of the targets, shrunk to the `overall` ones by a fifth of a count a class."""
    pseudo = 0.2 * counts.shape[-1]
    frequencies = (counts + pseudo * overall) / (counts.sum(axis=-1, keepdims=True) + pseudo)
    return np.asarray(frequencies)


def _dependence(counts: Array) -> Array:
    """How much of each position's chi-square is signal, ``(nodes,)``, from zero to one.

    The positive part of ``1 - (degrees of freedom)/(chi-square)``, as in James-Stein shrinkage.
    """
    rows, columns = counts.sum(axis=2), counts.sum(axis=0)
    expected = rows[:, :, None] * columns / columns.sum(axis=1, keepdims=True)
    terms = (counts - expected) ** 2 / np.where(expected > 0, expected, 1.0)
    chi_square = np.maximum(terms.sum(axis=(0, 2)), 1e-9)
    freedom = ((rows > 0).sum(axis=0) - 1) * ((columns > 0).sum(axis=1) - 1)
    return np.asarray(np.maximum(0.0, 1.0 - freedom / chi_square))
