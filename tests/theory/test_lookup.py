"""Looking tuples up gives what messages through all rules give, for grammars of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import inference, lookup
from rhm_scaling.theory.lookup import Lookup, Tuples

SHAPES: list[dict[str, Any]] = [
    {"v": 8, "s": 2, "L": 4, "m": 3},
    {"v": 6, "s": 3, "L": 2, "m": 7, "zipf": {1: 1.0}},
    {"v": 8, "n": 3, "s": 2, "L": 3, "m": {1: 8, 2: 2, 3: 4}, "zipf": {1: 0.5, 3: 2.0}},
    {"v": 2, "s": 2, "L": 3, "m": 2},
    {"v": 4, "n": 1, "s": 2, "L": 1, "m": 5},
]


@pytest.fixture(params=SHAPES, ids=str)
def drawn(request: pytest.FixtureRequest) -> Grammar:
    return Grammar.draw(Parameters.from_keys(**request.param), 0)


def both(monkeypatch: pytest.MonkeyPatch, function: Any, *arguments: Any) -> tuple[Any, Any]:
    """What a function gives by looking up, and by passing messages."""
    fast = function(*arguments)
    with monkeypatch.context() as without:
        without.setattr(Lookup, "build", lambda grammar: None)
        return fast, function(*arguments)


def test_posteriors_are_those_of_messages(drawn: Grammar, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Lookup.build(drawn) is not None
    tokens = Stream(drawn, 0, 0, "test").take(500)["tokens"]
    for function in (
        inference.root_posterior,
        inference.sentence_log_probability,
        inference.last_token_posteriors,
        inference.token_posteriors,
    ):
        fast, slow = both(monkeypatch, function, drawn, tokens)
        np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-12)
    fast, slow = both(monkeypatch, inference.likeliest_symbols, drawn, tokens)
    assert all((one == other).all() for one, other in zip(fast, slow, strict=True))


def test_a_sentence_that_cannot_be_is_refused_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=8, s=2, L=3, m=2), 0)
    tokens = Stream(grammar, 0, 0, "test").take(40)["tokens"].copy()
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        spoilt = tokens.copy()
        spoilt[17, generator.integers(8)] = generator.integers(8)
        for function in (
            inference.root_posterior,
            inference.sentence_log_probability,
            inference.last_token_posteriors,
            inference.token_posteriors,
        ):
            said: list[str] = []

            def tell(
                grammar: Grammar, tokens: Any, function: Any = function, said: Any = said
            ) -> None:
                try:
                    function(grammar, tokens)
                    said.append("")
                except ValueError as error:
                    said.append(str(error))

            both(monkeypatch, tell, grammar, spoilt)
            assert said[0] == said[1]
            refused += bool(said[0])
    assert refused > 60


def test_rules_that_may_follow_are_taken_in_parts(
    drawn: Grammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Stream(drawn, 0, 0, "test").take(20)["tokens"]
    whole = inference.token_posteriors(drawn, tokens)
    monkeypatch.setattr(lookup, "_WAYS", 7)
    np.testing.assert_array_equal(inference.token_posteriors(drawn, tokens), whole)


@pytest.mark.parametrize("name", GRAMMARS)
def test_tuples_are_numbered_alike_with_a_table_and_without(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grammar = GRAMMARS[name]
    for level, v in enumerate(grammar.parameters.v, 1):
        count, s = grammar.parameters.tuples(level), grammar.parameters.s
        everything = np.stack(np.unravel_index(np.arange(count), (v,) * s), axis=1)
        fast = Tuples(grammar, level)
        with monkeypatch.context() as without:
            without.setattr(lookup, "_MOST_TUPLES", 0)
            slow = Tuples(grammar, level)
        np.testing.assert_array_equal(fast.numbers(everything), slow.numbers(everything))
        np.testing.assert_array_equal(fast.numbers(fast.rows), np.arange(len(fast.rows)))
        real = grammar.rules_of(level)[grammar.probabilities_of(level) > 0]
        made = (everything[:, None] == real).all(axis=2).any(axis=1)
        np.testing.assert_array_equal(fast.numbers(everything) < len(fast.rows), made)


def test_where_tuples_cannot_be_looked_up_messages_are_passed() -> None:
    drawn = Grammar.draw(Parameters.from_keys(v=4, s=2, L=2, m=2), 0)
    rules = [table.copy() for table in drawn.rules]
    rules[0][0, 0] = rules[0][1, 0]  # two parents
    shared = Grammar.from_rules(drawn.parameters, tuple(rules))
    assert Lookup.build(shared) is None
    many = Grammar.draw(Parameters.from_keys(v=300, s=3, L=1, m=1), 0)
    assert Lookup.build(many) is None
