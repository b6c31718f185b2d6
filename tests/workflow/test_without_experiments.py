"""A study that trains nothing, run by every command: it asks what corrupted sentences tell."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT, Project, call

pytestmark = pytest.mark.slow
STUDY = """
name: restored
grammars:
  deep: {v: 6, s: 2, L: 3, m: 2}
denoising:
  masked:
    grammars: [deep]
    corruption: mask
    fractions: [0.3, 0.6, 0.9]
    sentences: 16
    resampled: 4
    rule_draws: 2
"""
PATH = "config/studies/restored.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(ROOT).copy(tmp_path_factory.mktemp("restored"), results=False)
    (project.folder / PATH).write_text(STUDY, encoding="utf-8")
    status, lines, errors = call(project, "plan", PATH)
    assert (status, errors) == (0, [])
    assert lines[0].startswith("restored: 4 of 4 products to make in ")
    assert not any("Empty" in line for line in lines)
    status, _, errors = call(project, "show", PATH)
    says = "rhm_scaling: results/restored/transition.csv: is missing; first run `make run "
    says += f"STUDY={PATH}`"
    assert (status, errors) == (1, [says])
    assert call(project, "settled", PATH) == (0, [], [])
    project.snakemake("--config", f"study={PATH}")
    return project


def test_it_has_its_tables_and_figures_alone(made: Project) -> None:
    folder = made.folder / "results" / "restored"
    tables = {path.stem for path in folder.glob("*.csv")}
    assert tables == {"denoising", "transition", "transitions"}
    drawn = {path.name for path in folder.rglob("*.png")}
    assert drawn == {"denoising-masked-deep.png", "restoring-masked-deep.png"}
    assert not (folder / "figures").exists()
    assert (folder / "datapackage.json").is_file()
    again = made.snakemake("-n", "--config", f"study={PATH}")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_claim_needs_no_experiments(made: Project) -> None:
    text = STUDY.replace("name: restored", "name: judged\nclaim: D1").replace(
        "draws: 2", "draws: 3"
    )
    path = PATH.replace("restored", "judged")
    (made.folder / path).write_text(text, encoding="utf-8")
    made.snakemake("--config", f"study={path}")
    folder = made.folder / "results" / "judged"
    assert (folder / "figures" / "claim-D1.png").is_file()
    assert "Nothing was trained" in (folder / "guide.md").read_text(encoding="utf-8")


def test_every_command_knows_it(made: Project) -> None:
    status, lines, errors = call(made, "show", PATH)
    assert (status, errors) == (0, [])
    assert lines[-2:] == [
        "tables: results/restored/*.csv   figures: results/restored/denoising",
        f"no report yet; run `make run STUDY={PATH}`",
    ]
    status, lines, _ = call(made, "status", PATH)  # a SLURM that is not set up is an error line
    assert status == 0
    assert lines[0].startswith("restored: 4 of 4 products made, 3 of 3 ")
    assert lines[-1] == "nothing is left to do"
    status, lines, errors = call(made, "plan", PATH)
    assert (status, errors, len(lines)) == (0, [], 1)
    for command in ("rows", "verify"):
        status, lines, errors = call(made, command, *([PATH] if command == "rows" else []))
        assert (status, errors, len(lines)) == (0, [], 1)
    status, lines, errors = call(made, "clean")
    assert (status, errors) == (0, [])
    assert lines == ["0 products of 0.0 MiB that no study refers to"]
    status, lines, errors = call(made, "dataset", PATH)
    says = f"rhm_scaling: {PATH}: has no experiments, whose sentences these would be; add one"
    assert (status, lines, errors) == (1, [], [says])


def test_its_report_and_archive(made: Project) -> None:
    status, _, errors = call(made, "report", PATH)
    assert (status, errors) == (0, [])
    page = (made.folder / "results/restored/report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 2
    assert "transition.csv" in page and "Networks are trained" not in page
    assert "replicas" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page)
    for name in ("CITATION.cff", "LICENSE", "README.md"):
        shutil.copyfile(ROOT / name, made.folder / name)
    status, lines, errors = call(made, "archive", PATH)
    assert (status, errors) == (0, [])
    with zipfile.ZipFile(made.folder / Path(lines[0].partition(":")[0])) as archive:
        names = {*archive.namelist()}
    assert {"results/restored/report.html", "results/restored/transition.csv"} <= names
    assert len([name for name in names if name.startswith("results/store/denoising/")]) == 4
