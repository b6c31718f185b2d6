"""How the time of a run was spent, from the logs of its jobs."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from .cells import Plan
from .provenance import UserError

_LINE = re.compile(r"^(\S+ \S+) (?:started|made in ([\d.]+) core-seconds)$", re.MULTILINE)
_LABELS = {"models": "training", "counts": "counting", "sentences": "sampling"}


def spent(plan: Plan, root: Path, cores: int) -> pd.DataFrame:
    """Core-seconds of each kind of work, and their share of all core-seconds of the run.

    What is left to one is orchestration, starting Python, imports, and idle cores. The study must
    have been made in one run.

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
    logs["tables and figures"] = sorted((root / "results" / plan.study.name / "logs").glob("*.log"))
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
    rows.append({"work": "elapsed x cores", "jobs": jobs, "core-seconds": elapsed * cores})
    table = pd.DataFrame(rows)
    return table.assign(share=table["core-seconds"] / (elapsed * cores))
