"""What went wrong in a run: a line for every job that failed."""

from __future__ import annotations

from collections.abc import Iterator

from .logs import Log
from .status import Standing


def failures(standing: Standing, since: float) -> Iterator[str]:
    """A line, with the log, for each job of a run since a moment that has left nothing.

    Parameters
    ----------
    standing
        As it is now, after the run.
    since
        When the run started, as a time stamp.
    """
    for path in _logs(standing):
        log = Log.read(standing.root / path)
        if log and log.written >= since:
            yield f"{path}: {log.failure or _SILENT}"


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
