"""What `make status` tells of a study whose jobs are SLURM's."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from pathlib import Path

import pytest

from conftest import TINY, Project, call
from helpers.states import (  # noqa: F401 (a fixture)
    STAMP,
    STEP,
    batch,
    line,
    names,
    progress,
    squeue,
    states,
    undone,
    unmake,
    write,
)
from rhm_scaling.run.batches import RULES
from rhm_scaling.run.slurm import QueuedJob, queued
from rhm_scaling.study.plan import Plan


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
    batch(small, names(3), [lost, silent])
    slurms = small.folder / QueuedJob("13", names(3), "", 0.0).log
    slurms.parent.mkdir(parents=True)
    slurms.write_text("slurmstepd: error: oom_kill\n", encoding="utf-8")
    batch(small, names(4), [again])
    batch(small, names(5), [late])
    cut = small.folder / batch(small, names(6), [damaged]).file
    cut.write_text(cut.read_text(encoding="utf-8")[:100], encoding="utf-8")
    batch(small, names(7), [dataclasses.replace(other, name="another-study")])
    jobs = [
        "CLUSTER: main",
        line(small, 11, names(1), "RUNNING"),
        line(small, 12, names(2), "PENDING"),
        line(small, 13, names(3), "OUT_OF_MEMORY"),
        line(small, 15, names(4), "PENDING"),
        line(small, 14, names(4), "TIMEOUT"),
        line(small, 16, names(6), "RUNNING"),
        line(small, 17, names(7), "RUNNING"),
        line(small, 9, names(5), "FAILED"),
        line(small, 10, names(5), "COMPLETED"),
    ]
    squeue(small, "\n".join(jobs))
    status, lines, errors = call(small, "status", TINY)
    assert status == 0
    assert len(errors) == 1
    assert f"{names(6)}.json: not readable" in errors[0]
    assert lines[1] == "jobs on the cluster: 1 running, 2 waiting"
    place = lines.index("running:")
    assert re.match(rf"  models/{makes.name} \(job 11\): {re.escape(STEP)}", lines[place + 1])
    place = lines.index(f"  models/{lost.name}: job 13: OUT_OF_MEMORY")
    assert lines[place + 1] == f"    {lost.log}"
    place = lines.index(f"  models/{silent.name}: job 13: OUT_OF_MEMORY")
    log = f".snakemake/slurm_logs/rule_train_networks/{3:012x}/13.log"
    assert lines[place + 1 : place + 3] == [f"    {log}", "      slurmstepd: error: oom_kill"]
    assert f"  models/{done.name}: no room" in lines
    table = {words[0]: words[1:] for words in map(str.split, lines[2:12])}
    assert table["models"] == ["12", "1", "6", "3", "0"]
    assert re.match(r"about \d+ \w+ left; jobs at a time: 1 \(", lines[-1])


def test_jobs_of_every_rule_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path / "project")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    submitted = [f"{rule}-{1:012x}" for rule in RULES if rule != "draw_grammars"]
    jobs = [line(project, number, name, "RUNNING") for number, name in enumerate(submitted)]
    imported = [job.replace("|rule_", "|rule_theirs_") for job in jobs]
    squeue(project, "\n".join([*jobs, *imported]))
    assert [job.batch for job in queued(project.folder)] == submitted * 2


def test_of_several_jobs_the_last_counts(small: Project, plan: Plan) -> None:
    block = next(iter(plan.products["models"].values()))
    unmake(small, [block])
    write(small, block.log, "started", STEP, age=10)
    batch(small, names(1), [block])

    def job(number: str, state: str) -> QueuedJob:
        return QueuedJob(number, names(1), state, time.time() - 86460)

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


def test_at_the_end_of_a_run_a_lost_job_is_a_line(small: Project, plan: Plan) -> None:
    blocks = [*plan.products["models"].values()][:5]
    unmake(small, blocks)
    for number, makes in enumerate((blocks[:1], blocks[1:3], blocks[3:4], blocks[4:]), 1):
        batch(small, names(number), makes)
    logged = blocks[4]
    write(small, logged.log, "started", STEP, age=10)
    jobs = [
        QueuedJob("12", names(1), "COMPLETED", 0.0),  # of a second attempt
        QueuedJob("10", names(1), "TIMEOUT", 0.0),
        QueuedJob("9", names(2), "NODE_FAIL", 0.0),
        QueuedJob("11", names(2), "OUT_OF_MEMORY", 0.0),
        QueuedJob("13", names(4), "TIMEOUT", 0.0),
    ]
    slurms = small.folder / jobs[3].log
    slurms.parent.mkdir(parents=True)
    slurms.write_text("slurmstepd: error: oom_kill\n", encoding="utf-8")
    over = progress(small, jobs, began=time.time() - 60, over=True)
    again = "run again to go on where it was"
    assert {*over.failures(asked=False)} == {
        f"{jobs[3].log}: job 11: OUT_OF_MEMORY; {again}",
        f"{logged.log}: job 13: TIMEOUT; {again}",
    }
    slurms.unlink()
    told = {*progress(small, jobs, began=time.time() - 60, over=True).failures(asked=False)}
    nothing = f"results/batches/{names(2)}.json: job 11: OUT_OF_MEMORY, before it wrote a log"
    assert f"{nothing}; {again}" in told


def test_a_queue_that_does_not_answer_is_a_line(small: Project) -> None:
    squeue(small, "slurm_load_jobs error: Unable to contact slurm controller", status=1)
    status, lines, errors = call(small, "status", TINY)
    assert status == 0
    said = "squeue: slurm_load_jobs error: Unable to contact slurm controller"
    assert errors == [f"{said}; only what runs here is shown"]
    assert lines[0].startswith("tiny: 75 of 75 products made")


def test_a_slurm_that_is_not_set_up_is_a_line(small: Project) -> None:
    says = [
        "squeue: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host",
        "squeue: error: fetch_config: DNS SRV lookup failed",
        "squeue: fatal: Could not establish a configuration source",
    ]
    squeue(small, "\n".join(says), status=1)
    status, lines, errors = call(small, "status", TINY)
    assert status == 0
    assert errors == [
        "squeue: Could not establish a configuration source; only what runs here is shown"
    ]
    assert lines[-1] == "nothing is left to do"
