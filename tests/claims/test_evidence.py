"""What counts as evidence: sizes that are seen, draws that are paired, and nothing left to fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.studies import design, represented, staircase, trained
from rhm_scaling.claims.deciding import findings
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.verdicts import Finding
from rhm_scaling.grammar.model import Parameters

Array = NDArray[np.float64]

SIZES = 2.0 ** np.arange(7, 17)
DEEP = Parameters.from_keys(v=16, s=2, L=4, m=3)


def finite(stopped: dict[float, str]) -> Evidence:
    """A curve of finite training sets; some sizes were ended by another rule."""
    curve = trained(design(DEEP, "last_token", "cnn", SIZES, protocol="finite"), staircase(), 0)
    curve.points["stop_reason"] = [
        stopped.get(size, "patience") for size in curve.points["sentences"]
    ]
    return curve


def test_sizes_that_the_cap_of_steps_ended_are_missing() -> None:
    losses = finite({SIZES[-1]: "max_steps"}).losses
    assert np.isnan(losses[:, -1]).all()
    assert np.isfinite(losses[:, :-1]).all()


@pytest.mark.parametrize(("capped", "missing"), [(3, False), (4, True)])
def test_half_of_the_replicas_may_be_capped(capped: int, missing: bool) -> None:
    curve = finite({})
    last = (curve.points["sentences"] == SIZES[-1]) & (curve.points["rule_seed"] < capped)
    curve.points.loc[last, "stop_reason"] = "max_steps"
    assert np.isnan(curve.losses[:, -1]).all() == missing


def test_a_study_whose_sizes_are_all_too_large_says_so() -> None:
    """Of a language of 64 sentences no size counts."""
    tiny = Parameters.from_keys(v=8, s=2, L=2, m=2)
    zipf = Parameters.from_keys(v=8, s=2, L=2, m={1: 4, 2: 2}, zipf={1: 1.0})
    planned = [design(p, "classification", "cnn", SIZES) for p in (tiny, zipf)]
    done = [trained(curve, lambda c, rule, sizes: 100 / (100 + sizes), 0) for curve in planned]
    names: tuple[ClaimName, ...] = ("A1", "A2", "A3")
    for name in names:
        for curves in (planned, done):
            for *_, finding in findings(name, curves):
                assert finding.needed and not finding.decisive


def uniform(exponent: float, m: int) -> Evidence:
    """A classification curve that drops at once."""

    def law(curve: Evidence, rule: int, sizes: Array) -> Array:
        chance = curve.known.errors_by_rank[rule][0]
        start = curve.known.rule_thresholds[rule].mean()
        return np.asarray(chance * np.minimum(1, (sizes / start) ** -exponent))

    p = Parameters.from_keys(v=8, s=2, L=3, m=m)
    return trained(design(p, "classification", "cnn", SIZES), law, 0, of_points=0.1)


def test_made_up_drops_have_the_scatter_of_measured_ones() -> None:
    """The scatter of an exponent grows as its square; that of the example's is meant."""
    drops = [
        finding
        for criterion, _, finding in findings("A1", [uniform(2.0, m) for m in (4, 8)])
        if criterion.name == "a drop"
    ]
    for finding in drops:
        measured = (finding.measured.high - finding.measured.low) / 2
        assert 0.6 < finding.half_width / measured < 1.6


def test_grammars_of_one_exponent_are_averaged() -> None:
    """None is left out for another with Zipf rules of the same exponent at the same level."""

    def curves(*rules: int) -> list[Evidence]:
        made = []
        for m in rules:
            shape = {"v": 16, "s": 2, "L": 4, "m": {1: m, 2: 2, 3: 2, 4: 2}}
            made += [Parameters.from_keys(**shape, zipf=zipf) for zipf in ({}, {1: 1.0})]
        return [trained(design(p, "last_token", "cnn", SIZES), staircase(), 0) for p in made]

    estimates = [
        findings("A4", curves(*rules))[0][2].measured.estimate for rules in ((4,), (6,), (4, 6))
    ]
    assert estimates[0] != pytest.approx(estimates[1])
    assert estimates[2] == pytest.approx((estimates[0] + estimates[1]) / 2)


def test_layers_count_at_the_sizes_at_which_losses_do() -> None:
    def found(curve: Evidence) -> Finding:
        return findings("B4", [curve])[0][2]

    curve = represented(finite({}), seed=0, scatter=0.0)
    assert found(curve).measured.estimate == pytest.approx(found(curve).prediction, abs=0.2)
    curve.points.loc[curve.points["sentences"] >= 2**9, "stop_reason"] = "max_steps"
    curve = replace(curve)  # with nothing computed
    assert "sizes that count" in found(curve).needed
