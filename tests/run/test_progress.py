"""What state a study's run is in, on a laptop and on a cluster."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import soak

from conftest import TINY, Project, call
from rhm_scaling.run.batches import Batch
from rhm_scaling.run.locks import alone, under_way
from rhm_scaling.run.progress import Progress
from rhm_scaling.run.slurm import QueuedJob, lost
from rhm_scaling.run.status import Standing
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

STAMP = "2025-01-02 03:04:05"
STEP = "cnn last_token P=64: step 8, 2 of 2 active, validation 1.6"


@pytest.fixture
def small(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
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
) -> Progress:
    plan = Plan(load_study(project.folder / TINY))
    return Progress(Standing(plan, root=project.folder), jobs, began, rates)


def states(found: Progress) -> dict[str, tuple[str, str]]:
    """State of each training, and what is said of it."""
    return {item.name: (item.state, item.says) for item in found.items if item.kind == "models"}


@contextlib.contextmanager
def run_since(project: Project, age: float) -> Iterator[None]:
    """A run that began some seconds ago, as far as its lock tells."""
    memory = project.folder / ".snakemake"
    memory.mkdir()
    with (memory / "alive").open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)
        then = time.time() - age
        os.utime(memory / "alive", (then, then))
        yield


def batch(project: Project, name: str, products: Sequence[Product], study: str = "tiny") -> Batch:
    """The description of a batch, as a run leaves it."""
    made = Batch(
        name=name,
        study=study,
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


def line(project: Project, number: int, name: str, state: str, reason: str) -> str:
    """What `squeue` says of a job that has run for a minute."""
    comment = f"rule_make_batch_wildcards_tiny_{name}"
    return f"{number}|{state}|{comment}|{project.folder}|1:00|59:00|{reason}"


def names(number: int) -> str:
    return f"learn-{number:012x}"


def test_a_finished_study(small: Project) -> None:
    status, lines, errors = call(small, "status", TINY)
    assert (status, errors) == (0, [])
    assert lines[0] == "tiny: 75 of 75 products made, 9 of 9 tables and figures up to date"
    assert lines[1] == "no run is under way"
    assert lines[-1] == "nothing is left to do"


def test_what_logs_say_where_no_run_is_under_way(small: Project, plan: Plan) -> None:
    failed, broken, killed, ended, none, folder, garbage = [*plan.products["models"].values()][:7]
    unmake(small, [failed, broken, killed, ended, none, folder, garbage])
    write(small, failed.log, "started", STEP, "failed: out of memory; use smaller blocks")
    # the message of an error can have more than one line
    write(small, broken.log, "Traceback\n  one\n", "failed: RuntimeError: bad\nsizes; see above")
    write(small, killed.log, "started", STEP)
    write(small, ended.log, "started", "made in 3.00 core-seconds")
    (small.folder / folder.log).mkdir(parents=True)
    write(small, garbage.log)
    (small.folder / garbage.log).write_bytes(bytes(range(256)) * 100)
    stage = "results/tiny/logs/fit_curves.log"
    (small.folder / "results/tiny/fits.csv").unlink()
    write(small, stage, "failed: a\x1b[31mtable is odd")
    status, lines, errors = call(small, "status", TINY)
    assert (status, errors) == (0, [])
    assert lines[0] == "tiny: 68 of 75 products made, 8 of 9 tables and figures up to date"
    table = {" ".join(words[:-5]): words[-5:] for words in map(str.split, lines[2:12])}
    # made, running, waiting, failed, interrupted
    assert table["models"] == ["15", "0", "3", "2", "2"]
    assert table["tables and figures"] == ["8", "0", "0", "1", "0"]
    assert table["counts"] == ["9", "0", "0", "0", "0"]
    assert "interrupted, to go on with the next run: 2" in lines
    place = lines.index(f"  models/{failed.name}: out of memory; use smaller blocks")
    assert lines[place + 1 : place + 5] == [
        f"    {failed.log}",
        f"      {STAMP} started",
        f"      {STAMP} {STEP}",
        f"      {STAMP} failed: out of memory; use smaller blocks",
    ]
    assert f"  models/{broken.name}: RuntimeError: bad" in lines
    place = lines.index(r"  tables and figures/fits: a\x1b[31mtable is odd")
    assert lines[place + 1] == f"    {stage}"
    assert re.match(
        r"about \d+ \w+ left once it runs; cores: \d+ \(.* the 15 trainings made", lines[-1]
    )


def test_a_run_under_way_has_the_logs_since_it_began(small: Project, plan: Plan) -> None:
    running, stopped, again, failed, none = [*plan.products["models"].values()][:5]
    unmake(small, [running, stopped, again, failed, none])
    write(small, running.log, "started", STEP, age=30)
    write(small, stopped.log, "started", STEP, age=90)
    write(small, again.log, "failed: no room", age=90)
    write(small, failed.log, "failed: no room", age=30)
    with run_since(small, 60):
        status, lines, errors = call(small, "status", TINY)
        began = under_way(small.folder / ".snakemake")
    assert (status, errors) == (0, [])
    assert lines[1].startswith("a run is under way here since 20")
    place = lines.index("running:")
    assert re.fullmatch(
        rf"  models/{running.name}: {re.escape(STEP)}, \d+ seconds ago", lines[place + 1]
    )
    assert lines[place + 2] == "failed:"
    assert lines[place + 3] == f"  models/{failed.name}: no room"
    assert re.match(r"about \d+ \w+ left; cores: \d+", lines[-1])
    assert states(progress(small, began=began)) == {
        **{running.name: ("running", ""), failed.name: ("failed", "no room")},
        **{product.name: ("waiting", "") for product in (stopped, again, none)},
    }


def test_time_left_counts_what_running_trainings_have_behind_them(
    small: Project, plan: Plan
) -> None:
    one, other = [*plan.products["models"].values()][:2]
    unmake(small, [one, other])
    write(small, one.log, "started", "x: step 8, 1 of 2 active, validation 1.6")

    def left(found: Progress) -> dict[str, float]:
        return {item.name: item.core_seconds(found.rates) for item in found.items}

    before, now = left(progress(small)), left(progress(small, began=time.time() - 60))
    assert now[other.name] == before[other.name]
    assert 0 < now[one.name] < before[one.name]
    write(small, one.log, "started", f"x: step {10**6}, 2 of 2 active, validation 1.6")
    assert left(progress(small, began=time.time() - 60))[one.name] == 0

    # a machine of other rates: the pace so far makes up for it
    found = progress(small)
    known = found.rates
    half = Rates(known.operation / 2, known.number / 2, known.call / 2, start=0.0)
    other_rates = progress(small, rates=half)
    assert found.seconds_left(1) == pytest.approx(other_rates.seconds_left(1))
    assert found.seconds_left(1) > found.seconds_left(2)
    assert found.seconds_left(2) == found.seconds_left(1000)  # each training runs in one slot


def test_lists_end(small: Project, plan: Plan) -> None:
    blocks = [*plan.products["models"].values()]
    unmake(small, blocks)
    for age, block in enumerate(blocks):
        write(small, block.log, STEP, age=age)
    lines = "\n".join(progress(small, began=0.0).report(2)).splitlines()
    place = lines.index("running:")
    assert f"models/{blocks[0].name}:" in lines[place + 1]  # the last written
    assert lines[place + 21] == "  ... and 2 more"
    for block in blocks:
        write(small, block.log, "failed: no room")
    lines = "\n".join(progress(small).report(2)).splitlines()
    assert lines[lines.index("failed:") + 3 * 20 + 1] == "  ... and 2 more"
    assert lines[-1].endswith("(from operations counted; no training is made yet)")


def test_jobs_of_a_cluster(small: Project, plan: Plan) -> None:
    blocks = [*plan.products["models"].values()][:10]
    unmake(small, blocks)
    makes, next_, done, waits, lost, silent, again, damaged, late, other = blocks
    write(small, makes.log, "started", STEP, age=10)
    write(small, next_.log, "started", STEP, age=1000)  # of an earlier attempt
    write(small, done.log, "failed: no room", age=10)
    write(small, waits.log, "failed: no room", age=1000)
    write(small, lost.log, "started", STEP, age=10)
    write(small, again.log, "started", STEP, age=10)
    batch(small, names(1), [makes, next_, done])
    batch(small, names(2), [waits])
    gone = batch(small, names(3), [lost, silent])
    write(small, gone.file.replace(".json", ".log"), "started")
    batch(small, names(4), [again])
    batch(small, names(5), [late])
    cut = small.folder / batch(small, names(6), [damaged]).file
    cut.write_text(cut.read_text(encoding="utf-8")[:100], encoding="utf-8")
    batch(small, names(7), [other], "elsewhere")
    jobs = [
        "CLUSTER: main",
        line(small, 11, names(1), "RUNNING", "node3"),
        line(small, 12, names(2), "PENDING", "(Priority)"),
        line(small, 13, names(3), "OUT_OF_MEMORY", "(OutOfMemory)"),
        line(small, 15, names(4), "PENDING", "(Resources)"),
        line(small, 14, names(4), "TIMEOUT", "(TimeLimit)"),
        line(small, 16, names(6), "RUNNING", "node4"),
        line(small, 17, names(7), "RUNNING", "node4"),
        line(small, 9, names(5), "FAILED", "(NonZeroExitCode)"),
        line(small, 10, names(5), "COMPLETED", "(None)"),
    ]
    squeue(small, "\n".join(jobs))
    status, lines, errors = call(small, "status", TINY)
    assert status == 0
    assert len(errors) == 1
    assert f"{names(6)}.json: not readable" in errors[0]
    assert lines[1] == "jobs on the cluster: 1 running, 2 waiting"
    place = lines.index("running:")
    says = r"\(job 11 on node3, 59:00 until its limit\)"
    assert re.match(rf"  models/{makes.name} {says}: {re.escape(STEP)}", lines[place + 1])
    assert "waiting in the queue (Priority): 1" in lines
    assert "waiting in the queue (Resources): 1" in lines
    place = lines.index(f"  models/{lost.name}: job 13: OUT_OF_MEMORY")
    assert lines[place + 1] == f"    {lost.log}"
    place = lines.index(f"  models/{silent.name}: job 13: OUT_OF_MEMORY")
    assert lines[place + 1 : place + 3] == [
        f"    results/tiny/batches/{names(3)}.log",
        f"      {STAMP} started",
    ]
    assert f"  models/{done.name}: no room" in lines
    table = {words[0]: words[1:] for words in map(str.split, lines[2:12])}
    assert table["models"] == ["12", "1", "6", "3", "0"]
    assert re.match(r"about \d+ \w+ left; jobs at a time: 1 \(", lines[-1])


def test_of_several_jobs_the_last_counts(small: Project, plan: Plan) -> None:
    block = next(iter(plan.products["models"].values()))
    unmake(small, [block])
    write(small, block.log, "started", STEP, age=10)
    batch(small, names(1), [block])

    def job(number: str, state: str) -> QueuedJob:
        return QueuedJob(number, names(1), state, "n1", "1-00:01:00", "9:00")

    def state(*jobs: QueuedJob, began: float | None = None) -> str:
        return states(progress(small, jobs, began))[block.name][0]

    assert state() == "interrupted"
    assert state(job("9", "TIMEOUT")) == "failed"
    assert state(job("9", "TIMEOUT"), job("10", "RUNNING")) == "running"
    assert state(job("9", "RUNNING"), job("10", "PENDING")) == "running"  # which waits for it
    assert state(job("10", "NODE_FAIL"), job("9", "COMPLETED")) == "failed"
    assert state(job("9", "CANCELLED"), job("10", "COMPLETED")) == "interrupted"
    # a run on this machine, after a cluster's job was cancelled
    assert state(job("9", "CANCELLED"), began=time.time() - 60) == "running"


def test_at_the_end_of_a_run_a_lost_job_is_a_line(small: Project) -> None:
    jobs = [
        line(small, 12, names(1), "COMPLETED", "(None)"),  # of a second attempt
        line(small, 10, names(1), "TIMEOUT", "(TimeLimit)"),
        line(small, 9, names(2), "NODE_FAIL", "(None)"),
        line(small, 11, names(2), "OUT_OF_MEMORY", "(OutOfMemory)"),
        line(small, 13, names(3), "FAILED", "(NonZeroExitCode)"),
    ]
    squeue(small, "\n".join(jobs))
    log = f".snakemake/slurm_logs/rule_make_batch/tiny_{names(2)}/11.log"
    says = "SLURM ended the job as OUT_OF_MEMORY; run again to go on where it was"
    assert [*lost(small.folder, "tiny", {names(1), names(2)})] == [f"{log}: {says}"]


def test_a_queue_that_does_not_answer_is_a_line(small: Project) -> None:
    squeue(small, "slurm_load_jobs error: Unable to contact slurm controller", status=1)
    status, lines, errors = call(small, "status", TINY)
    assert status == 0
    assert len(errors) == 1
    assert "squeue: slurm_load_jobs error: Unable to contact slurm controller" in errors[0]
    assert lines[0].startswith("tiny: 75 of 75 products made")


def test_a_study_that_is_not_there_is_a_line(small: Project) -> None:
    status, lines, errors = call(small, "status", "config/studies/none.yaml")
    assert (status, lines) == (1, [])
    assert len(errors) == 1
    assert "config/studies/none.yaml: cannot be read" in errors[0]


def test_asking_for_the_lock_leaves_no_trace(tmp_path: Path) -> None:
    memory = tmp_path / ".snakemake"
    assert under_way(memory) is None
    assert not memory.exists()
    memory.mkdir()
    assert under_way(memory) is None
    (memory / "alive").touch()
    os.utime(memory / "alive", (1000, 1000))
    assert under_way(memory) is None
    assert alone(memory)
    assert under_way(memory) == 1000


def until(project: Project, study: str, what: str) -> list[str]:
    """The lines of the first `status` that says something."""
    for _ in range(60):
        status, lines, _ = call(project, "status", study)
        assert status == 0
        if what in "\n".join(lines):
            return lines
        time.sleep(0.3)
    raise AssertionError("\n".join(lines))


def test_a_run_from_its_beginning_to_its_end_by_force(tmp_path: Path) -> None:
    folder = soak.project(tmp_path / "run")
    path, study = folder / "config" / "studies" / "soak.yaml", "config/studies/soak.yaml"
    text = soak.STUDY.replace("1500", "1000000").replace("[cnn, transformer, counting]", "[cnn]")
    path.write_text(text.replace("rule_draws: 3", "rule_draws: 1"), encoding="utf-8")
    mine = Project(folder)
    status, lines, _ = call(mine, "status", study)  # before it was ever run
    assert status == 0
    assert lines[1] == "no run is under way"
    assert not (folder / ".snakemake").exists()
    run = soak.start(folder, tmp_path / "run.log")
    try:
        lines = until(mine, study, ": step ")
        assert lines[1].startswith("a run is under way here since")
        step = re.compile(
            r"  models/\S+: cnn last_token P=\d+: step \d+, 1 of 1 active, validation"
        )
        assert any(step.match(text) for text in lines[lines.index("running:") :])
    finally:
        soak.kill(run, 9)
    lines = until(mine, study, "no run is under way")
    assert "running:" not in lines
    assert any(re.match(r"interrupted, to go on with the next run: \d", x) for x in lines)
