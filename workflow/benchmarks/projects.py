"""Copies of this project in which benchmarks run whole studies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rhm_scaling.core.fingerprint import PACKAGE


def copied(folder: Path) -> Path:
    """A new copy of the project's code and studies, without results."""
    folder.mkdir()
    for name in ("Snakefile", "workflow", "config", "envs"):
        source = PACKAGE.parents[1] / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, folder / name)
    return folder


def run(project: Path, studies: Sequence[str], cores: int, *targets: str) -> None:
    """Make some studies, or only some targets of them, in one graph."""
    subprocess.run(  # noqa: S603 (nothing of it comes from outside)
        [
            *(sys.executable, "-m", "snakemake", *targets),
            *("--profile", "workflow/profiles/laptop"),
            *("--cores", str(cores), "--quiet", "all"),
            *("--config", f"study={','.join(studies)}"),
        ],
        cwd=project,
        check=True,
        capture_output=True,
    )


def core_seconds(project: Path, record: str) -> float:
    """Of the job that made a product, by its record below the project's folder."""
    return float(json.loads((project / record).read_text(encoding="utf-8"))["made"]["core_seconds"])
