"""What the rules of batches say of a batch's job: what it waits for, and what it needs."""

from rhm_scaling.run.batches import Batch
from rhm_scaling.run.machine import Cluster

# on this machine, there are no other limits than Snakemake's own
CLUSTER = MACHINE.cluster or Cluster(memory_mb=10**9, minutes=10**9)


def batch(wildcards):
    """A batch of this run, or of the run that has submitted this job."""
    if RUN is not None and wildcards.batch in RUN.batches:
        return RUN.batches[wildcards.batch]
    return Batch.find(wildcards.batch)


def receipts(wildcards):
    """What says that the batches are done that a batch waits for."""
    if RUN is not None:
        only_time_stamps(workflow)
    return batch(wildcards).receipts


def place(wildcards):
    """The partition that a batch is for."""
    return CLUSTER.gpu if batch(wildcards).gpu and CLUSTER.gpu else CLUSTER


def more(most, wanted, attempt):
    """Twice as much for every attempt, up to what the partition gives."""
    return min(most, wanted * 2 ** (attempt - 1))


def longest_first(wildcards):
    """So that no core waits for a long training at the end."""
    return int(1000 * batch(wildcards).seconds)
