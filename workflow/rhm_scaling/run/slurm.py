"""What SLURM says about the jobs of this project."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
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
    start
        When it started, as a time stamp; infinite if it has not.
    """

    number: str
    batch: str
    state: str
    start: float

    @property
    def log(self) -> str:
        """Path of what SLURM and Snakemake say in it."""
        rule, _, identity = self.batch.rpartition("-")
        return f".snakemake/slurm_logs/rule_{rule}/{identity}/{self.number}.log"


# how jobs end that have not done what they should
BADLY = {
    *("BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    *("PREEMPTED", "TIMEOUT"),
}
_FORMAT = "%i|%T|%S|%k|%Z"
# the executor's comment on a job: its rule, maybe with the prefix of a workflow that imports ours,
# and its wildcards, of which the batch is the last
_BATCH = re.compile(
    r"^rule_\w*?((?:sample|solve|train|measure|count)_[a-z]+)_wildcards_([0-9a-f]{12})$"
)


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
        number, state, start, comment, where = line.split("|", 4)
        name = _BATCH.match(comment)
        if name and Path(where) == folder.absolute():
            found.append(QueuedJob(number, "-".join(name.groups()), state, _moment(start)))
    return found


def _moment(start: str) -> float:
    try:
        return datetime.fromisoformat(start).timestamp()
    except ValueError:  # N/A
        return math.inf


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
        reason = re.sub(r"^(squeue: )?(\w+: )?", "", said[-1]) if said else "no answer"
        raise UserError(f"squeue: {reason}; try again when SLURM answers") from error
    return done.stdout.splitlines()
