"""How the time of a run was spent, from the logs of its jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.errors import UserError
from ..study.plan import Plan
from .slurm import GIVEN

_LINE = re.compile(r"^(\S+ \S+) (?:started|made in ([\d.]+) core-seconds)$", re.MULTILINE)
_LIGHT = "tables and figures"
_LABELS = {"models": "training", "counts": "counting", "sentences": "sampling"}


def spent(plan: Plan, root: Path, cores: int) -> pd.DataFrame:
    """Core-seconds of each kind of work, and their share of all core-seconds of the run.

    What is left to one is orchestration, starting Python, imports, and idle cores. The study must
    have been made in one run. On a cluster, the core-seconds are those that jobs were given, and
    tables and figures, which are made elsewhere, are none of theirs.

    Raises
    ------
    UserError
        If there are no logs.
    """
    logs = {
        _LABELS.get(kind, kind): [
            root / "results" / "logs" / kind / f"{name}.log" for name in products
        ]
        for kind, products in plan.products.items()
    }
    logs[_LIGHT] = sorted((root / "results" / plan.study.name / "logs").glob("*.log"))
    moments: list[datetime] = []
    rows: list[dict[str, Any]] = []
    for kind, paths in logs.items():
        found = [
            _LINE.findall(path.read_text(encoding="utf-8")) for path in paths if path.is_file()
        ]
        marks = [mark for lines in found for mark in lines]
        moments += [datetime.fromisoformat(moment) for moment, _ in marks]
        seconds = sum(float(lines[-1][1] or 0) for lines in found if lines)
        rows.append({"work": kind, "jobs": len(found), "core-seconds": seconds})
    if not moments:
        raise UserError(f"results/logs: nothing of the study {plan.study.name}; run it first")
    elapsed = (max(moments) - min(moments)).total_seconds()
    rows = [row for row in rows if row["jobs"]]
    jobs = sum(row["jobs"] for row in rows)
    whole = {"work": "elapsed x cores", "jobs": jobs, "core-seconds": elapsed * cores}
    batches = (root / "results" / plan.study.name / "batches").glob("*.log")
    if given := [seconds for path in batches for seconds in _allocated(path)]:
        rows = [row for row in rows if row["work"] != _LIGHT]
        whole = {"work": "allocated", "jobs": len(given), "core-seconds": sum(given)}
    table = pd.DataFrame([*rows, whole])
    return table.assign(share=table["core-seconds"] / whole["core-seconds"])


def _allocated(log: Path) -> Iterator[float]:
    """Core-seconds of each job that worked on a batch, from its allocation to its last line."""
    for job in log.read_text(encoding="utf-8").split(" started\n")[1:]:
        if given := GIVEN.search(job):
            start = datetime.fromisoformat(given["start"])
            end = datetime.fromisoformat(job.splitlines()[-1][:_STAMP])
            yield int(given["cores"]) * (end - start).total_seconds()


_STAMP = 19  # characters of a time
