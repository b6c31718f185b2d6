"""C1 and C2 on made-up studies that obey the claim or a rival, and the file that froze them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from helpers import studies
from helpers.studies import Law
from rhm_scaling.analysis.theory_columns import Known
from rhm_scaling.claims import frozen as files
from rhm_scaling.claims.deciding import findings
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.claims.frozen import all_rules, frozen, rules_of
from rhm_scaling.claims.latents import latent_growth_with_m
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.verdicts import AGREES, DISAGREES, Lacking, together
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory.latents import latent_thresholds

pytestmark = pytest.mark.slow

DEPTHS = [Parameters.from_keys(v=16, s=2, L=L, m=2) for L in (4, 6, 8)]
RULES = [Parameters.from_keys(v=24, s=2, L=4, m=m) for m in (2, 4, 8)]
SIZES = np.round(2 ** np.arange(4, 22, 0.25))
DRAWS = 6


@cache
def known(parameters: Parameters) -> Known:
    """What `tabulate_theory` says of a study with a learner of latent prediction."""
    rows = [
        {"quantity": "latent_threshold", "method": "correlations", "rule_seed": rule}
        | {"level": level, "value": value}
        for rule in range(DRAWS)
        for level, value in enumerate(latent_thresholds(Grammar.draw(parameters, rule)), 1)
    ]
    theory = studies.theory(parameters, "classification", DRAWS)
    return Known(pd.concat([theory.rows, pd.DataFrame(rows)]))


def designed(parameters: Parameters) -> Evidence:
    curve = studies.design(parameters, "classification", "cnn", SIZES, DRAWS, "finite")
    key = {**curve.key, "architecture": "latent"}
    return replace(curve, key=key, kind="latent", learner=None, known=known(parameters))


def falls_at(threshold: Callable[[Evidence, int], float]) -> Law:
    """Errors that fall from chance at some multiple of a threshold."""

    def law(curve: Evidence, rule: int, sizes: np.ndarray) -> np.ndarray:
        ratio = sizes / (0.8 * threshold(curve, rule))
        return np.asarray(curve.known.errors_by_rank[rule][0] / (1 + ratio**3))

    return law


def codes(curve: Evidence, rule: int) -> float:
    return curve.known.latent_threshold[rule]


def tuples(curve: Evidence, rule: int) -> float:
    return codes(curve, rule) * curve.parameters.m[0]


def labels(curve: Evidence, rule: int) -> float:
    return float(curve.known.rule_thresholds[rule].mean())


def verdicts(
    name: ClaimName, grammars: list[Parameters], threshold: Callable[[Evidence, int], float]
) -> Counter[str]:
    found = Counter[str]()
    for seed in range(5):
        curves = [
            studies.trained(designed(p), falls_at(threshold), seed, 0.1, 0.02) for p in grammars
        ]
        found[together((one.name, finding) for one, _, finding in findings(name, curves))] += 1
    return found


@pytest.mark.parametrize(
    ("name", "grammars", "rival"),
    [("C1", DEPTHS, labels), ("C2", RULES, tuples), ("C2", RULES, labels)],
)
def test_claim_and_rivals_are_told_apart(
    name: ClaimName, grammars: list[Parameters], rival: Callable[[Evidence, int], float]
) -> None:
    holding, against = verdicts(name, grammars, codes), verdicts(name, grammars, rival)
    print(holding, against)
    assert holding[AGREES] >= 4
    assert against[DISAGREES] >= 4


def test_a_design_can_decide_before_anything_is_learnt() -> None:
    found = findings("C1", [designed(p) for p in DEPTHS])
    assert all(finding.decisive for _, _, finding in found)
    assert all(np.isnan(finding.measured.estimate) for _, _, finding in found)


def test_what_a_study_lacks_is_said() -> None:
    same = [designed(p) for p in RULES[:1]]
    (lacking,) = latent_growth_with_m(same, {"rival": "labels"}).values()
    assert isinstance(lacking, Lacking) and str(lacking) == "grammars that differ in it"
    late = falls_at(lambda curve, rule: 1e9)
    unlearnt = [studies.trained(designed(p), late, 0) for p in RULES]
    (lacking,) = latent_growth_with_m(unlearnt, {"rival": "labels"}).values()
    assert "learnt by every rule draw between sizes that count (latent: by 0 of 6)" in str(lacking)


def test_newer_claims_leave_the_rules_of_the_others_as_they_are() -> None:
    folder = Path(files.__file__).parent
    of_nine, newest, denoising = (
        (folder / f"{name}.yaml").read_bytes() for name in ("criteria", "newest", "denoising")
    )
    assert frozen().hash == hashlib.sha256(of_nine).hexdigest()[:12] == "479d3a2b3658"
    hashes = [rules_of(name).hash for name in ("C1", "D1")]
    assert hashes == [hashlib.sha256(of_nine + d).hexdigest()[:12] for d in (newest, denoising)]
    assert hashes[0] == "e7b1189ba64c"
    assert rules_of("A1") is frozen() and [rules.hash for rules in all_rules()][1:] == hashes
    names = [name for rules in all_rules() for name in rules.claims]
    assert sorted(names) == sorted(get_args(ClaimName))
    # constants are those of all verdicts
    unlike = {"hash": "", "date": "", "claims": {}}
    assert len({repr(replace(rules, **unlike)) for rules in all_rules()}) == 1
    seeds = sorted(rules.first_rule_seed for rules in all_rules())
    assert np.diff(seeds).min() >= 1000
