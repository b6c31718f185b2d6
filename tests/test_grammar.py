"""Grammars: unambiguous by construction, decided by parameters and seed alone."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SHAPES, Language
from rhm_scaling.grammar import ENUMERABLE, Grammar, Parameters
from rhm_scaling.provenance import UserError


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
    return Parameters.make(v=v, n=n, s=s, L=L, m=m, zipf=zipf)


@given(parameters(), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_no_tuple_has_two_parents(parameters: Parameters, seed: int) -> None:
    grammar = Grammar.draw(parameters, seed)
    for level, m in enumerate(parameters.m, 1):
        rules = grammar.rules_of(level)
        assert rules.shape == (parameters.symbols(level), m, parameters.s)
        assert rules.min() >= 0
        assert rules.max() < parameters.v
        tuples = rules.reshape(-1, parameters.s)
        assert len(np.unique(tuples, axis=0)) == len(tuples)


def test_a_draw_is_decided_by_parameters_and_seed() -> None:
    parameters = SHAPES["zipf"]
    same = [Grammar.draw(parameters, 5).to_json() for _ in range(2)]
    assert same[0] == same[1]
    assert Grammar.draw(parameters, 6).to_json() != same[0]


def test_every_tuple_is_drawn_equally_often() -> None:
    parameters = Parameters.make(v=3, n=2, s=2, L=1, m=2)
    counts = np.zeros((3, 3))
    draws = 3000
    for seed in range(draws):
        rules = Grammar.draw(parameters, seed).rules_of(1).reshape(-1, 2)
        counts[rules[:, 0], rules[:, 1]] += 1
    p = 4 / 9  # four of nine tuples are drawn
    deviation = (counts - draws * p) / np.sqrt(draws * p * (1 - p))
    assert np.abs(deviation).max() < 4


def test_more_tuples_than_can_be_enumerated() -> None:
    parameters = Parameters.make(v=256, s=8, L=1, m=3)
    assert parameters.v**parameters.s > ENUMERABLE**2
    tuples = Grammar.draw(parameters, 0).rules_of(1).reshape(-1, 8)
    assert len(np.unique(tuples, axis=0)) == 256 * 3


def test_both_ways_to_draw_tuples_are_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhm_scaling.grammar.ENUMERABLE", 0)  # force rejection on a small case
    parameters = Parameters.make(v=2, n=1, s=2, L=1, m=3)
    missing = np.zeros(4)
    for seed in range(2000):
        rules = Grammar.draw(parameters, seed).rules_of(1)[0]
        assert len({tuple(rule) for rule in rules}) == 3
        missing[6 - int((rules @ [2, 1]).sum())] += 1
    assert np.abs(missing - 500).max() < 4 * np.sqrt(2000 * 3 / 16)


@pytest.mark.parametrize("name", SHAPES)
def test_json_holds_the_whole_grammar(name: str) -> None:
    grammar = Grammar.draw(SHAPES[name], 1)
    again = Grammar.from_json(grammar.to_json())
    assert again.parameters == grammar.parameters
    for level in range(1, grammar.parameters.L + 1):
        np.testing.assert_array_equal(again.rules_of(level), grammar.rules_of(level))


@pytest.mark.parametrize("damage", ["truncated", "no rules", "outside", "shape"])
def test_a_damaged_file_is_named(damage: str) -> None:
    value = json.loads(Grammar.draw(SHAPES["square"], 1).to_json())
    if damage == "no rules":
        del value["rules"]["2"]
    elif damage == "outside":
        value["rules"]["1"][0][0][0] = 4
    elif damage == "shape":
        value["rules"]["1"][0].pop()
    text = json.dumps(value)[: 40 if damage == "truncated" else None]
    with pytest.raises(UserError, match=r"^here\.json: not a grammar .*delete the file"):
        Grammar.from_json(text, "here.json")


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
        Parameters.make(**given)


def test_last_marginal_against_enumeration(language: Language) -> None:
    expected = np.bincount(
        language.tokens[:, -1], language.probability, minlength=language.grammar.parameters.v
    )
    np.testing.assert_allclose(language.grammar.last_marginal(0), expected, atol=1e-12)
    assert len(language.tokens) == round(np.exp(language.grammar.parameters.log_sentences()))
