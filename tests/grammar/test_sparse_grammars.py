"""Sparse grammars: their languages by enumeration, and sentences with blanks moved."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from helpers.grammars import DENSE, Language, enumerate_language
from rhm_scaling.grammar.distinct import most_distinct
from rhm_scaling.grammar.json_file import from_json, to_json
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.placed import Placed, changes
from rhm_scaling.grammar.sparse import SparseParameters, dense_of, draw, parameters_of, spread

SHAPES = [
    (DENSE, 1),
    (Parameters.from_keys(v=3, n=2, s=2, L=2, m={1: 2, 2: 1}), 2),
    (Parameters.from_keys(v=2, n=2, s=3, L=1, m=2), 1),
    (Parameters.from_keys(v=4, n=3, s=2, L=1, m=5), 3),
]


def source(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def both(dense: Parameters, sparsity: int) -> tuple[Language, Language]:
    grammar = Grammar.draw(dense, 5)
    return enumerate_language(grammar), enumerate_language(spread(grammar, sparsity))


@pytest.mark.parametrize(("dense", "sparsity"), SHAPES)
def test_no_tuple_has_two_parents_and_no_sentence_two_derivations(
    dense: Parameters, sparsity: int
) -> None:
    parameters = SparseParameters.of(dense, sparsity)
    _, language = both(dense, sparsity)
    count = len(np.unique(language.tokens, axis=0))
    assert count == len(language.tokens) == round(np.exp(parameters.log_sentences()))
    assert language.grammar.log_sentences() == pytest.approx(parameters.log_sentences())
    assert most_distinct(language.grammar) <= count
    for level in range(1, dense.L + 1):
        assert not len(language.grammar.shared_tuples(level))


@pytest.mark.parametrize(("dense", "sparsity"), SHAPES)
def test_sentences_are_those_of_the_dense_grammar_in_all_places(
    dense: Parameters, sparsity: int
) -> None:
    plain, language = both(dense, sparsity)
    size, blank, d = sparsity + 1, dense.v[0], dense.d
    assert language.tokens.shape[1] == (dense.s * size) ** dense.L
    told = language.tokens != blank
    assert (told.sum(axis=1) == d).all()
    # every block of a tuple that is not blank holds one symbol
    for level in range(dense.L):
        symbols = language.symbols[level] != dense.v[level]
        blocks = symbols.reshape(len(symbols), -1, dense.s, size).sum(axis=3)
        parents = language.symbols[level + 1]
        above = parents != (dense.v[level + 1] if level + 1 < dense.L else -1)
        assert (blocks == above[:, :, None]).all()
    # without blanks, each sentence of the dense grammar has its own probability
    mass: Counter[tuple[int, ...]] = Counter()
    for tokens, keep, p in zip(language.tokens, told, language.probability):
        mass[tuple(tokens[keep].tolist())] += p
    expected = Counter[tuple[int, ...]]()
    for tokens, p in zip(plain.tokens, plain.probability):
        expected[tuple(tokens.tolist())] += p
    assert mass == pytest.approx(expected)
    assert language.probability.sum() == pytest.approx(1)


def test_rules_are_the_same_at_every_sparsity() -> None:
    dense = Parameters.from_keys(v=5, n=4, s=2, L=2, m=3)
    rules = Grammar.draw(dense, 7).rules
    for sparsity in (1, 2, 3):
        found = draw(SparseParameters.of(dense, sparsity), 7)
        size = (sparsity + 1) ** 2
        for level, table in enumerate(rules, 1):
            given = found.rules_of(level)[: len(table)]
            kept = given[given != dense.v[level - 1]].reshape(len(table), 3, size, 2)
            assert (kept == table[:, :, None]).all()
            uniform = found.probabilities_of(level)[: len(table)]
            np.testing.assert_allclose(uniform, 1 / (3 * size))
    assert all((a == b).all() for a, b in zip(draw(dense, 7).rules, rules))


def test_a_blank_has_one_rule_and_the_root_none() -> None:
    grammar = draw(SparseParameters.of(DENSE, 1), 0)
    assert [len(table) for table in grammar.rules] == [3, 2]
    assert np.count_nonzero(grammar.probabilities_of(1)[-1]) == 1
    assert (grammar.rules_of(1)[-1, 0] == DENSE.v[0]).all()


def test_parameters_are_kept_and_their_shape_is_read_by_what_knows_no_blanks() -> None:
    parameters = SparseParameters.of(DENSE, 2)
    value = parameters.specification()
    assert parameters_of(value) == parameters
    assert parameters_of(DENSE.specification()) == DENSE
    assert dense_of(parameters) == (DENSE, 2)
    assert dense_of(DENSE) == (DENSE, 0)
    shape = Parameters.from_specification(value)
    assert (shape.d, shape.v, shape.n) == (36, (4, 3), 2)
    read = from_json(to_json(draw(parameters, 1)))
    assert read.parameters == shape
    assert parameters.label() == f"{DENSE.label()}-sparsity2"
    with pytest.raises(ValueError, match="no closed form"):
        parameters.probabilities(1)


def test_what_can_have_no_blanks_is_refused() -> None:
    with pytest.raises(ValueError, match="sparsity: a sparse grammar has 1 or more blanks, not 0"):
        SparseParameters.of(DENSE, 0)
    with pytest.raises(ValueError, match="sparsity: a grammar from a file"):
        SparseParameters.of(SparseParameters.of(DENSE, 1), 1)


def test_derivations_have_the_probabilities_of_their_sentences() -> None:
    plain, language = both(DENSE, 1)
    count = 40000
    placed = Placed.draw(plain.grammar, 1, count, source())
    seen = Counter(map(tuple, placed.tokens.tolist()))
    expected = {tuple(t.tolist()): p for t, p in zip(language.tokens, language.probability)}
    assert set(seen) <= set(expected)
    chi2 = sum((seen[t] - count * p) ** 2 / (count * p) for t, p in expected.items())
    assert abs(chi2 - len(expected)) < 5 * np.sqrt(2 * len(expected))


def test_changes_keep_the_class_and_all_else_that_they_should() -> None:
    dense = Parameters.from_keys(v=6, n=5, s=2, L=3, m=3)
    grammar, sparsity = Grammar.draw(dense, 2), 2
    placed = Placed.draw(grammar, sparsity, 300, source())
    assert next(iter(changes(placed, source(1))))[2].shape == placed.tokens.shape
    for level in range(1, 4):
        moved, other = placed.moved(level, source(1)), placed.synonyms(level, source(1))
        # blanks that move leave all symbols and their order
        for tokens in (placed.tokens, moved.tokens):
            kept = tokens[tokens != 6].reshape(300, -1)
            assert (kept == placed.symbols[0]).all()
        assert (moved.offsets[level] != placed.offsets[level]).any(axis=2).all()
        for above in range(level + 1, 4):
            assert (moved.offsets[above] == placed.offsets[above]).all()
        # synonyms have another rule, in the same places, below the same symbols
        assert (other.chosen[level] != placed.chosen[level]).all()
        assert (other.offsets[level] == placed.offsets[level]).all()
        for above in range(level, 4):
            assert (other.symbols[above] == placed.symbols[above]).all()
        for changed, here in itertools.product((moved, other), range(1, 4)):
            rule, symbols = changed.chosen[here], changed.symbols[here]
            below = grammar.rules_of(here)[symbols, rule].reshape(300, -1)
            assert (below == changed.symbols[here - 1]).all()


def test_a_symbol_with_one_rule_has_no_other() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=6, n=5, s=2, L=2, m=1), 2)
    placed = Placed.draw(grammar, 1, 50, source())
    same = placed.synonyms(1, source(1))
    assert (same.tokens == placed.tokens).all()
