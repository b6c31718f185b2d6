"""Closed forms, against their special cases and against what they claim about curves."""

import numpy as np
import pytest

from rhm_scaling.grammar.model import Parameters
from rhm_scaling.theory import complexities as theory

UNIFORM = Parameters.from_keys(v=8, s=2, L=4, m=3)
FRACTION = 3 / 8


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize(("learner", "power"), [("transformer", 2), ("cnn", 1)])
def test_thresholds_of_uniform_rules(level: int, learner: str, power: int) -> None:
    exponent = {2: 2 * level - 1, 1: level + 1}[power] if level > 1 else 1
    expected = 8 * 3**exponent / (1 - FRACTION)
    ranks = theory.sample_complexities(UNIFORM, level, learner)
    np.testing.assert_allclose(ranks, expected)


def test_thresholds_with_a_vocabulary_by_level() -> None:
    parameters = Parameters.from_keys(
        v={0: 32, 1: 12, 2: 10}, n=6, s=2, L=3, m={1: 8, 2: 4, 3: 5}, zipf={1: 1.0}
    )
    f, q = parameters.probabilities(1), (parameters.probabilities(1) ** 2).sum()
    f_1, f_2, f_3 = 12 / (32**2 * q), 10 * 4 / 12**2, 6 * 5 / 10**2
    for level, expected in ((1, f_1), (2, f_2), (3, f_3)):
        assert theory.grammatical_fraction(parameters, level) == pytest.approx(expected)
    for learner in ("transformer", "cnn"):
        first = theory.sample_complexities(parameters, 1, learner)
        np.testing.assert_allclose(first, 12 / ((1 - f_1) * f))
        second = theory.sample_complexities(parameters, 2, learner)
        np.testing.assert_allclose(second, 10 * 4 / (f * (1 - f_2) * q))
        assert np.isnan(theory.asymptotic_exponent(parameters, learner))
    cnn = theory.sample_complexities(parameters, 3, "cnn")
    np.testing.assert_allclose(cnn, 6 * 5 * 4 * 4 / ((1 - f_3) * q))  # its rank is of level 2
    transformer = theory.sample_complexities(parameters, 3, "transformer")
    np.testing.assert_allclose(transformer, 6 * 5 * 4 * 4 / (f * (1 - f_3) * q))
    np.testing.assert_allclose(theory.classification_thresholds(parameters), 6 * 4 * 5 / f)
    assert theory.parameters_needed(parameters, 3, "cnn") == 12 * 8 + 10 * 4 + 6 * 5
    assert theory.parameters_needed(parameters, 3, "transformer") == 4 * 96 + 2 * 40 + 30


@pytest.mark.parametrize("learner", ["transformer", "cnn"])
@pytest.mark.parametrize(
    ("v", "m"), [(2048, 300), ({0: 4096, 1: 1024, 2: 2048}, {1: 300, 2: 99, 3: 200})]
)
def test_the_ensemble_becomes_the_papers_form_where_all_levels_are_large(
    v: int | dict[int, int], m: int | dict[int, int], learner: str
) -> None:
    large = Parameters.from_keys(v=v, s=2, L=3, m=m)
    for level in (1, 2, 3):
        bare = theory.sample_complexities(large, level, learner)
        full = theory.ensemble_complexities(large, level, learner)
        np.testing.assert_allclose(full, bare, rtol=0.01)
    labels = theory.ensemble_label_complexities(large)
    np.testing.assert_allclose(labels, theory.classification_thresholds(large), rtol=0.01)


@pytest.mark.parametrize("learner", ["transformer", "cnn"])
def test_deep_levels_are_far_but_not_out_of_reach(learner: str) -> None:
    deep = Parameters.from_keys(v=32, s=2, L=12, m=8)
    bare = theory.sample_complexities(deep, 12, learner)
    assert bare[0] == pytest.approx(32 * 8.0 ** {"transformer": 23, "cnn": 13}[learner] / 0.75)
    assert np.isfinite(theory.ensemble_complexities(deep, 12, learner)).all()
    assert np.isfinite(theory.ensemble_label_complexities(deep)).all()


def test_a_threshold_is_that_of_half_of_the_probability() -> None:
    complexities = np.array([1.0, 2.0, 4.0])
    assert theory.at_half(complexities, np.array([0.6, 0.3, 0.1])) == 1
    assert theory.at_half(complexities, np.array([0.4, 0.3, 0.3])) == 2
    assert theory.at_half(complexities, np.array([0.5, 0.25, 0.25])) == 1
    parameters = Parameters.from_keys(v=8, s=2, L=3, m=3, zipf={1: 1.0})
    ranks = theory.ensemble_complexities(parameters, 2, "cnn")
    assert theory.threshold(parameters, 2, "cnn") == ranks[0]  # f_1 is above a half


def test_zipf_rules_spread_the_thresholds_by_rank() -> None:
    parameters = Parameters.from_keys(v=8, s=2, L=3, m=3, zipf={1: 1.0})
    f = parameters.probabilities(1)
    for learner in ("transformer", "cnn"):
        spread = theory.sample_complexities(parameters, 2, learner) * f
        np.testing.assert_allclose(spread, spread[0])
    q = (f**2).sum()
    expected = 8 / (f[0] * (1 - FRACTION) * (1 / 3) * q)
    assert theory.sample_complexities(parameters, 2, "cnn")[0] == pytest.approx(expected)
    # the CNN's own rank is that of level l - 1, which is uniform here
    third = theory.sample_complexities(parameters, 3, "cnn")
    np.testing.assert_allclose(third, third[0])


def test_vanishing_correlations_have_no_exponent() -> None:
    full = Parameters.from_keys(v=4, s=2, L=3, m=4)
    for learner in ("transformer", "cnn"):
        assert np.isnan(theory.asymptotic_exponent(full, learner))


def test_exponents() -> None:
    cnn = theory.asymptotic_exponent(UNIFORM, "cnn")
    assert cnn == pytest.approx(np.log(8 / 3) / np.log(3))
    assert theory.asymptotic_exponent(UNIFORM, "transformer") == pytest.approx(cnn / 2)
    zipf = Parameters.from_keys(v=8, s=2, L=3, m=3, zipf={1: 3.0})
    assert theory.classification_exponent(zipf) == pytest.approx(0.75)
    assert np.isnan(theory.classification_exponent(UNIFORM))
    uneven = Parameters.from_keys(v=8, s=2, L=2, m={1: 3, 2: 2})
    assert np.isnan(theory.asymptotic_exponent(uneven, "cnn"))


def test_classification_thresholds() -> None:
    np.testing.assert_allclose(theory.classification_thresholds(UNIFORM), 8 * 3**4)
    zipf = Parameters.from_keys(v=8, n=5, s=2, L=3, m=3, zipf={1: 1.0})
    expected = 5 * 9 / zipf.probabilities(1)
    np.testing.assert_allclose(theory.classification_thresholds(zipf), expected)


def test_the_constant_of_the_asymptotic_law_is_the_tail_of_the_rules() -> None:
    """With very many rules, the law is the summed probability of the rules not yet learnt."""
    parameters = Parameters.from_keys(v=100, n=10, s=2, L=2, m={1: 100, 2: 4}, zipf={1: 1.0})
    thresholds, f = theory.classification_thresholds(parameters), parameters.probabilities(1)
    amplitude = theory.classification_amplitude(parameters, patch_factor=1.0)
    exponent = theory.classification_exponent(parameters)
    endless = np.arange(1, 10**6 + 1) ** -2.0 / (1 / f[0])
    for k in (5, 20):
        law = amplitude * thresholds[k - 1] ** -exponent
        assert law == pytest.approx(endless[k:].sum() + endless[k - 1] / 2, rel=0.02)
    assert np.isnan(theory.classification_amplitude(UNIFORM, 1.0))


def test_of_many_ranks_tables_tell_some_and_the_others_lie_between() -> None:
    for count in (1, 3, 256):
        np.testing.assert_array_equal(theory.told_ranks(count), np.arange(1, count + 1))
    ranks = theory.told_ranks(8192)
    assert (ranks[0], ranks[-1], len(ranks)) == (1, 8192, 256 + 5 * 16)
    assert (np.diff(ranks) > 0).all()
    power_law = np.arange(1, 8193) ** 1.75
    found = theory.at_every_rank(ranks, power_law[ranks - 1])
    np.testing.assert_allclose(found, power_law, rtol=1e-3)
    endless = np.full(len(ranks), np.inf)
    assert np.isinf(theory.at_every_rank(ranks, endless)).all()
