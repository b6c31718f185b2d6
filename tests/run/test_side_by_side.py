"""Runs side by side with the same results: both end well, and each product is made once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import ROOT, Project, environment, labels_only
from rhm_scaling.run.locks import exclusive

pytestmark = pytest.mark.slow


def start(project: Project, study: str, *targets: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", *targets, "--profile", "workflow/profiles/laptop"),
            *("--cores", "1", "--config", f"study={study}"),
        ],
        cwd=project.folder,
        env=environment(project, PYTHONPATH=""),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def made_once(project: Project) -> list[str]:
    """Products that were made, each by one job alone."""
    found = []
    for log in (project.folder / "results" / "logs").rglob("*.log"):
        lines = [line[20:] for line in log.read_text(encoding="utf-8").splitlines()]
        made = [line for line in lines if line.startswith("made in ") and "another" not in line]
        assert len(made) == 1, log
        found.append(str(log))
    return found


def ended_well(*runs: subprocess.Popen[str]) -> list[str]:
    said = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), "\n\n".join(said)
    return said


def test_two_folders_with_one_results_folder_and_one_study(tmp_path: Path) -> None:
    one, other = (Project(ROOT).copy(tmp_path / name, results=False) for name in ("one", "other"))
    (one.folder / "results").mkdir()
    (other.folder / "results").symlink_to(one.folder / "results")
    study = labels_only(one, "labels")
    assert labels_only(other, "labels") == study
    said = ended_well(*(start(folder, study, "fits") for folder in (one, other)))
    assert sum("labels: waits for another run with these results" in s for s in said)
    assert made_once(one)
    assert one.planned("fits", study=study) == other.planned("fits", study=study) == {}


def test_two_studies_that_share_cells(tmp_path: Path) -> None:
    project = Project(ROOT).copy(tmp_path / "project", results=False)
    studies = [labels_only(project, name) for name in ("labels", "again")]
    said = ended_well(*(start(project, study, "curves") for study in studies))
    assert made_once(project)
    # a person is told of products, and not of Snakemake's jobs and memory
    assert re.search(r"^models/\S+/P00000016/\S+: made, \d+\.\d s$", "\n".join(said), re.M)
    assert not re.search("Finished jobid|Migrating|provenance", "\n".join(said))
    tables = [
        pd.read_csv(project.folder / "results" / name / "runs.csv").drop(columns="study")
        for name in ("labels", "again")
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_a_lock_is_waited_for_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = (
        "import sys, time\nfrom rhm_scaling.run.locks import exclusive\n"
        "with exclusive('x', print):\n    print('alone', flush=True); time.sleep(1)\n"
    )
    run = [sys.executable, "-c", code]
    path = {"PYTHONPATH": str(ROOT / "workflow")}
    first = subprocess.Popen(run, env=path, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None and first.stdout.readline() == "alone\n"
    lines: list[str] = []
    with exclusive("x", lines.append):
        assert len(lines) == 1
        first.wait()
        assert (tmp_path / "results" / "locks" / "x").exists()
    assert not list((tmp_path / "results" / "locks").iterdir())
