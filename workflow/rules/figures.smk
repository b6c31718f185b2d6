"""Figures and the table of exponents, for the paper (PDF) and the report (PNG, HTML).

Reads the study's tables. Writes ``results/<study>/figures/``.
"""


rule draw_figures:
    input:
        stage("figures"),
        table("curves"),
        table("fits"),
        table("local_exponents"),
        table("theory"),
        RECOVERY,
        RATES,
    output:
        [
            report(
                FOLDER / "figures" / f"learning_curves-{experiment}.png",
                caption="../report/learning_curves.rst",
                category="Learning curves",
                labels={"experiment": experiment},
            )
            for experiment in PLAN.study.experiments
        ],
        [
            report(
                FOLDER / "figures" / f"local_exponents-{experiment}.png",
                caption="../report/local_exponents.rst",
                category="Local exponents",
                labels={"experiment": experiment},
            )
            for experiment in PLAN.study.experiments
        ],
        [
            report(
                FOLDER / "figures" / f"recovery-{experiment}.png",
                caption="../report/recovery.rst",
                category="Recovered symbols",
                labels={"experiment": experiment},
            )
            for experiment in RECOVERING
        ],
        [
            report(
                FOLDER / "figures" / f"learning_rates-{experiment}.png",
                caption="../report/learning_rates.rst",
                category="Learning rates",
                labels={"experiment": experiment},
            )
            for experiment in SWEEPING
        ],
        report(
            FOLDER / "figures" / "exponents.html",
            caption="../report/exponents.rst",
            category="Exponents",
            labels={"table": "predicted and fitted exponents"},
        ),
        [path for path in FIGURES if path.suffix == ".pdf"],
    log:
        FOLDER / "logs" / "figures.log",
    conda:
        "../../envs/environment.yaml"
    params:
        folder=FOLDER,
    message:
        "Drawing the figures"
    shell:
        "python -m rhm_scaling stage figures {params.folder:q} --log {log:q}"
