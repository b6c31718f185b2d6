"""Predicted curves: special cases, bounds, and the identities that they rest on."""

import numpy as np
import pytest

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream, overlap
from rhm_scaling.theory import (
    bayes_errors,
    complexities,
    correlations,
    inference,
    predicted_curves,
)
from rhm_scaling.theory.entropies import ngram_entropies

UNIFORM = Parameters.from_keys(v=8, s=2, L=4, m=3)
FRACTION = 3 / 8
ZIPF = Parameters.from_keys(v=8, n=4, s=2, L=3, m={1: 6, 2: 2, 3: 3}, zipf={1: 1.0})


def test_the_envelope_passes_through_its_corners() -> None:
    corners, heights = np.array([10.0, 100.0, 1000.0]), np.array([1.0, 0.1, 0.05])
    found = predicted_curves.power_law_through(corners, heights, 2.0, corners)
    np.testing.assert_allclose(found, heights)
    outside = predicted_curves.power_law_through(corners, heights, 2.0, np.array([1.0, 10000.0]))
    assert outside[0] == 2.0  # never above the height before the first step
    assert outside[1] == pytest.approx(0.025)  # the last local exponent goes on
    # a common factor in the thresholds does not change the slopes
    shifted = predicted_curves.power_law_through(5 * corners, heights, 2.0, 5 * corners)
    np.testing.assert_allclose(shifted, heights)


def test_a_corner_waits_for_those_before_it() -> None:
    corners, heights = np.array([10.0, 1000.0, 100.0, 5000.0]), np.array([1.0, 0.5, 0.1, 0.01])
    found = predicted_curves.power_law_through(corners, heights, 2.0, np.array([10, 1000, 5000.0]))
    np.testing.assert_allclose(found, [1.0, 0.1, 0.01])
    single = np.array([10.0, 10.0])
    assert np.isnan(
        predicted_curves.power_law_through(single, np.array([1, 0.5]), 2.0, corners)
    ).all()


def excess_heights() -> np.ndarray:
    return np.array([*(FRACTION**level for level in range(4)), 0.0])


@pytest.mark.parametrize("learner", ["transformer", "cnn"])
def test_staircase_of_a_pure_power_law_has_the_asymptotic_exponent(learner: str) -> None:
    corners = np.array(
        [complexities.sample_complexities(UNIFORM, i, learner)[0] for i in range(1, 5)]
    )
    expected = complexities.asymptotic_exponent(UNIFORM, learner)
    sizes = np.geomspace(corners[1], corners[2], 10)
    curve = predicted_curves.predicted_excess(corners, excess_heights(), sizes)
    slope = -np.polyfit(np.log(sizes), np.log(curve), 1)[0]
    assert slope == pytest.approx(expected)
    local = predicted_curves.local_exponents(corners, excess_heights())
    assert len(local) == 2
    assert local[1] == pytest.approx(expected)


def test_middles_of_levels() -> None:
    found = predicted_curves.middles(np.array([2.0, 1.0, 0.4, 0.2]))
    assert found == pytest.approx([1.3, 0.5, 0.1])


@pytest.mark.parametrize("L", [2, 3, 4])
def test_learners_differ_in_their_curves_where_they_do_in_their_thresholds(L: int) -> None:
    """The last threshold enters too: at L = 3 it is the only one that tells learners apart."""
    shape = Parameters.from_keys(v=8, s=2, L=L, m=3)
    grammar = Grammar.draw(shape, 0)
    entropies = np.array([estimate.value for estimate in ngram_entropies(grammar)])
    levels, learners = range(1, L + 1), ("cnn", "transformer")
    corners = {
        who: np.array([correlations.threshold(grammar, level, who) for level in levels])
        for who in learners
    }
    curves = {}
    for who, own in corners.items():
        curves[who] = predicted_curves.predicted_excess(own, entropies, own)
        np.testing.assert_allclose(curves[who], predicted_curves.middles(entropies))
    others = predicted_curves.predicted_excess(corners["transformer"], entropies, corners["cnn"])
    assert ((corners["cnn"] != corners["transformer"]) == [level > 2 for level in levels]).all()
    np.testing.assert_allclose(others[:2], curves["cnn"][:2])  # which both learners share
    assert (others[2:] > 1.2 * curves["cnn"][2:]).all()


def test_a_staircase_steps_at_its_thresholds_in_order() -> None:
    corners, entropies = np.array([10.0, 100.0, 50.0]), np.array([2.0, 1.0, 0.5, 0.25])
    sizes = np.array([1.0, 10.0, 60.0, 100.0, 1e6])
    # level 3 has to wait for level 2
    found = predicted_curves.staircase(corners, entropies, sizes)
    np.testing.assert_allclose(found, [1.75, 0.75, 0.75, 0.0, 0.0])


def test_without_correlations_there_is_no_curve() -> None:
    corners, entropies = np.full(3, np.inf), np.full(4, np.log(4))
    sizes = np.array([10.0, 1e9])
    assert np.isnan(predicted_curves.predicted_excess(corners, entropies, sizes)).all()
    assert np.isnan(predicted_curves.local_exponents(corners, entropies)).all()
    np.testing.assert_array_equal(predicted_curves.staircase(corners, entropies, sizes), 0)


@pytest.fixture(scope="module")
def known() -> tuple[Grammar, np.ndarray, np.ndarray, np.ndarray]:
    """A Zipf grammar, sentences, errors by rank and by number of patches."""
    grammar = Grammar.draw(ZIPF, 0)
    tokens = Stream(grammar, 0, 0, "theory").take(8000)["tokens"]
    by_rank = bayes_errors.classification_errors_by_rank(grammar, tokens)
    by_patches = bayes_errors.classification_errors_by_patches(grammar, tokens, seed=0)
    values = [estimate.value for estimate in by_patches.values()]
    return (
        grammar,
        tokens,
        np.array([estimate.value for estimate in by_rank]),
        predicted_curves.all_patches(list(by_patches), values),
    )


def test_errors_depend_on_the_known_rules_only_through_their_probability(known: tuple) -> None:
    _, _, by_rank, by_patches = known
    probability = np.concatenate([[0.0], np.cumsum(ZIPF.probabilities(1))])
    found = predicted_curves.error_of_known(by_patches, probability)
    np.testing.assert_allclose(found, by_rank, atol=0.02)
    ends = predicted_curves.error_of_known(by_patches, np.array([0.0, 1.0]))
    np.testing.assert_allclose(ends, by_patches[[0, -1]], atol=1e-12)


def test_patch_factor_is_the_slope_where_all_is_known(known: tuple) -> None:
    by_patches = known[3]
    p = np.array([1 - 1e-6, 1.0])
    slope = -np.diff(predicted_curves.error_of_known(by_patches, p))[0] / 1e-6
    assert predicted_curves.patch_factor(by_patches) == pytest.approx(slope, rel=1e-3)
    assert 0 < predicted_curves.patch_factor(by_patches) <= 4  # at most s**(L-1)


def test_any_unknown_patch_is_an_upper_estimate(known: tuple) -> None:
    by_rank = known[2]
    thresholds, f = complexities.classification_thresholds(ZIPF), ZIPF.probabilities(1)
    sizes = thresholds[:-1]
    upper = predicted_curves.any_patch_error(4, 4, thresholds, f, sizes)
    np.testing.assert_allclose(upper, 0.75 * (1 - np.cumsum(f)[:-1] ** 4))
    assert (predicted_curves.predicted_error(thresholds, by_rank, sizes) <= upper).all()
    beyond = predicted_curves.predicted_error(thresholds, by_rank, 2 * thresholds[-1:])
    assert np.isnan(beyond).all()


def test_the_smooth_prediction_of_a_sharp_curve_marginalises(known: tuple) -> None:
    """If a rule is learnt at its threshold all at once, both predictions are the same."""
    by_rank, by_patches = known[2:]
    f, thresholds = ZIPF.probabilities(1), complexities.classification_thresholds(ZIPF)
    sharp_sizes = 100 * np.array([0.25, 0.999, 1.001, 4.0])
    sharp = np.array([by_patches[0], by_patches[0], by_patches[-1], by_patches[-1]])
    between = np.sqrt(thresholds[:-1] * thresholds[1:])
    learnt = predicted_curves.rule_curve(sharp_sizes, sharp, 100.0, by_patches)
    found = predicted_curves.smooth_error(learnt, thresholds, f, by_patches, between)
    np.testing.assert_allclose(found, by_rank[1:-1], atol=0.02)


def test_the_smooth_prediction_of_equal_rules_is_the_measured_curve(known: tuple) -> None:
    by_patches = known[3]
    sizes = np.array([50.0, 100.0, 200.0, 400.0])
    measured = np.array([0.7, 0.5, 0.2, 0.05])
    f = np.full(5, 0.2)
    learnt = predicted_curves.rule_curve(sizes[::-1], measured[::-1], 123.0, by_patches)
    found = predicted_curves.smooth_error(learnt, np.full(5, 123.0), f, by_patches, sizes)
    np.testing.assert_allclose(found, measured, atol=1e-3)
    twice = predicted_curves.smooth_error(learnt, np.full(5, 246.0), f, by_patches, 2 * sizes)
    np.testing.assert_allclose(twice, measured, atol=1e-3)


def test_expected_overlap_is_that_of_sampled_sets(known: tuple) -> None:
    grammar, tokens, *_ = known
    logs = inference.sentence_log_probability(grammar, tokens)
    test = Stream(grammar, 0, 1, "test").take(8000)
    sizes = [100, 1000, 10_000]
    expected = predicted_curves.expected_overlap(logs, np.array(sizes, dtype=float))
    found = [
        np.mean([overlap(Stream(grammar, 0, s, "train").take(P), test) for s in range(4)])
        for P in sizes
    ]
    np.testing.assert_allclose(found, expected, atol=0.02)
    certain = predicted_curves.expected_overlap(np.zeros(3), np.array([1.0]))
    np.testing.assert_allclose(certain, [1.0])


def test_a_lookup_table_that_saw_everything_makes_no_error() -> None:
    errors = predicted_curves.lookup_error(4, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(errors, [0.75, 0.375, 0])
