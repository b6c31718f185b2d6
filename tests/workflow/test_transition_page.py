"""What the page on denoising says of claims D1 and D2 is what their reference results have."""

import numpy as np
import pandas as pd
import pytest

from helpers.documents import ROOT, documented, prose, reference, text_of
from rhm_scaling.analysis.curves import student_factor
from rhm_scaling.claims.deciding import findings
from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.claims.generated import Generated
from rhm_scaling.claims.verdicts import together
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

PAGE = prose("docs/denoising.md")
CLAIMS, DRAWS, MEANS = (reference(f"d1/{name}") for name in ("claims", "transitions", "transition"))
RULES = rules_of("D1")
LAST = DRAWS[DRAWS["L"] == 12]


def told(row: pd.Series, digits: int) -> str:
    return f"{row['estimate']:.{digits}f}{{}} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def test_the_tables_are_those_of_the_study_and_its_rule() -> None:
    (section,) = load_study(ROOT / "config" / "studies" / "d1.yaml").denoising.values()
    assert {*CLAIMS["criteria"]} == {RULES.hash} and {*CLAIMS["frozen"]} == {RULES.date}
    assert f"(rule `{RULES.hash}`, dated {RULES.date})" in PAGE
    assert list(DRAWS) == documented("transitions.csv")
    assert sorted({*DRAWS["rule_seed"]}) == [*section.rules()]
    assert section.rule_seeds.first == RULES.first_rule_seed
    assert (section.rule_draws, section.sentences) == (30, 512) and "Thirty rule draws" in PAGE


def test_the_verdicts_follow_from_the_table_of_draws() -> None:
    found = findings("D1", DRAWS)
    verdict = together((criterion.name, finding) for criterion, _, finding in found)
    assert {*CLAIMS["claim_verdict"]} == {verdict}
    for (_, _, finding), row in zip(found, CLAIMS.to_dict("records"), strict=True):
        assert finding.verdict == row["verdict"]
        assert finding.measured.estimate == pytest.approx(row["estimate"])
        assert finding.decisive and row["decisive"]


def test_the_criteria_are_told_with_their_numbers() -> None:
    crossing, own, sharpens = (row for _, row in CLAIMS.iterrows())
    line = f"{told(crossing, 2).format(' %')} of the tokens | {crossing['prediction']:.2f} | "
    assert f"| {crossing['verdict']} | {line}{crossing['rival']:.2f}: where" in PAGE
    assert f"| {own['verdict']} | slope over draws {told(own, 2).format('')} | 1 |" in PAGE
    line = f"{told(sharpens, 3).format('')} a level | {sharpens['prediction']:.3f} | 0:"
    assert f"| {sharpens['verdict']} | {line}" in PAGE
    assert f"grows by {np.exp(sharpens['prediction']):.2f} a level** for `L` = 6 to 12" in PAGE
    root = np.log(2) / 2  # of the number of tokens, a level
    assert sharpens["high"] < root and f"leaves out {root:.3f}" in PAGE
    assert own["low"] < 1 < own["high"] and f"interval ends at {own['high']:.2f}" in PAGE


def test_crossings_lie_within_the_target() -> None:
    apart = LAST["crossing"] - LAST["critical"]
    scatter, root = apart.std(ddof=1), len(apart) ** 0.5
    half = student_factor(len(apart)) * scatter / root
    ends = apart.mean() - half, apart.mean() + half
    assert 0 < ends[0] < ends[1] < 0.01  # the target, and no fixed point
    line = f"a fraction of {apart.mean():.4f} [{ends[0]:.4f}, {ends[1]:.4f}] above their fixed"
    assert line in PAGE
    assert f"Crossings scatter by {scatter:.4f} from draw to draw" in PAGE
    # the crossing of averaged curves says the same
    average = MEANS[MEANS["L"] == 12].iloc[0]
    assert 0 < average["difference_low"] < average["difference_high"] < 0.01
    widths = [student_factor(n) * scatter / n**0.5 for n in (12, 6)]
    assert f"half-width of {widths[0]:.4f}, enough" in PAGE and f"on one, {widths[1]:.4f}" in PAGE
    assert apart.mean() + widths[0] < 0.01 < apart.mean() + widths[1]
    means = DRAWS.assign(apart=DRAWS["crossing"] - DRAWS["critical"]).groupby("L")["apart"].mean()
    told = "{:.4f}, {:.4f} and {:.4f}".format(*means.loc[[10, 11, 12]])
    assert f"At `L` = 10, 11, 12 they are {told}" in PAGE
    half = (DRAWS["critical"] - DRAWS["half"]).groupby(DRAWS["L"]).mean().loc[8:]
    factor = (half.iloc[-1] / half.iloc[0]) ** (1 / (len(half) - 1))
    assert f"by a factor of {factor:.2f}: {half.iloc[-1]:.4f} of the tokens" in PAGE


COMPOSED, GENERATED = reference("d2/claims"), reference("d2/generation")


def test_the_verdict_on_d2_follows_from_what_networks_generated() -> None:
    study = load_study(ROOT / "config" / "studies" / "d2.yaml")
    plan = Plan(study)
    (curve,) = plan.curves
    draws = plan.study.experiments[curve.experiment].replicas
    assert sorted({*GENERATED["rule_seed"]}) == [*draws.rules()]
    assert draws.rule_seeds.first == RULES.first_rule_seed and "eight rule draws" in PAGE
    grammars = {curve.grammar: plan.parameters(curve.grammar)}
    found = findings("D2", Generated(GENERATED, grammars, plan.learners()))
    assert {*COMPOSED["criteria"]} == {RULES.hash}
    for (_, _, finding), row in zip(found, COMPOSED.to_dict("records"), strict=True):
        assert finding.verdict == row["verdict"] and finding.decisive
        assert finding.measured.estimate == pytest.approx(row["estimate"])


def test_d2_is_told_with_its_numbers() -> None:
    for _, row in COMPOSED.iterrows():
        ends = f"{row['prediction_low']:.2f} to {row['prediction_high']:.2f}"
        assert f"{told(row, 2).format('')} | {ends} | 0" in PAGE
        assert f"| {row['verdict']} | " in PAGE
        assert row["prediction_low"] < row["low"] and row["high"] < row["prediction_high"]
        assert "(by 2 of 8)" in row["left_out"]
    assert f"up to {GENERATED['sentences'].max():,.0f} fresh sentences" in PAGE
    first = COMPOSED.iloc[0]
    low, growth, high = np.exp(
        first[["prediction_low", "estimate", "prediction_high"]].astype(float)
    )
    assert f"factors of {low:.1f} to {high:.1f} a level" in PAGE
    assert f"growth, {growth:.1f} a level" in PAGE


def test_the_readme_has_the_verdicts() -> None:
    lines = [line.split(" | ") for line in text_of("README.md").splitlines()]
    by_name = {line[0][2:]: line for line in lines if line[0].startswith("| D")}
    for name, table in (("D1", CLAIMS), ("D2", COMPOSED)):
        assert {by_name[name][2]} == {*table["claim_verdict"]}
    apart = LAST["crossing"] - LAST["critical"]
    half = student_factor(len(apart)) * apart.std(ddof=1) / len(apart) ** 0.5
    ends = f"{apart.mean():.3f} [{apart.mean() - half:.3f}, {apart.mean() + half:.3f}]"
    assert f"curves cross {ends} of the tokens above" in by_name["D1"][3]
