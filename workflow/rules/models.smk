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
    # longest first, so that no core waits for a long training at the end
    priority: lambda wildcards: int(1000 * job(wildcards).seconds)
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards: job(wildcards).threads
    resources:
        mem_mb=lambda wildcards: job(wildcards).memory,
        pack=lambda wildcards: job(wildcards).pack,
        # how it is computed, not what: a parameter of the rule would be part of the product
        device=PLAN.machine.device,
        checkpoint_seconds=PLAN.machine.checkpoint_seconds,
        scratch=PLAN.machine.scratch,
    params:
        specification=specification("models"),
        roles=roles("models"),
    message:
        "Training the block {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --device {resources.device} --threads {threads} --pack {resources.pack}"
        " --checkpoint-seconds {resources.checkpoint_seconds}"
        " --scratch={resources.scratch:q}"
        " --inputs {params.roles:q}"
        " --outputs runs={output.runs:q} history={output.history:q}"
        " weights={output.weights:q} record={output.record:q}"


rule count_block:
    input:
        sources("counts"),
    output:
        runs="results/store/counts/{name}/runs.csv",
        recovery="results/store/counts/{name}/recovery.csv",
        record="results/store/counts/{name}/record.json",
    log:
        "results/logs/counts/{name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("counts"),
        roles=roles("counts"),
    message:
        "Counting for the block {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --inputs {params.roles:q}"
        " --outputs runs={output.runs:q} recovery={output.recovery:q}"
        " record={output.record:q}"


rule check_coordinates:
    input:
        sources("coordinates"),
    output:
        product="results/store/coordinates/{name}.csv",
        record="results/store/coordinates/{name}.record.json",
    log:
        "results/logs/coordinates/{name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("coordinates"),
        roles=roles("coordinates"),
    message:
        "Checking coordinates of {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --inputs {params.roles:q}"
        " --outputs product={output.product:q} record={output.record:q}"
