"""Tables: all replicas' rows, learning curves, fitted exponents.

Reads the trained blocks and the theory table. Writes ``runs.csv``, ``curves.csv``, ``fits.csv``
and ``local_exponents.csv`` below ``results/<study>/``.
"""


rule gather_runs:
    input:
        stage("runs"),
        PLAN.paths("models", "runs"),
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
