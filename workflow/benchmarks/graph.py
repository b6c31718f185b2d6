"""Nine studies of the claims in one graph, against nine runs of the same cells, in turn."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pandas as pd
import yaml

from rhm_scaling.run.batches import Batch

from .projects import copied, run

_CLAIMS = ("a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4", "b5")


def measure(steps: int = 400) -> pd.DataFrame:
    """A row a way: seconds, and the share of the cores that trainings and tables kept busy.

    Trainings end after so many `steps`, so that both ways take minutes; the jobs are those of
    `make claims`. The share is of core-seconds of jobs, in the time from the first training's start
    to the last one's end.
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
            rows.append({"way": way, "s": seconds, **busy(project / "results", cores)})
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


def busy(results: Path, cores: int, since: float = 0.0) -> dict[str, float]:
    """Core-seconds of jobs while networks were trained, and their share of all.

    Parameters
    ----------
    results
        Where one run has made everything, or all from some time on.
    cores
        Of the machine.
    since
        That time, in seconds since 1970.
    """
    spans, trainings = [], []
    for path in results.glob("batches/*.tsv"):  # jobs, as Snakemake has measured them
        end = path.stat().st_mtime
        (seconds,) = pd.read_csv(path, sep="\t")["s"]
        threads = Batch.read(path.with_suffix(".json")).threads
        spans.append((end - seconds, end, threads))
        if path.name.startswith("train_networks"):
            trainings.append(spans[-1])
    for path in results.glob("*/stages/*.record.json"):
        made = json.loads(path.read_text(encoding="utf-8"))["made"]
        end = datetime.fromisoformat(made["at"]).timestamp()
        spans.append((end - made["core_seconds"], end, 1))
    first = min(start for start, _, _ in trainings if start > since)
    last = max(end for _, end, _ in trainings)
    used = sum(max(0.0, min(end, last) - max(start, first)) * n for start, end, n in spans)
    return {"core-seconds": used, "share": used / cores / (last - first)}
