"""Thresholds of sparse grammars against correlations of the grammars themselves."""

from __future__ import annotations

import numpy as np
import pytest

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sparse import SparseParameters, draw
from rhm_scaling.theory import training_sizes
from rhm_scaling.theory.complexities import classification_thresholds, ensemble_label_complexities
from rhm_scaling.theory.correlations import label_complexities, with_label
from rhm_scaling.theory.sparse import (
    ensemble_label_thresholds,
    papers_label_thresholds,
    spread_factor,
)

CASES = [
    (Parameters.from_keys(v=6, n=4, s=2, L=3, m=3), 1),
    (Parameters.from_keys(v=5, n=4, s=2, L=2, m=2), 3),
    (Parameters.from_keys(v=4, n=3, s=3, L=2, m={1: 3, 2: 2}), 1),
    (Parameters.from_keys(v=6, n=4, s=2, L=2, m=4, zipf={1: 1.0}), 2),
]


def of_tuples(grammar: Grammar, groups: list[list[int]]) -> np.ndarray:
    """``sum P P / sum C**2`` by rank of tuples that are not blank, positions of a group added up.

    By plain sums over symbols; `groups` are positions of level-1 symbols.
    """
    joints = list(with_label(grammar))
    weights = grammar.probabilities_of(1)[:-1]
    noise, signal = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for group in groups:
        for symbol, f in enumerate(weights):
            joint = sum(joints[position][symbol] for position in group)
            apart = sum(
                joints[position][symbol].sum() * joints[position].sum(axis=0) for position in group
            )
            noise += f * apart.sum()
            signal += f**2 * ((joint - apart) ** 2).sum()
    return noise / signal


def places_of_symbols(parameters: SparseParameters) -> list[list[int]]:
    """Positions of level-1 symbols, those together at which one of the dense grammar can stand."""
    size, groups = parameters.sparsity + 1, [[0]]
    for _ in range(parameters.L - 1):
        groups = [
            [at * parameters.s + block * size + place for at in group for place in range(size)]
            for group in groups
            for block in range(parameters.dense.s)
        ]
    return groups


@pytest.mark.parametrize(("dense", "sparsity"), CASES)
def test_a_tuple_at_its_position_is_seen_later_by_the_factor(
    dense: Parameters, sparsity: int
) -> None:
    parameters = SparseParameters.of(dense, sparsity)
    grammar = draw(parameters, 3)
    expected = label_complexities(Grammar.draw(dense, 3)) * spread_factor(parameters, "transformer")
    expected = np.repeat(expected, parameters.places)
    if dense.zipf[0] is None:  # ranks of a file are by probability, and its blank is of the first
        found = label_complexities(grammar)
        np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-9)
        assert found[0] > expected[0]
    positions = [[position] for position in range(parameters.d // parameters.s)]
    np.testing.assert_allclose(of_tuples(grammar, positions), expected, rtol=1e-9)


@pytest.mark.parametrize(("dense", "sparsity"), CASES)
def test_what_is_added_up_over_the_places_of_a_symbol_is_seen_earlier(
    dense: Parameters, sparsity: int
) -> None:
    parameters = SparseParameters.of(dense, sparsity)
    expected = label_complexities(Grammar.draw(dense, 3)) * spread_factor(parameters, "cnn")
    found = of_tuples(draw(parameters, 3), places_of_symbols(parameters))
    np.testing.assert_allclose(found, np.repeat(expected, parameters.places), rtol=1e-9)


def test_powers_of_the_paper_and_of_correlations() -> None:
    dense = Parameters.from_keys(v=8, n=6, s=2, L=3, m=3)
    sparse = SparseParameters.of(dense, 2)
    bare = 6 * 3**3
    assert classification_thresholds(dense) == pytest.approx(bare)
    assert papers_label_thresholds(sparse, "cnn") == pytest.approx(3**2 * bare)
    assert papers_label_thresholds(sparse, "transformer") == pytest.approx(3**3 * bare)
    ensemble = ensemble_label_complexities(dense)
    assert ensemble_label_thresholds(sparse, "cnn") == pytest.approx(3**2 * ensemble)
    assert ensemble_label_thresholds(sparse, "transformer") == pytest.approx(3**4 * ensemble)
    for learner in ("cnn", "transformer"):
        assert ensemble_label_thresholds(dense, learner) == pytest.approx(ensemble)
        assert papers_label_thresholds(dense, learner) == pytest.approx(bare)


def test_training_sizes_follow_the_learners() -> None:
    sparse = SparseParameters.of(Parameters.from_keys(v=8, n=6, s=2, L=3, m=3), 1)
    of = {
        kinds: training_sizes.thresholds(sparse, "classification", learners=kinds)
        for kinds in (("cnn",), ("transformer",), ("cnn", "transformer"))
    }
    assert max(of["transformer",]) == pytest.approx(4 * max(of["cnn",]))
    assert of["cnn", "transformer"] == sorted(of["cnn",] + of["transformer",])


def of_tokens(grammar: Grammar, groups: list[list[int]], symbols: int) -> float:
    """``sum P P / sum C**2`` of single tokens at their places in patches, as `of_tuples`."""
    noise = signal = 0.0
    joints = list(with_label(grammar))
    for group in groups:
        for child in range(grammar.parameters.s):
            down = grammar.transition(1, child).T[:symbols]
            joint = sum(down @ joints[at] for at in group)
            apart = sum(
                np.outer((down @ joints[at]).sum(axis=1), joints[at].sum(axis=0)) for at in group
            )
            noise += apart.sum()
            signal += ((joint - apart) ** 2).sum()
    return noise / signal


@pytest.mark.parametrize(("dense", "sparsity"), CASES)
def test_single_tokens_have_the_other_powers_of_the_page(dense: Parameters, sparsity: int) -> None:
    parameters = SparseParameters.of(dense, sparsity)
    plain, grammar = (draw(known, 3) for known in (dense, parameters))
    at_home = of_tokens(plain, [[at] for at in range(dense.d // dense.s)], dense.v[0])
    own = [[at] for at in range(parameters.d // parameters.s)]
    shared = places_of_symbols(parameters)
    for groups, power in ((own, dense.L), (shared, 1)):
        found = of_tokens(grammar, groups, dense.v[0]) / at_home
        assert found == pytest.approx((sparsity + 1) ** power)
