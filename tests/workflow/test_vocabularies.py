"""A study of grammars with many tokens and few hidden symbols, through the whole pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT, Project, call
from helpers.documents import documented
from rhm_scaling.grammar.json_file import from_json
from rhm_scaling.publish.loading import load_network
from rhm_scaling.run.precision import plan_of
from rhm_scaling.study.artifacts import STEPS
from rhm_scaling.study.reading import load_study

pytestmark = pytest.mark.slow
STUDY = """
name: tokens
grammars:
  dense: {v: {0: 32, 1: 4}, s: 2, L: 2, m: {1: 16, 2: 2}, zipf: {1: [0.5, 1], 2: 1.0}}
  sparse: {v: {0: 32, 1: 4}, s: 2, L: 2, m: {1: 8, 2: 2}}
architectures:
  cnn: {kind: cnn, width: 16, training: &short {max_steps: 64, min_steps: 64}}
  transformer: {kind: transformer, width: 8, training: *short}
  counting: {kind: counting}
experiments:
  labels:
    task: classification
    grammars: [dense]
    architectures: [cnn, counting]
    train_sizes: [32, 64, 128, 256]
    rule_errors: true
    validation_size: 128
    test_size: 256
    replicas: &replicas {rule_draws: 2, rule_seeds: {first: 1000}}
  last:
    task: last_token
    grammars: [sparse]
    architectures: [transformer, counting]
    train_sizes: [64, 256, 1024, 4096]
    representations: true
    validation_size: 128
    test_size: 256
    replicas: *replicas
    precision: 0.001
block: {rule_draws: 2}
"""
PATH = "config/studies/tokens.yaml"
SCANNED = ["dense-zipf1_0.5", "dense-zipf1_1"]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(ROOT).copy(tmp_path_factory.mktemp("tokens"), results=False)
    (made.folder / PATH).write_text(STUDY, encoding="utf-8")
    made.snakemake("--config", f"study={PATH}")
    return made


def table(tokens: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(tokens.folder / "results" / "tokens" / f"{name}.csv")


def test_every_replica_is_there_under_its_own_rule_seed(tokens: Project) -> None:
    runs = table(tokens, "runs")
    assert set(runs["grammar"]) == {*SCANNED, "sparse"}
    assert set(runs["rule_seed"]) == {1000, 1001}
    assert len(runs) == 2 * 2 * 2 * 4 + 2 * 2 * 4
    assert runs["test_loss"].notna().all()
    for name in ("theory", "crossings", "invariance"):
        assert (tokens.folder / "results" / "tokens" / f"{name}.csv").is_file()
    assert set(table(tokens, "theory")["rule_seed"].dropna()) == {1000, 1001}
    assert {1, 2} <= set(table(tokens, "theory")["level"].dropna())


def test_grammars_and_networks_have_their_own_sizes(tokens: Project) -> None:
    files = sorted((tokens.folder / "results/store/grammars").glob("v32.4-n4-s2-L2-m8.2/r*.json"))
    drawn = [path for path in files if not path.name.endswith(".record.json")]
    assert [path.name[:5] for path in drawn] == ["r1000", "r1001"]
    grammar = from_json(drawn[0].read_text(encoding="utf-8"))
    assert [rules.max() + 1 for rules in grammar.rules] == [32, 4]
    same = {"root": tokens.folder, "train_size": 256, "rule_seed": 1000}
    label = load_network("tokens", architecture="cnn", grammar=SCANNED[0], **same)
    last = load_network("tokens", architecture="transformer", grammar="sparse", **same)
    assert (label.shape.v, label.shape.outputs) == (32, 4)
    assert (last.shape.v, last.shape.outputs) == (32, 32)


def test_the_theory_of_both_tasks_takes_the_levels_as_they_are(tokens: Project) -> None:
    theory = table(tokens, "theory")
    entropies = theory[(theory["grammar"] == "sparse") & (theory["quantity"] == "entropy")]
    start = entropies[entropies["level"] == 0]["value"]
    assert ((np.log(4) < start) & (start <= np.log(32))).all()
    thresholds = theory[(theory["quantity"] == "threshold") & theory["rule_seed"].notna()]
    assert set(thresholds["grammar"]) == {*SCANNED, "sparse"}
    # a replication's curve is measured with its own draws
    precision = table(tokens, "precision").set_index("architecture")
    assert precision["rule_draws"].tolist() == [2, 2]
    assert precision.loc["counting", "exponent"] > 0


def test_a_clone_goes_on_from_errors_by_rule_and_trains_no_network(
    tokens: Project, tmp_path: Path
) -> None:
    names = ("rule_errors", "rule_error_curves", "rule_collapse")
    assert all(list(table(tokens, name).columns) == documented(f"{name}.csv") for name in names)
    figure = tokens.folder / "results/tokens/figures/rule_errors-classification.png"
    assert figure.stat().st_size > 20_000
    assert call(tokens, "rows", PATH)[0] == 0
    clone = tokens.copy(tmp_path, results=False)
    shutil.copytree(tokens.folder / "results/rows", tmp_path / "results/rows")
    jobs = clone.planned(study=PATH)
    assert jobs["gather_rule_errors"] == 1
    assert not {*jobs} & {*STEPS.values()}


def test_what_was_resolved_names_the_grammars_that_the_lists_made(tokens: Project) -> None:
    text = (tokens.folder / "results/tokens/study.json").read_text(encoding="utf-8")
    resolved = json.loads(text)
    assert list(resolved["study"]["grammars"]) == [*SCANNED, "sparse"]
    assert resolved["grammars"]["sparse"]["v"] == [32, 4]
    assert resolved["study"]["experiments"]["labels"]["grammars"] == SCANNED


def test_what_is_left_are_draws_beyond_the_first_for_the_curve_that_was_measured(
    tokens: Project,
) -> None:
    plan = plan_of(load_study(tokens.folder / PATH), tokens.folder)
    rules = {rule for name, _, rule in plan.theory if name == "sparse"}
    assert rules == {1000, 1001, 1002, 1003}
    left = tokens.planned(study=PATH)
    assert (left["draw_grammar"], left["count_block"]) == (2, 4)
    assert "train_block" not in left
