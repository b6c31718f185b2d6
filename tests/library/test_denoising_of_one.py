"""Corrupted sentences in the library: exact posteriors, restored sentences, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import rhm_scaling as rhm


@pytest.fixture(scope="module")
def grammar() -> object:
    return rhm.draw_grammar(v=4, s=2, L=3, m=2)


def test_masking_the_last_token_alone_gives_the_exact_predictor(grammar: object) -> None:
    tokens = rhm.sample(grammar, 200).tokens
    seen = tokens.copy()
    seen[:, -1] = 4
    exact = rhm.posterior(grammar, "last_token", tokens)
    np.testing.assert_allclose(rhm.denoise(grammar, seen)[0][:, -1], exact, atol=1e-12)


def test_whole_sentences_tell_their_tokens_and_the_root(grammar: object) -> None:
    sentences = rhm.sample(grammar, 200)
    found = rhm.denoise(grammar, sentences)
    assert (found[0].argmax(axis=-1) == sentences.tokens).all() and (
        found[0].max(axis=-1) == 1
    ).all()
    exact = rhm.posterior(grammar, "classification", sentences)
    np.testing.assert_allclose(found[3][:, 0], exact, atol=1e-12)


def test_full_noise_tells_as_little_as_masks(grammar: object) -> None:
    tokens = rhm.sample(grammar, 8).tokens
    noisy, masked = rhm.denoise(grammar, tokens, noise=1.0), rhm.denoise(grammar, tokens * 0 + 4)
    for one, other in zip(noisy, masked):
        np.testing.assert_allclose(one, other, atol=1e-12)
    # what is masked is not noisy: the rest of the sentence still is
    tokens[:, 0] = 4
    assert (rhm.denoise(grammar, tokens, noise=0.1)[0][:, 1].max(axis=-1) < 1).all()


def test_restored_tokens_have_the_frequencies_of_the_posterior(grammar: object) -> None:
    seen = np.repeat(rhm.sample(grammar, 1).tokens, 20_000, axis=0)
    seen[:, 2:6] = 4
    posterior = rhm.denoise(grammar, seen[:1])[0][0]
    restored = rhm.restore(grammar, seen, seed=3)
    shares = (restored[:, :, None] == np.arange(4)).mean(axis=0)
    np.testing.assert_allclose(shares, posterior, atol=0.02)
    assert (rhm.restore(grammar, seen, seed=3) == restored).all()
    assert (rhm.restore(grammar, seen, seed=4) != restored).any()


def test_the_critical_fraction_parts_what_deep_trees_tell() -> None:
    deep = rhm.draw_grammar(v=16, s=2, L=8, m=4)
    for kind, most in (("mask", 0.7), ("noise", 0.5)):
        found = rhm.critical_fraction(deep, kind)
        assert 0.1 < found < most
        assert rhm.critical_fraction(deep, kind) == found
    tokens, source = rhm.sample(deep, 64).tokens, np.random.default_rng(0)
    critical, chance = rhm.critical_fraction(deep), source.random(tokens.shape)
    known = [
        (rhm.denoise(deep, np.where(chance < fraction, 16, tokens))[8][:, 0] ** 2)
        .sum(axis=1)
        .mean()
        for fraction in (critical - 0.25, critical + 0.25)
    ]
    assert known[0] > 0.9 and known[1] < 0.3


def test_no_sentences_have_no_posteriors(grammar: object) -> None:
    nothing = np.zeros((0, 8), int)
    found = rhm.denoise(grammar, nothing)
    assert [level.shape for level in found] == [(0, 8, 4), (0, 4, 4), (0, 2, 4), (0, 1, 4)]
    assert rhm.restore(grammar, nothing).shape == (0, 8)


@pytest.mark.parametrize(("rules", "known"), [(8, 0.0), (1, 1.0)])
def test_where_rules_tell_all_or_nothing_no_fraction_parts(rules: int, known: float) -> None:
    found = rhm.critical_fraction(rhm.draw_grammar(v=8, s=2, L=3, m=rules))
    assert abs(found - known) < 0.002


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda g, t: rhm.denoise(g, t + 5), r"sentences: .*outside 0\.\.3, or 4 for a mask"),
        (lambda g, t: rhm.denoise(g, t, noise=1.5), "noise: "),
        (lambda g, t: rhm.restore(g, t, seed=-1), "seed: "),
        (lambda g, t: rhm.denoise(g, np.zeros_like(t)), "sentences: the grammar produces none"),
        (lambda g, t: rhm.critical_fraction(g, "blur"), "corruption: "),
        (
            lambda g, t: rhm.critical_fraction(rhm.draw_grammar(v=4, s=2, L=3, m=2, n=3)),
            "grammar: its levels have different numbers",
        ),
    ],
)
def test_mistakes_are_named(grammar: object, call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call(grammar, rhm.sample(grammar, 4).tokens)  # type: ignore[operator]
    with pytest.raises(TypeError, match="whole numbers"):
        rhm.denoise(grammar, [[0.5] * 8])
    with pytest.raises(TypeError, match="or 4 for a mask"):
        rhm.denoise(grammar, [[0] * 8, [0]])
