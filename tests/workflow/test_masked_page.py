"""What the page on denoising says of trained networks is what the reference results have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.documents import ROOT, code, documented, prose, reference
from rhm_scaling.analysis.denoisers import composed_at
from rhm_scaling.claims.frozen import frozen
from rhm_scaling.plots.numbers import with_interval
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study

PAGE = prose("docs/denoising.md")
NAMES = ("masked_curves", "composed_at", "masked")
CURVES, COMPOSED, MASKED = (reference(f"masked/{name}") for name in NAMES)
LONGER = CURVES[CURVES["architecture"] == "longer"]
DRAWS = CURVES[CURVES["architecture"] == "unet"]


def excess(curves: pd.DataFrame) -> pd.DataFrame:
    """By sentences and fraction, of the last evaluation first."""
    mine = curves[curves["quantity"] == "excess"]
    table = mine.pivot_table(index="sentences", columns="fraction", values="mean")
    return table.sort_index(ascending=False)


def at(measure: str, level: int, fraction: float = 0.9) -> pd.Series:
    mine = COMPOSED[(COMPOSED["architecture"] == "unet") & (COMPOSED["measure"] == measure)]
    return mine[(mine["fraction"] == fraction) & (mine["level"] == level)].iloc[0]


def test_the_tables_are_those_of_the_study_as_it_is() -> None:
    study = load_study(ROOT / "config" / "studies" / "masked.yaml")
    for name, table in zip(NAMES, (CURVES, COMPOSED, MASKED)):
        assert list(table) == documented(f"{name}.csv")
    for experiment in study.experiments.values():
        (architecture,) = experiment.architectures
        mine = MASKED[MASKED["architecture"] == architecture]
        assert sorted(mine["fraction"].unique()) == experiment.masked_fractions
        assert mine["rule_seed"].nunique() == experiment.replicas.rule_draws
        steps = study.architectures[architecture].training.max_steps  # type: ignore[union-attr]
        assert mine["step"].max() == steps


def test_the_table_of_excesses() -> None:
    for rate, curves in (("constant", DRAWS), ("falls", LONGER)):
        last = excess(curves).iloc[0]
        cells = " | ".join(f"{value:.3f}" for value in last)
        assert f"| {last.name:.0f} | {rate} | {cells} |" in PAGE


def test_where_the_target_stands() -> None:
    last = excess(LONGER).iloc[0]
    reached = [f for f in last.index if last[f] <= 0.02]
    worst = last.idxmax()
    verdict = "reached" if len(reached) == len(last) else "missed"
    assert f"The aim that was set before, 0.02 nats at every fraction, is {verdict}" in PAGE
    assert f"the largest excess is {last[worst]:.3f} nats at a fraction of {worst:g}" in PAGE
    (unet,) = load_study(ROOT / "config" / "studies" / "masked.yaml").grammars.values()
    sentences = np.exp(unet.parameters().log_sentences())
    assert f"The grammar has {sentences:,.0f} sentences" in PAGE
    assert round(last.name / sentences) == 4 and "about four times" in PAGE
    assert round(excess(DRAWS).index[0] / sentences) == 1 and "as many as the first row" in PAGE
    assert f"which are {frozen().language * sentences:,.0f} here" in PAGE


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_table_of_levels(level: int) -> None:
    cells = []
    for measure in ("obeying", "composing"):
        row = at(measure, level)
        cells.append(f"{row['sentences']:.0f} [{row['low']:.0f}, {row['high']:.0f}]")
    row = at("composing", level)
    ratio = "" if level == 1 else with_interval(row["ratio"], row["ratio_low"], row["ratio_high"])
    order = "" if level == 1 else f"{row['in_order'] * row['rule_draws']:.0f} of 4"
    assert f"| {level} | {cells[0]} | {cells[1]} | {ratio} | {order} |".replace("  ", " ") in PAGE


def test_where_the_order_of_levels_is_not_resolved() -> None:
    assert "in every draw" in PAGE
    for fraction in (0.1, 0.3):
        assert np.isnan([at("composing", level, fraction)["sentences"] for level in (3, 4)]).all()
    third, fourth = (at("composing", level, 0.5) for level in (3, 4))
    assert fourth["low"] < third["high"] and "levels 3 and 4 overlap" in PAGE
    later = [at("composing", *where)["in_order"] for where in ((3, 0.5), (4, 0.5), (4, 0.7))]
    assert later == [0.75] * 3 and "in three of four draws each; at 0.7 so does level 4" in PAGE
    known = COMPOSED[(COMPOSED["measure"] == "composing") & (COMPOSED["fraction"] == 0.9)]
    ratios = known[(known["architecture"] == "unet") & (known["level"] > 1)]
    assert ratios["ratio"].min() > 2 and ratios["ratio"].max() < 3.5
    ends = f"{ratios['ratio_low'].min():.1f} to {ratios['ratio_high'].max():.1f}"
    assert f"(intervals from {ends})" in PAGE


def test_sizes_are_those_of_what_was_generated() -> None:
    generation = reference("masked/generation")
    for fraction, rows in generation.groupby("fraction"):
        again = composed_at(rows, dict.fromkeys(range(1, 5), 0.25)).set_index(["measure", "level"])
        for name in ("obeying", "composing"):
            for level in (1, 2, 3, 4):
                kept = at(name, level, float(str(fraction)))
                assert again.loc[(name, level), "sentences"] == pytest.approx(kept["sentences"])


def test_at_once_networks_come_to_the_exact_marginals() -> None:
    mine = DRAWS[(DRAWS["quantity"] == "obeying") & (DRAWS["fraction"] == 0.5)]
    last = mine[mine["sentences"] == mine["sentences"].max()].set_index(["order", "level"])
    for level in (1, 4):
        once, turn = last.loc[("at once", level)], last.loc[("in turn", level)]
        told = f"{once['mean']:.2f} at once (exact marginals: {once['exact']:.2f}), "
        assert f"of level {level} obey {told}{turn['mean']:.2f} in turn" in PAGE


def test_the_experiment_that_the_page_shows_can_be_planned() -> None:
    *_, shown = code("docs/denoising.md", "yaml")
    plan = Plan(parse_study(f"name: shown\n{shown}", "study.yaml"))
    assert len(plan.denoisers) == 2
