"""Verdicts on the tails of Zipf rules: what has the claim's form, and what only looks alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.studies import Law, design, trained
from rhm_scaling.analysis.theory_columns import smooth_errors
from rhm_scaling.claims.deciding import findings
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.verdicts import AGREES, DISAGREES, UNDETERMINED, together
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.theory.predicted_curves import error_of_known, rule_curve

pytestmark = pytest.mark.slow

Array = NDArray[np.float64]

SIZES = np.round(2 ** np.arange(8, 21, 0.5))
LONG = np.round(2 ** np.arange(8, 25, 0.5))  # three depths reach their tails
DRAWS, STUDIES = {"A2": 5, "A3": 12}, 6
FACTOR = 3.0  # of all sizes, which theory leaves open


def grammar(L: int, a: float | None) -> Parameters:
    few = {2: 128, 3: 16, 4: 4}[L]  # of a language that is far larger than what is seen of it
    m = {1: few if a is None else 512, **dict.fromkeys(range(2, L + 1), 8)}
    return Parameters.from_keys(v={0: 64, 1: 8}, s=2, L=L, m=m, zipf={1: a} if a else {})


def rules(curve: Evidence, rule: int, sizes: Array) -> Array:
    """Every rule becomes known around its own size."""

    def known(ratio: Array) -> Array:
        return np.asarray(1 / (1 + (ratio / FACTOR) ** -3.0))

    if curve.parameters.zipf[0] is None:  # equal rules
        threshold = curve.known.rule_thresholds[rule].mean()
        return error_of_known(curve.known.errors_by_patches[rule], known(sizes / threshold))
    return smooth_errors(curve.parameters, curve.known, known, sizes)[rule]


def line(exponent: float, constant: Callable[[int], float]) -> Law:
    """A power law of a given exponent, with a constant of the depth; twins as they are."""

    def law(curve: Evidence, rule: int, sizes: Array) -> Array:
        if curve.parameters.zipf[0] is None:
            return rules(curve, rule, sizes)
        return np.minimum(0.8, constant(curve.parameters.L) * sizes**-exponent)

    return law


def study(
    name: ClaimName, law: Law, depths: tuple[int, ...], exponents: tuple[float, ...], seed: int
) -> list[Evidence]:
    kinds = [grammar(L, a) for L in depths for a in (None, *exponents)]
    sizes, scatter = (SIZES, 0.2) if name == "A2" else (LONG, 0.1)
    designs = [design(p, "classification", "cnn", sizes, DRAWS[name]) for p in kinds]
    return [trained(curve, law, seed, of_draws=scatter, of_points=0.03) for curve in designs]


def verdict(name: ClaimName, curves: list[Evidence]) -> str:
    return together((criterion.name, found) for criterion, _, found in findings(name, curves))


def verdicts(
    name: ClaimName, law: Law, depths: tuple[int, ...], exponents: tuple[float, ...]
) -> Counter[str]:
    found = Counter(
        verdict(name, study(name, law, depths, exponents, seed)) for seed in range(STUDIES)
    )
    print(found)
    return found


def test_exponents_that_follow_a_agree() -> None:
    assert verdicts("A2", rules, (2,), (1.0, 1.5, 2.0))[AGREES] >= STUDIES - 2


@pytest.mark.parametrize("exponent", [0.5, 0.6, 0.67])
def test_an_exponent_that_does_not_depend_on_a_is_rejected(exponent: float) -> None:
    """Even one that lies among those that the claim predicts."""
    law = line(exponent, lambda L: 10.0)
    found = verdicts("A2", law, (2,), (1.0, 1.5, 2.0))
    assert not found[AGREES]
    assert found[DISAGREES] >= STUDIES - 2


def test_one_value_of_a_says_nothing_of_how_the_exponent_depends_on_it() -> None:
    found = findings("A2", study("A2", rules, (2,), (1.0,), 0))
    follows = [finding for criterion, _, finding in found if criterion.name.endswith("follows a")]
    assert [finding.verdict for finding in follows] == [UNDETERMINED]
    assert "several Zipf exponents" in follows[0].needed


def test_a_part_of_a_claim_that_nothing_decides_stays_open() -> None:
    """A single `a`, or two depths: what would exclude the rival is missing."""
    assert verdicts("A2", rules, (2,), (1.0,))[UNDETERMINED] == STUDIES
    assert verdicts("A3", rules, (2, 3), (1.0,))[UNDETERMINED] == STUDIES


def test_constants_that_grow_with_depth_agree() -> None:
    assert verdicts("A3", rules, (2, 3, 4), (1.0,))[AGREES] >= STUDIES - 2


@pytest.mark.parametrize("power", [0, 3, 4, 5])
def test_constants_that_grow_as_a_power_of_depth_do_not_agree(power: int) -> None:
    law = line(0.5, lambda L: 3.0 * (L / 2) ** power)
    assert not verdicts("A3", law, (2, 3, 4), (1.0,))[AGREES]


def test_without_a_twin_nothing_is_predicted() -> None:
    alone = [
        curve for curve in study("A2", rules, (2,), (1.0, 2.0), 0) if any(curve.parameters.zipf)
    ]
    for *_, finding in findings("A2", alone):
        assert "same upper levels and uniform rules" in finding.needed


def test_scatter_near_chance_does_not_make_rules_known() -> None:
    """Where much knowledge makes no difference to the error, one low measurement tells nothing."""
    patches = 0.875 * np.linspace(1, 0, 9) ** 0.2
    sizes = 2.0 ** np.arange(0, 20)
    exact = 1 / (1 + (sizes / 2**14) ** -3.0)
    noise = np.random.default_rng(0).normal(1, 0.01, (200, len(sizes)))
    curves = [
        rule_curve(sizes, error_of_known(patches, exact) * each, 2.0**14, patches) for each in noise
    ]
    found = np.mean([curve(sizes / 2**14) for curve in curves], axis=0)
    assert np.abs(found - exact)[sizes <= 2**10].max() < 0.02
