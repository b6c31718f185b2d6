"""A study with controls through the whole pipeline: one network is trained too short."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT, Project, call
from helpers.documents import documented
from helpers.pages import Page
from helpers.tables import problems
from rhm_scaling.analysis.controls import told
from rhm_scaling.analysis.curves import CURVE_KEY, mean_and_interval
from rhm_scaling.analysis.thresholds import thresholds_table
from rhm_scaling.steps.tables import compare_controls
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

pytestmark = pytest.mark.slow
STUDY = """
name: controlled
claim: B3
grammars: {g: {v: 8, s: 2, L: 3, m: 2}}
architectures:
  good: {kind: cnn, width: 16, training: {max_steps: 1024, min_steps: 64, patience: 2.0}}
  short: {kind: cnn, width: 16, training: {max_steps: 24, min_steps: 8, patience: 1.5}}
experiments:
  good: &good
    title: Long enough
    task: last_token
    grammars: [g]
    architectures: [good]
    train_sizes: [64, 512]
    online: true
    validation_size: 256
    test_size: 512
    replicas: {rule_draws: 6, rule_seeds: {first: 0}}
    controls: {train_sizes: [512], rule_draws: 4}
  short:
    <<: *good
    title: Too short
    architectures: [short]
    online: false
    controls: {train_sizes: [64, 512], rule_draws: 4}
block: {rule_draws: 2}
"""
PATH = "config/studies/controlled.yaml"
MARK = "limited by training: short on g at 512: twice the patience gives 0."


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(ROOT).copy(tmp_path_factory.mktemp("controlled"), results=False)
    (made.folder / PATH).write_text(STUDY, encoding="utf-8")
    made.snakemake("--config", f"study={PATH}")
    return made


def table(made: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(made.folder / "results" / "controlled" / f"{name}.csv")


def test_every_control_has_a_row_at_every_point(controlled: Project) -> None:
    rows = table(controlled, "controls")
    assert list(rows.columns) == documented("controls.csv") == compare_controls.COLUMNS
    points = rows.groupby(["architecture", "protocol"])
    assert points.size().to_dict() == {
        ("good", "finite"): 3,
        ("good", "online"): 2 * 3,
        ("short", "finite"): 3 * 2,
    }
    assert (rows["width"] == 16).all()
    compared = rows["rule_draws"] + rows["unpaired"]
    assert (compared == 4).all()


def test_the_curve_beside_is_that_of_the_same_rule_draws(controlled: Project) -> None:
    rows, runs = table(controlled, "controls"), table(controlled, "runs")
    mine = runs.query("architecture == 'short' and train_size == 512 and rule_seed < 4")
    for row in rows.query("architecture == 'short' and train_size == 512").to_dict("records"):
        expected = mean_and_interval(mine["test_excess"].to_numpy(float))
        assert [row[name] for name in ("mean", "low", "high")] == pytest.approx(expected)
    crossed = table(controlled, "crossings").query("protocol == 'online' and rule_seed < 4")
    expected = thresholds_table(crossed).set_index("level")["crossed_at"]
    whole = rows.query("protocol == 'online' and unpaired == 0")
    assert len(whole) > 2
    for row in whole.to_dict("records"):
        assert row["mean"] == pytest.approx(expected[row["level"]])


def test_replicas_of_controls_stand_in_a_table_of_their_own(controlled: Project) -> None:
    runs, others = table(controlled, "runs"), table(controlled, "control_runs")
    assert list(others.columns) == documented("control_runs.csv") == compare_controls.RUNS_COLUMNS
    assert list(others.columns)[:-1] == list(runs.columns)
    finite = 4 * (3 * 1 + 3 * 2)
    assert len(others) == finite + 4 * 2
    assert not {*others["product"]} & {*runs["product"]}
    wide = others["control"] == "width x2"
    assert (others["width"] == np.where(wide, 32, 16)).all()
    assert (others["lr"] == np.where(others["control"] == "rate /2", 0.25, 0.5)).all()
    for name in ("runs", "curves", "fits", "crossings", "local_exponents", "histories"):
        assert {*table(controlled, name)["width"]} == {16}
    keys = table(controlled, "curves")[CURVE_KEY].drop_duplicates()
    assert len(keys) == 3
    assert (others["overlap"].dropna() > 0).all()


def test_what_is_trained_too_short_is_marked_and_what_is_not_is_not(controlled: Project) -> None:
    rows = table(controlled, "controls").set_index(["architecture", "protocol", "control"])
    finite = rows[rows["train_size"] == 512]["finding"]
    assert finite["short", "finite", "patience x2"] == "better"
    assert finite["good", "finite", "patience x2"] == "within"
    said = told(table(controlled, "controls"))
    assert any(line.startswith(MARK) for line in said.limited)
    assert not [line for line in said.limited if "good on" in line]  # online, twice the width helps
    folder = controlled.folder / "results" / "controlled"
    guide = (folder / "guide.md").read_text(encoding="utf-8")
    assert f"- {MARK}" in guide
    claims = table(controlled, "claims")
    assert {*claims["limited_by_training"]} == {"; ".join(said.limited)}
    assert {*claims["controls"]} == {said.summary}
    assert list(claims.columns) == documented("claims.csv")
    assert [*problems(folder)] == []
    for name in ("good", "short"):
        assert (folder / "figures" / f"controls-{name}.png").is_file()
        assert (folder / "figures" / f"controls-{name}.pdf").is_file()


def test_the_page_and_the_terminal_say_so(controlled: Project) -> None:
    name = "results/claims/alone.html"
    status, lines, errors = call(controlled, "claims", PATH, "--page", name)
    assert (status, errors) == (0, [])
    assert any(line.startswith(f"B3: {MARK}") for line in lines)
    path = controlled.folder / name
    page = path.read_text(encoding="utf-8")
    assert MARK in page
    assert {"../controlled/guide.md", "../controlled/claims.csv"} < {*Page(path).links}
    assert Page(path).dead() == []
    assert page.count(">limited by training</span>") == 1
    path.unlink()
    assert call(controlled, "claims", PATH)[:2] == (0, lines[:-1])  # no page, unless asked for
    assert [*path.parent.glob("*.html")] == []
    status, lines, _ = call(controlled, "show", PATH)
    assert status == 0
    assert any(line.startswith(MARK) for line in lines)


def test_controls_are_known_as_any_product_is(controlled: Project) -> None:
    found = Plan(load_study(controlled.folder / PATH))
    names = {block.name for _, _, block in found.controls}
    whole = sum(map(len, found.products.values()))
    assert call(controlled, "plan", PATH)[1][0].startswith(f"controlled: 0 of {whole} products")
    assert call(controlled, "status", PATH)[1][0].startswith(f"controlled: {whole} of {whole} ")
    assert call(controlled, "rows", PATH)[0] == 0
    for name in names:
        assert (controlled.folder / "results/rows/models" / name / "runs.csv").is_file()
    assert call(controlled, "clean")[1] == ["0 products of 0.0 MiB that no study refers to"]
    study = json.loads(
        (controlled.folder / "results/controlled/study.json").read_text(encoding="utf-8")
    )
    assert {row["product"] for row in study["controls"]} == names
    assert names < {*study["products"]["models"]}
    # without them, the same study has nothing to train
    path = controlled.folder / PATH
    path.write_text(
        "\n".join(line for line in STUDY.splitlines() if "controls:" not in line), encoding="utf-8"
    )
    planned = controlled.planned(study=PATH)
    assert "train_block" not in planned
    assert "compare_controls" not in planned
    path.write_text(STUDY, encoding="utf-8")


def test_the_report_has_the_guide_and_the_controls(controlled: Project) -> None:
    status, _, errors = call(controlled, "report", PATH)
    assert (status, errors) == (0, [])
    page = Page(controlled.folder / "results/controlled/report.html")
    assert page.dead() == []
    guide = (controlled.folder / "results/controlled/guide.md").read_text(encoding="utf-8")
    plain = re.sub(r"(?m)^- |^# |[*`]", "", guide)
    assert "".join(plain.split()) in "".join(page.words.replace("*", "").split())
    assert told(table(controlled, "controls")).summary in page.words
    assert {"claim", "controls"} <= page.places
    assert "Claim: B3" in page.images
