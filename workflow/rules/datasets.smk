"""Sentences: training, validation and test streams of every rule draw and sample seed.

Reads a grammar. Writes ``results/store/sentences/<parameters>/...-<identity>.npy``.
"""


rule sample_sentences:
    input:
        sources("sentences"),
    output:
        product=kept("datasets", "results/store/sentences/{name}.npy"),
        record="results/store/sentences/{name}.record.json",
    log:
        "results/logs/sentences/{name}.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("sentences"),
        roles=roles("sentences"),
    message:
        "Sampling the sentences {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --inputs {params.roles:q}"
        " --outputs product={output.product:q} record={output.record:q}"
