"""What went wrong in a run: a line for every job that failed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .standing import Standing

FAILED = "failed: "  # begins the last line in the log of a job that could say why


def failures(standing: Standing, since: float) -> Iterator[str]:
    """A line, with the log, for each job of a run since a moment that has left nothing.

    Parameters
    ----------
    standing
        As it is now, after the run.
    since
        When the run started, as a time stamp.
    """
    for log in _logs(standing):
        path = standing.root / log
        try:
            if path.stat().st_mtime < since:
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        last = re.sub(r"^\S+ \S+ ", "", lines[-1]) if lines else ""
        said = last.startswith(FAILED)
        yield f"{log}: {last.removeprefix(FAILED) if said else _SILENT}"


_SILENT = "ended without a word: killed, perhaps for its memory; run again to go on where it was"


def _logs(standing: Standing) -> Iterator[str]:
    """Logs of all jobs that have not made what they should."""
    plan = standing.plan
    for kind, known in plan.products.items():
        for name, product in known.items():
            if (kind, name) not in standing.made:
                yield product.log
    for name, stage in standing.stages.items():
        if name not in standing.current:
            yield stage.log
