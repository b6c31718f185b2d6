"""A study in batches: one job for several products, which it makes one after another.

Reads the batch's description, ``results/<study>/batches/<batch>.json``, which a run writes when it
starts. Writes the products below ``results/store/`` and, once all are made, a receipt. Where SLURM
runs such a job, this is all that is read of the workflow.
"""

from rhm_scaling.run.batches import Batch
from rhm_scaling.run.machine import Cluster

# on this machine, there are no other limits than Snakemake's own
CLUSTER = MACHINE.cluster or Cluster(memory_mb=10**9, minutes=10**9)


def batch(wildcards):
    """A batch of this run, or of the run that has submitted this job."""
    if PLAN is not None:
        return PLAN.batches[wildcards.batch]
    return Batch.read(
        Path("results", wildcards.study, "batches", f"{wildcards.batch}.json")
    )


def receipts(wildcards):
    """What says that the batches are done that a batch waits for."""
    if PLAN is not None:
        settle(PLAN, workflow)
    return batch(wildcards).receipts


def place(wildcards):
    """The partition that a batch is for."""
    return CLUSTER.gpu if batch(wildcards).gpu and CLUSTER.gpu else CLUSTER


def more(most, wanted, attempt):
    """Twice as much for every attempt, up to what the partition gives."""
    return min(most, wanted * 2 ** (attempt - 1))


rule make_batch:
    input:
        receipts,
    output:
        "results/{study}/batches/{batch}.done",
    log:
        "results/{study}/batches/{batch}.log",
    priority: lambda wildcards: int(1000 * batch(wildcards).seconds)
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards: batch(wildcards).threads
    resources:
        mem_mb=lambda wildcards, attempt: more(
            place(wildcards).memory_mb, batch(wildcards).memory, attempt
        ),
        runtime=lambda wildcards, attempt: more(
            place(wildcards).minutes, batch(wildcards).minutes, attempt
        ),
        slurm_partition=lambda wildcards: place(wildcards).partition,
        slurm_account=CLUSTER.account,
        slurm_extra=lambda wildcards: batch(wildcards).dependency,
        gpu=lambda wildcards: int(batch(wildcards).gpu),
        gpu_model=lambda wildcards: getattr(place(wildcards), "model", ""),
    params:
        setup=f"{CLUSTER.setup}; " if CLUSTER.setup else "",
        launcher=CLUSTER.launcher,
        file="results/{study}/batches/{batch}.json",
    message:
        "Making the batch {wildcards.batch}"
    shell:
        "{params.setup}{params.launcher} python -m rhm_scaling batch {params.file:q}"
        " --receipt {output:q} --log {log:q}"
