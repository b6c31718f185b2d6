"""Closed forms, against their special cases and against what they claim about curves."""

import numpy as np
import pytest

from rhm_scaling import theory
from rhm_scaling.grammar import Parameters

UNIFORM = Parameters.make(v=8, s=2, L=4, m=3)
FRACTION = 3 / 8


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize(("learner", "power"), [("transformer", 2), ("cnn", 1)])
def test_thresholds_of_uniform_rules(level: int, learner: str, power: int) -> None:
    exponent = {2: 2 * level - 1, 1: level + 1}[power] if level > 1 else 1
    expected = 8 * 3**exponent / (1 - FRACTION)
    assert theory.threshold(UNIFORM, level, learner) == pytest.approx(expected)
    ranks = theory.sample_complexities(UNIFORM, level, learner)
    np.testing.assert_allclose(ranks, expected)


def test_zipf_rules_spread_the_thresholds_by_rank() -> None:
    parameters = Parameters.make(v=8, s=2, L=3, m=3, zipf={1: 1.0})
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


def test_vanishing_correlations_have_no_threshold() -> None:
    full = Parameters.make(v=4, s=2, L=3, m=4)
    for learner in ("transformer", "cnn"):
        for level in (1, 2, 3):
            assert theory.threshold(full, level, learner) == np.inf
        assert np.isnan(theory.asymptotic_exponent(full, learner))
        sizes = np.array([10.0, 100.0])
        curve = theory.predicted_excess(full, np.full(4, np.log(4)), learner, sizes)
        assert np.isnan(curve).all()


def test_exponents() -> None:
    cnn = theory.asymptotic_exponent(UNIFORM, "cnn")
    assert cnn == pytest.approx(np.log(8 / 3) / np.log(3))
    assert theory.asymptotic_exponent(UNIFORM, "transformer") == pytest.approx(cnn / 2)
    zipf = Parameters.make(v=8, s=2, L=3, m=3, zipf={1: 3.0})
    assert theory.classification_exponent(zipf) == pytest.approx(0.75)
    assert np.isnan(theory.classification_exponent(UNIFORM))
    uneven = Parameters.make(v=8, s=2, L=2, m={1: 3, 2: 2})
    assert np.isnan(theory.asymptotic_exponent(uneven, "cnn"))


def test_classification_thresholds() -> None:
    np.testing.assert_allclose(theory.classification_thresholds(UNIFORM), 8 * 3**4)
    zipf = Parameters.make(v=8, n=5, s=2, L=3, m=3, zipf={1: 1.0})
    expected = 5 * 9 / zipf.probabilities(1)
    np.testing.assert_allclose(theory.classification_thresholds(zipf), expected)


def test_the_envelope_passes_through_its_corners() -> None:
    corners, heights = np.array([10.0, 100.0, 1000.0]), np.array([1.0, 0.1, 0.05])
    found = theory.power_law_through(corners, heights, 2.0, corners)
    np.testing.assert_allclose(found, heights)
    outside = theory.power_law_through(corners, heights, 2.0, np.array([1.0, 10000.0]))
    assert outside[0] == 2.0  # never above the height before the first step
    assert outside[1] == pytest.approx(0.025)  # the last local exponent goes on
    # a common factor in the thresholds does not change the slopes
    shifted = theory.power_law_through(5 * corners, heights, 2.0, 5 * corners)
    np.testing.assert_allclose(shifted, heights)


def test_staircase_of_a_pure_power_law_has_the_asymptotic_exponent() -> None:
    f = FRACTION
    entropies = np.array([*(f**level for level in range(4)), 0.0])
    for learner in ("transformer", "cnn"):
        second, third = (theory.threshold(UNIFORM, level, learner) for level in (2, 3))
        sizes = np.geomspace(second, third, 5)
        curve = theory.predicted_excess(UNIFORM, entropies, learner, sizes)
        slope = -np.polyfit(np.log(sizes), np.log(curve), 1)[0]
        expected = theory.asymptotic_exponent(UNIFORM, learner)
        assert slope == pytest.approx(expected)


def test_a_lookup_table_that_saw_everything_makes_no_error() -> None:
    np.testing.assert_allclose(theory.lookup_error(4, np.array([0.0, 0.5, 1.0])), [0.75, 0.375, 0])
