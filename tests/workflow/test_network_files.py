"""A network in a user's file goes through the whole pipeline, beside those of the package."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from conftest import ROOT, Project, call
from helpers.documents import own_network
from rhm_scaling.core.errors import UserError
from rhm_scaling.publish.loading import load_network

pytestmark = pytest.mark.slow
STUDY, NETWORK = "config/studies/nets/own.yaml", "config/studies/nets/mynet.py"
TEXT = """
name: own
grammars: {g: {v: 6, s: 2, L: 2, m: 2}}
architectures:
  mine: {kind: ./mynet.py, width: 8, training: &short {max_steps: 32, min_steps: 16}}
  swept:
    kind: ../nets/mynet.py
    width: [4, 8]
    optimizer: {kind: sgd, lr: [0.1, 0.4]}
    training: *short
  lstm: {kind: lstm, width: [4, 6, 8], depth: 1, training: *short}
  mixer: {kind: mixer, width: 8, training: *short}
experiments:
  last:
    task: last_token
    grammars: [g]
    architectures: [mine, lstm, mixer]
    train_sizes: [16, 64]
    representations: true
    validation_size: 64
    test_size: 64
    replicas: {rule_draws: 2}
  labels:
    task: classification
    grammars: [g]
    architectures: [mine, swept, lstm, mixer]
    train_sizes: [32]
    online: true
    validation_size: 64
    test_size: 64
    replicas: {rule_draws: 2}
  every:
    task: autoregressive
    grammars: [g]
    architectures: [lstm]
    train_sizes: [16, 64]
    validation_size: 64
    test_size: 64
    replicas: {rule_draws: 2}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the study is finished."""
    project = Project(ROOT).copy(tmp_path_factory.mktemp("own") / "project", results=False)
    (project.folder / STUDY).parent.mkdir()
    (project.folder / STUDY).write_text(TEXT, encoding="utf-8")
    file(project).write_text(own_network(), encoding="utf-8")
    project.snakemake("--config", f"study={STUDY}")
    return project


def file(project: Project) -> Path:
    return project.folder / NETWORK


def test_every_network_is_trained_and_measured(finished: Project) -> None:
    folder = finished.folder / "results" / "own"
    runs = pd.read_csv(folder / "runs.csv")
    assert set(runs["architecture"]) == {"mine", "swept", "lstm", "mixer"}
    assert set(runs["status"]) == {"ok"}
    mine = runs[runs["architecture"] == "mine"]
    assert set(mine["parameters"]) == {2 * 4 * 6 * 8 + 2 * 8 * 8 + 8 * 6}
    assert set(mine["body_parameters"]) == {2 * 8 * 8}
    layers = pd.read_csv(folder / "representations.csv")
    assert set(layers["architecture"]) == {"mine", "lstm", "mixer"}
    curves = pd.read_csv(folder / "curves.csv")
    tokens = curves[curves["task"] == "last_token"].set_index("architecture")["predicted"]
    assert tokens.loc["lstm"].isna().all()  # of which theory says nothing
    assert tokens.loc[["mine", "mixer"]].notna().all()
    assert set(pd.read_csv(folder / "sizes.csv")["architecture"]) == {"lstm"}


def test_an_edit_trains_its_networks_anew_and_a_comment_does_not(finished: Project) -> None:
    path = file(finished)
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text + "# a comment\n", encoding="utf-8")
        assert finished.planned(study=STUDY) == {}
        path.write_text(text.replace("torch.sigmoid", "torch.tanh"), encoding="utf-8")
        jobs = finished.planned(study=STUDY)
        # of two sizes, of one size and online, and of two widths as often
        assert jobs["train_block"] == 2 + 2 + 4
        assert (jobs["measure_representations"], jobs["check_coordinates"]) == (2, 1)
        assert not jobs.keys() & {"draw_grammar", "sample_sentences", "solve_grammar"}
        path.write_text(text.replace("class Network", "class Net"), encoding="utf-8")
        done = finished.snakemake("-n", "--config", f"study={STUDY}", check=False)
        assert done.returncode != 0
        lines = (done.stdout + done.stderr).splitlines()
        line = f"{STUDY}: architectures.mine.kind: {NETWORK}: has no class Network"
        assert any(known.startswith(line) for known in lines), lines
    finally:
        path.write_text(text, encoding="utf-8")
    assert finished.planned(study=STUDY) == {}


def test_its_network_is_loaded(finished: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    which = {"architecture": "mine", "task": "last_token", "train_size": 64, "rule_seed": 1}
    network = load_network("own", finished.folder, **which)
    assert network.parameter_count == 560
    gone = file(finished).with_suffix(".away")
    file(finished).rename(gone)
    try:
        with pytest.raises(UserError, match=r"mynet\.py: cannot be read"):
            load_network("own", finished.folder, **which)
    finally:
        gone.rename(file(finished))


def test_its_file_is_archived_with_the_study(finished: Project, tmp_path: Path) -> None:
    for name in ("CITATION.cff", "LICENSE", "README.md", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, finished.folder)
    status, _, errors = call(finished, "report", STUDY)
    assert status == 0, errors
    archive = tmp_path / "own.zip"
    status, _, errors = call(finished, "archive", STUDY, "--output", str(archive))
    assert status == 0, errors
    with zipfile.ZipFile(archive) as content:
        assert content.read(NETWORK) == file(finished).read_bytes()
        content.extractall(tmp_path / "unpacked")
    # unpacked, it is a project of which everything is there
    unpacked = Project(tmp_path / "unpacked")
    assert unpacked.planned(study=STUDY) == {}


def test_a_file_that_cannot_be_imported_fails_its_networks_in_a_line(
    finished: Project, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    shutil.rmtree(project.folder / "results" / "store" / "models")
    text = file(project).read_text(encoding="utf-8")
    file(project).write_text(text.replace("import torch\n", "import torsch\n", 1), encoding="utf-8")
    done = project.snakemake("--config", f"study={STUDY}", check=False)
    assert done.returncode != 0
    said = "mynet.py: ModuleNotFoundError: No module named 'torsch'; mend it and run again"
    assert said in done.stdout + done.stderr
