"""The small study of networks that predict siblings, really run; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.model import Grammar
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.theory.latents import latent_thresholds, token_thresholds

STUDY = Path(__file__).parents[2] / "config" / "studies" / "predicting.yaml"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predicting")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), folder, "small"))
    return folder / "results" / "predicting-small"


@pytest.mark.slow
def test_networks_have_the_tables_of_learners_that_count(small: Path) -> None:
    recovery, runs = (pd.read_csv(small / f"{name}.csv") for name in ("recovery", "runs"))
    assert list(recovery) == documented("recovery.csv")
    assert list(runs) == documented("runs.csv")
    assert {*recovery["architecture"]} == {"codes", "tokens", "counting"}
    networks = runs[runs["architecture"] != "counting"]
    assert {*networks["status"]} == {"ok"} and (networks["parameters"] > 1000).all()
    assert (networks["width"] == 32).all() and (networks["pack"] == 2).all()
    codes = runs[runs["architecture"] == "codes"].groupby("train_size")["test_error"].mean()
    assert codes.iloc[-1] < 0.1 < 0.5 < codes.iloc[0]
    codes = recovery[recovery["architecture"] == "codes"]
    few, many = (codes[codes["train_size"] == size]["recovered"].mean() for size in (16, 1024))
    assert few < 0.2 and many > 0.5
    assert (small / "figures" / "recovery-depth.png").is_file()


@pytest.mark.slow
def test_each_stands_beside_the_threshold_of_what_it_predicts(small: Path) -> None:
    plan = Plan(load_study(STUDY.with_name("predicting.yaml:small")))
    recovered = pd.read_csv(small / "recovered_at.csv")
    assert list(recovered) == documented("recovered_at.csv")
    here = recovered[recovered["grammar"] == "depth-L4"]
    for architecture, thresholds in (
        ("codes", latent_thresholds),
        ("counting", latent_thresholds),
        ("tokens", token_thresholds),
    ):
        mine = here[here["architecture"] == architecture]
        at = mine.pivot(index="rule_seed", columns="level", values="predicted")
        for draw in at.index:
            expected = thresholds(Grammar.draw(plan.parameters("depth-L4"), int(draw)))
            np.testing.assert_allclose(at.loc[draw], expected, rtol=1e-9)


SHORT = """
name: short
grammars: {g: {v: 8, s: 2, L: 3, m: 2}}
architectures: {a: {kind: latent_network}, b: {kind: latent_network, predicts: tokens}}
experiments:
  e:
    task: classification
    grammars: [g]
    architectures: [a, b]
    train_sizes: [64]
    replicas: {rule_draws: 2, initialisations: 3}
"""


def test_it_is_initialised_and_named_by_what_it_predicts() -> None:
    plan = Plan(parse_study(SHORT, "s.yaml"))
    names = sorted(plan.products["predictors"])
    replicas = {len(one.specification["replicas"]) for one in plan.products["predictors"].values()}
    assert [name.split("/")[2] for name in dict.fromkeys(names)] == (
        ["latent_network-codes-w64"] * (len(names) // 2)
        + ["latent_network-tokens-w64"] * (len(names) // 2)
    )
    total = sum(len(one.specification["replicas"]) for one in plan.products["predictors"].values())
    assert total == 12 and replicas <= {1, 2, 3, 6}
    assert [curve.architecture for curve in plan.latent] == ["a"]
    assert [curve.architecture for curve in plan.by_tokens] == ["b"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("task: classification", "task: last_token"), "'a' cannot do the task last_token"),
        (("train_sizes: [64]", "online: true"), "e.online: 'a' "),
        (("predicts: tokens", "predicts: labels"), "architectures.b.predicts: "),
        (("predicts: tokens", "decay: 1"), "architectures.b.decay: "),
        (("predicts: tokens", "codes: 1"), "architectures.b.codes: "),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_line(change: tuple[str, str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        Plan(parse_study(SHORT.replace(*change), "s.yaml"))
    assert line in str(caught.value) and "\n" not in str(caught.value)
