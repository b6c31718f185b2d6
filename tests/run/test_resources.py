"""What jobs are given on this machine: threads and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import TINY, Project
from rhm_scaling.core.errors import UserError
from rhm_scaling.run.machine import Machine
from rhm_scaling.run.planning import Run
from rhm_scaling.run.resources import Job, here
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study


def planned(project: Project, cores: int = 2, **settings: Any) -> Run:
    machine = Machine(study=str(project.folder / TINY), **settings)
    return Run(machine, project.folder, cores)


def given(project: Project, cores: int = 2, **settings: Any) -> dict[str, Job]:
    """What each training is given on this machine."""
    plan = Plan(load_study(project.folder / TINY))
    machine = Machine(study="any", **settings)
    return here(plan.products["models"], machine, cores, Rates())


def test_jobs_are_given_threads_and_memory(project: Project) -> None:
    jobs = given(project)
    assert {job.threads for job in jobs.values()} == {1}
    assert all(job.memory > 300 and job.pack >= 2 and job.seconds > 0 for job in jobs.values())
    assert max(job.threads for job in given(project, cores=64).values()) > 1
    assert {job.threads for job in given(project, threads=3).values()} == {3}


def test_little_memory_means_parts_and_fewer_neighbours(project: Project) -> None:
    roomy = given(project)
    tight = given(project, memory_mb=700)
    # a process alone takes more than half: no two at a time
    assert {job.threads for job in tight.values()} == {2}
    assert all(job.memory <= 0.9 * 700 for job in tight.values())
    assert roomy.keys() == tight.keys()


def test_a_network_without_room_is_refused_before_any_job(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = (
        r"^\S*tiny\.yaml: architectures: kind \w+, width \d+: one network needs 4\d\d MiB, more "
        r".*memory_mb in"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=line):
        planned(project, memory_mb=100)
    monkeypatch.chdir(project.folder)  # where all of it is finished
    planned(project, memory_mb=100)
