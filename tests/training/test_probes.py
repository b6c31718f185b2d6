"""Exchanged subtrees, and what layers make of them, where the answer is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from rhm_scaling.grammar.derivations import Derivations
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory.inference import likeliest_symbols
from rhm_scaling.training.probes import measure, probe, seen

PARAMETERS = Parameters.from_keys(v=6, s=2, L=3, m={1: 3, 2: 2, 3: 4}, zipf={1: 1.0})
GRAMMAR = Grammar.draw(PARAMETERS, 0)


def source(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture(scope="module")
def drawn() -> Derivations:
    return Derivations.draw(GRAMMAR, 3000, source())


def test_derivations_obey_the_rules_and_their_probabilities(drawn: Derivations) -> None:
    assert [level.shape[1] for level in drawn.symbols] == [8, 4, 2, 1]
    for level in (1, 2, 3):
        children = drawn.symbols[level - 1].reshape(len(drawn.tokens), -1, 2)
        table = GRAMMAR.rules_of(level)[drawn.symbols[level], drawn.chosen[level]]
        assert np.array_equal(children, table)
    frequency = np.bincount(drawn.chosen[1].ravel(), minlength=3) / drawn.chosen[1].size
    assert np.allclose(frequency, PARAMETERS.probabilities(1), atol=0.02)


@pytest.mark.parametrize("level", [1, 2])
def test_exchange_keeps_the_rest_and_does_what_it_says(drawn: Derivations, level: int) -> None:
    exchanged = drawn.exchange(level, source(2))
    assert exchanged is not None
    place = drawn.symbols[level].shape[1] - 2
    inside = np.zeros(8, dtype=bool)
    inside[place * 2**level : (place + 1) * 2**level] = True
    assert np.array_equal(exchanged.symbols, drawn.symbols[level][:, place])
    for sentences in (exchanged.synonym, exchanged.other):
        assert np.array_equal(sentences[:, ~inside], drawn.tokens[:, ~inside])
        assert (sentences[:, inside] != drawn.tokens[:, inside]).any(axis=1).all()
    # the grammar is unambiguous, so a subtree tells its symbol
    subtree = {int(t): int(s) for t, s in _parsed(level)}
    synonym = [subtree[_code(row[inside])] for row in exchanged.synonym]
    other = [subtree[_code(row[inside])] for row in exchanged.other]
    assert np.array_equal(synonym, exchanged.symbols)
    assert (np.array(other) != exchanged.symbols).all()


def _code(tokens: np.ndarray) -> int:
    return int(sum(int(token) * 6**place for place, token in enumerate(tokens)))


def _parsed(level: int) -> Iterator[tuple[int, int]]:
    """Every derivation of every symbol of a level: its tokens as one number, and the symbol."""
    below: list[list[tuple[int, ...]]] = [[(token,)] for token in range(6)]
    for here in range(1, level + 1):
        table = GRAMMAR.rules_of(here)
        below = [
            [left + right for a, b in rules for left in below[a] for right in below[b]]
            for rules in table
        ]
    for symbol, derivations in enumerate(below):
        for tokens in derivations:
            yield _code(np.array(tokens)), symbol


def test_sentences_are_parsed_back(drawn: Derivations) -> None:
    found = likeliest_symbols(GRAMMAR, drawn.tokens[:200])
    flat = [level.reshape(200, -1) for level in found]
    assert any(np.array_equal(level, drawn.symbols[1][:200]) for level in flat)


def test_a_level_without_synonyms_is_left_out() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=6, s=2, L=2, m={1: 1, 2: 3}), 0)
    assert Derivations.draw(grammar, 50, source()).exchange(1, source()) is None


def test_a_layer_that_knows_symbols_is_invariant(drawn: Derivations) -> None:
    """One layer shows tokens, one the level-1 symbols that they derive from."""
    symbol_of = torch.full((7 * 7,), 6)
    for symbol, rules in enumerate(GRAMMAR.rules_of(1)):
        for a, b in rules:
            symbol_of[a * 7 + b] = symbol

    def layers(tokens: Tensor) -> Iterator[Tensor]:
        yield torch.nn.functional.one_hot(tokens, 7).double()
        pairs = tokens.unflatten(2, (4, 2))
        symbols = symbol_of[pairs[..., 0] * 7 + pairs[..., 1]]
        yield torch.nn.functional.one_hot(symbols, 7).double()

    rows = list(measure(seen("cnn", layers), [drawn], 6, source(3)))
    ratio = {(row["layer"], row["level"]): row["synonym"] / row["other"] for row in rows}
    assert ratio[1, 1] == 0
    assert ratio[0, 1] > 0.5
    assert ratio[1, 2] > 0.5
    accuracy = {(row["layer"], row["level"]): row["probe"] for row in rows}
    assert accuracy[1, 1] == 1.0
    assert accuracy[0, 1] < 1.0


def test_networks_that_attend_are_read_at_the_last_position() -> None:
    def layers(tokens: Tensor) -> Iterator[Tensor]:
        yield tokens[..., None].double()

    tokens = torch.arange(12).reshape(1, 3, 4)
    assert next(seen("transformer", layers)(tokens)).flatten().tolist() == [3, 7, 11]
    assert next(seen("lcn", layers)(tokens)).shape == (1, 3, 4)


def test_probe_reads_what_is_linear_and_no_more() -> None:
    generator = torch.Generator().manual_seed(0)
    symbols = torch.randint(4, (2, 2000), generator=generator)
    told = (
        torch.nn.functional.one_hot(symbols).double()
        @ torch.randn(4, 5, generator=generator).double()
    )
    noise = torch.randn(2, 2000, 5, generator=generator).double()
    assert (probe(told + 0.01 * noise, symbols) > 0.99).all()
    assert (probe(noise, symbols) < 0.35).all()
