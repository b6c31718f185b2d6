"""Tables: the theory, all replicas' rows, learning curves, fitted exponents, recovered hidden symbols.

Reads the theory of every rule draw, and the blocks. Writes ``theory.csv``, ``predictions.csv``, ``runs.csv``, ``curves.csv``, ``fits.csv``,
``local_exponents.csv``, ``crossings.csv``, ``thresholds.csv``, for studies that decide a claim ``power.csv``,
``claims.csv`` and ``guide.md``, for studies with a counting learner, ``recovery.csv`` and
``recovered_at.csv``, for studies that try several learning rates ``rates.csv``,
``best_rates.csv``, ``rate_scaling.csv`` and ``coordinates.csv``, for studies that sweep network sizes
``sizes.csv``, ``scaling.csv``, ``compute.csv``, ``frontier.csv`` and ``levels.csv``, below ``results/<study>/``.
"""


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


rule gather_runs:
    input:
        stage_sources("runs"),
    output:
        table("runs"),
        record=STAGES["runs"].record,
    log:
        STAGES["runs"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["runs"].file,
        identity=STAGES["runs"].identity,
    message:
        "Gathering the rows of all replicas"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule aggregate_curves:
    input:
        stage_sources("curves"),
    output:
        table("curves"),
        record=STAGES["curves"].record,
    log:
        STAGES["curves"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["curves"].file,
        identity=STAGES["curves"].identity,
    message:
        "Averaging learning curves"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule fit_curves:
    input:
        stage_sources("fits"),
    output:
        table("fits"),
        FOLDER / "local_exponents.csv",
        record=STAGES["fits"].record,
    log:
        STAGES["fits"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["fits"].file,
        identity=STAGES["fits"].identity,
    message:
        "Fitting exponents"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule find_crossings:
    input:
        stage_sources("crossings"),
    output:
        FOLDER / "crossings.csv",
        table("thresholds"),
        record=STAGES["crossings"].record,
    log:
        STAGES["crossings"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["crossings"].file,
        identity=STAGES["crossings"].identity,
    message:
        "Finding the sizes at which levels are learnt"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule measure_representations:
    input:
        stage_sources("representations"),
    output:
        FOLDER / "representations.csv",
        table("invariance"),
        record=STAGES["representations"].record,
    log:
        STAGES["representations"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["representations"].file,
        identity=STAGES["representations"].identity,
    message:
        "Measuring what hidden layers distinguish"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule foretell_verdict:
    input:
        stage_sources("power"),
    output:
        table("power"),
        record=STAGES["power"].record,
    log:
        STAGES["power"].log,
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["power"].file,
        identity=STAGES["power"].identity,
    message:
        "Finding how likely the study is to decide its claim"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule decide_claim:
    input:
        stage_sources("claims"),
    output:
        table("claims"),
        record=STAGES["claims"].record,
    log:
        STAGES["claims"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["claims"].file,
        identity=STAGES["claims"].identity,
    message:
        "Deciding the claim"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule write_guide:
    input:
        stage_sources("guide"),
    output:
        FOLDER / "guide.md",
        record=STAGES["guide"].record,
    log:
        STAGES["guide"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["guide"].file,
        identity=STAGES["guide"].identity,
    message:
        "Writing the study's guide"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule gather_recovery:
    input:
        stage_sources("recovery"),
    output:
        FOLDER / "recovery.csv",
        table("recovered_at"),
        record=STAGES["recovery"].record,
    log:
        STAGES["recovery"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["recovery"].file,
        identity=STAGES["recovery"].identity,
    message:
        "Gathering what was recovered by counting"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule compare_rates:
    input:
        stage_sources("rates"),
    output:
        FOLDER / "rates.csv",
        table("best_rates"),
        FOLDER / "rate_scaling.csv",
        FOLDER / "coordinates.csv",
        record=STAGES["rates"].record,
    log:
        STAGES["rates"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["rates"].file,
        identity=STAGES["rates"].identity,
    message:
        "Comparing learning rates"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule compare_sizes:
    input:
        stage_sources("scaling"),
    output:
        table("sizes"),
        table("scaling"),
        FOLDER / "compute.csv",
        table("frontier"),
        table("levels"),
        record=STAGES["scaling"].record,
    log:
        STAGES["scaling"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["scaling"].file,
        identity=STAGES["scaling"].identity,
    message:
        "Comparing network sizes"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"
