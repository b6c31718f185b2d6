"""Sizes at which sparse grammars are learnt: those of their dense grammars, times a factor.

The label tells of a tuple in a sparse grammar (`grammar.sparse`) what it tells in the dense one,
wherever the tuple stands. One position of level-1 tuples holds one that is not blank in
``(s0+1)**-(L-1)`` of all sentences, and that tuple then stands in one of ``(s0+1)**s`` ways. So
correlations of a tuple, at its position and in its places, are weaker by the product of both, and
so is the noise of their estimate: the number of sentences at which they are seen is larger by
``(s0+1)**(L-1+s)``, exactly, for every rule draw. A learner that shares filters over positions adds
up those that one symbol can come to stand in, and all that is left for it is ``(s0+1)**s``. Both
are held against the correlations of the sparse grammar itself in the tests.

The paper finds ``(s0+1)**L`` for locally connected networks and ``(s0+1)**2`` for CNNs, from
trainings (arXiv:2404.10727); the former it derives from the probability ``(s0+1)**-L`` that a token
is not blank.
"""

from __future__ import annotations

import numpy as np

from ..grammar.model import Parameters
from ..grammar.sparse import dense_of
from .complexities import Array, Learner, classification_thresholds, ensemble_label_complexities


def spread_factor(parameters: Parameters, learner: Learner) -> float:
    """By how much more sentences it takes to see a tuple's correlation with the label.

    Than in the dense grammar; 1 for a dense grammar.
    """
    dense, sparsity = dense_of(parameters)
    above = dense.L - 1 if learner == "transformer" else 0
    return float(sparsity + 1) ** (above + dense.s)


def papers_factor(parameters: Parameters, learner: Learner) -> float:
    """``(s0+1)**L`` without shared filters, ``(s0+1)**2`` with them (arXiv:2404.10727)."""
    dense, sparsity = dense_of(parameters)
    return float(sparsity + 1) ** (dense.L if learner == "transformer" else 2)


def ensemble_label_thresholds(parameters: Parameters, learner: Learner) -> Array:
    """``P_k`` of classification by the dense grammar's level-1 rules, ``(m_1,)``, of any grammar.

    Over rule draws, with all factors (`complexities.ensemble_label_complexities`).
    """
    dense, _ = dense_of(parameters)
    found = ensemble_label_complexities(dense) * spread_factor(parameters, learner)
    return np.asarray(found)


def papers_label_thresholds(parameters: Parameters, learner: Learner) -> Array:
    """``n m^L`` times `papers_factor`; with Zipf rules by rank, ``(m_1,)``."""
    dense, _ = dense_of(parameters)
    return classification_thresholds(dense) * papers_factor(parameters, learner)
