"""The daemons of a SLURM for tests: whether they can run here, what configures them, their end."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue")
# where SLURM's commands look that run without SLURM_CONF, such as an srun inside a job
USUAL = Path("/etc/slurm")
# mounts that only a program and what it starts see
APART = ("unshare", "--mount", "--propagation", "private")
TICK = 0.2  # seconds between two looks

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/%n
# processes are found and measured in /proc: no control groups, so that any container will do
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# a node has what is written here, whatever the machine has
SlurmdParameters=config_overrides
# start jobs soon: microseconds, then seconds
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=20000,batch_sched_delay=0,sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/ended
MinJobAge=3600
JobRequeue=0
KillWait={kill_wait}
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=5
TCPTimeout=2
"""


class ClusterError(RuntimeError):
    """SLURM did not do what it was asked; the message is one line."""


def missing() -> str | None:
    """Why SLURM cannot be run here, in one line."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"SLURM is not installed: no {', '.join(absent)}"
    if os.geteuid() != 0:
        return "SLURM's daemons have to be started by root"
    if not USUAL.is_dir():
        return f"{USUAL} is not a folder, over which a test could mount its own"
    if subprocess.run((*APART, "true"), capture_output=True).returncode != 0:
        return "no program may have mounts of its own here (unshare --mount)"
    return None


def seeing(folder: Path, *command: str) -> tuple[str, ...]:
    """A command that sees this folder as `USUAL`, alone on the machine with what it starts."""
    return (*APART, "sh", "-c", f'mount --bind "$0" {USUAL} && exec "$@"', str(folder), *command)


def free_ports(count: int) -> list[int]:
    """Ports that are free and stay so: below those that outgoing connections are given."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 20 * count):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise ClusterError(f"there are no {count} free ports")


def wipe_out(find: Callable[[], Iterable[psutil.Process]]) -> None:
    """Kill processes and their descendants as one; return when they are dead.

    All are halted before the first is killed: none sees another one end or starts a new one.
    """
    halted: set[psutil.Process] = set()
    while True:
        found = set(find())
        for process in tuple(found):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.update(process.children(recursive=True))
        if found <= halted:
            break
        for process in found - halted:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        halted |= found
    for process in halted:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if not poll(lambda: all(map(dead, halted)), seconds=10):
        raise ClusterError("killed processes go on")


def dead(process: psutil.Process) -> bool:
    """Whether a process has ended, though its parent may not know."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def poll(ready: Callable[[], bool], seconds: float) -> bool:
    """Whether something came true in time."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(TICK)
    return True


def last_line(text: str) -> str:
    """What a program said last."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]
