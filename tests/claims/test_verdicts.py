"""The one rule of all verdicts, on numbers whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rhm_scaling.analysis.curves import student_factor
from rhm_scaling.claims.frozen import Criterion, frozen
from rhm_scaling.claims.verdicts import (
    AGREES,
    DISAGREES,
    NEARER,
    UNDETERMINED,
    VERDICTS,
    Finding,
    Lacking,
    Observed,
    Rule,
    decide,
    intervals,
    together,
)

DRAWS = 8
PLAIN = Criterion("mean", "", "the mean of a number a rule draw", "nothing", {}, limit=1.0)


def observed(
    mean: float,
    scatter: float,
    claim: list[float],
    rival: list[float],
    draws: int = DRAWS,
    seed: int = 0,
) -> Observed:
    """One cell, measured with exactly this mean and standard deviation, and shapes of each kind."""
    noise = np.random.default_rng(seed).standard_normal(draws)
    noise = (noise - noise.mean()) / noise.std(ddof=1)

    def spread(values: list[float]) -> NDArray[np.float64]:
        return np.array(values)[:, None, None] + np.zeros((1, draws, 1))

    measured = (mean + scatter * noise)[:, None]
    return Observed(measured, spread(claim), spread(rival), np.zeros(1, int), lambda y: y[..., 0])


def half(scatter: float, draws: int = DRAWS) -> float:
    return student_factor(draws) * scatter / np.sqrt(draws)


def test_the_interval_is_students_of_deviations_from_each_draws_prediction() -> None:
    predicted = np.linspace(0, 5, DRAWS)
    noise = np.random.default_rng(1).standard_normal(DRAWS)
    mean, width = intervals(predicted + noise, predicted)
    assert mean == pytest.approx((predicted + noise).mean())
    assert width == pytest.approx(half(noise.std(ddof=1)))


@pytest.mark.parametrize(
    ("mean", "scatter", "verdict", "holds", "nearer"),
    [
        (1.0, 0.2, AGREES, True, True),
        (0.9, 0.2, AGREES, True, True),
        (0.7, 0.1, NEARER, False, True),
        (1.5, 0.1, NEARER, False, True),  # beyond the prediction, away from the rival
        (0.2, 0.1, DISAGREES, False, False),
        (0.0, 0.1, DISAGREES, False, False),
        (0.55, 0.3, UNDETERMINED, False, False),  # neither the prediction nor one side
        (0.6, 0.8, UNDETERMINED, True, False),  # too wide to tell
    ],
)
def test_verdict_follows_from_interval_prediction_and_rival(
    mean: float, scatter: float, verdict: str, holds: bool, nearer: bool
) -> None:
    for sign in (1, -1):  # a rival above is as one below
        found = decide(PLAIN, observed(sign * mean, scatter, [sign * 1.0], [0.0]), 0)
        assert found.measured.estimate == pytest.approx(sign * mean)
        assert found.measured.high - found.measured.low == pytest.approx(2 * half(scatter))
        assert (found.verdict, found.holds, found.nearer) == (verdict, holds, nearer)


def test_the_limit_is_a_statement_of_its_own() -> None:
    found = decide(PLAIN, observed(0.5, 0.1, [0.5], [0.0]), 0)
    assert found.verdict == AGREES
    assert found.holds_limit is False
    assert (
        decide(replace(PLAIN, limit=None), observed(0.5, 0.1, [0.5], [0.0]), 0).holds_limit is None
    )


def test_what_theory_leaves_open_widens_what_is_predicted() -> None:
    """A range of predictions, and the edge half-way between the nearest ends of both ranges."""
    rule = Rule((0.8, 1.2), (-0.2, 0.4), None)
    assert (rule.side, rule.edge) == (1, pytest.approx(0.6))
    assert Rule((-1.2, -0.8), (-0.4, 0.2), None).edge == pytest.approx(-0.6)
    assert decide(PLAIN, observed(0.8, 0.05, [0.8, 1.2], [0.0, 0.2]), 0).verdict == AGREES
    assert decide(PLAIN, observed(0.8, 0.05, [0.95, 1.2], [0.0, 0.2]), 0).verdict == NEARER


def test_a_criterion_that_its_rival_passes_decides_nothing() -> None:
    meeting = decide(PLAIN, observed(1.0, 0.01, [0.9, 1.1], [0.5, 1.0]), 0)
    assert (meeting.decisive, meeting.verdict) == (False, UNDETERMINED)
    noisy = decide(PLAIN, observed(1.0, 2.0, [1.0], [0.0]), 0)
    assert not noisy.decisive
    sharp = decide(PLAIN, observed(1.0, 0.2, [1.0], [0.0]), 0)
    assert sharp.decisive
    assert sharp.claim_agrees >= frozen().claim_agrees
    assert sharp.rival_agrees <= frozen().rival_agrees


def test_made_up_studies_agree_as_often_as_intervals_cover() -> None:
    """Of the claim's own, 95 %, however many rule draws there are."""
    for draws in (6, 12):
        shares = [
            decide(PLAIN, observed(1.0, 0.2, [1.0], [0.0], draws, seed), seed).claim_agrees
            for seed in range(20)
        ]
        assert 0.9 < np.mean(shares) < 0.98


def test_before_training_scatter_is_what_is_expected() -> None:
    given = replace(observed(0, 0, [1.0], [0.0]), measured=None)
    found = decide(PLAIN, given, 0)
    scatter = float(np.hypot(frozen().beforehand.draw, frozen().beforehand.point))
    assert np.isnan(found.measured.estimate)
    assert found.half_width == pytest.approx(half(scatter), rel=0.1)
    assert found.decisive


@pytest.mark.parametrize(
    ("mean", "verdict"), [(0.8, AGREES), (0.0, DISAGREES), (0.45, UNDETERMINED)]
)
def test_an_inequality_has_a_bound_and_nothing_to_hold(mean: float, verdict: str) -> None:
    above = replace(PLAIN, bound=0.4, example=1.0, limit=None)
    found = decide(above, observed(mean, 0.1, [0.0], [0.0]), 0)
    assert (found.verdict, found.holds) == (verdict, None)
    assert np.isnan(found.prediction)
    assert (found.rival, found.decisive) == (pytest.approx(0.4), True)
    below = replace(PLAIN, bound=0.4, example=-1.0)
    opposite = {AGREES: DISAGREES, DISAGREES: AGREES}.get(verdict, verdict)
    assert decide(below, observed(mean, 0.1, [0.0], [0.0]), 0).verdict == opposite


def test_an_open_verdict_says_how_many_rule_draws_it_takes() -> None:
    found = decide(PLAIN, observed(0.6, 0.25, [1.0], [0.0]), 0)
    assert found.verdict == UNDETERMINED
    assert found.needed == f"about {int(np.ceil(DRAWS * (half(0.25) / 0.1) ** 2))} rule draws"
    at_edge = decide(PLAIN, observed(0.5, 0.25, [1.0], [0.0]), 0)
    assert "half-way" in at_edge.needed


def test_two_rule_draws_are_too_few() -> None:
    with pytest.raises(Lacking, match="at least 3 rule draws"):
        decide(PLAIN, observed(1.0, 0.1, [1.0], [0.0], draws=2), 0)


def test_a_claim_is_as_good_as_its_weakest_decisive_criterion() -> None:
    def finding(
        verdict: str, decisive: bool = True, name: str = "the only one"
    ) -> tuple[str, Finding]:
        return name, Finding(verdict=verdict, decisive=decisive)

    assert [*VERDICTS] == [DISAGREES, UNDETERMINED, NEARER, AGREES]
    assert together([finding(AGREES), finding(AGREES)]) == AGREES
    assert together([finding(AGREES), finding(NEARER)]) == NEARER
    assert together([finding(NEARER), finding(UNDETERMINED)]) == UNDETERMINED
    assert together([finding(UNDETERMINED), finding(DISAGREES)]) == DISAGREES
    assert together([finding(AGREES), finding(DISAGREES, decisive=False)]) == AGREES
    assert together([finding(AGREES, decisive=False)]) == UNDETERMINED
    assert together([]) == UNDETERMINED
    # what another criterion is there to tell stays open
    nothing = finding(AGREES, decisive=False, name="another")
    assert together([finding(AGREES), nothing]) == UNDETERMINED
    assert together([finding(DISAGREES), nothing]) == DISAGREES
    assert together([finding(AGREES), nothing, finding(AGREES, name="another")]) == AGREES


def test_what_is_frozen_gives_its_studies_seeds_of_their_own() -> None:
    rules = frozen()
    assert len(rules.hash) == 12
    assert rules.first_rule_seed >= 10**6  # where no other study draws
    changed = replace(rules, hash=f"{(int(rules.hash, 16) + 1) % 16**12:012x}")
    assert abs(changed.first_rule_seed - rules.first_rule_seed) >= 1000
