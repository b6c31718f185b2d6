"""The guide to a cluster is run line by line on one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Project
from helpers.cluster import Cluster
from helpers.daemons import missing
from helpers.repository import git

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))
GUIDE = ROOT / "workflow" / "profiles" / "slurm" / "README.md"
BESIDE = ("Makefile", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff", ".gitignore")


def lines() -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_every_line_of_the_guide_runs_on_a_cluster(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path / "project"
    Project(ROOT).copy(folder, results=False)
    for name in BESIDE:
        shutil.copy(ROOT / name, folder)
    # what `make setup` would install is here
    (folder / ".venv").symlink_to(sys.prefix)
    site = folder / "config" / "cluster.yaml"
    text = site.read_text(encoding="utf-8")
    for old, new in (("cores: 4", "cores: 2"), ("memory_mb: 8000", "memory_mb: 2500")):
        text = text.replace(old, new, 1)
    site.write_text(text, encoding="utf-8")
    # look at jobs that take seconds more often than at those of hours
    profile = folder / "workflow" / "profiles" / "slurm" / "config.yaml"
    text = profile.read_text(encoding="utf-8")
    assert "seconds-before-status-checks: 20\n" in text
    profile.write_text(text.replace("checks: 20\n", "checks: 3\n"), encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it was run")
    said = []
    with Cluster.start(tmp_path_factory.mktemp("slurm")) as cluster:
        for line in lines():
            done = subprocess.run(
                ["bash", "-c", re.sub("^make", "make --assume-old=.venv/installed", line)],
                cwd=folder,
                env={**os.environ, **cluster.environment},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            said.append((line, done.stdout + done.stderr))
        jobs = cluster.jobs()
    assert jobs and {job.state for job in jobs} == {"COMPLETED"}
    found = dict(said)
    assert "train_networks" in next(text for line, text in said if "--dry-run" in line)
    assert "crate.zip" in next(text for line, text in said if "archive" in line)
    # home again: nothing is trained, nothing is drawn
    assert "Nothing to be done" in found[lines()[-1]]
