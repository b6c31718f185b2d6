"""How the time of a run was spent, from the records of what it made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd

from ..core.errors import UserError
from ..study.plan import Plan
from .batches import FOLDER, Batch, Key
from .records import read_record
from .slurm import GIVEN

_LABELS = {"models": "training", "counts": "counting", "sentences": "sampling"}
_STAMP = 19  # characters of a time


def spent(plan: Plan, root: Path, cores: int) -> pd.DataFrame:
    """Core-seconds of each kind of work, and their share of all core-seconds of the run.

    What is left to one is orchestration, starting Python, imports, and idle cores. The study must
    have been made in one run. On a cluster, the core-seconds are those that jobs were given, and
    tables and figures, which are made elsewhere, are none of theirs.

    Raises
    ------
    UserError
        If nothing is made.
    """
    folder = root / "results" / plan.study.name
    records = {
        _LABELS.get(kind, kind): [root / product.files["record"] for product in known.values()]
        for kind, known in plan.products.items()
    }
    mine = {(kind, name) for kind, known in plan.products.items() for name in known}
    given = [seconds for log in _logs(root, mine) for seconds in _allocated(log)]
    if not given:
        records["tables and figures"] = [*folder.glob("stages/*.record.json")]
    rows: list[tuple[str, int, float]] = []
    ends: list[tuple[float, float]] = []
    for kind, paths in records.items():
        made = [read_record(path)["made"] for path in paths if path.is_file()]
        rows += [(kind, len(made), sum(one["core_seconds"] for one in made))] if made else []
        for one in made:
            end = datetime.fromisoformat(one["at"]).timestamp()
            ends.append((end - one["core_seconds"] / one["threads"], end))
    if not rows:
        raise UserError(f"results/store: nothing of the study {plan.study.name}; run it first")
    starts, stops = zip(*ends)
    jobs, elapsed = sum(row[1] for row in rows), (max(stops) - min(starts)) * cores
    whole = ("allocated", len(given), sum(given)) if given else ("elapsed x cores", jobs, elapsed)
    table = pd.DataFrame([*rows, whole], columns=["work", "jobs", "core-seconds"])
    return table.assign(share=table["core-seconds"] / whole[2])


def _logs(root: Path, products: set[Key]) -> Iterator[Path]:
    """Logs of batches that made some of a study's products."""
    for path in (root / FOLDER).glob("*.json"):
        log = path.with_suffix(".log")
        if log.is_file() and products.intersection(Batch.read(path).products):
            yield log


def _allocated(log: Path) -> Iterator[float]:
    """Core-seconds of each job that worked on a batch, from its allocation to its last line."""
    for job in log.read_text(encoding="utf-8").split(" started\n")[1:]:
        if given := GIVEN.search(job):
            start = datetime.fromisoformat(given["start"])
            end = datetime.fromisoformat(job.splitlines()[-1][:_STAMP])
            yield int(given["cores"]) * (end - start).total_seconds()
