"""Verdicts on studies that obey a claim, its rival, or neither: what a hostile reader would try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from helpers.studies import Array, Law, design, power_law, represented, staircase, trained
from rhm_scaling.claims.deciding import CONTRASTS, findings
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.claims.frozen import all_rules
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.verdicts import AGREES, DISAGREES, Finding, together
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.theory.complexities import Learner

pytestmark = pytest.mark.slow

DEEP = [Parameters.from_keys(v=16, s=2, L=4, m=m) for m in (2, 3, 4)]
SIZES = np.round(2 ** np.arange(6, 20, 0.5))
STUDIES = 8


def study(kinds: Mapping[str, Law], seed: int) -> list[Evidence]:
    """Networks on the three grammars, trained online."""
    return [
        trained(design(p, "last_token", kind, SIZES), law, seed)
        for p in DEEP
        for kind, law in kinds.items()
    ]


def verdict(name: ClaimName, curves: list[Evidence]) -> str:
    return together((criterion.name, found) for criterion, _, found in findings(name, curves))


def verdicts(name: ClaimName, made: Callable[[int], list[Evidence]]) -> Counter[str]:
    return Counter(verdict(name, made(seed)) for seed in range(STUDIES))


def test_every_criterion_of_the_file_can_be_computed() -> None:
    claims = [claim for rules in all_rules() for claim in rules.claims.values()]
    named = {c.contrast for claim in claims for c in claim.criteria}
    assert named == set(CONTRASTS)


OWN: Mapping[str, Law] = {"cnn": staircase(), "lcn": staircase(), "transformer": staircase()}
AS_CNN: Mapping[str, Law] = {
    "cnn": staircase("cnn"),
    "lcn": staircase("cnn"),
    "transformer": staircase("cnn"),
}
AS_TRANSFORMER: Mapping[str, Law] = {**AS_CNN, "cnn": staircase("transformer")}


@pytest.mark.parametrize(
    ("name", "rival"), [("B2", AS_CNN), ("B3", AS_TRANSFORMER), ("B5", AS_CNN)]
)
def test_growth_tells_the_two_learners_apart(name: ClaimName, rival: Mapping[str, Law]) -> None:
    holding = verdicts(name, lambda seed: study(OWN, seed))
    against = verdicts(name, lambda seed: study(rival, seed))
    print(holding, against)
    assert holding[AGREES] >= STUDIES - 2
    assert not against[AGREES]
    assert against[DISAGREES] >= STUDIES - 2


@pytest.mark.parametrize("factor", [1.5, 6.0])
@pytest.mark.parametrize("sharpness", [1.2, 4.0])
def test_no_verdict_hangs_on_what_theory_leaves_open(factor: float, sharpness: float) -> None:
    """A prefactor for one network and another for the other, and the width of a transition."""
    laws = {"cnn": staircase(None, 3, 2), "transformer": staircase(None, factor, sharpness)}
    found = verdicts("B2", lambda seed: study(laws, seed))
    print(found)
    assert not found[DISAGREES]


@pytest.mark.parametrize(("cnn", "other"), [(2.0, 4.5), (4.5, 2.0)])
def test_networks_may_differ_in_what_theory_leaves_open(cnn: float, other: float) -> None:
    """The sharpness of one network says nothing of the other's: both ends of its range."""

    def laws(learner: Learner | None) -> Mapping[str, Law]:
        return {"cnn": staircase(learner, 4, cnn), "transformer": staircase(learner, 3, other)}

    holding = verdicts("B2", lambda seed: study(laws(None), seed))
    against = verdicts("B2", lambda seed: study(laws("cnn"), seed))
    print(holding, against)
    assert holding[AGREES] >= STUDIES - 2
    assert not against[AGREES]


def test_a_structureless_power_law_is_no_staircase() -> None:
    kinds = {"cnn": staircase(None, 4, 3)}
    assert verdicts("B1", lambda seed: study(kinds, seed))[AGREES] >= STUDIES - 2
    found = verdicts("B1", lambda seed: study({"cnn": power_law(1.0)}, seed))
    print(found)
    assert not found[AGREES]


def test_a_staircase_far_above_its_thresholds_and_with_sharp_steps_is_still_one() -> None:
    """Online networks learn levels at a hundred times the thresholds, in some two octaves."""
    sizes = np.geomspace(2**12, 2**21, 28)
    curve = trained(design(DEEP[1], "last_token", "cnn", sizes), staircase(None, 300, 12), 0)
    (found,) = (
        f for c, _, f in findings("B1", [curve]) if c.contrast == "staircase_over_power_law"
    )
    assert found.verdict == AGREES


def layers(at_once: bool, seed: int) -> list[Evidence]:
    """A network that learns level by level, with a hidden layer."""
    curve = trained(design(DEEP[1], "last_token", "cnn", SIZES, 6, "finite"), staircase(), seed)
    return [represented(curve, seed, at_once)]


def test_layers_that_become_invariant_to_all_levels_at_once_disagree() -> None:
    holding = verdicts("B4", lambda seed: layers(False, seed))
    against = verdicts("B4", lambda seed: layers(True, seed))
    print(holding, against)
    assert holding[AGREES] >= STUDIES - 2
    assert against[DISAGREES] == STUDIES
    for seed in range(STUDIES):  # nor does it pass one criterion by itself
        assert {f.verdict for *_, f in findings("B4", layers(True, seed))} == {DISAGREES}


def test_what_every_draw_does_not_cross_is_no_evidence() -> None:
    """Of levels that only the fastest draws reach nothing is said, and the reason is told."""
    curves = [
        trained(design(p, "last_token", kind, SIZES[SIZES < 3000]), staircase(), 0)
        for p in DEEP[1:]
        for kind in ("cnn", "transformer")
    ]
    found: list[Finding] = [finding for *_, finding in findings("B2", curves)]
    assert not any(finding.decisive for finding in found)
    assert all("crossed by every rule draw" in finding.needed for finding in found)


def test_what_is_left_out_is_told() -> None:
    """Where a network never learns a level, the other grammars alone would agree."""

    def stuck(curve: Evidence, rule: int, sizes: Array) -> Array:
        levels = curve.known.entropies[rule]
        least = 0.98 * (levels[2] - levels[-1]) if curve.parameters.m[0] == 4 else 0.0
        return np.maximum(staircase()(curve, rule, sizes), least)

    for criterion, _, finding in findings("B3", study({"cnn": stuck}, 0)):
        assert finding.left_out.startswith("level 3 of v16-n16-s2-L4-m4 crossed"), criterion.name
    for _, _, finding in findings("B3", study({"cnn": staircase()}, 0)):
        assert not finding.left_out


def test_what_trainings_have_seen_of_the_language_is_limited() -> None:
    small = design(Parameters.from_keys(v=16, s=2, L=3, m=2), "last_token", "cnn", SIZES)
    assert small.sizes.max() <= 0.1 * 2048
    assert design(DEEP[0], "last_token", "cnn", SIZES).sizes.max() <= 0.1 * 16 * 2**15


def test_before_training_a_study_says_how_it_would_end() -> None:
    curves = [design(p, "last_token", kind, SIZES) for p in DEEP for kind in OWN]
    for _, _, finding in findings("B2", curves):
        if finding.rule_draws:
            assert np.isnan(finding.measured.estimate)
            assert finding.claim_agrees > finding.rival_agrees


def test_rule_draws_whose_trainings_failed_are_told() -> None:
    curves = study({"cnn": staircase()}, 0)
    failed = curves[0].points["rule_seed"] < 2
    curves[0] = replace(
        curves[0], points=curves[0].points.assign(status=np.where(failed, "collapsed", "ok"))
    )
    for *_, finding in findings("B3", curves):
        assert finding.rule_draws == 4
        assert finding.left_out.startswith("2 of 6 rule draws of v16-n16-s2-L4-m2 (cnn, online)")
