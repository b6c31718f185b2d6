"""Nine studies of the claims in one graph, against nine runs of the same cells, in turn."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from .projects import copied, run

_CLAIMS = ("a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4", "b5")


def measure(steps: int = 400) -> pd.DataFrame:
    """A row a way: seconds, and the share of the cores that trainings and tables kept busy.

    Trainings end after so many `steps`, so that both ways take minutes; the jobs are those of
    `make claims`. The share is of core-seconds of jobs, by their records, in the time from the
    first training's start to the last one's end.
    """
    cores = os.cpu_count() or 1
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for way, runs in (
            ("nine runs", [[claim] for claim in _CLAIMS]),
            ("one graph", [[*_CLAIMS]]),
        ):
            project = _project(Path(folder, way.replace(" ", "-")), steps)
            start = time.perf_counter()
            for claims in runs:
                run(project, [f"config/studies/{claim}.yaml" for claim in claims], cores)
            seconds = time.perf_counter() - start
            rows.append({"way": way, "s": seconds, **_busy(project, cores)})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["s"].iloc[0] / table["s"])


def _project(folder: Path, steps: int) -> Path:
    project = copied(folder)
    for claim in _CLAIMS:
        path = project / "config" / "studies" / f"{claim}.yaml"
        study = yaml.safe_load(path.read_text(encoding="utf-8"))
        for architecture in study["architectures"].values():
            training = {"max_steps": steps, "min_steps": steps}
            architecture["training"] = {**architecture.get("training", {}), **training}
        path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return project


def _busy(project: Path, cores: int) -> dict[str, Any]:
    """Core-seconds of jobs while networks were trained, and their share of all."""
    spans = []
    for path in (project / "results").rglob("*record.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        made, what = record["made"], record["specification"]
        end = datetime.fromisoformat(made["at"]).timestamp()
        trained = what.get("kind") == "models"
        spans.append((end - made["core_seconds"] / made["threads"], end, made, trained))
    first = min(start for start, _, _, trained in spans if trained)
    last = max(end for _, end, _, trained in spans if trained)
    busy = sum(
        max(0.0, min(end, last) - max(start, first)) * made["threads"]
        for start, end, made, _ in spans
    )
    return {"core-seconds": busy, "share": busy / cores / (last - first)}
