"""Taking over from earlier runs: what Snakemake would ask a person to do is done here.

Its defaults mistrust files that a killed run left, and keep a lock that nobody holds. Here files
appear whole or not at all, and records say what is finished.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any

from snakemake.settings.enums import RerunTrigger

from .lifeline import RUN
from .planning import WorkflowPlan

_held: list[IO[str]] = []  # open, and thereby locked, as long as this process lives


def take_over(plan: WorkflowPlan) -> None:
    """Prepare the main process of Snakemake, while it reads the workflow."""
    os.environ[RUN] = str(os.getpid())
    memory = Path(".snakemake")
    if not os.access(memory if memory.is_dir() else ".", os.W_OK):
        print(f"{memory.absolute()}: cannot be written; copy the project", file=sys.stderr)
        sys.exit(1)
    _unlock(memory)
    plan.standing.correct_clocks()
    if plan.machine.cluster is not None:
        _ask_squeue_only()


def settle(plan: WorkflowPlan, workflow: Any) -> None:
    """Tell Snakemake's `workflow`, once it builds its graph, what is made and what is not.

    Of ``--rerun-triggers`` only ``mtime`` stays: names and records say what changed. The other
    triggers know less, and after an edited rule would leave out what depends on its products
    (snakemake issue 4166). Files that are there but are not what they should be are made again, as
    by ``--forcerun``. Called for every job, it acts once.
    """
    if plan.settled:
        return
    plan.settled = True
    options = workflow.dag_settings
    plan.whole = bool(options.forceall or options.forcerun or options.forcetargets)
    options.rerun_triggers = frozenset({RerunTrigger.MTIME})
    workflow.dag.forcefiles.update(plan.standing.outdated())
    workflow.dag.forcefiles.update(batch.receipt for batch in plan.batches.values())


def _ask_squeue_only() -> None:
    """Keep SLURM's executor from turning to sacct while the controller is away.

    Before every look it asks the controller how long it remembers jobs, and without an answer takes
    that look, and all its attempts, with sacct. Where there is no accounting these fail, and the
    executor forgets its jobs and the run waits for ever (compare issue 207 of
    snakemake-executor-plugin-slurm). So it is given the last answer.
    """
    with contextlib.suppress(ImportError, AttributeError):
        import snakemake_executor_plugin_slurm as executor

        ask = executor.get_min_job_age
        last: list[int] = []

        def remembered() -> int | None:
            if (age := ask()) is not None:
                last[:] = [age]
            return last[0] if last else None

        executor.get_min_job_age = remembered


def _unlock(memory: Path) -> None:
    """Remove the lock of a run that was killed, and its marks of incomplete files.

    A product without a record is not finished, so the marks would only have finished ones made
    again. Every run holds a shared lock of the kernel's, which ends with its process; whoever can
    have it alone is alone.
    """
    if not alone(memory):
        return
    os.utime(memory / "alive")  # a run that is not alone leaves the date of the one before it
    shutil.rmtree(memory / "incomplete", ignore_errors=True)
    if any((memory / "locks").glob("*")):
        shutil.rmtree(memory / "locks")
        print("a run was killed here; going on where it was", file=sys.stderr)


def alone(memory: Path) -> bool:
    """Whether no run is under way with this folder of Snakemake's; from now on this one is."""
    try:
        memory.mkdir(exist_ok=True)
        file = (memory / "alive").open("a")
    except OSError:  # a read-only project: nothing can be under way
        return False
    _held.append(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:  # held by another, or the file system has no locks
        return False
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH)  # nobody has it alone for longer than a moment


def under_way(memory: Path) -> float | None:
    """When the run began that is under way with this folder of Snakemake's, if there is one.

    Nothing is created, and no lock is kept.
    """
    path = memory / "alive"
    try:
        # a network file system locks only what is opened for writing
        with path.open("r+" if os.access(path, os.W_OK) else "r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return os.fstat(file.fileno()).st_mtime
    except OSError:  # no run ever, or a file system without locks
        pass
    return None
