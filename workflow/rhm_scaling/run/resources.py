"""What each job is given: threads, memory and a device, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UserError
from ..study.artifacts import TRAINED, Product
from ..study.cost import GPU, BlockCost, Rates, threads
from .estimates import cost_of, memory, seconds_of_work

if TYPE_CHECKING:  # a job need not wait for what reads settings
    from .machine import Cluster, Machine

_USABLE = 0.9  # of the memory
_SNAKEMAKE = 600  # MiB of a cluster's job beside its work: Snakemake runs twice in it
_GPU_GAIN = 4.0  # a GPU is taken where it is so many times as fast as the threads it replaces


@dataclass(frozen=True)
class Job:
    """What the job of a product is given.

    Attributes
    ----------
    threads
        Of the computation.
    memory
        MiB.
    pack
        Replicas trained side by side in this memory; zero if not even one fits.
    seconds
        Expected, on these threads.
    device
        Where it is trained.
    """

    threads: int
    memory: int
    pack: int
    seconds: float
    device: str = "cpu"


def here(
    blocks: Mapping[str, Product], machine: Machine, cores: int, rates: Rates
) -> dict[str, Job]:
    """Jobs of blocks on this machine, so that all cores work and its memory is not outgrown.

    They follow from the study alone, not from what is finished already: a run that was
    interrupted goes on as it began.
    """
    costs = {name: cost_of(block) for name, block in blocks.items()}
    seconds = {name: block.seconds(rates) for name, block in costs.items()}
    chosen = threads(seconds, cores)
    given = machine.memory_mb
    whole = _USABLE * (_physical_memory() if given == "auto" else given)
    jobs = {}
    for name, block in costs.items():
        # a network that needs more than its share of the memory has fewer neighbours
        least = math.ceil(cores * block.memory(1) / whole)
        fixed = machine.threads
        used = min(cores, max(chosen[name], least)) if fixed == "auto" else fixed
        jobs[name] = _fitted(block, whole * min(1.0, used / cores), used, seconds[name], machine)
    return jobs


def _fitted(block: BlockCost, memory: float, used: int, seconds: float, machine: Machine) -> Job:
    """A job on so many threads whose pack fits into the memory."""
    pack = block.fitting(memory)
    return Job(used, math.ceil(block.memory(pack or 1)), pack, seconds / used, machine.device)


def in_batches(
    products: Iterable[Product], machine: Machine, rates: Rates, blocks: Mapping[str, Job]
) -> dict[tuple[str, str], Job]:
    """What products are given in batches, by kind and name.

    On a cluster, a training has one thread, or as many as it takes to end within a batch's time;
    on this machine, what `here` gives to `blocks`.
    """
    cluster = machine.cluster
    jobs = {}
    for product in products:
        seconds = seconds_of_work(product, rates)
        if product.kind not in TRAINED:
            job = Job(1, math.ceil(memory(product)) + (_SNAKEMAKE if cluster else 0), 0, seconds)
        elif cluster:
            job = _training(product, seconds, machine, cluster)
        else:
            alone = blocks[product.name]
            job = replace(alone, seconds=seconds / alone.threads)
        jobs[product.kind, product.name] = job
    return jobs


class NoRoomError(UserError):
    """A study asks for a network that fits into no job's memory."""


def check_memory(jobs: Iterable[tuple[Product, Job]]) -> None:
    """Refuse a run one of whose networks cannot be trained in the memory that is given.

    Raises
    ------
    NoRoomError
        If not even one network of a block fits.
    """
    for product, job in jobs:
        if product.kind in TRAINED and not job.pack:
            kind, width = (product.specification["architecture"][key] for key in ("kind", "width"))
            raise NoRoomError(
                f"architectures: kind {kind}, width {width}: one network needs "
                f"{cost_of(product).memory(1):.0f} MiB, more than a job may have; take a smaller "
                "width or batch_size, or give more (memory_mb in config/config.yaml, on a cluster "
                "in config/cluster.yaml)"
            )


def _training(product: Product, seconds: float, machine: Machine, cluster: Cluster) -> Job:
    block = cost_of(product)
    wanted = math.ceil(seconds / (60 * machine.batch_minutes))
    used = min(cluster.cores, wanted) if machine.threads == "auto" else machine.threads
    if cluster.gpu is not None and machine.device != "cpu":
        there = seconds_of_work(product, GPU)
        if machine.device == "cuda" or seconds / used > _GPU_GAIN * there:
            pack = block.fitting(cluster.gpu.gpu_memory_mb)
            return Job(cluster.gpu.cores, cluster.gpu.memory_mb, pack, there, "cuda")
    pack = block.fitting(cluster.memory_mb - _SNAKEMAKE)
    memory = math.ceil(block.memory(pack or 1)) + _SNAKEMAKE
    return Job(used, memory, pack, seconds / used)


def _physical_memory() -> float:
    """MiB of this machine, or of the control group that it is confined to."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # no limit, or another kind of system
        found = min(found, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return found / 2**20
