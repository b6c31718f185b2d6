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
        stage_sources("tabulate_theory"),
    output:
        table("theory"),
        FOLDER / "predictions.csv",
        record=STAGES["tabulate_theory"].record,
    log:
        STAGES["tabulate_theory"].log,
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["tabulate_theory"].file,
        identity=STAGES["tabulate_theory"].identity,
    message:
        "Tabulating the theory"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule gather_runs:
    input:
        stage_sources("gather_runs"),
    output:
        table("runs"),
        record=STAGES["gather_runs"].record,
    log:
        STAGES["gather_runs"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["gather_runs"].file,
        identity=STAGES["gather_runs"].identity,
    message:
        "Gathering the rows of all replicas"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule aggregate_curves:
    input:
        stage_sources("aggregate_curves"),
    output:
        table("curves"),
        record=STAGES["aggregate_curves"].record,
    log:
        STAGES["aggregate_curves"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["aggregate_curves"].file,
        identity=STAGES["aggregate_curves"].identity,
    message:
        "Averaging learning curves"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule fit_curves:
    input:
        stage_sources("fit_curves"),
    output:
        table("fits"),
        FOLDER / "local_exponents.csv",
        record=STAGES["fit_curves"].record,
    log:
        STAGES["fit_curves"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["fit_curves"].file,
        identity=STAGES["fit_curves"].identity,
    message:
        "Fitting exponents"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule find_crossings:
    input:
        stage_sources("find_crossings"),
    output:
        FOLDER / "crossings.csv",
        table("thresholds"),
        record=STAGES["find_crossings"].record,
    log:
        STAGES["find_crossings"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["find_crossings"].file,
        identity=STAGES["find_crossings"].identity,
    message:
        "Finding the sizes at which levels are learnt"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule measure_representations:
    input:
        stage_sources("measure_representations"),
    output:
        FOLDER / "representations.csv",
        table("invariance"),
        record=STAGES["measure_representations"].record,
    log:
        STAGES["measure_representations"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["measure_representations"].file,
        identity=STAGES["measure_representations"].identity,
    message:
        "Measuring what hidden layers distinguish"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule foretell_verdict:
    input:
        stage_sources("foretell_verdict"),
    output:
        table("power"),
        record=STAGES["foretell_verdict"].record,
    log:
        STAGES["foretell_verdict"].log,
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["foretell_verdict"].file,
        identity=STAGES["foretell_verdict"].identity,
    message:
        "Finding how likely the study is to decide its claim"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule decide_claim:
    input:
        stage_sources("decide_claim"),
    output:
        table("claims"),
        record=STAGES["decide_claim"].record,
    log:
        STAGES["decide_claim"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["decide_claim"].file,
        identity=STAGES["decide_claim"].identity,
    message:
        "Deciding the claim"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule write_guide:
    input:
        stage_sources("write_guide"),
    output:
        FOLDER / "guide.md",
        record=STAGES["write_guide"].record,
    log:
        STAGES["write_guide"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["write_guide"].file,
        identity=STAGES["write_guide"].identity,
    message:
        "Writing the study's guide"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule gather_recovery:
    input:
        stage_sources("gather_recovery"),
    output:
        FOLDER / "recovery.csv",
        table("recovered_at"),
        record=STAGES["gather_recovery"].record,
    log:
        STAGES["gather_recovery"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["gather_recovery"].file,
        identity=STAGES["gather_recovery"].identity,
    message:
        "Gathering what was recovered by counting"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule compare_rates:
    input:
        stage_sources("compare_rates"),
    output:
        FOLDER / "rates.csv",
        table("best_rates"),
        FOLDER / "rate_scaling.csv",
        FOLDER / "coordinates.csv",
        record=STAGES["compare_rates"].record,
    log:
        STAGES["compare_rates"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["compare_rates"].file,
        identity=STAGES["compare_rates"].identity,
    message:
        "Comparing learning rates"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule compare_sizes:
    input:
        stage_sources("compare_sizes"),
    output:
        table("sizes"),
        table("scaling"),
        FOLDER / "compute.csv",
        table("frontier"),
        table("levels"),
        record=STAGES["compare_sizes"].record,
    log:
        STAGES["compare_sizes"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["compare_sizes"].file,
        identity=STAGES["compare_sizes"].identity,
    message:
        "Comparing network sizes"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"
