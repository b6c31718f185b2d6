"""Entropies: enumerated, sampled and by brute force."""

import numpy as np
import pytest

from helpers.grammars import GRAMMARS, Language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import entropies, inference
from rhm_scaling.theory.complexities import autoregressive_floor


def conditional_entropy(language: Language, position: int, known: np.ndarray) -> float:
    """Entropy of a token given others, from the joint distribution of all derivations."""
    _, context = np.unique(language.tokens[:, known], axis=0, return_inverse=True)
    v = language.grammar.parameters.v[0]
    joint = np.bincount(context.ravel() * v + language.tokens[:, position], language.probability)
    context_probability = np.bincount(context.ravel(), language.probability)

    def plain(p: np.ndarray) -> float:
        return -float((p[p > 0] * np.log(p[p > 0])).sum())

    return plain(joint) - plain(context_probability)


def test_ngram_entropies_are_exact(language: Language) -> None:
    parameters = language.grammar.parameters
    found = entropies.ngram_entropies(language.grammar)
    assert all(f.method == "enumerated" and f.stderr == 0 for f in found)
    for context, estimate in enumerate(found):
        known = np.arange(parameters.d) >= parameters.d - parameters.s**context
        known[-1] = False
        expected = conditional_entropy(language, -1, known)
        assert estimate.value == pytest.approx(expected, abs=1e-10)
    assert (np.diff([f.value for f in found]) < 1e-12).all()  # more context, less entropy


def test_position_entropies_are_exact_and_their_mean_is_the_floor(language: Language) -> None:
    grammar = language.grammar
    found = entropies.position_entropies(grammar)
    assert all(estimate.method == "enumerated" for estimate in found)
    for position, estimate in enumerate(found):
        known = np.arange(language.tokens.shape[1]) < position
        expected = conditional_entropy(language, position, known)
        assert estimate.value == pytest.approx(expected, abs=1e-10)
    rate = np.mean([estimate.value for estimate in found])
    logs = inference.sentence_log_probability(grammar, language.tokens)
    assert rate == pytest.approx(-logs @ language.probability / len(found), abs=1e-10)
    if grammar.parameters.file is None:
        assert rate == pytest.approx(autoregressive_floor(grammar.parameters), abs=1e-10)


@pytest.mark.parametrize("function", [entropies.ngram_entropies, entropies.position_entropies])
def test_sampling_agrees_with_enumeration(
    function: object, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = function(language.grammar)
    chunks = [c["tokens"] for c in Stream(language.grammar, 3, 0, "theory").chunks(12_000)]
    monkeypatch.setattr(entropies, "ENUMERABLE", 2)
    sampled = function(language.grammar, chunks)
    assert {estimate.method for estimate in sampled} >= {"sampled"}
    for estimate, known in zip(sampled, exact, strict=True):
        assert abs(estimate.value - known.value) < 5 * estimate.stderr + 1e-12
    with pytest.raises(ValueError, match="sentences are needed"):
        function(language.grammar)


def test_sampling_weighs_all_sentences_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = GRAMMARS["square"]
    tokens = Stream(grammar, 3, 0, "theory").take(1000)["tokens"]
    monkeypatch.setattr(entropies, "ENUMERABLE", 0)
    whole = entropies.ngram_entropies(grammar, [tokens])
    parts = entropies.ngram_entropies(grammar, [tokens[:1], tokens[1:700], tokens[700:]])
    np.testing.assert_allclose(parts_of(parts), parts_of(whole), atol=1e-12)
    values = inference.entropy(inference.last_token_posteriors(grammar, tokens))
    stderr = values.std(axis=1, ddof=1) / np.sqrt(1000)
    np.testing.assert_allclose([e.stderr for e in whole], stderr, rtol=1e-6, atol=1e-12)


def parts_of(estimates: list[entropies.Estimate]) -> list[tuple[float, float]]:
    return [(estimate.value, estimate.stderr) for estimate in estimates]


def test_the_budget_leaves_later_positions_to_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = GRAMMARS["deep"]
    tokens = Stream(grammar, 3, 0, "theory").take(8000)["tokens"]
    exact = entropies.position_entropies(grammar)
    monkeypatch.setattr(entropies, "_BUDGET", 20)
    mixed = entropies.position_entropies(grammar, [tokens])
    assert [mixed[0].method, mixed[-1].method] == ["enumerated", "sampled"]
    for estimate, known in zip(mixed, exact, strict=True):
        assert abs(estimate.value - known.value) < 5 * estimate.stderr + 1e-12


def test_vanishing_correlations_leave_the_whole_entropy() -> None:
    full = Grammar.draw(Parameters.from_keys(v=4, s=2, L=3, m=4), 0)  # f = 1: every tuple is a rule
    values = [estimate.value for estimate in entropies.ngram_entropies(full)]
    np.testing.assert_allclose(values, np.log(4), atol=1e-12)


def test_a_large_grammar_is_still_enumerated() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=32, s=2, L=4, m=8), 0)
    exact = entropies.ngram_entropies(grammar)
    assert {estimate.method for estimate in exact} == {"enumerated"}
    tokens = Stream(grammar, 0, 0, "theory").take(4000)["tokens"]
    sampled = inference.entropy(inference.last_token_posteriors(grammar, tokens))
    error = sampled.std(axis=1) / np.sqrt(4000)
    gap = sampled.mean(axis=1) - [estimate.value for estimate in exact]
    assert (np.abs(gap) < 5 * error + 1e-12).all()
