"""Correlations against brute force, and the ensemble's closed forms against many rule draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from helpers.grammars import GRAMMARS, SHAPES, Language
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory import complexities, correlations


def brute_force(
    language: Language, level: int, positions: Iterator[int], target: np.ndarray
) -> np.ndarray:
    """``sum P P / sum C**2`` by rank, from the joint table of tuples and target."""
    grammar = language.grammar
    s = grammar.parameters.s
    rules, weights = grammar.rules_of(level), grammar.probabilities_of(level)
    rank_of: dict[tuple[int, ...], int] = {}
    for k, a in np.ndindex(rules.shape[1], rules.shape[0]):
        if weights[a, k] > 0:
            rank_of.setdefault(tuple(rules[a, k]), k)
    noise, signal = np.zeros(rules.shape[1]), np.zeros(rules.shape[1])
    for position in positions:
        tuples = language.symbols[level - 1][:, position * s : (position + 1) * s]
        for made, k in rank_of.items():
            here = (tuples == made).all(axis=1)
            for x in np.unique(target):
                joint = language.probability[here & (target == x)].sum()
                apart = language.probability[here].sum() * language.probability[target == x].sum()
                noise[k] += apart
                signal[k] += (joint - apart) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, noise / np.where(signal < 1e-20, 0, signal), np.inf)


def beside_the_last_branch(language: Language, ancestor: int, level: int) -> range:
    """Positions of the `level` nodes whose common ancestor with the last token is `ancestor`."""
    parameters = language.grammar.parameters
    nodes = parameters.s ** (parameters.L - level)
    wide, narrow = (parameters.s ** (above - level) for above in (ancestor, ancestor - 1))
    return range(nodes - wide, nodes - narrow)


def test_tuple_token_correlations(language: Language) -> None:
    grammar = language.grammar
    last = language.tokens[:, -1]
    for ancestor in range(2, grammar.parameters.L + 1):
        for learner in ("transformer", "cnn"):
            level = 1 if learner == "transformer" else ancestor - 1
            positions = beside_the_last_branch(language, ancestor, level)
            expected = brute_force(language, level, positions, last)
            found = correlations.sample_complexities(grammar, ancestor, learner)
            np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_tuple_label_correlations(language: Language) -> None:
    grammar = language.grammar
    parameters = grammar.parameters
    positions = range(parameters.s ** (parameters.L - 1))
    expected = brute_force(language, 1, positions, language.symbols[-1][:, 0])
    np.testing.assert_allclose(correlations.label_complexities(grammar), expected, rtol=1e-8)


@pytest.mark.parametrize("name", SHAPES)
def test_correlations_within_the_last_patch(name: str) -> None:
    grammar = GRAMMARS[name]
    f = grammar.parameters.probabilities(1)
    weight = grammar.last_marginal(1)[:, None] * grammar.probabilities_of(1)
    s, v = grammar.parameters.s, grammar.parameters.v[0]
    joint = np.zeros((v,) * s)
    for index in np.ndindex(weight.shape):
        joint[tuple(grammar.rules_of(1)[index])] += weight[index]
    table = joint.reshape(-1, v)
    apart = np.outer(table.sum(axis=1), table.sum(axis=0))
    whole = 1 / ((table - apart) ** 2).sum()
    for learner in ("cnn", "transformer"):
        found = correlations.sample_complexities(grammar, 1, learner)
        np.testing.assert_allclose(found * f, found[0] * f[0])
        # the mean over rules is the whole level's
        np.testing.assert_allclose(found, whole * (f**2).sum() / f)


ENSEMBLES = {
    "square": Parameters.from_keys(v=16, s=2, L=4, m=4),
    "few classes": Parameters.from_keys(v=16, n=4, s=2, L=3, m=4),
    "triples": Parameters.from_keys(v=8, s=3, L=3, m=8),
    "zipf": Parameters.from_keys(v=16, s=2, L=3, m={1: 16, 2: 4, 3: 4}, zipf={1: 1.0, 2: 0.5}),
    "large": Parameters.from_keys(v=32, s=2, L=4, m=8),
    "many tokens": Parameters.from_keys(v={0: 48, 1: 12}, s=2, L=4, m={1: 24, 2: 4, 3: 4, 4: 4}),
    "few tokens": Parameters.from_keys(v={0: 8, 1: 16, 2: 24}, s=2, L=3, m={1: 2, 2: 4, 3: 6}),
    "uneven triples": Parameters.from_keys(
        v={0: 16, 1: 8, 2: 10}, n=8, s=3, L=3, m={1: 16, 2: 8, 3: 8}
    ),
    "zipf above many tokens": Parameters.from_keys(
        v={0: 40, 1: 16}, s=2, L=3, m={1: 8, 2: 8, 3: 6}, zipf={2: 1.0, 3: 0.5}
    ),
}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensembles_agree_with_many_rule_draws_within_ten_percent(name: str) -> None:
    parameters = ENSEMBLES[name]
    grammars = [Grammar.draw(parameters, seed) for seed in range(100)]

    def ratio(own: list[np.ndarray], ensemble: np.ndarray) -> np.ndarray:
        # the ensemble averages squared correlations, that is 1/P
        return np.mean([1 / p for p in own], axis=0) * ensemble

    for level in range(1, parameters.L + 1):
        for learner in ("cnn", "transformer"):
            own = [correlations.sample_complexities(g, level, learner) for g in grammars]
            found = ratio(own, complexities.ensemble_complexities(parameters, level, learner))
            np.testing.assert_allclose(found, 1, atol=0.1, err_msg=f"{learner} {level}")
    own = [correlations.label_complexities(grammar) for grammar in grammars]
    found = ratio(own, complexities.ensemble_label_complexities(parameters))
    np.testing.assert_allclose(found, 1, atol=0.05)


def test_vanishing_correlations_are_infinite_everywhere() -> None:
    parameters = Parameters.from_keys(v=4, s=2, L=3, m=4)  # f = 1
    grammar = Grammar.draw(parameters, 0)
    for level in (1, 2, 3):
        for learner in ("cnn", "transformer"):
            for found in (
                correlations.sample_complexities(grammar, level, learner),
                complexities.sample_complexities(parameters, level, learner),
                complexities.ensemble_complexities(parameters, level, learner),
            ):
                assert np.isinf(found).all()
            assert correlations.threshold(grammar, level, learner) == np.inf
            assert complexities.threshold(parameters, level, learner) == np.inf
    single = Parameters.from_keys(v=4, n=1, s=2, L=2, m=2)  # one class: nothing to correlate with
    assert np.isinf(correlations.label_complexities(Grammar.draw(single, 0))).all()
    assert np.isinf(complexities.ensemble_label_complexities(single)).all()


def test_rank_probabilities_leave_out_rows_that_only_fill_up() -> None:
    mean = correlations.rank_probabilities(GRAMMARS["ambiguous"], 2)
    np.testing.assert_allclose(mean, [(0.75 + 0.7) / 2, (0.25 + 0.2) / 2, 0.05])


def test_levels_outside_the_grammar_are_refused() -> None:
    for level in (0, 3):
        with pytest.raises(ValueError, match=r"level must lie in 1\.\.2"):
            correlations.sample_complexities(GRAMMARS["square"], level, "cnn")
        with pytest.raises(ValueError, match=r"level must lie in 1\.\.2"):
            complexities.ensemble_complexities(SHAPES["square"], level, "cnn")
