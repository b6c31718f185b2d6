"""Theory: the Bayes-optimal predictor on the test sentences, and all that precedes training.

Reads grammars and test sentences. Writes ``exact/``, ``theory/`` and ``survey/`` below
``results/store/``.
"""


rule predict_exactly:
    input:
        sources("exact"),
    output:
        product="results/store/exact/{name}.npz",
        record="results/store/exact/{name}.record.json",
    log:
        "results/logs/exact/{name}.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("exact"),
        roles=roles("exact"),
    message:
        "Computing exact posteriors for {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --inputs {params.roles:q}"
        " --outputs product={output.product:q} record={output.record:q}"


rule solve_grammar:
    input:
        sources("theory"),
    output:
        quantities="results/store/theory/{name}/quantities.csv",
        curves="results/store/theory/{name}/curves.csv",
        record="results/store/theory/{name}/record.json",
    log:
        "results/logs/theory/{name}.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("theory"),
        roles=roles("theory"),
    message:
        "Computing the theory of {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --inputs {params.roles:q}"
        " --outputs quantities={output.quantities:q} curves={output.curves:q}"
        " record={output.record:q}"


rule survey_grammars:
    input:
        sources("survey"),
    output:
        product="results/store/survey/{name}.csv",
        record="results/store/survey/{name}.record.json",
    log:
        "results/logs/survey/{name}.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("survey"),
    message:
        "Surveying many rule draws of {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --outputs product={output.product:q} record={output.record:q}"
