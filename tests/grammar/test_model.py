"""Grammars: unambiguous by construction, decided by parameters and seed alone."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.grammars import GRAMMARS, SHAPES, Language
from rhm_scaling.core.hashing import identity, seed_from
from rhm_scaling.grammar.json_file import to_json
from rhm_scaling.grammar.model import ENUMERABLE, Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream


@st.composite
def parameters(draw: st.DrawFn) -> Parameters:
    s, L = draw(st.integers(2, 3)), draw(st.integers(1, 3))
    symbols = [draw(st.integers(2, 9))]
    for level in range(1, L + 1):
        symbols.append(draw(st.integers(1 if level == L else 2, min(9, symbols[-1] ** s))))
    m = {i: draw(st.integers(1, symbols[i - 1] ** s // symbols[i])) for i in range(1, L + 1)}
    zipf = draw(st.dictionaries(st.integers(1, L), st.floats(0.1, 3)))
    v = dict(enumerate(symbols[:-1]))
    return Parameters.from_keys(v=v, n=symbols[-1], s=s, L=L, m=m, zipf=zipf)


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
        ({"v": {1: 4}, "s": 2, "L": 2, "m": 2}, "v"),
        ({"v": {0: 4, 2: 4}, "s": 2, "L": 2, "m": 2}, "v"),
        ({"v": {0: 4, 1: 1}, "s": 2, "L": 2, "m": 2}, "v"),
        ({"v": {0: 4, 1: 17}, "s": 2, "L": 2, "m": 1}, "v"),
        ({"v": {0: 4, 1: 8}, "s": 2, "L": 2, "m": 3}, "m"),
        ({"v": {0: 8, 1: 4}, "n": 17, "s": 2, "L": 2, "m": 1}, "n"),
        ({"v": {0: 8, 1: 4}, "s": 2, "L": 2, "m": 5}, "m"),
    ],
)
def test_impossible_parameters_name_the_key(given: dict, key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        Parameters.from_keys(**given)


def test_a_level_has_as_many_symbols_as_the_nearest_named_one_below() -> None:
    given = Parameters.from_keys(v={0: 32, 2: 8}, s=2, L=4, m=2)
    assert given.v == (32, 32, 8, 8)
    assert [given.symbols(level) for level in range(5)] == [32, 32, 8, 8, 8]
    assert [given.tuples(level) for level in range(1, 5)] == [1024, 1024, 64, 64]
    assert given.label() == "v32.32.8.8-n8-s2-L4-m2"
    assert Parameters.from_specification(given.specification()) == given
    assert Parameters.from_keys(v={0: 4, 1: 4}, s=2, L=2, m=2) == SHAPES["square"]


@pytest.mark.parametrize(
    ("v", "m", "line"),
    [
        ({0: 4, 1: 17}, 1, "v: level 1 needs v*m = 17*1 = 17 distinct tuples, but v**s = 16 for "
         "the 4 symbols of the level below; take v at most 16"),
        ({0: 4, 1: 8}, 3, "m: level 1 needs v*m = 8*3 = 24 distinct tuples, but v**s = 16 for the "
         "4 symbols of the level below; take m at most 2"),
        ({0: 4, 2: 8}, 1, "v: level 2 is not below the root, which is level 2 and has n symbols; "
         "name levels from 0 to 1"),
        (4, 5, "m: level 1 needs v*m = 4*5 = 20 distinct tuples, but v**s = 16; take m at most 4"),
    ],
)  # fmt: skip
def test_what_a_level_cannot_hold_is_told_with_the_remedy(v: object, m: int, line: str) -> None:
    with pytest.raises(ValueError) as caught:
        Parameters.from_keys(v=v, s=2, L=2, m=m)
    assert str(caught.value) == line


# what a grammar of one vocabulary was when no other could be had: identity of its parameters, a
# seed, and hashes of rules and of sentences
PINNED = [
    ({"v": 16, "s": 2, "L": 3, "m": 4},
     "v16-n16-s2-L3-m4", "ad86984af8f5", 16110232548223806032,
     "bb8bb3a51e91f7dd", "4b9f3d3593e37845"),
    ({"v": 8, "n": 5, "s": 2, "L": 3, "m": {1: 4, 2: 2, 3: 3}, "zipf": {1: 1.0, 3: 0.5}},
     "v8-n5-s2-L3-m4.2.3-zipf1=1,3=0.5", "ebfe8abbbbc5", 13612066686951681335,
     "912a4efd9ff8bd68", "5e15f95a4a90cc8b"),
    ({"v": 4, "s": 3, "L": 2, "m": 2},
     "v4-n4-s3-L2-m2", "fca2fd168fd2", 4626661156941448405,
     "07625a8c8025722f", "925fac987a0ffc1b"),
    ({"v": 300, "n": 7, "s": 2, "L": 2, "m": 3, "zipf": {2: 1.5}},
     "v300-n7-s2-L2-m3-zipf2=1.5", "6162e5218602", 1830925582521637933,
     "e19aec6617359289", "8442dccb1e12d9e3"),
    ({"v": 6, "s": 2, "L": 1, "m": 3},
     "v6-n6-s2-L1-m3", "0fd7d2e903d7", 8363787390018319288,
     "81e86d96264b9056", "8c931693981ee52c"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "label", "name", "seed", "rules", "sentences"), PINNED)
def test_one_vocabulary_keeps_every_identity_and_seed(
    given: dict, label: str, name: str, seed: int, rules: str, sentences: str
) -> None:
    parameters = Parameters.from_keys(**given)
    specification = parameters.specification()
    assert (parameters.label(), identity(specification)) == (label, name)
    assert seed_from("rules", specification, 3) == seed
    grammar = Grammar.draw(parameters, 3)
    drawn = b"".join(table.astype("<i8").tobytes() for table in grammar.rules)
    assert hashlib.sha256(drawn).hexdigest()[:16] == rules
    taken = Stream(grammar, 3, 1, "train").take(5000).tobytes()
    assert hashlib.sha256(taken).hexdigest()[:16] == sentences


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
        assert any(shared) == name.startswith("ambiguous")
    # (0, 1) is made by symbols 0 and 1 of level 1; symbol 0 of level 3 shares (0, 0) with 2
    ambiguous = GRAMMARS["ambiguous"]
    assert ambiguous.shared_tuples(1).tolist() == [[0, 1]]
    assert ambiguous.shared_tuples(3).tolist() == [[0, 0]]
