"""Grammars: unambiguous by construction, decided by parameters and seed alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.grammars import GRAMMARS, SHAPES, Language
from rhm_scaling.grammar.json_file import to_json
from rhm_scaling.grammar.model import ENUMERABLE, Grammar, Parameters


@st.composite
def parameters(draw: st.DrawFn) -> Parameters:
    v, n = draw(st.integers(2, 9)), draw(st.integers(1, 9))
    s, L = draw(st.integers(2, 3)), draw(st.integers(1, 3))
    m = {
        level: draw(st.integers(1, max(1, v**s // (n if level == L else v))))
        for level in range(1, L + 1)
    }
    zipf = draw(st.dictionaries(st.integers(1, L), st.floats(0.1, 3)))
    if n > v**s:
        n = v
    return Parameters.from_keys(v=v, n=n, s=s, L=L, m=m, zipf=zipf)


@given(parameters(), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_no_tuple_has_two_parents(parameters: Parameters, seed: int) -> None:
    grammar = Grammar.draw(parameters, seed)
    for level, m in enumerate(parameters.m, 1):
        rules = grammar.rules_of(level)
        assert rules.shape == (parameters.symbols(level), m, parameters.s)
        assert rules.min() >= 0
        assert rules.max() < parameters.v[level - 1]
        tuples = rules.reshape(-1, parameters.s)
        assert len(np.unique(tuples, axis=0)) == len(tuples)


def test_a_draw_is_decided_by_parameters_and_seed() -> None:
    parameters = SHAPES["zipf"]
    same = [to_json(Grammar.draw(parameters, 5)) for _ in range(2)]
    assert same[0] == same[1]
    assert to_json(Grammar.draw(parameters, 6)) != same[0]


def test_every_tuple_is_drawn_equally_often() -> None:
    parameters = Parameters.from_keys(v=3, n=2, s=2, L=1, m=2)
    counts = np.zeros((3, 3))
    draws = 3000
    for seed in range(draws):
        rules = Grammar.draw(parameters, seed).rules_of(1).reshape(-1, 2)
        counts[rules[:, 0], rules[:, 1]] += 1
    p = 4 / 9  # four of nine tuples are drawn
    deviation = (counts - draws * p) / np.sqrt(draws * p * (1 - p))
    assert np.abs(deviation).max() < 4


def test_more_tuples_than_can_be_enumerated() -> None:
    parameters = Parameters.from_keys(v=256, s=8, L=1, m=3)
    assert parameters.tuples(1) > ENUMERABLE**2
    tuples = Grammar.draw(parameters, 0).rules_of(1).reshape(-1, 8)
    assert len(np.unique(tuples, axis=0)) == 256 * 3


def test_both_ways_to_draw_tuples_are_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rhm_scaling.grammar.model.ENUMERABLE", 0
    )  # force rejection on a small case
    parameters = Parameters.from_keys(v=2, n=1, s=2, L=1, m=3)
    missing = np.zeros(4)
    for seed in range(2000):
        rules = Grammar.draw(parameters, seed).rules_of(1)[0]
        assert len({tuple(rule) for rule in rules}) == 3
        missing[6 - int((rules @ [2, 1]).sum())] += 1
    assert np.abs(missing - 500).max() < 4 * np.sqrt(2000 * 3 / 16)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"v": 1, "s": 2, "L": 2, "m": 1}, "v"),
        ({"v": 4, "s": 1, "L": 2, "m": 1}, "s"),
        ({"v": 4, "s": 2, "L": 0, "m": 1}, "L"),
        ({"v": 4, "s": 2, "L": 2, "m": 5}, "m"),
        ({"v": 4, "s": 2, "L": 2, "m": 0}, "m"),
        ({"v": 4, "n": 9, "s": 2, "L": 2, "m": 2}, "m"),
        ({"v": 4, "s": 2, "L": 2, "m": {1: 2}}, "m"),
        ({"v": 4, "s": 2, "L": 2, "m": 2, "zipf": {3: 1.0}}, "zipf"),
        ({"v": 4, "s": 2, "L": 2, "m": 2, "zipf": {1: -1.0}}, "zipf"),
    ],
)
def test_impossible_parameters_name_the_key(given: dict, key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        Parameters.from_keys(**given)


def test_last_marginals_and_size_against_enumeration(language: Language) -> None:
    grammar = language.grammar
    for level, symbols in enumerate(language.symbols):
        expected = np.bincount(
            symbols[:, -1], language.probability, minlength=grammar.parameters.symbols(level)
        )
        np.testing.assert_allclose(grammar.last_marginal(level), expected, atol=1e-12)
    assert len(language.tokens) == round(np.exp(grammar.log_sentences()))
    if grammar.parameters.file is None:
        assert grammar.log_sentences() == pytest.approx(grammar.parameters.log_sentences())


def test_transitions_are_distributions(language: Language) -> None:
    grammar = language.grammar
    for level, child in np.ndindex(grammar.parameters.L, grammar.parameters.s):
        rows = grammar.transition(level + 1, child)
        real = grammar.probabilities_of(level + 1).any(axis=1)
        np.testing.assert_allclose(rows.sum(axis=1), real, atol=1e-12)


def test_shared_tuples() -> None:
    for name, grammar in GRAMMARS.items():
        shared = [grammar.shared_tuples(level).tolist() for level in range(1, len(grammar.rules))]
        assert any(shared) == (name == "ambiguous")
    # (0, 1) is made by symbols 0 and 1 of level 1; symbol 0 of level 3 shares (0, 0) with 2
    ambiguous = GRAMMARS["ambiguous"]
    assert ambiguous.shared_tuples(1).tolist() == [[0, 1]]
    assert ambiguous.shared_tuples(3).tolist() == [[0, 0]]
