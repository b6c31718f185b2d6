"""A study that asks for a precision: each run adds rule draws, until all curves are precise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from conftest import ROOT, Project, call
from rhm_scaling.run.precision import UNSETTLED

pytestmark = pytest.mark.slow

STUDY = """
name: precise
grammars: {deep: {v: 8, s: 2, L: 3, m: 2}}
architectures:
  counting: {kind: counting}
  cnn: {kind: cnn, width: 8, training: {max_steps: 64, evaluations_per_octave: 2}}
experiments:
  last:
    task: last_token
    grammars: [deep]
    architectures: [counting]
    train_sizes: [8, 16, 32, 64, 128, 256]
    test_size: 1024
    validation_size: 64
    replicas: {rule_draws: 2}
    precision: {exponent: 0.4, most_rule_draws: 8}
  online:
    task: classification
    grammars: [deep]
    architectures: [cnn]
    online: true
    test_size: 128
    validation_size: 64
    replicas: {rule_draws: 2}
    precision: {crossing: 0.5, most_rule_draws: 4}
block: {rule_draws: 2}
"""
PATH = "config/studies/precise.yaml"
HOW = ("--config", f"study={PATH}")


def settle(project: Project) -> int:
    """Run what `make run` runs until every curve is settled; how many runs that took."""
    runs = 0
    while call(project, "settled", PATH)[0] == UNSETTLED:
        project.snakemake("precision", *HOW)
        runs += 1
        assert runs < 6
    return runs


@pytest.fixture(scope="module")
def precise(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, int]:
    made = Project(ROOT).copy(tmp_path_factory.mktemp("precise"), results=False)
    (made.folder / PATH).write_text(STUDY, encoding="utf-8")
    status, lines, errors = call(made, "settled", PATH)
    assert (status, len(lines), errors) == (UNSETTLED, 2, [])
    assert lines[0].startswith("deep last_token counting: 2 rule draws")
    runs = settle(made)
    assert not (made.folder / "results/precise/figures").exists()
    made.snakemake(*HOW)
    return made, runs


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / "results" / "precise" / f"{name}.csv")


def test_rule_draws_are_added_until_the_interval_is_narrow(precise: tuple[Project, int]) -> None:
    project, runs = precise
    rows = table(project, "precision").query("architecture == 'counting'")
    assert rows["rule_draws"].tolist() == [*range(2, 2 * len(rows) + 1, 2)]
    assert 1 < len(rows) == runs
    assert (rows["exponent"].iloc[:-1] > 0.4).all()
    last = rows.iloc[-1]
    assert last["exponent"] <= 0.4 or last["rule_draws"] == 8
    fit = table(project, "fits").query("architecture == 'counting'").iloc[0]
    assert fit["rule_draws"] == last["rule_draws"]
    assert (fit["high"] - fit["low"]) / 2 == pytest.approx(last["exponent"])


def test_learners_that_count_have_all_sizes(precise: tuple[Project, int]) -> None:
    project, _ = precise
    rows = table(project, "precision").query("architecture == 'counting'")
    runs = table(project, "runs").query("architecture == 'counting'")
    # learners that count find hidden symbols at other sizes than losses tell of
    assert set(runs.query("2 <= rule_seed < 4")["train_size"]) == {8, 16, 32, 64, 128, 256}
    known = table(project, "theory").query("grammar == 'deep' and task == 'last_token'")
    assert known["rule_seed"].max() == rows["rule_draws"].max() - 1


def test_then_nothing_is_left_to_do(precise: tuple[Project, int]) -> None:
    project, _ = precise
    assert "Nothing to be done" in project.snakemake(*HOW, "-n").stdout
    assert call(project, "settled", PATH) == (0, [], [])
    assert call(project, "settled", "nowhere.yaml")[0] == 1
    status, lines, errors = call(project, "clean")
    assert (status, errors) == (0, [])
    assert lines == ["0 products of 0.0 MiB that no study refers to"]


def test_from_the_store_alone_the_same_is_decided(
    precise: tuple[Project, int], tmp_path: Path
) -> None:
    project, runs = precise
    again = project.copy(tmp_path / "again")
    shutil.rmtree(again.folder / "results" / "precise")
    trained = {path: path.stat().st_mtime_ns for path in again.folder.glob("results/store/**/*")}
    assert settle(again) == runs
    for path, when in trained.items():
        assert path.stat().st_mtime_ns == when
    one, other = (table(each, "precision") for each in (project, again))
    pd.testing.assert_frame_equal(one, other)


def test_other_code_measures_again_before_all_is_made(precise: tuple[Project, int]) -> None:
    project, _ = precise
    with project.source("analysis/power_law", "BOOTSTRAPS = 400", "BOOTSTRAPS = 300"):
        status, lines, errors = call(project, "settled", PATH)
    assert (status, errors) == (UNSETTLED, [])
    assert lines == ["precision.csv: is made again, by what the study and the code are now"]
