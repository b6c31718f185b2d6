"""Tables: all replicas' rows, learning curves, fitted exponents, recovered hidden symbols.

Reads the blocks and the theory table. Writes ``runs.csv``, ``curves.csv``, ``fits.csv``,
``local_exponents.csv`` and, for studies with a counting learner, ``recovery.csv`` and
``recovered_at.csv``, for studies that try several learning rates ``rates.csv``,
``best_rates.csv``, ``rate_scaling.csv`` and ``coordinates.csv`` below ``results/<study>/``.
"""


rule gather_runs:
    input:
        stage("runs"),
        PLAN.paths("models", "runs"),
        PLAN.paths("counts", "runs"),
    output:
        report(table("runs"), category="Tables", labels={"table": "runs"}),
    log:
        FOLDER / "logs" / "runs.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Gathering the rows of all replicas"
    shell:
        "python -m rhm_scaling stage runs {params.folder:q} --log {log:q}"


rule aggregate_curves:
    input:
        stage("curves"),
        table("runs"),
        table("theory"),
    output:
        report(table("curves"), category="Tables", labels={"table": "curves"}),
    log:
        FOLDER / "logs" / "curves.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Averaging learning curves"
    shell:
        "python -m rhm_scaling stage curves {params.folder:q} --log {log:q}"


rule fit_curves:
    input:
        stage("fits"),
        table("runs"),
        table("curves"),
        table("theory"),
    output:
        report(table("fits"), category="Tables", labels={"table": "fits"}),
        table("local_exponents"),
    log:
        FOLDER / "logs" / "fits.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Fitting exponents"
    shell:
        "python -m rhm_scaling stage fits {params.folder:q} --log {log:q}"


rule gather_recovery:
    input:
        stage("recovery"),
        table("theory"),
        PLAN.paths("counts", "recovery"),
    output:
        table("recovery"),
        report(
            table("recovered_at"), category="Tables", labels={"table": "recovered_at"}
        ),
    log:
        FOLDER / "logs" / "recovery.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Gathering what was recovered by counting"
    shell:
        "python -m rhm_scaling stage recovery {params.folder:q} --log {log:q}"


rule compare_rates:
    input:
        stage("rates"),
        table("runs"),
        PLAN.paths("coordinates", "product"),
    output:
        table("rates"),
        report(table("best_rates"), category="Tables", labels={"table": "best_rates"}),
        table("rate_scaling"),
        table("coordinates"),
    log:
        FOLDER / "logs" / "rates.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Comparing learning rates"
    shell:
        "python -m rhm_scaling stage rates {params.folder:q} --log {log:q}"
