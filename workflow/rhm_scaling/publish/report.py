"""The report of a finished study: made of what its records say, with a record of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..run.records import check, is_made, write_record
from ..run.status import Status
from .finished import Finished


def write_report(study: Path) -> Path:
    """Let Snakemake make the report of a study, ``results/<study>/report.html``.

    Raises
    ------
    UserError
        If the study is not complete, a table or figure is damaged, or Snakemake fails.
    """
    finished = Finished.read(study)
    for stage in finished.status.stages.values():
        if stage.outputs:
            check(Path(stage.record))
    path, record = _paths(finished.name)
    start = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--report", str(path)]
    command += ["--config", f"study={study}"]
    own = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode or not path.is_file():
        *_, last = ["no reason given", *done.stderr.strip().splitlines()]
        raise UserError(f"{path}: Snakemake made no report ({last})")
    made = {"core_seconds": round(time.perf_counter() - start, 2), "threads": 1}
    write_record(record, _specification(finished.status), [path], made)
    return path


def report_files(finished: Finished) -> list[Path]:
    """The report of a study and its record; none if there is no report.

    Raises
    ------
    UserError
        If it is damaged, or shows other tables and figures than there are.
    """
    path, record = _paths(finished.name)
    if not path.exists():
        return []
    if not is_made(record, _specification(finished.status)):
        raise UserError(
            f"{path}: is not known to show these tables and figures; make it again with "
            f"python -m rhm_scaling report {finished.path}, or delete it"
        )
    check(record, path)
    return [path, record]


def _paths(name: str) -> tuple[Path, Path]:
    folder = Path("results", name)
    return folder / "report.html", folder / "stages" / "report.record.json"


def _specification(status: Status) -> dict[str, Any]:
    """What a report shows."""
    shown = {name: stage.identity for name, stage in status.stages.items() if stage.outputs}
    return {"study": status.plan.study.name, "shows": shown}
