"""Exact inference against brute force over every derivation of tiny grammars."""

import numpy as np
import pytest

from benchmarks.inference import plain_last_token
from helpers.grammars import GRAMMARS, SHAPES, Language, enumerate_language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import inference, messages
from rhm_scaling.theory.complexities import autoregressive_floor
from rhm_scaling.theory.entropies import ngram_entropies


def some_rows(language: Language, count: int = 25) -> range:
    return range(0, len(language.tokens), max(1, len(language.tokens) // count))


def test_posteriors_of_all_symbols_from_full_and_masked_sentences(language: Language) -> None:
    generator = np.random.default_rng(0)
    known = generator.random(language.tokens.shape) < 0.6
    known[::3], known[-1] = True, False
    found = inference.hidden_posteriors(language.grammar, language.tokens, known)
    roots = inference.root_posterior(language.grammar, language.tokens, known)
    np.testing.assert_allclose(found[-1][:, 0], roots, atol=1e-12)
    for row in some_rows(language):
        weight = language.given(row, known[row])
        for posterior, symbols in zip(found, language.symbols, strict=True):
            for node in range(symbols.shape[1]):
                width = posterior.shape[2]
                expected = np.bincount(symbols[:, node], weight, minlength=width)
                np.testing.assert_allclose(posterior[row, node], expected, atol=1e-10)


def test_token_posteriors_from_left_to_right(language: Language) -> None:
    found = inference.token_posteriors(language.grammar, language.tokens)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-12)
    d, v = found.shape[1:]
    for row in some_rows(language):
        for position in range(d):
            weight = language.given(row, np.arange(d) < position)
            expected = np.bincount(language.tokens[:, position], weight, minlength=v)
            np.testing.assert_allclose(found[row, position], expected, atol=1e-10)
    # the chain rule
    chosen = np.take_along_axis(found, language.tokens[:, :, None], axis=2)[:, :, 0]
    whole = inference.sentence_log_probability(language.grammar, language.tokens)
    np.testing.assert_allclose(np.log(chosen).sum(axis=1), whole, atol=1e-10)


def test_last_token_posteriors_for_every_context(language: Language) -> None:
    found = inference.last_token_posteriors(language.grammar, language.tokens)
    parameters = language.grammar.parameters
    assert len(found) == parameters.L + 1
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-12)
    for context, row in np.ndindex(len(found), 5):
        row = (row * len(language.tokens)) // 5
        known = np.arange(parameters.d) >= parameters.d - parameters.s**context
        known[-1] = False
        weight = language.given(row, known)
        expected = np.bincount(language.tokens[:, -1], weight, minlength=parameters.v[0])
        np.testing.assert_allclose(found[context, row], expected, atol=1e-10)
    some = inference.last_token_posteriors(language.grammar, language.tokens, [2, 0, 2])
    np.testing.assert_array_equal(some, found[[2, 0, 2]])


def test_the_plain_loop_of_the_benchmark_does_the_same_work(language: Language) -> None:
    some = language.tokens[:: max(1, len(language.tokens) // 5)]
    plain = plain_last_token(language.grammar, some)
    ours = inference.last_token_posteriors(language.grammar, some)
    np.testing.assert_allclose(plain, ours, atol=1e-12)


def test_sentence_probabilities(language: Language) -> None:
    found = inference.sentence_log_probability(language.grammar, language.tokens)
    everything = np.ones(language.tokens.shape[1], dtype=bool)
    for row in some_rows(language):
        same = language.given(row, everything) > 0
        assert np.exp(found[row]) == pytest.approx(language.probability[same].sum(), abs=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_unambiguous_sentences_give_their_derivation_away(name: str) -> None:
    language = enumerate_language(GRAMMARS[name])
    found = inference.likeliest_symbols(language.grammar, language.tokens)
    for likeliest, symbols in zip(found, language.symbols, strict=True):
        np.testing.assert_array_equal(likeliest, symbols)


def test_an_ambiguous_grammar_is_summed_over_derivations() -> None:
    parameters = Parameters.from_keys(v=2, n=2, s=2, L=1, m=2)
    rules = np.array([[[0, 0], [0, 1]], [[0, 0], [1, 1]]])  # (0, 0) has two parents
    grammar = Grammar.from_rules(parameters, (rules,))
    posterior = inference.root_posterior(grammar, np.array([[0, 0], [0, 1]]))
    np.testing.assert_allclose(posterior, [[0.5, 0.5], [1.0, 0.0]])
    probability = np.exp(inference.sentence_log_probability(grammar, np.array([[0, 0]])))
    np.testing.assert_allclose(probability, [0.5])


def test_long_sentences_do_not_underflow() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=8, s=2, L=9, m=4), 0)
    tokens = Stream(grammar, 0, 0, "test").take(3)["tokens"]
    expected = -autoregressive_floor(grammar.parameters) * tokens.shape[1]
    found = inference.sentence_log_probability(grammar, tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-10)  # uniform rules: all equally likely
    np.testing.assert_allclose(inference.root_posterior(grammar, tokens).max(axis=1), 1)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = GRAMMARS["zipf"]
    tokens = Stream(grammar, 3, 0, "test").take(50)["tokens"]
    whole = inference.last_token_posteriors(grammar, tokens)
    monkeypatch.setattr(messages, "_NODE_SET", 7 * 4)
    assert len(list(messages.blocks(grammar, 50))) == 8
    np.testing.assert_allclose(inference.last_token_posteriors(grammar, tokens), whole, atol=1e-15)


def test_of_a_window_the_exact_predictors_loss_is_that_levels_entropy() -> None:
    """arXiv:2406.00048: what the last tokens tell ends at ``H_l``."""
    parameters = Parameters.from_keys(v=8, s=2, L=3, m=3)
    grammar = Grammar.draw(parameters, 0)
    sentences = Stream(grammar, 0, 0, "test").take(20_000)
    entropies = [estimate.value for estimate in ngram_entropies(grammar)]
    for context, level in {2: 1, 4: 2, 8: 3, 0: 3}.items():
        found = inference.exact_predictor("last_token", grammar, sentences, context)
        assert found["loss"].mean() == pytest.approx(entropies[level], abs=0.03)
        assert found["entropy"].mean() == pytest.approx(entropies[level], abs=0.015)
        posterior = inference.last_token_posteriors(grammar, sentences["tokens"], [level])[0]
        np.testing.assert_array_equal(found["posterior"], posterior)


@pytest.mark.parametrize("task", ["classification", "last_token", "autoregressive"])
def test_exact_predictor_beats_nothing_but_itself(task: str) -> None:
    grammar = GRAMMARS["zipf"]
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
    many = np.concatenate([np.tile(good[:1], (9000, 1)), bad])
    for function in (
        inference.root_posterior,
        inference.hidden_posteriors,
        inference.token_posteriors,
        inference.sentence_log_probability,
    ):
        with pytest.raises(ValueError, match=r"sentence 1 is not of this grammar.*level-1.*node 1"):
            function(grammar, bad)
        with pytest.raises(ValueError, match=r"sentence 9001 is not of this grammar"):
            function(grammar, many)
    outside = good.copy()
    outside[1, 3] = 4
    with pytest.raises(ValueError, match=r"sentence 1, position 3: token 4 lies outside 0\.\.3"):
        inference.root_posterior(grammar, outside)
    with pytest.raises(ValueError, match=r"need shape \(N, 4\)"):
        inference.root_posterior(grammar, good[:, :3])
    with pytest.raises(ValueError, match=r"known needs the shape of the sentences"):
        inference.root_posterior(grammar, good, np.ones(4, dtype=bool))


def test_a_root_of_probability_zero_is_refused() -> None:
    parameters = Parameters.from_keys(v=2, n=2, s=2, L=1, m=1)
    grammar = Grammar.from_rules(parameters, (np.array([[[0, 0]], [[1, 1]]]),))
    certain = Grammar(parameters, grammar.rules, grammar.probabilities, np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="its root has probability zero"):
        inference.root_posterior(certain, np.array([[1, 1]]))
