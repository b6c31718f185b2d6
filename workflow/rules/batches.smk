"""Grammars, data, theory and learners: each job makes several products, one after another.

Reads the batch's description, ``results/batches/<rule>-<batch>.json``, which a run writes when it
starts: all products and commands of the job. Writes below ``results/store/``, where a product's
path ends in the hash of what made it, and once all are made a receipt:

    draw_grammars     grammars/<parameters>/r<rule>-<identity>.json, sparse/<as grammars>.json
    sample_datasets   sentences/<parameters>/...-<identity>.npy, exact/<parameters>/...-<identity>.npz
    solve_grammars    theory/.../, survey/...-<identity>.csv, denoising/...-<identity>.csv
    train_networks    models/<parameters>/<task>/<architecture>/P<size>/<replicas>-<identity>/,
                      denoisers/<as models>-<identity>/, coordinates/...-<identity>.csv
    measure_networks  representations/<as models>-<identity>.csv,
                      rule_errors/<as models>-<identity>.csv,
                      learning_times/<as models>-<identity>.npz,
                      sensitivity/<as models>-<identity>.csv
    count_symbols     counts/<parameters>/<task>/<learner>/P<size>/<replicas>-<identity>/,
                      latents/<as counts>-<identity>/
    train_predictors  predictors/<as counts>-<identity>/

No product is an output of a rule: Snakemake removes outputs before it runs a job, and so would
remove what another run has just made. Where SLURM runs such a job, this is all that is read of the
workflow.
"""


rule draw_grammars:
    input:
        receipts,
    output:
        "results/batches/draw_grammars-{batch}.done",
    log:
        "results/batches/draw_grammars-{batch}.log",
    benchmark:
        "results/batches/draw_grammars-{batch}.tsv"
    priority: FIRST
    # a cluster's job would wait longer than this takes; so would those of tables and figures
    localrule: True
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
        makes=lambda wildcards: batch(wildcards).makes,
    message:
        "Drawing grammars ({params.makes})"
    shell:
        "{params.setup}{params.launcher} python -m rhm_scaling batch {output:q} --log {log:q}"


use rule draw_grammars as sample_datasets with:
    output:
        "results/batches/sample_datasets-{batch}.done",
    log:
        "results/batches/sample_datasets-{batch}.log",
    benchmark:
        "results/batches/sample_datasets-{batch}.tsv"
    message:
        "Sampling sentences, with their exact posteriors ({params.makes})"


use rule draw_grammars as solve_grammars with:
    output:
        "results/batches/solve_grammars-{batch}.done",
    log:
        "results/batches/solve_grammars-{batch}.log",
    benchmark:
        "results/batches/solve_grammars-{batch}.tsv"
    message:
        "Computing the theory of grammars ({params.makes})"


use rule draw_grammars as train_networks with:
    output:
        "results/batches/train_networks-{batch}.done",
    log:
        "results/batches/train_networks-{batch}.log",
    benchmark:
        "results/batches/train_networks-{batch}.tsv"
    priority: longest_first
    message:
        "Training networks ({params.makes})"


use rule draw_grammars as measure_networks with:
    output:
        "results/batches/measure_networks-{batch}.done",
    log:
        "results/batches/measure_networks-{batch}.log",
    benchmark:
        "results/batches/measure_networks-{batch}.tsv"
    message:
        "Measuring hidden layers, or errors by rule ({params.makes})"


use rule draw_grammars as count_symbols with:
    output:
        "results/batches/count_symbols-{batch}.done",
    log:
        "results/batches/count_symbols-{batch}.log",
    benchmark:
        "results/batches/count_symbols-{batch}.tsv"
    priority: longest_first
    message:
        "Learning by counting ({params.makes})"


use rule draw_grammars as train_predictors with:
    output:
        "results/batches/train_predictors-{batch}.done",
    log:
        "results/batches/train_predictors-{batch}.log",
    benchmark:
        "results/batches/train_predictors-{batch}.tsv"
    priority: longest_first
    message:
        "Training networks that predict siblings ({params.makes})"
