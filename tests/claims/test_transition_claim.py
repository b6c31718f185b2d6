"""D1 on made-up transitions that obey the claim or a rival, with the scatter of the study."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.claims.deciding import findings
from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.claims.verdicts import AGREES, DISAGREES, NEARER, together

DRAWS, STUDIES = 30, 20
DEPTHS = np.arange(2, 13)
GROWTH = 0.2
NAMES = [criterion.name for criterion in rules_of("D1").claims["D1"].criteria]


def transitions(seed: int, at: str = "critical", growth: float = GROWTH) -> pd.DataFrame:
    """Curves that cross at the draw's critical fraction, at their half, or all at one place."""
    source = np.random.default_rng(seed)
    tables = []
    for draw in range(DRAWS):
        critical = 0.507 + 0.0135 * source.standard_normal()
        half = critical - 0.011
        place = {"critical": critical, "half": half, "mean": 0.507}[at]
        scatter = 0.15 * source.standard_normal(len(DEPTHS))
        table = pd.DataFrame(
            {
                "rule_seed": draw,
                "L": DEPTHS,
                "critical": critical,
                "crossing": place + 0.008 * source.standard_normal(len(DEPTHS)),
                "half": half,
                "steepness": np.exp(growth * DEPTHS + 0.1 * source.standard_normal() + scatter),
                "response": np.exp(GROWTH * DEPTHS + 0.1 * source.standard_normal()),
            }
        )
        tables.append(table)
    made = pd.concat(tables, ignore_index=True)
    return made.assign(denoising="masked", grammar="deep", corruption="mask")


@pytest.fixture(scope="module")
def holding() -> list[dict[str, str]]:
    for _, _, finding in findings("D1", transitions(0)):
        assert finding.decisive
    return [decided(transitions(seed)) for seed in range(STUDIES)]


def decided(table: pd.DataFrame) -> dict[str, str]:
    """Verdicts by criterion, and the claim's."""
    found = findings("D1", table)
    whole = together((criterion.name, finding) for criterion, _, finding in found)
    return {criterion.name: finding.verdict for criterion, _, finding in found} | {"D1": whole}


def test_the_claims_own_studies_agree(holding: list[dict[str, str]]) -> None:
    for name in NAMES:
        verdicts = Counter(study[name] for study in holding)
        print(name, verdicts)
        assert verdicts[AGREES] >= 0.8 * STUDIES


@pytest.mark.parametrize(
    ("criterion", "rival"),
    [(0, {"at": "half"}), (1, {"at": "mean"}), (2, {"growth": 0.0})],
)
def test_a_rival_is_told_by_its_criterion(criterion: int, rival: dict[str, object]) -> None:
    verdicts = Counter[str]()
    whole = Counter[str]()
    for seed in range(STUDIES):
        found = decided(transitions(seed, **rival))  # type: ignore[arg-type]
        verdicts[found[NAMES[criterion]]] += 1
        whole[found["D1"]] += 1
    print(verdicts, whole)
    assert not verdicts[AGREES] + verdicts[NEARER] + whole[AGREES]
    # of a slope, draws that do not follow their prediction scatter most
    assert verdicts[DISAGREES] >= (0.2 if criterion == 1 else 0.8) * STUDIES


def test_what_a_study_lacks_is_said() -> None:
    table = transitions(0)
    last = table["L"] == DEPTHS[-1]
    table.loc[last & (table["rule_seed"] < 2), "crossing"] = np.nan
    crossed, _, sharpens = (finding for _, _, finding in findings("D1", table))
    assert "deepest trees cross between them for every rule draw (2 have none)" in crossed.needed
    assert not crossed.decisive and sharpens.verdict == AGREES
