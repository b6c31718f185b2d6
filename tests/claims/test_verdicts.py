"""The one rule of all verdicts, on numbers whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rhm_scaling.analysis.curves import student_factor
from rhm_scaling.claims.verdicts import (
    AGREES,
    DISAGREES,
    UNDETERMINED,
    Criterion,
    Expectation,
    Finding,
    Weight,
    decide,
    expectation,
    jackknife,
    together,
)


def finding(
    values: list[float], region: tuple[float, float], draws: int, prediction: float = np.nan
) -> Finding:
    """The decision on the mean of a value a rule draw."""

    def mean(curves: list[float], some: Sequence[int]) -> float:
        return float(np.mean([curves[draw] for draw in some]))

    criterion = Criterion("mean", "the mean", mean, (1.0,), 0.0, "larger P")
    return decide(criterion, Expectation(prediction, 0.0, region), values, range(draws))


def test_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.random.default_rng(1).normal(size=7)
    estimate, low, high = jackknife(lambda draws: float(values[list(draws)].mean()), range(7))
    half = student_factor(7) * values.std(ddof=1) / np.sqrt(7)
    assert np.allclose(
        [estimate, low, high], [values.mean(), values.mean() - half, values.mean() + half]
    )


def test_jackknife_covers_the_truth_of_a_ratio() -> None:
    generator = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        pairs = generator.normal([2.0, 1.0], 0.2, size=(6, 2))

        def ratio(draws: list[int], pairs: np.ndarray = pairs) -> float:
            return float(pairs[list(draws), 0].mean() / pairs[list(draws), 1].mean())

        _, low, high = jackknife(ratio, list(range(6)))
        inside += low <= 2.0 <= high
    assert 0.92 < inside / 400 < 0.98


@pytest.mark.parametrize(
    ("region", "verdict"),
    [
        ((0.0, 2.0), AGREES),
        ((0.0, np.inf), AGREES),
        ((3.0, 5.0), DISAGREES),
        ((-1.0, 0.5), DISAGREES),
        ((1.0, 3.0), UNDETERMINED),  # an edge inside the interval
        ((0.9, 1.1), UNDETERMINED),  # the interval wider than the region
    ],
)
def test_verdict_follows_from_interval_and_region(
    region: tuple[float, float], verdict: str
) -> None:
    values = [0.6, 0.8, 1.0, 1.2, 1.4]  # 1.00 +- 0.39
    found = finding(values, region, 5)
    assert found.verdict == verdict
    assert found.estimate == pytest.approx(1.0)
    assert bool(found.needed) == (verdict == UNDETERMINED)


def test_an_open_verdict_says_how_many_rule_draws_it_takes() -> None:
    values = list(np.random.default_rng(3).normal(1.0, 0.5, size=6))
    edge = float(np.mean(values)) - 0.2
    found = finding(values, (edge, np.inf), 6)
    half = (found.high - found.low) / 2
    assert found.needed == f"about {int(np.ceil(6 * (half / 0.2) ** 2))} rule draws"
    at_edge = finding(values, (float(np.mean(values)), np.inf), 6)
    assert "larger P" in at_edge.needed


def test_a_region_that_leaves_out_its_own_claim_decides_nothing() -> None:
    values = [0.1, 0.12, 0.11, 0.09]
    assert finding(values, (0.5, 1.5), 4, prediction=1.0).verdict == DISAGREES
    open_ = finding(values, (0.5, 1.5), 4, prediction=0.3)
    assert open_.verdict == UNDETERMINED
    assert open_.needed.startswith("larger P")


def test_without_an_interval_nothing_is_decided() -> None:
    assert finding([1.0], (0.0, 2.0), 1).needed == "at least 2 rule draws"
    missing = finding([1.0, np.nan], (0.0, 2.0), 2)
    assert (missing.verdict, missing.needed) == (UNDETERMINED, "larger P")


def expected(asymptotic: float, at_sizes: float, rival: float, limit: float = 0.0) -> Expectation:
    criterion = Criterion("", "", lambda curve, draws: curve, (asymptotic,), limit, "")
    return expectation(criterion, at_sizes, rival, [0])


def test_region_spans_predictions_and_ends_half_way_to_the_rival() -> None:
    assert expected(1.0, 0.6, 0.2).region == pytest.approx((0.4, 1.2))
    assert expected(1.0, 1.0, 0.0).region == pytest.approx((0.5, 1.5))
    assert expected(-1.0, -0.5, 0.5).region == pytest.approx((-1.5, 0.0))


def test_rivals_stay_outside_of_the_region() -> None:
    for asymptotic, at_sizes, rival in ((1.0, 0.3, 0.5), (0.0, 0.9, 0.6), (1.0, 0.4, 0.39)):
        low, high = expected(asymptotic, at_sizes, rival).region
        assert low < at_sizes < high
        assert not low <= rival <= high


def test_asymptotic_values_stand_in_where_curves_give_no_estimate() -> None:
    assert expected(1.0, np.nan, np.nan).region == pytest.approx((0.5, 1.5))
    assert np.isnan(expected(np.nan, np.nan, 0.0).region[0])


DECISIVE, WEAK, UNSOUND = Weight(True, True), Weight(False, True), Weight(False, False)


def test_a_claim_needs_all_its_decisive_criteria() -> None:
    assert together([(AGREES, DECISIVE), (AGREES, DECISIVE)]) == AGREES
    assert together([(AGREES, DECISIVE), (UNDETERMINED, DECISIVE)]) == UNDETERMINED
    assert together([(AGREES, DECISIVE), (UNDETERMINED, WEAK)]) == AGREES
    assert together([(AGREES, WEAK), (UNDETERMINED, WEAK)]) == UNDETERMINED
    assert together([]) == UNDETERMINED


def test_any_sound_criterion_can_refute_a_claim() -> None:
    assert together([(AGREES, DECISIVE), (DISAGREES, WEAK)]) == DISAGREES
    assert together([(AGREES, DECISIVE), (DISAGREES, UNSOUND)]) == AGREES
    undecided = (UNDETERMINED, DECISIVE)
    assert together([undecided, (DISAGREES, DECISIVE), (AGREES, DECISIVE)]) == DISAGREES
