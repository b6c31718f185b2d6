"""Learning: one job a block of replicas of one cell, trained networks or counting baselines.

Reads sentences and exact posteriors. Writes, below
``results/store/models/<parameters>/<task>/<architecture>/P<size>/<replicas>-<identity>/``, the
replicas' rows, their training histories and their weights; below ``results/store/counts/`` the
rows of learners that count, and what they recovered; below ``results/store/coordinates/`` how far
first steps move every layer.
"""


rule train_block:
    input:
        sources("models"),
    output:
        runs="results/store/models/{name}/runs.csv",
        history="results/store/models/{name}/history.csv",
        weights=kept("models", "results/store/models/{name}/weights.safetensors"),
        record="results/store/models/{name}/record.json",
    log:
        "results/logs/models/{name}.log",
    benchmark:
        "results/benchmarks/models/{name}.tsv"
    # longest first, so that no core waits for a long training at the end
    priority: lambda wildcards: int(1000 * job(wildcards).seconds)
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards: job(wildcards).threads
    resources:
        mem_mb=lambda wildcards: job(wildcards).memory,
        pack=lambda wildcards: job(wildcards).pack,
        # how it is computed, not what: a parameter of the rule would be part of the product
        device=MACHINE.device,
        checkpoint_seconds=MACHINE.checkpoint_seconds,
        scratch=MACHINE.scratch,
    params:
        specification=specification("models"),
        inputs=roles("models"),
        outputs=roles("models", "files"),
    message:
        "Training the block {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --device {resources.device} --threads {threads} --pack {resources.pack}"
        " --checkpoint-seconds {resources.checkpoint_seconds}"
        " --scratch={resources.scratch:q}"
        " --inputs {params.inputs:q} --outputs {params.outputs:q}"


use rule draw_grammar as count_block with:
    input:
        sources("counts"),
    output:
        runs="results/store/counts/{name}/runs.csv",
        recovery="results/store/counts/{name}/recovery.csv",
        record="results/store/counts/{name}/record.json",
    log:
        "results/logs/counts/{name}.log",
    benchmark:
        "results/benchmarks/counts/{name}.tsv"
    priority: 0
    params:
        specification=specification("counts"),
        inputs=roles("counts"),
        outputs=roles("counts", "files"),
    message:
        "Counting for the block {wildcards.name}"


use rule draw_grammar as check_coordinates with:
    input:
        sources("coordinates"),
    output:
        product="results/store/coordinates/{name}.csv",
        record="results/store/coordinates/{name}.record.json",
    log:
        "results/logs/coordinates/{name}.log",
    benchmark:
        "results/benchmarks/coordinates/{name}.tsv"
    priority: 0
    params:
        specification=specification("coordinates"),
        inputs=roles("coordinates"),
        outputs=roles("coordinates", "files"),
    message:
        "Checking coordinates of {wildcards.name}"
