"""Runs that were killed, and runs that are under way, in a project's folder.

Every run holds a shared lock of the kernel's on one file, which ends with its process; whoever can
have it alone is alone.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from ..core.errors import UserError
from .lifeline import RUN

RESULTS = Path("results")
LOCK = "running.lock"
_held: list[IO[str]] = []  # open, and thereby locked, as long as this process lives


def prepare_run(cluster: bool) -> None:
    """Prepare the main process of Snakemake: free what a killed run left locked.

    Raises
    ------
    UserError
        If Snakemake's own folder cannot be written.
    """
    os.environ[RUN] = str(os.getpid())
    memory = Path(".snakemake")
    if not os.access(memory if memory.is_dir() else ".", os.W_OK):
        raise UserError(f"{memory.absolute()}: cannot be written; copy the project")
    if acquire():
        os.utime(RESULTS / LOCK)  # a run that is not alone leaves the date of the one before it
        _free(memory)
    if cluster:
        _ask_squeue_only()


def _free(memory: Path) -> None:
    """Let Snakemake itself remove the lock and the marks of incomplete files of a killed run.

    A product without a record is not finished, so its marks would only have finished ones made
    again.
    """
    if any((memory / "locks").glob("*")):
        _snakemake("--unlock", left=lambda: any((memory / "locks").glob("*")))
        print("a run was killed here; going on where it was", file=sys.stderr)
    if marked := [*_marked(memory / "incomplete")]:
        left = partial(next, _marked(memory / "incomplete"), None)
        _snakemake("--cleanup-metadata", *marked, left=left)


def _marked(folder: Path) -> Iterator[str]:
    """Files that Snakemake has marked as incomplete, which names of its own files tell."""
    for path in folder.rglob("*"):
        if path.is_file():
            parts = path.relative_to(folder).parts
            with contextlib.suppress(ValueError):  # another format
                yield base64.urlsafe_b64decode("".join(parts).replace("@", "")).decode()


def _snakemake(*options: str, left: Callable[[], object]) -> None:
    """Call Snakemake's command line for this folder, with a workflow that makes nothing.

    Whether it worked is told by what is `left`: its status also tells of files without metadata.
    """
    empty = Path(__file__).parents[2] / "rules" / "empty.smk"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(empty), *options]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 (no user's text)
    if left():
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise UserError(f".snakemake: {options[0]} failed ({said[-1]}); run snakemake --unlock")


def only_time_stamps(workflow: Any) -> None:
    """Let time stamps alone decide what Snakemake runs: names and records say what changed.

    Its other triggers know less, and after an edited rule would leave out what depends on its
    products (snakemake issue 4166). A profile's ``rerun-triggers: mtime`` does the same; Snakemake
    has no directive for it, so a plain call is told here.

    Raises
    ------
    UserError
        If this version of Snakemake has no such setting.
    """
    from snakemake.settings.enums import RerunTrigger

    options = workflow.dag_settings
    if not isinstance(getattr(options, "rerun_triggers", None), frozenset | set):
        raise UserError(
            "this version of Snakemake has no rerun_triggers; use the version of "
            "envs/requirements.txt"
        )
    options.rerun_triggers = frozenset({RerunTrigger.MTIME})


def _ask_squeue_only() -> None:
    """Keep SLURM's executor from turning to sacct while the controller is away.

    Before every look it asks the controller how long it remembers jobs, and without an answer takes
    that look, and all its attempts, with sacct. Where there is no accounting these fail, and the
    executor forgets its jobs and the run waits for ever (compare issue 207 of
    snakemake-executor-plugin-slurm). So it is given the last answer.

    Raises
    ------
    UserError
        If the executor has no such function any more.
    """
    import snakemake_executor_plugin_slurm as executor

    ask = getattr(executor, "get_min_job_age", None)
    if ask is None:
        raise UserError(
            "this version of snakemake-executor-plugin-slurm has no get_min_job_age; use the "
            "version of envs/requirements.txt"
        )
    last: list[int] = []

    def remembered() -> int | None:
        if (age := ask()) is not None:
            last[:] = [age]
        return last[0] if last else None

    executor.get_min_job_age = remembered


@contextlib.contextmanager
def exclusive(name: str, log: Callable[[str], None], results: Path = RESULTS) -> Iterator[None]:
    """Be the only process that makes something with these results, once others have ended.

    Where the file system has no locks, nothing is waited for.

    Parameters
    ----------
    name
        Of what is made; it names the lock's file, which is removed with the lock.
    log
        Takes a line, if another process has to be waited for; what it raises ends the wait.
    results
        The folder of the results.
    """
    path = results / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        locked = False
        while not locked:
            file = stack.enter_context(path.open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log(f"{name}: waits for another run with these results, which makes it")
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                break
            with contextlib.suppress(FileNotFoundError):  # whoever had it has removed it
                locked = os.path.samestat(os.fstat(file.fileno()), path.stat())
        try:
            yield
        finally:
            if locked:
                path.unlink(missing_ok=True)


def acquire(results: Path = RESULTS) -> bool:
    """Whether no run is under way with these results; from now on this one is."""
    try:
        results.mkdir(exist_ok=True)
        file = (results / LOCK).open("a")
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


def running_since(results: Path = RESULTS) -> float | None:
    """When the run began that is under way with these results, if there is one.

    Nothing is created, and no lock is kept.
    """
    path = results / LOCK
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
