"""A finished study of which products are undone, with a run's logs, its lock and its queue."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from conftest import TINY, Project
from rhm_scaling.run.batches import Batch
from rhm_scaling.run.locks import LOCK
from rhm_scaling.run.progress import Progress
from rhm_scaling.run.slurm import QueuedJob
from rhm_scaling.run.status import Status
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

STAMP = "2025-01-02 03:04:05"
STEP = "cnn last_token P=64: step 8, 2 of 2 active, validation 1.6"


@pytest.fixture(name="small")
def undone(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A finished project, and a SLURM that holds no job."""
    (tmp_path / "copy").mkdir()
    copy = project.copy(tmp_path / "copy")
    shutil.rmtree(copy.folder / "results" / "logs")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    squeue(copy, "")
    return copy


def squeue(project: Project, text: str, status: int = 0) -> None:
    """Let `squeue` answer with a text, or fail with it."""
    script = project.folder.parent / "bin" / "squeue"
    script.parent.mkdir(exist_ok=True)
    where = " >&2" if status else ""
    script.write_text(f"#!/bin/sh\ncat{where} <<'END'\n{text}\nEND\nexit {status}\n")
    script.chmod(0o755)


def unmake(project: Project, products: Sequence[Product]) -> None:
    for product in products:
        (project.folder / product.files["record"]).unlink()


def write(project: Project, log: str, *entries: str, age: float = 0.0) -> None:
    """A log, written some seconds ago."""
    path = project.folder / log
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{STAMP} {entry}\n" for entry in entries), encoding="utf-8")
    then = time.time() - age
    os.utime(path, (then, then))


def progress(
    project: Project,
    jobs: Sequence[QueuedJob] = (),
    began: float | None = None,
    rates: Rates = Rates(start=0.0),  # noqa: B008 (frozen)
    over: bool = False,
) -> Progress:
    plan = Plan(load_study(project.folder / TINY))
    return Progress(Status(plan, root=project.folder), jobs, began, rates, over)


def states(found: Progress) -> dict[str, tuple[str, str]]:
    """State of each training, and what is said of it."""
    return {item.name: (item.state, item.says) for item in found.items if item.kind == "models"}


@contextlib.contextmanager
def run_since(project: Project, age: float) -> Iterator[None]:
    """A run that began some seconds ago, as far as its lock tells."""
    memory = project.folder / "results"
    with (memory / LOCK).open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)
        then = time.time() - age
        os.utime(memory / LOCK, (then, then))
        yield


def batch(project: Project, name: str, products: Sequence[Product]) -> Batch:
    """The description of a batch, as a run leaves it."""
    made = Batch(
        name=name,
        products=[(product.kind, product.name) for product in products],
        commands=[[] for _ in products],
        spared=[],
        seconds=1.0,
        threads=1,
        memory=1000,
        gpu=False,
        waits=[],
        after=[],
    )
    path = project.folder / made.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.json(), encoding="utf-8")
    return made


def line(project: Project, number: int, name: str, state: str) -> str:
    """What `squeue` says of a job that has run for a minute, or has not begun."""
    rule, _, identity = name.rpartition("-")
    comment = f"rule_{rule}_wildcards_{identity}"
    begun = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 60))
    start = "N/A" if state == "PENDING" else begun
    return f"{number}|{state}|{start}|{comment}|{project.folder}"


def names(number: int) -> str:
    return f"train_networks-{number:012x}"
