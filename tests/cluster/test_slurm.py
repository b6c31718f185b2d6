"""A study on a real SLURM of two nodes: what its jobs meet there costs time, and no result."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from conftest import ROOT, Project
from helpers.cluster import Cluster, Job
from helpers.daemons import missing
from helpers.soak import differences

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))
LONG = pytest.mark.skipif("SOAK" not in os.environ, reason="a part of make soak")
STUDY = """
name: soak
grammars:
  deep: {v: 6, s: 2, L: 3, m: 2}
architectures:
  cnn: {kind: cnn, width: 64, training: &long {max_steps: 2500, min_steps: 2500, train_loss: 0.0}}
  transformer: {kind: transformer, width: 16, training: *long}
experiments:
  last:
    task: last_token
    grammars: [deep]
    architectures: [cnn, transformer]
    train_sizes: [128, 512]
    validation_size: 512
    test_size: 512
    replicas: {rule_draws: 2}
"""
# all its tables, and no figures: those of a study on a cluster are drawn in `test_guide.py`
TABLES = ("fits", "results/soak/thresholds.csv")
STARTED: list[subprocess.Popen[bytes]] = []
SITE = {"cores": 1, "memory_mb": 2500, "minutes": 20}


@dataclass(frozen=True)
class Run:
    """A run on a cluster, in a session of its own, as a user would start it."""

    project: Project
    cluster: Cluster
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, project: Project, cluster: Cluster, *arguments: str, path: str = "") -> Run:
        """Start it; `path` goes before the others on which programs are looked for."""
        command = [
            *(sys.executable, "-m", "snakemake", *TABLES, "--profile", "workflow/profiles/slurm"),
            *("--slurm-init-seconds-before-status-checks", "3"),
            *(*arguments, "--config", "study=study.yaml", "checkpoint_seconds=1"),
        ]
        more = {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        with (project.folder / "run.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=project.folder,
                env={**os.environ, **cluster.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        STARTED.append(process)
        return cls(project, cluster, process)

    @property
    def said(self) -> str:
        """What it has printed."""
        return (self.project.folder / "run.log").read_text(encoding="utf-8")

    def end(self) -> None:
        """Wait until it is through."""
        assert self.process.wait(timeout=400) == 0, self.said[-5000:]

    def jobs(self, *states: str, rule: str = "train_networks") -> list[Job]:
        """Jobs of this project that train, or of another rule, in these states."""
        comment = re.compile(f"rule_({rule})_wildcards_")
        said = self.said
        mine = [job for job in self.cluster.jobs() if job.name and job.name in said]
        return [job for job in mine if comment.match(job.comment) and job.state in states]

    def until(self, what: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until something is so, while it runs."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end and self.process.poll() is None, self.said[-5000:]
            time.sleep(0.2)

    def training(self) -> Job:
        """A job of SLURM's that has trained for a while, and has kept a checkpoint."""
        found: list[Job] = []

        def one() -> bool:
            found[:] = [job for job in self.jobs("RUNNING") if self.kept(job)]
            return bool(found)

        self.until(one)
        return found[0]

    def kept(self, job: Job) -> list[Path]:
        """Checkpoints of what a job trains."""
        from rhm_scaling.run.batches import Batch

        name = f"train_networks-{job.comment.rsplit('_', 1)[1]}"
        batch = Batch.read(self.project.folder / "results" / "batches" / f"{name}.json")
        folders = [
            self.project.folder / "results" / "store" / kind / block
            for kind, block in batch.products
        ]
        return [path for folder in folders for path in folder.glob("checkpoint-*")]


@pytest.fixture(autouse=True)
def no_run_outlives_its_test() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:  # the test has failed
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster.start(tmp_path_factory.mktemp("slurm")) as started:
        yield started


def project(
    folder: Path, batch_minutes: float = 0.05, steps: int = 2000, **site: int | str
) -> Project:
    """A copy of the project with the study, and a description of the test's cluster."""
    made = Project(ROOT).copy(folder, results=False)
    (folder / "study.yaml").write_text(STUDY.replace("2500", str(steps)), encoding="utf-8")
    lines = "".join(f"  {key}: {value}\n" for key, value in {**SITE, **site}.items())
    text = f"batch_minutes: {batch_minutes}\ncluster:\n{lines}"
    (folder / "config" / "cluster.yaml").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study, run on this machine on the same number of threads."""
    return run_here(project(tmp_path_factory.mktemp("calm")))


def run_here(made: Project) -> Project:
    """Run the study on this machine."""
    made.snakemake(*TABLES, "--quiet", "all", "--config", "study=study.yaml", "threads=1")
    return made


def logs(made: Project) -> list[str]:
    """The log of every training."""
    paths = made.folder.glob("results/logs/models/**/*.log")
    return [path.read_text(encoding="utf-8") for path in paths]


def unchanged(made: Project, calm: Project) -> None:
    """The same tables and networks as on this machine, and nothing was trained to its end twice."""
    assert not differences(calm.folder, made.folder)
    found = logs(made)
    assert len(found) == 4 and all(log.count("made in ") == 1 for log in found)


def resumed(made: Project) -> int:
    """How many trainings went on from a checkpoint."""
    return sum("goes on at step" in log for log in logs(made))


@contextlib.contextmanager
def trainings_paused(made: Project) -> Iterator[None]:
    """Let what trains in a project now stand still for a while."""
    trains = [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if "batch" in (process.info["cmdline"] or ())
        and process.info["cwd"] == str(made.folder.resolve())
    ]
    assert trains
    for process in trains:
        process.suspend()
    try:
        yield
    finally:
        for process in trains:
            process.resume()


def refusing(folder: Path, which: str) -> str:
    """A folder with an sbatch that refuses a submission if a command of the shell succeeds."""
    folder.mkdir()
    refuse = f'{which} && echo "busy" >&2 && exit 1'
    submit = f'exec "{shutil.which("sbatch")}" "$@"'
    (folder / "sbatch").write_text(f"#!/bin/sh\n{refuse}\n{submit}\n", encoding="utf-8")
    (folder / "sbatch").chmod(0o755)
    return str(folder)


def test_a_refused_submission_and_a_cancelled_job(
    cluster: Cluster, calm: Project, tmp_path: Path
) -> None:
    # the first submission fails, as where a controller is busy
    path = refusing(tmp_path / "bin", f'mkdir "{tmp_path}/refused" 2>/dev/null')
    made = project(tmp_path / "project")
    run = Run.start(made, cluster, path=path)
    cluster.cancel(run.training().id)
    run.until(lambda: bool(run.jobs("CANCELLED")))
    run.end()
    assert (tmp_path / "refused").exists() and resumed(made) >= 1
    unchanged(made, calm)
    # nothing is left to do, and no batch to look at
    dry = made.snakemake(
        *TABLES, "-n", "--configfile", "config/cluster.yaml", "--config", "study=study.yaml"
    )
    assert "Nothing to be done" in dry.stdout + dry.stderr


def test_the_submitter_killed_while_jobs_run(
    cluster: Cluster, calm: Project, tmp_path: Path
) -> None:
    made = project(tmp_path)
    run = Run.start(made, cluster)
    left = run.training().id
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    with trainings_paused(made):  # or they might end before the new run has looked
        again = Run.start(made, cluster)
        again.until(lambda: bool(again.jobs("PENDING")))
        # the job of the killed run goes on, and those of the new one wait for it
        assert cluster.job(left).state == "RUNNING"
    again.end()
    # its receipt is its own, which the new run does not touch
    assert cluster.job(left).state == "COMPLETED"
    unchanged(made, calm)
    assert resumed(made) == 0


def test_networks_for_a_gpu_are_sent_to_its_partition(cluster: Cluster, tmp_path: Path) -> None:
    # no node has one: what is asked for is written down, and refused
    ask = f'echo "$*" | grep -e --gpus -e --gres >> "{tmp_path}/asked"'
    made = project(tmp_path / "project", account="physics")
    with (made.folder / "config" / "cluster.yaml").open("a", encoding="utf-8") as file:
        gpu = "{partition: fast, model: h100, cores: 2, memory_mb: 2000, minutes: 30}"
        file.write(f"  gpu: {gpu}\ndevice: cuda\n")
    run = Run.start(made, cluster, "--retries", "0", path=refusing(tmp_path / "bin", ask))
    assert run.process.wait(timeout=120) == 1
    assert "busy" in run.said
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked
    for line in asked:
        for option in ("-p fast", "h100:1", "--cpus-per-task=2", "--mem 2000", "-t "):
            assert option in line
    # what does not train went to the other nodes
    others = run.jobs("COMPLETED", "FAILED", rule="sample_datasets|solve_grammars")
    assert {job.state for job in others} == {"COMPLETED"}


@LONG
def test_a_controller_that_is_started_again(
    cluster: Cluster, calm: Project, tmp_path: Path
) -> None:
    made = project(tmp_path)
    run = Run.start(made, cluster)
    run.training()
    cluster.stop_controller()
    time.sleep(10)
    cluster.start_controller()
    run.end()
    unchanged(made, calm)
    assert resumed(made) == 0


@LONG
def test_a_lost_node(cluster: Cluster, calm: Project, tmp_path: Path) -> None:
    made = project(tmp_path)
    run = Run.start(made, cluster)
    node = run.training().node
    cluster.kill_node(node)
    try:
        run.until(lambda: bool(run.jobs("NODE_FAIL")))
    finally:
        cluster.start_node(node)
    run.end()
    assert resumed(made) >= 1
    unchanged(made, calm)


@LONG
def test_out_of_memory(cluster: Cluster, calm: Project, tmp_path: Path) -> None:
    made = project(tmp_path)
    # an estimate that is far too low
    with made.source("run/resources", "_SNAKEMAKE = 600", "_SNAKEMAKE = -150"):
        run = Run.start(made, cluster)
        run.end()
    assert run.jobs("FAILED", "OUT_OF_MEMORY")
    unchanged(made, calm)


@LONG
def test_out_of_time(cluster: Cluster, tmp_path: Path) -> None:
    # all in one batch, which takes longer than the minute that it may have
    calm = run_here(project(tmp_path / "calm", steps=8000))
    made = project(tmp_path / "made", batch_minutes=10, steps=8000, minutes=1)
    run = Run.start(made, cluster)
    run.end()
    assert run.jobs("TIMEOUT") and resumed(made) >= 1
    unchanged(made, calm)


@LONG
def test_an_interrupted_run_cancels_its_jobs_which_keep_what_they_have(
    cluster: Cluster, calm: Project, tmp_path: Path
) -> None:
    made = project(tmp_path)
    run = Run.start(made, cluster)
    job = run.training()
    os.killpg(run.process.pid, signal.SIGINT)
    run.process.wait(timeout=60)
    cluster.until(job.id, "CANCELLED")
    Run.start(made, cluster).end()
    assert resumed(made) >= 1
    unchanged(made, calm)
