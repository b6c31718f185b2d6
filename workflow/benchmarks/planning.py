"""Planning a study of ten thousand blocks: seconds until Snakemake knows what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from rhm_scaling.core.fingerprint import PACKAGE
from rhm_scaling.run.records import write_record
from rhm_scaling.run.status import Status
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

_STUDY = """
name: sweep
grammars:
  g1: {v: 8, s: 2, L: 3, m: 2}
  g2: {v: 8, s: 2, L: 3, m: 3}
  g3: {v: 8, s: 2, L: 4, m: 2}
  g4: {v: 8, s: 2, L: 4, m: 3}
  g5: {v: 12, s: 2, L: 3, m: 3}
architectures:
  cnn: {kind: cnn, width: 64}
  transformer: {kind: transformer, width: 16}
experiments:
  last:
    task: last_token
    grammars: [g1, g2, g3, g4, g5]
    architectures: [cnn, transformer]
    train_sizes: [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]
    validation_size: 512
    test_size: 512
    replicas: {rule_draws: 100, samples: 4}
"""
_SLOTS = 50


def measure() -> pd.DataFrame:
    """A row a state of the study and a way to run it: jobs, seconds, and the ratio to batches."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ("Snakefile", "workflow", "config"):
            source = PACKAGE.parents[1] / name
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, project / name)
        (project / "sweep.yaml").write_text(_STUDY, encoding="utf-8")
        plan = Plan(load_study(project / "sweep.yaml"))
        counted = {"blocks": len(plan.blocks), "products": sum(map(len, plan.products.values()))}
        for state in ("new", "finished"):
            if state == "finished":
                _pretend(plan, project)
            for minutes in (20.0, 0.01):
                jobs, seconds = _planned(project, minutes)
                counts = {**counted, "batch_minutes": minutes, "jobs": jobs}
                rows.append({"study": state, **counts, "s": seconds})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["s"] / table.groupby("study")["s"].transform("first"))


def _planned(project: Path, minutes: float) -> tuple[int, float]:
    """Jobs that Snakemake would start, and seconds until it says so."""
    start = time.perf_counter()
    done = subprocess.run(  # noqa: S603 (nothing of it comes from outside)
        [
            *(sys.executable, "-m", "snakemake", "--cores", str(_SLOTS), "--dry-run"),
            *("--quiet", "host", "--config", "study=sweep.yaml", f"batch_minutes={minutes}"),
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    jobs = re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return (int(jobs[1]) if jobs else 0), seconds


def _pretend(plan: Plan, project: Path) -> None:
    """Empty files with valid records for all that the study makes."""
    for known in plan.products.values():
        for product in known.values():
            _record(project, product.specification, [*product.files.values()])
    for stage in Status(plan, root=project).stages.values():
        _record(project, stage.specification, stage.files, stage.identity)


def _record(
    project: Path, what: dict[str, Any], paths: list[str], identified: str | None = None
) -> None:
    *files, record = (project / path for path in paths)
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    write_record(record, what, files, {}, identified)
