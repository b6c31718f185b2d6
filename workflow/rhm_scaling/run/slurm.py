"""What SLURM says about the jobs of this project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UserError


@dataclass(frozen=True)
class QueuedJob:
    """A job of this project that SLURM holds.

    Attributes
    ----------
    number
        SLURM's.
    batch
        Name of the batch that it makes.
    state
        Such as ``PENDING`` or ``RUNNING``.
    reason
        Why it waits, or the nodes on which it runs.
    elapsed, left
        Time since it started, and until its limit, as SLURM writes them.
    """

    number: str
    batch: str
    state: str
    reason: str
    elapsed: str
    left: str


# how jobs end that have not done what they should
BADLY = {
    *("BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    *("PREEMPTED", "TIMEOUT"),
}
# what the log of a job says of its allocation
GIVEN = re.compile(r"SLURM job \d+ has (?P<cores>\d+) cores since (?P<start>\S+)")
_FORMAT = "%i|%T|%k|%Z|%M|%L|%R"
# the executor's comment on a job: its rule and wildcards, of which the batch is the last
_BATCH = re.compile(r"^rule_make_batch_wildcards_.*_((?:data|learn)-[0-9a-f]{12})$")


def queued(folder: Path, ended: bool = False) -> list[QueuedJob]:
    """Jobs that were submitted from a folder; none where SLURM is not installed.

    Parameters
    ----------
    folder
        The project's.
    ended
        Also those that have ended, as long as SLURM remembers them.

    Raises
    ------
    UserError
        If SLURM does not answer.
    """
    if shutil.which("squeue") is None:
        return []
    found = []
    for line in _squeue("--me", f"--format={_FORMAT}", *(["--states=all"] if ended else [])):
        if line.count("|") < _FORMAT.count("|"):  # a cluster's name, where there are several
            continue
        number, state, comment, where, elapsed, left, reason = line.split("|", 6)
        name = _BATCH.match(comment)
        if name and Path(where) == folder.absolute():
            found.append(QueuedJob(number, name[1], state, reason, elapsed, left))
    return found


def lost(folder: Path, study: str, batches: Collection[str]) -> Iterator[str]:
    """A line, with SLURM's log, for each batch of a study whose last job has ended badly.

    Parameters
    ----------
    folder
        The project's.
    study
        Its name.
    batches
        Names of those that are not done.

    Raises
    ------
    UserError
        If SLURM does not answer.
    """
    last = {job.batch: job for job in sorted(queued(folder, ended=True), key=_number)}
    for job in last.values():
        if job.batch in batches and job.state in BADLY:
            log = f".snakemake/slurm_logs/rule_make_batch/{study}_{job.batch}/{job.number}.log"
            yield f"{log}: SLURM ended the job as {job.state}; run again to go on where it was"


def _number(job: QueuedJob) -> int:
    return int(job.number) if job.number.isdigit() else 0


def given() -> str | None:
    """What this job was given and when, as `GIVEN` finds it; nothing where it is not SLURM's."""
    number = os.environ.get("SLURM_JOB_ID")
    if number is None:
        return None
    try:
        cores, start = _squeue(f"--jobs={number}", "--format=%C|%S")[0].split("|")
    except (UserError, ValueError, IndexError):  # only the account of time spent misses it
        return None
    return f"SLURM job {number} has {cores} cores since {start}"


def _squeue(*options: str) -> list[str]:
    """Lines of SLURM's answer.

    Raises
    ------
    UserError
        If there is none.
    """
    try:
        done = subprocess.run(  # noqa: S603 (no part of it is a user's text)
            ["squeue", "--noheader", *options],  # noqa: S607 (where it is depends on the site)
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    except (subprocess.SubprocessError, OSError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        reason = said[-1].removeprefix("squeue: ") if said else "no answer"
        raise UserError(f"squeue: {reason}; try again when SLURM answers") from error
    return done.stdout.splitlines()
