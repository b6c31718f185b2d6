"""Thresholds of latent prediction against enumeration, and their ensemble against many draws."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.grammars import Language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory import correlations, latents
from rhm_scaling.theory.complexities import at_half
from rhm_scaling.theory.training_sizes import thresholds


def by_enumeration(language: Language, level: int, tokens: bool = False) -> np.ndarray:
    """``sum P P / sum C**2`` by rank, over the number of parents, from all derivations.

    Of the codes of siblings, or of their tokens, each of which is seen alone.
    """
    grammar = language.grammar
    s, p = grammar.parameters.s, language.probability
    rules, weights = grammar.rules_of(level), grammar.probabilities_of(level)
    rank_of: dict[tuple[int, ...], int] = {}
    for k, a in np.ndindex(rules.shape[1], rules.shape[0]):
        if weights[a, k] > 0:
            rank_of.setdefault(tuple(rules[a, k]), k)
    symbols = language.symbols[level]
    tuples = language.symbols[level - 1].reshape(len(symbols), -1, s)
    parents = symbols.shape[1] // s
    noise, signal = np.zeros(rules.shape[1]), np.zeros(rules.shape[1])
    below = s**level if tokens else 1
    seen = language.symbols[0 if tokens else level].reshape(*symbols.shape, below)
    kinds = grammar.parameters.symbols(0 if tokens else level)
    for one, other, place in np.ndindex(s, s, below):
        if one == other:
            continue
        mine, code = tuples[:, one::s], seen[:, other::s, place]
        for made, k in rank_of.items():
            here = (mine == made).all(axis=2)
            for symbol in range(kinds):
                there = code == symbol
                joint = p @ (here & there).mean(axis=1)
                apart = (p @ here.mean(axis=1)) * (p @ there.mean(axis=1))
                noise[k] += apart
                signal[k] += (joint - apart) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(noise > 0, noise / np.where(signal < 1e-20, 0, signal), np.inf)
    return np.asarray(found / parents)


def test_thresholds_of_a_draw_are_those_of_all_its_derivations(language: Language) -> None:
    grammar = language.grammar
    for level in latents.levels(grammar.parameters):
        expected = by_enumeration(language, level)
        found = latents.latent_complexities(grammar, level)
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_tokens_of_siblings_are_seen_from_as_many_sentences_as_enumeration_says(
    language: Language,
) -> None:
    grammar = language.grammar
    found = latents.token_thresholds(grammar)
    for level in latents.levels(grammar.parameters):
        expected = by_enumeration(language, level, tokens=True)
        ranks = correlations.rank_probabilities(grammar, level)
        assert found[level - 1] == pytest.approx(at_half(expected, ranks), rel=1e-8)


def test_each_level_costs_who_sees_tokens_a_factor_of_m() -> None:
    p = Parameters.from_keys(v=24, s=2, L=4, m=3)
    draws = [Grammar.draw(p, rule) for rule in range(12)]
    codes, tokens = (
        np.exp(np.mean([np.log(of(grammar)) for grammar in draws], axis=0))
        for of in (latents.latent_thresholds, latents.token_thresholds)
    )
    np.testing.assert_allclose(tokens / codes, [3, 9, 27], rtol=0.25)


SHAPES = [
    Parameters.from_keys(v=8, s=2, L=4, m=2),
    Parameters.from_keys(v=16, s=2, L=4, m=4),
    Parameters.from_keys(v=16, n=5, s=2, L=4, m=3),
    Parameters.from_keys(v=6, s=3, L=3, m=4),
    Parameters.from_keys(v=16, s=2, L=3, m=4, zipf={1: 1.0, 2: 0.5}),
    Parameters.from_keys(v={0: 24, 1: 8, 2: 12}, n=16, s=2, L=3, m={1: 6, 2: 4, 3: 5}),
]


@pytest.mark.parametrize("parameters", SHAPES, ids=lambda p: p.label())
def test_the_ensemble_is_the_mean_signal_of_many_draws(parameters: Parameters) -> None:
    signals = [1 / latents.latent_thresholds(Grammar.draw(parameters, r)) for r in range(80)]
    ensemble = [
        latents.ensemble_latent_threshold(parameters, n) for n in latents.levels(parameters)
    ]
    ratio = np.mean(signals, axis=0) * ensemble
    assert (np.abs(np.log(ratio)) < np.log(1.12)).all(), ratio


def test_the_bare_form_is_that_of_a_large_vocabulary() -> None:
    p = Parameters.from_keys(v=32, s=2, L=5, m=4)
    assert latents.bare_latent_threshold(p, 4) == pytest.approx(32 * 4**2 / (1 - 4 / 32))
    for level in latents.levels(p):  # pairs of siblings are pooled over parents
        bare = 32 * 4**2 / (1 - 4 / 32) / 2 ** (4 - level)
        assert latents.bare_latent_threshold(p, level) == pytest.approx(bare)
        assert latents.ensemble_latent_threshold(p, level) == pytest.approx(bare, rel=0.08)
        # seen as tuples, siblings tell less: the summary's v m^3/(1-f)
        assert latents.as_tuples(p, level) == pytest.approx(4)


def test_seeing_siblings_as_tuples_costs_a_factor_of_m() -> None:
    """From the joint probabilities of two tuples, for uniform rules exactly."""
    p = Parameters.from_keys(v=8, s=2, L=3, m=3)
    for draw in range(3):
        grammar = Grammar.draw(p, draw)
        for level in latents.levels(p):
            pairs = [joint @ np.kron(np.eye(8), np.full((1, 3), 1 / 3))
                     for joint in latents.with_sibling(grammar, level)]  # fmt: skip
            found = correlations._complexities(grammar, level, iter(pairs))[0]
            codes = latents.latent_complexities(grammar, level)[0] * latents.parents(p, level)
            assert found == pytest.approx(codes * latents.as_tuples(p, level))


def test_depth_leaves_the_largest_threshold_as_it_is() -> None:
    of_depth = [
        latents.largest_latent_threshold(Parameters.from_keys(v=16, s=2, L=L, m=2))
        for L in range(2, 13)
    ]
    assert np.ptp(of_depth) < 1e-9 * of_depth[0]


def test_without_correlations_there_is_no_threshold() -> None:
    p = Parameters.from_keys(v=4, s=2, L=3, m=4)
    assert np.isinf(latents.latent_thresholds(Grammar.draw(p, 0))).all()
    assert all(np.isinf(latents.ensemble_latent_threshold(p, level)) for level in (1, 2))
    assert all(np.isinf(latents.bare_latent_threshold(p, level)) for level in (1, 2))
    assert thresholds(p, "classification", latent=True) == []
    shallow = Parameters.from_keys(v=4, s=2, L=1, m=2)
    assert latents.largest_latent_threshold(shallow) == np.inf
    with pytest.raises(ValueError, match=r"level must lie in 1\.\.2, not 3"):
        latents.latent_complexities(Grammar.draw(p, 0), 3)


def test_training_sizes_begin_at_the_largest_threshold() -> None:
    p = Parameters.from_keys(v=16, s=2, L=4, m=3)
    ensemble = latents.ensemble_latent_threshold(p, 3)
    assert thresholds(p, "classification", latent=True) == [ensemble]
    grammar = Grammar.draw(p, 1)
    (exact,) = thresholds(grammar, "classification", latent=True)
    assert exact == latents.latent_thresholds(grammar).max() != ensemble
