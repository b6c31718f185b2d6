"""Exact inference against brute force over every derivation of tiny grammars."""

import numpy as np
import pytest

from conftest import SHAPES, Language
from rhm_scaling import inference
from rhm_scaling.grammar import Grammar, Parameters
from rhm_scaling.sampling import Stream
from rhm_scaling.theory import autoregressive_floor


def test_root_posterior_from_full_and_masked_sentences(language: Language) -> None:
    generator = np.random.default_rng(0)
    known = generator.random(language.tokens.shape) < 0.6
    known[0], known[-1] = True, False
    found = inference.root_posterior(language.grammar, language.tokens, known)
    for row, (tokens, mask) in enumerate(zip(language.tokens, known, strict=True)):
        agree = (language.tokens[:, mask] == tokens[mask]).all(axis=1)
        joint = np.bincount(
            language.labels[agree],
            language.probability[agree],
            minlength=language.grammar.parameters.n,
        )
        np.testing.assert_allclose(found[row], joint / joint.sum(), atol=1e-10)


def brute_force_last(language: Language, tokens: np.ndarray, context: int) -> np.ndarray:
    width = language.grammar.parameters.s**context
    start = language.tokens.shape[1] - width
    agree = (language.tokens[:, start:-1] == tokens[start:-1]).all(axis=1)
    joint = np.bincount(
        language.tokens[agree, -1],
        language.probability[agree],
        minlength=language.grammar.parameters.v,
    )
    return joint / joint.sum()


def test_last_token_posteriors_for_every_context(language: Language) -> None:
    found = inference.last_token_posteriors(language.grammar, language.tokens)
    assert found.shape[0] == language.grammar.parameters.L + 1
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-12)
    for context in range(len(found)):
        for row in range(0, len(language.tokens), 7):
            expected = brute_force_last(language, language.tokens[row], context)
            np.testing.assert_allclose(found[context, row], expected, atol=1e-10)


def test_entropies_against_enumeration(language: Language) -> None:
    posteriors = inference.last_token_posteriors(language.grammar, language.tokens)
    exact = inference.entropy(posteriors) @ language.probability
    assert (np.diff(exact) < 1e-12).all()  # more context, less entropy
    chosen = posteriors[:, np.arange(len(language.tokens)), language.tokens[:, -1]]
    np.testing.assert_allclose(-np.log(chosen) @ language.probability, exact, atol=1e-10)
    sampled, stderr = inference.ngram_entropies(
        language.grammar, Stream(language.grammar, 3, 0, "theory").take(20_000)["tokens"]
    )
    assert (np.abs(sampled - exact) < 5 * stderr + 1e-12).all()


def test_sentence_probabilities_and_the_autoregressive_floor(language: Language) -> None:
    found = inference.sentence_log_probability(language.grammar, language.tokens)
    np.testing.assert_allclose(np.exp(found), language.probability, atol=1e-12)
    loss = -found @ language.probability / language.tokens.shape[1]
    assert loss == pytest.approx(autoregressive_floor(language.grammar.parameters), abs=1e-10)


def test_an_ambiguous_grammar_is_summed_over_derivations() -> None:
    parameters = Parameters.make(v=2, n=2, s=2, L=1, m=2)
    rules = np.array([[[0, 0], [0, 1]], [[0, 0], [1, 1]]])  # (0, 0) has two parents
    grammar = Grammar(parameters, (rules,))
    posterior = inference.root_posterior(grammar, np.array([[0, 0], [0, 1]]))
    np.testing.assert_allclose(posterior, [[0.5, 0.5], [1.0, 0.0]])
    probability = np.exp(inference.sentence_log_probability(grammar, np.array([[0, 0]])))
    np.testing.assert_allclose(probability, [0.5])


def test_long_sentences_do_not_underflow() -> None:
    grammar = Grammar.draw(Parameters.make(v=8, s=2, L=9, m=4), 0)
    tokens = Stream(grammar, 0, 0, "test").take(3)["tokens"]
    expected = -autoregressive_floor(grammar.parameters) * tokens.shape[1]
    found = inference.sentence_log_probability(grammar, tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-10)  # uniform rules: all equally likely
    np.testing.assert_allclose(inference.root_posterior(grammar, tokens).max(axis=1), 1)


def test_errors_by_rank_against_brute_force() -> None:
    grammar = Grammar.draw(SHAPES["zipf"], 3)
    tokens = Stream(grammar, 3, 0, "theory").take(500)["tokens"]
    ranks = inference.rule_ranks(grammar, tokens)
    patches = tokens.reshape(len(tokens), -1, 2)
    for row, patch in np.ndindex(ranks.shape):
        made_by = grammar.rules_of(1)[:, ranks[row, patch]]
        assert (made_by == patches[row, patch]).all(axis=-1).any()
    errors = inference.classification_errors_by_rank(grammar, tokens)
    for known_ranks, error in enumerate(errors):
        known = np.repeat(ranks < known_ranks, 2, axis=1)
        posterior = inference.root_posterior(grammar, tokens, known)
        assert error == pytest.approx(1 - posterior.max(axis=1).mean(), abs=1e-12)
    assert errors[0] == pytest.approx(1 - 1 / 3)
    assert errors[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(errors) <= 0).all()


@pytest.mark.parametrize("task", ["classification", "last_token", "autoregressive"])
def test_exact_predictor_beats_nothing_but_itself(task: str) -> None:
    grammar = Grammar.draw(SHAPES["zipf"], 3)
    found = inference.exact_predictor(task, grammar, Stream(grammar, 3, 0, "test").take(4000))
    if task == "classification":
        np.testing.assert_allclose(found["loss"], 0, atol=1e-12)
    elif task == "last_token":
        stderr = found["loss"].std() / np.sqrt(4000)
        assert abs(found["loss"].mean() - found["entropy"].mean()) < 5 * stderr
    else:
        floor = autoregressive_floor(grammar.parameters)
        assert abs(found["loss"].mean() - floor) < 5 * found["loss"].std() / np.sqrt(4000)


def test_impossible_sentences_are_named() -> None:
    grammar = Grammar.draw(SHAPES["square"], 3)
    good = Stream(grammar, 3, 0, "test").take(2)["tokens"].astype(int)
    bad = good.copy()
    legal = {tuple(rule) for rule in grammar.rules_of(1).reshape(-1, 2).tolist()}
    bad[1, 2:] = next((a, b) for a in range(4) for b in range(4) if (a, b) not in legal)
    with pytest.raises(ValueError, match=r"sentence 1 is not of this grammar.*level-1.*node 1"):
        inference.root_posterior(grammar, bad)
    with pytest.raises(ValueError, match=r"tokens must lie in 0\.\.3"):
        inference.root_posterior(grammar, good + 4)
    with pytest.raises(ValueError, match=r"need shape \(N, 4\)"):
        inference.root_posterior(grammar, good[:, :3])
