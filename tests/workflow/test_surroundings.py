"""What surrounds a project changes nothing: paths, homes, settings, users, and where it lies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, TINY, Project

pytestmark = pytest.mark.slow
BESIDE = ("Makefile", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff")


def whole(folder: Path) -> Project:
    """A copy of the project with its environment, as `cp -r` makes it."""
    made = Project(ROOT).copy(folder, results=False)
    for name in BESIDE:
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return made


def make(project: Project, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "--assume-old=.venv/installed", *words],
        cwd=project.folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
    )


def test_modules_and_settings_of_a_user_are_not_read(finished_tiny: Path, tmp_path: Path) -> None:
    made = whole(tmp_path / "project")
    # all is there but a network, tables and figures
    shutil.copytree(finished_tiny / "results", made.folder / "results")
    mine = made.folder / "results" / "tiny"
    shutil.rmtree(next((made.folder / "results" / "store" / "models").rglob("record.json")).parent)
    for record in (mine / "stages").glob("*.record.json"):
        record.unlink()
    for folder in ("figures", "theory"):
        shutil.rmtree(mine / folder)
    path, home = tmp_path / "path", tmp_path / "home"
    rc = home / ".config" / "matplotlib" / "matplotlibrc"
    for folder in (path, rc.parent):
        folder.mkdir(parents=True)
    evil = f"open({str(tmp_path / 'pwned')!r}, 'w')\nraise ImportError('not of this project')\n"
    for name in ("numpy.py", "torch.py", "sitecustomize.py"):
        (path / name).write_text(evil, encoding="utf-8")
    for name in ("random.py", "yaml.py", "numpy.py"):
        (made.folder / name).write_text(evil, encoding="utf-8")
    rc.write_text("lines.linewidth: 40\nfont.size: 40\nfigure.dpi: 10\n", encoding="utf-8")
    around = {"PYTHONPATH": str(path), "HOME": str(home), "MPLBACKEND": "none-such"}
    done = make(made, "run", f"STUDY={TINY}", **around, MATPLOTLIBRC=str(rc))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert not (tmp_path / "pwned").exists()
    figures = sorted((finished_tiny / "results" / "tiny").glob("*/*.png"))
    assert len(figures) > 10
    for figure in figures:
        mine = made.folder / figure.relative_to(finished_tiny)
        assert mine.read_bytes() == figure.read_bytes(), figure


def test_every_entry_runs_the_code_of_the_folder_it_stands_in(tmp_path: Path) -> None:
    made = whole(tmp_path / "project")
    with made.source("cli/commands", "print(load_study(arguments.study).name)", "print('copy')"):
        entry = Path(sys.prefix) / "bin" / "python"
        by_make = make(made, "status", f"STUDY={TINY}", "-n").stdout
        assert f'PYTHONPATH="{made.folder}/workflow"' in by_make
        alone = subprocess.run(
            [entry, "-m", "rhm_scaling", "name", TINY],
            cwd=made.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
            capture_output=True,
            text=True,
        )
        assert alone.returncode == 1
        assert alone.stderr == (
            f"rhm_scaling: this is the code of {ROOT}; call make, or python -m rhm_scaling with "
            f"PYTHONPATH={made.folder}/workflow\n"
        )
        own = subprocess.run(
            [entry, "-m", "rhm_scaling", "name", TINY],
            cwd=made.folder,
            env={**os.environ, "PYTHONPATH": "workflow"},
            capture_output=True,
            text=True,
        )
        assert (own.returncode, own.stdout) == (0, "copy\n")


def test_a_folder_that_was_moved(tmp_path: Path) -> None:
    made = whole(tmp_path / "before")
    made.folder.rename(tmp_path / "after")
    done = make(Project(tmp_path / "after"), "plan", f"STUDY={TINY}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tiny: 75 of 75 products to make")


def test_a_folder_with_braces_in_its_name_is_refused_in_a_line(tmp_path: Path) -> None:
    made = Project(ROOT).copy(tmp_path / "x{y}z", results=False)
    done = made.snakemake("-n", "--config", f"study={TINY}", check=False)
    assert done.returncode == 1
    line = f"{made.folder}: Snakemake takes no braces in a path; rename the folder"
    assert line in (done.stdout + done.stderr).splitlines()
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_user_without_a_name(tmp_path: Path) -> None:
    made = Project(ROOT).copy(tmp_path / "project", results=False)
    nobody = 54321
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.chown(path, nobody, nobody)
    powers = "+dac_override,+dac_read_search"  # to reach Python, wherever it lies
    who = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    who += [f"--inh-caps={powers}", f"--ambient-caps={powers}"]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "results/tiny/theory.csv"]
    unnamed = {k: v for k, v in os.environ.items() if k not in ("LOGNAME", "USER", "USERNAME")}
    done = subprocess.run(
        [*who, *command, "--config", f"study={TINY}"],
        cwd=made.folder,
        env={**unnamed, "HOME": str(tmp_path / "none"), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
