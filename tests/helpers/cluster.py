"""A real SLURM of several nodes on one machine, for tests: each node is a slurmd of its own.

with Cluster.start(folder) as cluster:
    job = cluster.submit("--wrap", "hostname")
    cluster.until(job, "COMPLETED")
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil

from helpers.daemons import (
    CONFIGURATION,
    ClusterError,
    free_ports,
    last_line,
    missing,
    poll,
    seeing,
    wipe_out,
)

ABSENT = ("(null)", "None")  # how squeue writes what is not there
SEPARATOR = "\x1f"  # in no name and no comment
LONGEST = 70  # characters of a folder: the names of its sockets have 107


@dataclass(frozen=True)
class Job:
    """A row of squeue; a task of an array has one of its own. What is not known is empty."""

    id: str
    state: str
    node: str
    reason: str
    name: str
    comment: str


class Cluster:
    """munged, a controller, and nodes that are named node1, node2 and so on.

    The partition `main` has all nodes, for an hour a job. Several clusters can be on a machine: a
    job sees the configuration of its own where an srun without SLURM_CONF looks for it.

    SLURM looks at memory each second. What is over is killed: a job's script, and the job is FAILED
    (not OUT_OF_MEMORY), or only what it called by srun, which then returns 137.
    """

    def __init__(self, folder: Path, nodes: int, cpus: int, memory_mb: int, kill_wait: int) -> None:
        self.folder = folder.resolve()
        self.nodes = [f"node{number + 1}" for number in range(nodes)]
        self.kill_wait = kill_wait
        self._daemons: dict[str, psutil.Popen] = {}
        for name in ("log", "state", *(f"spool/{node}" for node in self.nodes)):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        port, *ports = free_ports(1 + nodes)
        text = CONFIGURATION.format(host=host, port=port, folder=self.folder, kill_wait=kill_wait)
        for node, port in zip(self.nodes, ports):
            text += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
            text += f" CPUs={cpus} RealMemory={memory_mb}\n"
        text += f"PartitionName=main Nodes={','.join(self.nodes)} Default=YES"
        text += " MaxTime=60 DefaultTime=10 DefMemPerCPU=500\n"
        self._configuration.write_text(text, encoding="utf-8")
        # slurmd loads a plugin for control groups unasked: one that does without them
        groups = "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n"
        (self.folder / "cgroup.conf").write_text(groups, encoding="utf-8")

    @classmethod
    def start(
        cls,
        folder: Path,
        nodes: int = 2,
        cpus: int = 2,
        memory_mb: int = 6000,
        kill_wait: int = 2,
    ) -> Cluster:
        """Start everything; return when all nodes are idle.

        Parameters
        ----------
        folder : Path
            For all files of the cluster: empty, and with a short path, as sockets are among them.
        nodes, cpus, memory_mb : int
            Number of nodes; processors and megabytes of each, whatever the machine has.
        kill_wait : int
            Seconds from SIGTERM to SIGKILL for a job that is cancelled or over its time.

        Raises
        ------
        ClusterError
            If SLURM cannot be run here, not in this folder, or a daemon does not come up.
        """
        reason = missing()
        if reason is not None:
            raise ClusterError(reason)
        if len(str(folder.resolve())) > LONGEST:
            raise ClusterError(f"{folder}: too long a path for sockets")
        cluster = cls(folder, nodes, cpus, memory_mb, kill_wait)
        try:
            cluster._start_munged()
            cluster.start_controller()
            cluster._start_nodes(*cluster.nodes)
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def stop(self) -> None:
        """Cancel all jobs, end what was started."""
        if "slurmctld" in self._daemons:
            with contextlib.suppress(ClusterError):
                self.call("scancel", "--user=root")
                poll(lambda: not self.call("squeue", "--noheader"), self.kill_wait + 5)
        for name in reversed(tuple(self._daemons)):
            self._end(name)
        wipe_out(lambda: [step for node in self.nodes for step in self._steps(node)])

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs beside `os.environ` to find this cluster."""
        return {"SLURM_CONF": str(self._configuration)}

    def call(self, *command: str) -> str:
        """Run one of SLURM's commands in the cluster's folder and return its output.

        Raises
        ------
        ClusterError
            If it fails or takes more than half a minute.
        """
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"{command[0]}: no answer") from None
        if done.returncode != 0:
            raise ClusterError(f"{command[0]}: {last_line(done.stderr)}")
        return done.stdout

    def submit(self, *arguments: str) -> str:
        """Number of a new job, from arguments of sbatch."""
        return self.call("sbatch", "--parsable", *arguments).strip()

    def jobs(self) -> list[Job]:
        """All jobs, also those that ended within the last hour."""
        form = SEPARATOR.join(("%i", "%T", "%N", "%r", "%j", "%k"))
        rows = self.call("squeue", "--states=all", "--array", "--noheader", f"--format={form}")
        return [
            Job(*("" if value in ABSENT else value for value in row.split(SEPARATOR)))
            for row in rows.splitlines()
        ]

    def job(self, id: str) -> Job:
        """One job."""
        for job in self.jobs():
            if job.id == id:
                return job
        raise ClusterError(f"squeue: there is no job {id}")

    def until(self, id: str, *states: str, seconds: float = 120) -> Job:
        """Wait until a job is in one of these states."""
        if not poll(lambda: self.job(id).state in states, seconds):
            raise ClusterError(f"{self.job(id)}: not {' or '.join(states)} after {seconds:g} s")
        return self.job(id)

    def cancel(self, id: str) -> None:
        """Ask a job to end; it has `kill_wait` seconds."""
        self.call("scancel", id)

    def used_core_seconds(self) -> int:
        """Cores of every ended job times the whole seconds for which it had them."""
        total = 0
        ended = self.folder / "ended"
        for line in ended.read_text("utf-8").splitlines() if ended.exists() else ():
            found = re.search(r" StartTime=(\S+) EndTime=(\S+) .* ProcCnt=(\d+) ", line)
            assert found is not None, line
            start, end = map(datetime.fromisoformat, found.groups()[:2])
            total += int(found[3]) * round((end - start).total_seconds())
        return total

    def kill_node(self, node: str) -> None:
        """Lose a machine: its slurmd, its jobs and all their processes are gone at once.

        The controller takes some twenty seconds to find out.
        """
        daemon = self._daemons.pop(node)
        wipe_out(lambda: [daemon, *self._steps(node)])
        daemon.wait()

    def start_node(self, node: str) -> None:
        """Bring a lost node back; return when it takes jobs."""
        self._start_nodes(node)

    def stop_controller(self) -> None:
        """End slurmctld; running jobs do not notice."""
        self._end("slurmctld")

    def start_controller(self) -> None:
        """Start slurmctld, which knows the jobs of the one before."""
        self._start_daemon("slurmctld", "-D")
        self._wait("slurmctld", lambda: self._works("scontrol", "ping"))

    @property
    def _configuration(self) -> Path:
        return self.folder / "slurm.conf"

    def _start_munged(self) -> None:
        key, gate = self.folder / "munge.key", self.folder / "munge.socket"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(64))
        self._start_daemon(
            "munged",
            "--foreground",
            "--force",  # although only root can reach the socket, in a folder of root's
            f"--key-file={key}",
            f"--socket={gate}",
            f"--pid-file={self.folder}/munged.pid",
            f"--seed-file={self.folder}/munge.seed",
        )
        self._wait("munged", lambda: self._works("munge", "--no-input", f"--socket={gate}"))

    def _start_nodes(self, *nodes: str) -> None:
        since = datetime.now().isoformat(timespec="seconds")
        for node in nodes:
            # the plugin calls srun without SLURM_CONF
            command = seeing(self.folder, "slurmd", "-D", "-N", node)
            self._start_daemon(*command, name=node)
        for node in nodes:
            self._wait(node, partial(self._up, node, since))

    def _up(self, node: str, since: str) -> bool:
        """Whether a node takes jobs; one that just died is thought to, so its start counts."""
        text = self.call("scontrol", "show", "node", node)
        state = re.search(r"State=(IDLE|MIXED|ALLOCATED)\s", text)
        start = re.search(r"SlurmdStartTime=(\d\S+)", text)
        return state is not None and start is not None and start[1] >= since

    def _steps(self, node: str) -> Iterator[psutil.Process]:
        """What runs a node's jobs: no children of its slurmd, but with the same log open."""
        log = str(self.folder / "log" / node)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "slurmstepd" and log in {f.path for f in process.open_files()}:
                    yield process

    def _start_daemon(self, program: str, *arguments: str, name: str = "") -> None:
        """Start in a session of its own, out of reach of the terminal's signals."""
        name = name or program
        if name in self._daemons and self._daemons[name].poll() is None:
            raise ClusterError(f"{name} is up already")
        with self._output(name).open("ab") as file:
            self._daemons[name] = psutil.Popen(
                (program, *arguments),
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def _output(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.out"

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            daemon.terminate()
        try:
            daemon.wait(timeout=10)
        except psutil.TimeoutExpired:
            wipe_out(lambda: [daemon])
            daemon.wait()

    def _works(self, *command: str) -> bool:
        with contextlib.suppress(ClusterError):
            self.call(*command)
            return True
        return False

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until a daemon is up."""
        daemon = self._daemons[name]
        up = poll(lambda: daemon.poll() is not None or ready(), seconds=20)
        if not up or daemon.poll() is not None:
            output = self._output(name)
            why = last_line(output.read_text("utf-8", errors="replace"))
            raise ClusterError(f"{name} did not come up: {why} ({output})")
