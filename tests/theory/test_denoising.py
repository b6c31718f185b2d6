"""The exact denoiser against brute force over every derivation of tiny grammars."""

import itertools

import numpy as np
import pytest

from helpers.grammars import GRAMMARS, Language, enumerate_language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import denoising
from rhm_scaling.theory.denoising import Corruption

KINDS: tuple[Corruption, ...] = ("mask", "noise")


def corrupted(language: Language, kind: Corruption, fraction: float, seed: int) -> np.ndarray:
    v = language.grammar.parameters.v[0]
    return denoising.corrupt(language.tokens, kind, fraction, v, np.random.default_rng(seed))


def weights(language: Language, seen: np.ndarray, kind: Corruption, fraction: float) -> np.ndarray:
    """Probability of every derivation, given one corrupted sentence, as it is defined."""
    v = language.grammar.parameters.v[0]
    likelihood = language.probability.copy()
    for row, tokens in enumerate(language.tokens):
        for true, got in zip(tokens, seen):
            if kind == "mask":
                likelihood[row] *= fraction if got == v else (1 - fraction) * (got == true)
            else:
                likelihood[row] *= (1 - fraction) * (got == true) + fraction / v
    return likelihood / likelihood.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_posteriors_of_all_symbols_given_corrupted_sentences(
    language: Language, kind: Corruption
) -> None:
    grammar = language.grammar
    seen = corrupted(language, kind, 0.4, 0)[:: max(1, len(language.tokens) // 8)]
    leaves = denoising.evidence(seen, kind, 0.4, grammar.parameters.v[0])
    found = denoising.posteriors(grammar, denoising.upward(grammar, leaves))
    roots = denoising.root_posteriors(grammar, seen, kind, 0.4)
    np.testing.assert_allclose(found[-1][:, :, 0].T, roots, atol=1e-12)
    for number, row in enumerate(seen):
        weight = weights(language, row, kind, 0.4)
        for level, posterior in enumerate(found):
            for node in range(posterior.shape[2]):
                symbols = language.symbols[level][:, node]
                expected = np.bincount(symbols, weight, minlength=len(posterior))
                np.testing.assert_allclose(posterior[:, number, node], expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["zipf", "ambiguous by level"])
def test_a_resampled_sentence_has_the_posterior_of_all_tokens_together(
    name: str, kind: Corruption
) -> None:
    language, many = enumerate_language(GRAMMARS[name]), 40_000
    grammar, v = language.grammar, language.grammar.parameters.v[0]
    seen = corrupted(language, kind, 0.8, 0)[1]
    if kind == "mask":
        seen[:-1], seen[-1] = v, language.tokens[1, -1]
    leaves = denoising.evidence(seen[None].repeat(many, axis=0), kind, 0.8, v)
    messages = denoising.upward(grammar, leaves)
    drawn = denoising.resample(grammar, messages, np.random.default_rng(2))
    weight, joint = weights(language, seen, kind, 0.8), []
    # two neighbours, two tokens that only the root joins, a token and the root
    last, top = grammar.parameters.d - 1, grammar.parameters.L
    for (one, first), (other, second) in (
        ((0, 0), (0, 1)),
        ((0, 0), (0, last)),
        ((0, 1), (top, 0)),
    ):
        pairs, expected = np.zeros((2, 9, 9))
        np.add.at(pairs, (drawn[one][:, first], drawn[other][:, second]), 1 / many)
        symbols = language.symbols[one][:, first], language.symbols[other][:, second]
        np.add.at(expected, symbols, weight)
        error = np.sqrt(np.maximum(expected * (1 - expected), 0) / many)
        assert (np.abs(pairs - expected) <= 5 * error + 1e-9).all()
        alone = np.outer(expected.sum(axis=1), expected.sum(axis=0))
        joint.append(np.abs(alone - expected).max() / max(error.max(), 1e-9))
    assert max(joint) > 15  # else nothing of it is joint


def test_all_that_is_resampled_obeys_the_rules_and_tokens_alone_do_not() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=8, s=2, L=5, m=2), 0)
    tokens, source = Stream(grammar, 0, 0, "test").take(64)["tokens"], np.random.default_rng(0)
    seen = denoising.corrupt(tokens, "mask", 0.6, 8, source)
    messages = denoising.upward(grammar, denoising.evidence(seen, "mask", 0.6, 8))
    drawn = denoising.resample(grammar, messages, source)
    assert (denoising.obeying(grammar, drawn[0]) == 1).all()
    assert ((drawn[0] == tokens) | (seen == 8)).all()  # what was seen stays
    alone = denoising.choose(denoising.posteriors(grammar, messages)[0], source)
    found = denoising.obeying(grammar, alone)
    assert (np.diff(found) < 0).all() and 0.5 < found[0] < 0.95 and found[-1] < 0.2


def test_subtrees_that_obey_are_those_that_a_symbol_produces() -> None:
    grammar = GRAMMARS["ambiguous"]
    everything = np.array([*itertools.product(range(3), repeat=4)])
    tokens = np.concatenate([everything, everything[::-1]], axis=1)
    known = {
        level: {
            tuple(row) for symbol in range(3) for row in enumerate_below(grammar, level, symbol)
        }
        for level in (1, 2, 3)
    }
    for level, found in enumerate(denoising.obeying(grammar, tokens), 1):
        parts = tokens.reshape(-1, 2**level)
        assert found == pytest.approx(np.mean([tuple(part) in known[level] for part in parts]))


def enumerate_below(grammar: Grammar, level: int, symbol: int) -> list[tuple[int, ...]]:
    if level == 0:
        return [(symbol,)]
    real = grammar.probabilities_of(level)[symbol] > 0
    return [
        sum(parts, ())
        for rule in grammar.rules_of(level)[symbol][real]
        for parts in itertools.product(*(enumerate_below(grammar, level - 1, c) for c in rule))
    ]


def test_a_shallow_tree_has_the_lowest_rules_and_any_root() -> None:
    grammar = GRAMMARS["uneven"]
    shallow = denoising.lowest(grammar, 2)
    assert (shallow.parameters.L, shallow.parameters.n, shallow.parameters.d) == (2, 5, 4)
    np.testing.assert_array_equal(shallow.root, [0.2] * 5)
    for level in (1, 2):
        np.testing.assert_array_equal(shallow.rules_of(level), grammar.rules_of(level))
        np.testing.assert_array_equal(
            shallow.probabilities_of(level), grammar.probabilities_of(level)
        )


def test_changes_are_correlated_as_pairs_of_tokens_are() -> None:
    changed = np.random.default_rng(0).random((50, 9)) < np.linspace(0.1, 0.9, 9)
    changed[:, 4] = changed[:, 3] | changed[:, 8]
    correlation, susceptibility = denoising.correlations_of_changes(changed, 3)
    covariance = np.cov(changed.T)
    one = np.trace(covariance) / 9
    groups = np.arange(9) // 3
    same = groups[:, None] == groups
    for level, pairs in ((1, same & ~np.eye(9, dtype=bool)), (2, ~same)):
        assert correlation[level - 1] == pytest.approx(covariance[pairs].mean() / one)
    assert susceptibility == pytest.approx(covariance.sum() / np.trace(covariance))
    nothing = denoising.correlations_of_changes(np.zeros((5, 4), dtype=bool), 2)
    assert np.isnan(nothing[0]).all() and np.isnan(nothing[1])


def test_noise_and_masks_are_as_frequent_as_asked_for() -> None:
    tokens, source = np.full((400, 50), 3), np.random.default_rng(0)
    masked = denoising.corrupt(tokens, "mask", 0.25, 5, source)
    assert set(np.unique(masked)) == {3, 5}
    assert (masked == 5).mean() == pytest.approx(0.25, abs=0.02)
    noisy = denoising.corrupt(tokens, "noise", 0.5, 5, source)
    np.testing.assert_allclose(
        np.bincount(noisy.ravel()) / noisy.size, [0.1] * 3 + [0.6, 0.1], atol=0.02
    )


def test_impossible_evidence_is_refused() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=8, s=2, L=2, m=2), 0)
    tokens = np.array([[0, 0, 0, 0], *Stream(grammar, 0, 0, "test").take(3)["tokens"]])
    everything = np.array([*itertools.product(range(8), repeat=4)])
    found = denoising.upward(grammar, denoising.evidence(everything, "mask", 0.0, 8))[-1]
    tokens[0] = everything[np.flatnonzero(found.max(axis=0)[:, 0] == 0)[0]]
    messages = denoising.upward(grammar, denoising.evidence(tokens, "mask", 0.0, 8))
    with pytest.raises(ValueError, match="no sentence of this grammar"):
        denoising.posteriors(grammar, messages)
    with pytest.raises(ValueError, match="no sentence of this grammar"):
        denoising.resample(grammar, messages, np.random.default_rng(0))
