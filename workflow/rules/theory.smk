"""Theory: the Bayes-optimal predictor on the test sentences, and all that precedes training.

Reads grammars and test sentences. Writes ``exact/``, ``theory/`` and ``survey/`` below
``results/store/``, and ``theory.csv``, ``predictions.csv`` and ``figures/theory-*`` below
``results/<study>/``.
"""


rule predict_exactly:
    input:
        sources("exact"),
    output:
        product="results/store/exact/{name}.npz",
        specification="results/store/exact/{name}.specification.json",
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
        " --outputs product={output.product:q} specification={output.specification:q}"


rule solve_grammar:
    input:
        sources("theory"),
    output:
        quantities="results/store/theory/{name}/quantities.csv",
        curves="results/store/theory/{name}/curves.csv",
        specification="results/store/theory/{name}/specification.json",
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
        " specification={output.specification:q}"


rule survey_grammars:
    output:
        product="results/store/survey/{name}.csv",
        specification="results/store/survey/{name}.specification.json",
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
        " --outputs product={output.product:q} specification={output.specification:q}"


rule tabulate_theory:
    input:
        stage("theory_table"),
        PLAN.paths("theory"),
    output:
        report(table("theory"), category="Tables", labels={"table": "theory"}),
        table("predictions"),
    log:
        FOLDER / "logs" / "theory.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Tabulating the theory"
    shell:
        "python -m rhm_scaling stage theory_table {params.folder:q} --log {log:q}"


rule draw_theory:
    input:
        stage("theory_figures"),
        table("theory"),
        table("predictions"),
        PLAN.paths("survey"),
    output:
        [
            report(
                path,
                caption="../report/theory.rst",
                category="Theory",
                labels={"grammar and task": path.stem.removeprefix("theory-")},
            )
            for path in THEORY_FIGURES
            if path.suffix == ".png"
        ],
        [path for path in THEORY_FIGURES if path.suffix == ".pdf"],
    log:
        FOLDER / "logs" / "theory_figures.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Drawing the theory"
    shell:
        "python -m rhm_scaling stage theory_figures {params.folder:q} --log {log:q}"
