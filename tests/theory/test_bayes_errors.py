"""Bayes errors from partial knowledge, against messages through all rules and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.inference import errors_by_messages
from helpers.grammars import GRAMMARS, Language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import bayes_errors, inference

SHAPES = {
    "long": Parameters.from_keys(v=4, s=2, L=7, m=2),
    "one level": Parameters.from_keys(v=4, n=3, s=2, L=1, m=5),
    "one class": Parameters.from_keys(v=3, n=1, s=2, L=1, m=4),
    "many rules": Parameters.from_keys(v=8, n=3, s=3, L=2, m={1: 64, 2: 5}),
    "all tuples": Parameters.from_keys(v=5, s=2, L=3, m=5),
    "zipf": Parameters.from_keys(v=6, s=3, L=3, m={1: 30, 2: 2, 3: 4}, zipf={1: 1.0, 3: 0.5}),
    "more roots": Parameters.from_keys(v=4, n=9, s=3, L=2, m=3, zipf={2: 2.0}),
}
ALL = GRAMMARS | {name: Grammar.draw(shape, 0) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("most", [bayes_errors.BLOCK_SET, 2**9, 1], ids=str)
@pytest.mark.parametrize("name", ALL)
def test_kinds_of_messages_give_what_messages_give(
    name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grammar = ALL[name]
    parameters = grammar.parameters
    tokens = Stream(grammar, 3, 0, "test").take(40)["tokens"]
    patches = parameters.d // parameters.s
    order = np.random.default_rng(0).random((len(tokens), patches)).argsort(axis=1)
    numbers = np.arange(patches + 1)
    expected = errors_by_messages(grammar, tokens, order, numbers)
    monkeypatch.setattr(bayes_errors, "BLOCK_SET", most)  # at 1, no level has its kinds looked up
    found = bayes_errors.root_errors(grammar, tokens, order, numbers)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_impossible_sentences_are_named() -> None:
    grammar = GRAMMARS["deep"]
    tokens = Stream(grammar, 3, 0, "test").take(9000)["tokens"].copy()
    legal = {tuple(rule) for rule in grammar.rules_of(2).reshape(-1, 2).tolist()}
    bad = next((a, b) for a in range(3) for b in range(3) if (a, b) not in legal)
    tokens[8000, 4:] = grammar.rules_of(1)[bad, 0].ravel()  # legal patches that no symbol makes
    with pytest.raises(ValueError, match=r"sentence 8000 is not .*no level-2 symbol.* at node 1"):
        bayes_errors.classification_errors_by_patches(grammar, tokens, seed=0)
    with pytest.raises(ValueError, match=r"sentence 8000 is not .*no level-2 symbol.* at node 1"):
        bayes_errors.classification_errors_by_rank(grammar, tokens)


def test_errors_by_rank_against_brute_force() -> None:
    grammar = GRAMMARS["zipf"]
    tokens = Stream(grammar, 3, 0, "theory").take(500)["tokens"]
    ranks = bayes_errors.rule_ranks(grammar, tokens)
    patches = tokens.reshape(len(tokens), -1, 2)
    for row, patch in np.ndindex(ranks.shape):
        made_by = grammar.rules_of(1)[:, ranks[row, patch]]
        assert (made_by == patches[row, patch]).all(axis=-1).any()
    errors = bayes_errors.classification_errors_by_rank(grammar, tokens)
    for known_ranks, error in enumerate(errors):
        known = np.repeat(ranks < known_ranks, 2, axis=1)
        wrong = 1 - inference.root_posterior(grammar, tokens, known).max(axis=1)
        assert error.value == pytest.approx(wrong.mean(), abs=1e-12)
        assert error.stderr == pytest.approx(wrong.std(ddof=1) / np.sqrt(500), abs=1e-12)
    values = [error.value for error in errors]
    assert values[0] == pytest.approx(1 - 1 / 3)
    assert values[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(values) <= 0).all()


def test_errors_by_patches_end_at_chance_and_at_the_bayes_optimal_classifier(
    language: Language,
) -> None:
    grammar = language.grammar
    tokens = Stream(grammar, 3, 0, "theory").take(3000)["tokens"]
    found = bayes_errors.classification_errors_by_patches(grammar, tokens, seed=1)
    patches = grammar.parameters.d // grammar.parameters.s
    assert list(found) == list(range(patches + 1))
    assert found[0].value == pytest.approx(1 - grammar.root.max())
    posterior = inference.root_posterior(grammar, language.tokens)
    best = 1 - language.probability @ posterior.max(axis=1)
    assert abs(found[patches].value - best) < 5 * found[patches].stderr + 1e-12
    values = np.array([estimate.value for estimate in found.values()])
    errors = np.array([estimate.stderr for estimate in found.values()])
    assert (np.diff(values) < 3 * errors[1:] + 1e-12).all()


def test_many_patches_are_thinned_out_but_for_the_ends() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=4, s=2, L=8, m=2), 0)
    tokens = Stream(grammar, 0, 0, "theory").take(4)["tokens"]
    numbers = list(bayes_errors.classification_errors_by_patches(grammar, tokens, seed=0))
    assert len(numbers) < 40
    assert [numbers[0], *numbers[-2:]] == [0, 127, 128]


def test_an_impossible_patch_is_named() -> None:
    grammar = GRAMMARS["square"]
    legal = {tuple(rule) for rule in grammar.rules_of(1).reshape(-1, 2).tolist()}
    bad = next((a, b) for a in range(4) for b in range(4) if (a, b) not in legal)
    with pytest.raises(ValueError, match=rf"no level-1 symbol produces the tuple \({bad[0]}, "):
        bayes_errors.rule_ranks(grammar, np.array([[*bad, *bad]]))
