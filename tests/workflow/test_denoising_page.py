"""What the page on denoising says is what the reference results have."""

import pandas as pd
import pytest

from helpers.documents import ROOT, code, documented, prose, reference
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study

PAGE = prose("docs/denoising.md")
ROWS, CROSSINGS = reference("denoising/denoising"), reference("denoising/transition")
MASKED = CROSSINGS[CROSSINGS["denoising"] == "masked"].set_index("L")


def told(row: pd.Series, name: str) -> str:
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def mean(section: str, quantity: str) -> pd.DataFrame:
    mine = ROWS[(ROWS["denoising"] == section) & (ROWS["quantity"] == quantity)]
    return mine.set_index("fraction")


def test_the_tables_are_those_of_the_study_as_it_is() -> None:
    study = load_study(ROOT / "config" / "studies" / "denoising.yaml")
    assert list(ROWS) == documented("denoising.csv")
    assert list(CROSSINGS) == documented("transition.csv")
    assert not study.experiments
    for name, config in study.denoising.items():
        mine = ROWS[ROWS["denoising"] == name]
        assert sorted(mine["fraction"].unique()) == config.fractions
        assert (mine["rule_draws"] == config.rule_draws).all()
        assert mine["corruption"].unique().tolist() == [config.corruption]


@pytest.mark.parametrize(("section", "kind"), [("masked", "mask"), ("noisy", "noise")])
def test_the_table_of_crossings(section: str, kind: str) -> None:
    last = CROSSINGS[CROSSINGS["denoising"] == section].iloc[-1]
    cells = [told(last, name) for name in ("critical", "crossing", "difference")]
    assert f"| {kind} | {cells[0]} | {last['L']} | {cells[1]} | {cells[2]} |" in PAGE


def test_crossings_lie_where_the_page_says() -> None:
    assert abs(MASKED.loc[12, "difference"]) < 0.01  # the target
    deep = MASKED.loc[8:11]
    low, high = deep["difference"].min(), deep["difference"].max()
    assert f"from `L = 8` on it is {low:.3f} to {high:.3f}" in PAGE
    without_zero = deep.index[deep["difference_low"] > 0]
    assert list(without_zero) == [8, 10, 11] and "at `L = 8`, 10 and 11 the interval" in PAGE
    assert f"`L = 3` at {MASKED.loc[3, 'crossing']:.3f}" in PAGE
    slopes = {L: f"{MASKED.loc[L, 'steepness']:.1f}" for L in (4, 8, 12)}
    assert f"of `L = 4` has the slope -{slopes[4]} against the fraction" in PAGE
    assert f"that of `L = 8` -{slopes[8]}, that of `L = 12` -{slopes[12]}" in PAGE


def test_the_recursion_is_as_near_as_the_page_says() -> None:
    apart = [
        (mean(section, "root")["mean"] - mean(section, "root")["predicted"]).abs()
        for section in ("masked", "noisy")
    ]
    assert f"{apart[0].mean():.3f} on average under masks and {apart[1].mean():.3f} under" in PAGE
    assert f"at most by {max(one.max() for one in apart):.3f}" in PAGE


def test_susceptibilities_are_those_of_the_page() -> None:
    masked, noisy = (mean(section, "susceptibility")["mean"] for section in ("masked", "noisy"))
    assert f"at a fraction of {masked.idxmax():.2f} under masks ({masked.max():.1f}" in PAGE
    assert f"and of {noisy.idxmax():.2f} under noise ({noisy.max():.1f}" in PAGE
    ends = f"and {masked[0.7]:.1f} or {noisy[0.1]:.1f} at"
    assert ends in PAGE
    pairs = mean("masked", "correlation").loc[0.5].set_index("level")["mean"]
    assert (pairs[2:7].to_numpy() < pairs[1:6].to_numpy() / 2).all()


def test_what_obeys_the_rules_is_what_the_page_says() -> None:
    for section in ("masked", "noisy"):
        assert (mean(section, "obeying")["mean"] == 1).all()
    alone = mean("masked", "obeying_alone").loc[0.5].set_index("level")["mean"]
    percent = {level: f"{100 * alone[level]:.0f} %" for level in (1, 2, 4)}
    assert f"{percent[1]} of the pairs obey" in PAGE
    assert f"{percent[2]} of the subtrees of level 2 do, {percent[4]} of those of level 4" in PAGE
    assert alone[7:].max() < 0.0005


def test_the_section_that_the_page_shows_can_be_planned() -> None:
    shown, _ = code("docs/denoising.md", "yaml")
    plan = Plan(parse_study(f"name: shown\n{shown}", "study.yaml"))
    assert len(plan.denoised) == 8
