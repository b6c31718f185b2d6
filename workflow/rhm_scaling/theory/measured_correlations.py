"""Correlations as ``P`` sentences show them, beside the exact ones and the noise of sampling.

The argument of arXiv:2406.00048 and arXiv:2505.07070 (of arXiv:2505.07067 for labels), measured:
the tuples that a learner has to tell apart have correlations ``C(tuple, x)`` with the target, whose
estimates from ``P`` sentences have a noise of variance ``P(tuple) P(x)/P``. A level can be learnt
where the noise falls below the signal: their lines cross at the threshold ``P_l``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.hashing import seed_from
from ..grammar.derivations import Derivations
from ..grammar.model import Grammar
from ..grammar.sampling import Stream
from ..grammar.tasks import Task
from .complexities import Learner, half_rank, ranked_level
from .correlations import ROUNDING, rank_probabilities, with_label, with_last_token
from .lookup import Lookup, Tuples

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = [
    *("learner", "level", "rank", "train_size", "cells"),
    *("signal", "noise", "expected", "measured"),
]
_SMALLEST, _LARGEST = 2**4, 2**17  # sentences
_TOKENS = 2**23  # that are drawn in all
_WEIGHTS = 2**26  # that are looked at in all, where rules have to be drawn one by one
_CELLS = 2**24  # of the tables of counts; larger ones are not filled


@dataclass(frozen=True)
class Pairs:
    """Tuples of one rank, at all positions that tell of one level, with the target.

    Attributes
    ----------
    learner, level, rank
        Whose tuples, of which level they tell, and their rank from 1: the one that completes half
        of the rules' probability, which decides the threshold.
    below
        The level of the symbols that make up the tuples.
    positions
        Of the tuples among those of that level.
    numbers
        Of the tuples, among all of the level (`lookup.Tuples`), ``(T,)``.
    joints
        ``P(tuple, target)`` at each position, ``(T, X)``.
    marginals
        ``P(tuple)``, ``(T,)``, and ``P(target)``, ``(X,)``, at each position.
    """

    learner: Learner | None
    level: int
    rank: int
    below: int
    positions: range
    numbers: Integers
    joints: list[Array]
    marginals: list[tuple[Array, Array]]


def pairs(grammar: Grammar, task: Task) -> Iterator[tuple[Tuples, Pairs]]:
    """What each learner has to see for each level from 2, or for the class.

    The transformer the tuples of tokens whose lowest common ancestor with the last token is of that
    level; the CNN the tuples of symbols of level ``l-2`` beside the last branch; both, for a class,
    all tuples of tokens. None for the autoregressive task.
    """
    s, L = grammar.parameters.s, grammar.parameters.L
    if task == "classification":
        positions = range(s ** (L - 1))
        yield _pairs(grammar, None, 1, 1, positions, with_label(grammar))
    if task != "last_token":
        return
    for learner in get_args(Learner):
        for level in range(2, L + 1):
            made_by = ranked_level(level, learner)
            nodes = s ** (L - made_by)
            positions = range(nodes - s ** (level - made_by), nodes - s ** (level - 1 - made_by))
            joints = with_last_token(grammar, level, made_by)
            yield _pairs(grammar, learner, level, made_by, positions, joints)


def _pairs(
    grammar: Grammar,
    learner: Learner | None,
    level: int,
    made_by: int,
    positions: range,
    joints: Iterator[Array],
) -> tuple[Tuples, Pairs]:
    tuples, weights = Tuples(grammar, made_by), grammar.probabilities_of(made_by)
    symbol, rank, place = tuples.of_rules
    half = half_rank(rank_probabilities(grammar, made_by))
    _, first = np.unique(place, return_index=True)  # a tuple counts once, at its lowest rank
    numbers = np.flatnonzero(rank[first] == half)
    produced = np.zeros((len(tuples.rows), len(weights)))  # p(tuple | symbol)
    np.add.at(produced, (place, symbol), weights[symbol, rank])
    produced = produced[numbers]
    found, marginals = [], []
    for joint in joints:
        found.append(produced @ joint)
        marginals.append((produced @ joint.sum(axis=1), joint.sum(axis=0)))
    made = Pairs(learner, level, half + 1, made_by - 1, positions, numbers, found, marginals)
    return tuples, made


@dataclass(frozen=True)
class Moments:
    """Sums over all tuples, targets and positions; `cells` is their number.

    ``signal`` of squared correlations, ``noise`` of the papers' variance for one sentence,
    ``fourth`` of ``E[(1_tuple - p)^2 (1_x - p)^2]``, ``second`` of the products of variances.
    """

    cells: int
    signal: float
    noise: float
    fourth: float
    second: float

    @classmethod
    def of(cls, known: Pairs) -> Moments:
        """The exact ones."""
        sums = np.zeros(4)
        for joint, (p, q) in zip(known.joints, known.marginals):
            p = p[:, None]
            chance = p * q
            signal = float(((joint - chance) ** 2).sum())
            signal = 0.0 if signal < ROUNDING * (chance**2).sum() else signal
            fourth = joint * (1 - 2 * p) * (1 - 2 * q) + chance * (q + p - 3 * chance)
            second = chance * (1 - p) * (1 - q)
            sums += signal, chance.sum(), fourth.sum(), second.sum()
        return cls(sum(joint.size for joint in known.joints), *sums.tolist())

    def variance(self, P: Array) -> Array:
        """Summed variance of the sample covariances of ``P`` sentences: exact at any number."""
        return np.asarray(
            self.fourth / P - (P - 2) / (P * (P - 1)) * self.signal + self.second / (P * (P - 1))
        )


def measured_correlations(grammar: Grammar, task: Task, rule_seed: int = 0) -> pd.DataFrame:
    """Root mean squares over tuples, targets and positions, a row a number of sentences.

    Columns `COLUMNS`: ``signal`` is that of the exact correlations, ``noise`` that of the papers'
    ``sqrt(P(tuple) P(x)/P)``; they cross at the threshold ``P_l`` (`correlations.threshold`).
    ``measured`` is that of the covariances of one sample of ``train_size`` sentences, unbiased
    (divided by ``P - 1``); on average its square is that of ``expected``, of which the squared
    signal and the exact variance of those covariances are the sum; NaN where counts would not fit.

    `rule_seed` names the sentences. Seconds, as their number shrinks with the sentence's length.
    """
    tables: list[pd.DataFrame] = []
    known = list(pairs(grammar, task))
    if not known:
        return pd.DataFrame(columns=COLUMNS)
    symbols = _symbols(grammar, rule_seed)
    sizes = 2 ** np.arange(np.log2(_SMALLEST), np.log2(len(symbols[0])) + 1e-9).astype(np.int64)
    for tuples, wanted in known:
        target = symbols[-1][:, 0] if task == "classification" else symbols[0][:, -1]
        exact = Moments.of(wanted)
        P = sizes.astype(float)
        squares = {
            "signal": np.full(len(P), exact.signal),
            "noise": exact.noise / P,
            "expected": exact.signal + exact.variance(P),
            "measured": _squares(tuples, wanted, symbols, target, sizes),
        }
        cells = max(exact.cells, 1)
        rms = {name: np.sqrt(np.maximum(values, 0.0) / cells) for name, values in squares.items()}
        same = {"learner": wanted.learner, "level": wanted.level, "rank": wanted.rank}
        tables.append(pd.DataFrame({**same, "train_size": sizes, "cells": exact.cells, **rms}))
    return pd.concat(tables)[COLUMNS]


def _symbols(grammar: Grammar, rule_seed: int) -> list[Integers]:
    """Hidden symbols of sentences, by level from the tokens, ``(N, nodes)``; ``N`` a power of 2."""
    parameters = grammar.parameters
    count = min(_LARGEST, max(_TOKENS // parameters.d, _SMALLEST))
    if lookup := Lookup.build(grammar):
        count = 2 ** int(np.log2(count))
        tokens = Stream(grammar, rule_seed, 0, "theory").take(count)["tokens"]
        parts = [lookup.parse(tokens[block])[0] for block in lookup.blocks(count)]
        return [np.concatenate(level) for level in zip(*parts)]
    rules = sum(
        grammar.rules_of(level).shape[1] * parameters.s ** (parameters.L - level)
        for level in range(1, parameters.L + 1)
    )
    count = 2 ** int(np.log2(min(count, max(_WEIGHTS // rules, _SMALLEST))))
    source = np.random.Generator(np.random.Philox(seed_from("correlations", rule_seed)))
    parts = [
        list(Derivations.draw(grammar, min(count, 2**10), source).symbols)
        for _ in range(-(-count // 2**10))
    ]
    return [np.concatenate(level) for level in zip(*parts)]


def _squares(
    tuples: Tuples, wanted: Pairs, symbols: list[Integers], target: Integers, sizes: Integers
) -> Array:
    """Summed squares of the covariances of the first sentences, as many as each of `sizes`."""
    T, X = len(wanted.numbers), len(wanted.marginals[0][1])
    if T * X * len(wanted.positions) > _CELLS:
        return np.full(len(sizes), np.nan)
    place = np.full(len(tuples.rows) + 1, T)
    place[wanted.numbers] = np.arange(T)
    s = tuples.rows.shape[1]
    found = np.zeros(len(sizes))
    for position in wanted.positions:
        children = symbols[wanted.below][:, position * s : (position + 1) * s]
        cell = place[tuples.numbers(children)] * X + target
        counts = np.zeros((T + 1) * X)
        for row, (start, size) in enumerate(zip([0, *sizes], sizes)):
            counts += np.bincount(cell[start:size], minlength=len(counts))
            table = counts.reshape(-1, X)
            chance = np.outer(table[:T].sum(axis=1), table.sum(axis=0)) / size
            found[row] += (((table[:T] - chance) / (size - 1)) ** 2).sum()
    return found
