"""The SLURM that tests start is one: it runs, limits, cancels and loses jobs as a real one does."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import psutil
import pytest

from helpers.cluster import Cluster
from helpers.daemons import ClusterError, missing

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))
GREEDY = "x = bytearray(400 << 20); import time; time.sleep(600)"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster.start(tmp_path_factory.mktemp("slurm")) as started:
        yield started


def running(mark: str) -> list[int]:
    """Processes with this among their arguments."""
    return [p.pid for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]


def test_a_job_runs_and_its_time_is_counted(cluster: Cluster) -> None:
    before = cluster.used_core_seconds()
    out = cluster.folder / "out"
    srun = "env --unset=SLURM_CONF srun hostname; sleep 2"  # as the plugin's own
    options = ("--comment=1 | é", "--job-name=a name", "--cpus-per-task=2", f"--output={out}")
    id = cluster.submit(*options, "--wrap", srun)
    job = cluster.until(id, "COMPLETED", "FAILED")
    assert (job.state, job.name, job.comment) == ("COMPLETED", "a name", "1 | é"), out.read_text()
    assert job.node in cluster.nodes
    assert 4 <= cluster.used_core_seconds() - before <= 8


def test_a_job_over_its_memory_ends(cluster: Cluster) -> None:
    id = cluster.submit("--mem=200", "--wrap", f"{sys.executable} -c '{GREEDY}'")
    assert cluster.until(id, "OUT_OF_MEMORY", "FAILED").node


def test_cancelling_a_job(cluster: Cluster) -> None:
    held = cluster.submit("--hold", "--wrap", "true")
    deaf = cluster.submit("--wrap", "trap '' TERM; while :; do sleep 97.5; done")
    cluster.until(deaf, "RUNNING")
    for id in (held, deaf):
        cluster.cancel(id)
        assert cluster.until(id, "CANCELLED").comment == ""
    assert not running("97.5")


def test_a_lost_node_fails_its_job_and_comes_back(cluster: Cluster) -> None:
    lost, kept = (cluster.submit(f"--nodelist={n}", "--wrap", "sleep 98.5") for n in cluster.nodes)
    for id in (lost, kept):
        cluster.until(id, "RUNNING")
    cluster.kill_node("node1")
    assert len(running("98.5")) == 1
    assert cluster.until(lost, "NODE_FAIL", seconds=60).node == "node1"
    cluster.start_node("node1")
    assert cluster.job(kept).state == "RUNNING"
    id = cluster.submit("--nodelist=node1", "--wrap", "true")
    cluster.until(id, "COMPLETED")
    cluster.cancel(kept)


def test_a_new_controller_knows_running_jobs(cluster: Cluster) -> None:
    through, beyond = (cluster.submit("--wrap", f"sleep {s}") for s in (3, 99.5))
    for id in (through, beyond):
        cluster.until(id, "RUNNING")
    cluster.stop_controller()
    with pytest.raises(ClusterError, match="squeue"):
        cluster.jobs()
    cluster.start_controller()
    assert cluster.job(beyond).state == "RUNNING"
    cluster.until(through, "COMPLETED")
    cluster.cancel(beyond)


def test_two_clusters_are_apart_and_leave_nothing(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mine = cluster.submit("--wrap", "sleep 96.5")
    cluster.until(mine, "RUNNING")
    with Cluster.start(tmp_path_factory.mktemp("other"), nodes=1) as other:
        assert other.jobs() == []
        other.until(other.submit("--wrap", "sleep 95.5"), "RUNNING")
        for one in (cluster, other):  # a job sees its own cluster
            out = one.folder / "seen"
            show = "env --unset=SLURM_CONF scontrol show config"
            id = one.submit(f"--output={out}", "--wrap", show)
            one.until(id, "COMPLETED")
            assert f"= {one.folder}/state\n" in out.read_text(encoding="utf-8")
        other.kill_node("node1")
        other.start_node("node1")
        other.submit("--wrap", "sleep 95.5")
    assert not running("95.5")
    assert cluster.job(mine).state == "RUNNING"
    assert running("96.5")


def test_a_daemon_that_does_not_come_up_is_named(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.cluster.CONFIGURATION", "Nonsense=1\n")
    with pytest.raises(ClusterError, match=r"^slurmctld did not come up: .*fatal"):
        Cluster.start(tmp_path_factory.mktemp("broken"))
