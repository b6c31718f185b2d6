"""The small study of latent prediction, really run: thresholds, levels, laws; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.model import Grammar
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.theory.latents import largest_latent_threshold, latent_thresholds

STUDY = Path(__file__).parents[2] / "config" / "studies" / "latent.yaml"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latent")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), folder, "small"))
    return folder / "results" / "latent-small"


@pytest.mark.slow
def test_thresholds_stand_in_the_theory_and_beside_what_is_recovered(small: Path) -> None:
    plan = Plan(load_study(STUDY.with_name("latent.yaml:small")))
    theory = pd.read_csv(small / "theory.csv")
    assert list(theory) == documented("theory.csv")
    known = theory[theory["quantity"] == "latent_threshold"]
    parameters = plan.parameters("depth-L5")
    mine = known[known["grammar"] == "depth-L5"]
    draws = mine["rule_seed"].dropna().astype(int).unique()
    assert len(draws) == 3
    exact = mine[mine["method"] == "correlations"].pivot(
        index="rule_seed", columns="level", values="value"
    )
    for draw in draws:
        expected = latent_thresholds(Grammar.draw(parameters, int(draw)))
        np.testing.assert_allclose(exact.loc[draw], expected, rtol=1e-9)
    assert {*mine["method"]} == {"correlations", "ensemble", "closed form"}
    crossed = pd.read_csv(small / "crossings.csv").query("architecture == 'latent'")
    crossed = crossed[crossed["grammar"] == "depth-L5"].set_index("rule_seed")["threshold"]
    np.testing.assert_allclose(crossed.sort_index(), exact.max(axis=1).sort_index(), rtol=1e-9)
    recovered = pd.read_csv(small / "recovered_at.csv").query("architecture == 'latent'")
    here = recovered[recovered["grammar"] == "depth-L5"].pivot(
        index="rule_seed", columns="level", values="predicted"
    )
    np.testing.assert_allclose(here, exact, rtol=1e-9)
    # each level has half the parents of the one below
    assert ((exact[2] / exact[1]).between(1.3, 3.2) & (exact[3] / exact[2]).between(1.3, 3.2)).all()


@pytest.mark.slow
def test_all_levels_of_the_deepest_grammar_are_recovered(small: Path) -> None:
    recovery = pd.read_csv(small / "recovery.csv")
    deepest = recovery[(recovery["grammar"] == "deepest") & (recovery["train_size"] == 1024)]
    assert {*deepest["level"]} == {*range(1, 7)} and len(deepest) == 18
    assert deepest["recovered"].min() > 0.5


@pytest.mark.slow
def test_laws_are_on_the_thresholds_of_latent_prediction(small: Path) -> None:
    points = pd.read_csv(small / "scan_points.csv")
    assert list(points) == documented("scan_points.csv")
    rules = points[points["experiment"] == "rules"].set_index("m")
    assert rules.loc[3, "bare"] == pytest.approx(16 * 3**2 / (1 - 3 / 16))
    assert rules["threshold"].between(rules["bare"], 1.4 * rules["bare"]).all()
    assert rules["ratio"].between(0.4, 2).all() and rules["crossed_at"].is_monotonic_increasing
    depth = points[points["experiment"] == "depth"]
    assert depth["crossed_at"].max() < 2 * depth["crossed_at"].min()
    laws = pd.read_csv(small / "scan_laws.csv")
    assert {*laws["experiment"]} == {"depth", "rules"}


def test_the_study_is_of_the_rule_draws_of_its_claims() -> None:
    experiments = load_study(STUDY).experiments
    first = rules_of("C1").first_rule_seed
    assert {one.replicas.rule_seeds.first for one in experiments.values()} == {first}
    whole = Plan(load_study(STUDY)).products["latents"]
    for name in ("c1", "c2"):
        assert {*Plan(load_study(STUDY.with_name(f"{name}.yaml"))).products["latents"]} < {*whole}


SHORT = """
name: short
grammars: {a: {v: 4, s: 2, L: 3, m: [3, 4]}, b: {v: 8, s: 2, L: 4, m: [2, 3, 4]}}
architectures: {latent: {kind: latent}}
experiments:
  e:
    task: classification
    grammars: [b-m2, b-m3, b-m4]
    architectures: [latent]
    train_sizes: {points_per_octave: 2, below: 2, beyond: 2}
    scan: true
"""


def test_sizes_are_chosen_around_the_threshold_of_latent_prediction() -> None:
    plan = Plan(parse_study(SHORT, "s.yaml"))
    grid = plan.grids["e", "b-m3"]
    at = largest_latent_threshold(plan.parameters("b-m3"))
    assert grid.first_threshold == grid.last_threshold == at
    assert at / 3 < grid.sizes[0] <= at / 2 and 2 * at <= grid.sizes[-1] < 3 * at
    assert len(plan.latent) == len(plan.recovering) == 3
    assert [why for why in plan.scanned.values() if why] == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("task: classification", "task: last_token"), "'latent' cannot do the task last_token"),
        (("b-m2, b-m3, b-m4", "a-m3, a-m4, b-m2"), "e.train_sizes: grammar 'a-m4': all correl"),
        (("{kind: latent}", "{kind: latent, width: 4}"), "architectures.latent.width: "),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_line(change: tuple[str, str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        Plan(parse_study(SHORT.replace(*change), "s.yaml"))
    assert line in str(caught.value) and "\n" not in str(caught.value)
