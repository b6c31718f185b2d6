"""Exact quantities: the Bayes-optimal predictor on the test sentences, and each grammar's theory.

Reads grammars and test sentences. Writes ``results/store/exact/``, ``results/store/theory/`` and
``results/<study>/theory.csv``.
"""


rule predict_exactly:
    input:
        sources("exact"),
    output:
        product="results/store/exact/{name}.npz",
        specification="results/store/exact/{name}.specification.json",
    log:
        "results/logs/exact/{name}.log",
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
        " --outputs product={output.product:q} specification={output.specification:q}"


rule solve_grammar:
    input:
        sources("theory"),
    output:
        product="results/store/theory/{name}.json",
        specification="results/store/theory/{name}.specification.json",
    log:
        "results/logs/theory/{name}.log",
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
        " --outputs product={output.product:q} specification={output.specification:q}"


rule tabulate_theory:
    input:
        stage("theory_table"),
        PLAN.paths("theory"),
    output:
        report(table("theory"), category="Tables", labels={"table": "theory"}),
    log:
        FOLDER / "logs" / "theory.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Tabulating the theory"
    shell:
        "python -m rhm_scaling stage theory_table {params.folder:q} --log {log:q}"
