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


rule tabulate_theory:
    input:
        stage_sources("theory_table"),
    output:
        table("theory"),
        FOLDER / "predictions.csv",
        record=STAGES["theory_table"].record,
    log:
        STAGES["theory_table"].log,
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["theory_table"].file,
        identity=STAGES["theory_table"].identity,
    message:
        "Tabulating the theory"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule draw_theory:
    input:
        stage_sources("theory_figures"),
    output:
        figures("theory_figures"),
        record=STAGES["theory_figures"].record,
    log:
        STAGES["theory_figures"].log,
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["theory_figures"].file,
        identity=STAGES["theory_figures"].identity,
    message:
        "Drawing the theory"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"
