"""Figures and the table of exponents, for the paper (PDF) and the report (PNG, HTML).

Reads the study's tables. Writes ``results/<study>/figures/``.
"""


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


rule draw_figures:
    input:
        stage_sources("figures"),
    output:
        figures("figures"),
        record=STAGES["figures"].record,
    log:
        STAGES["figures"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["figures"].file,
        identity=STAGES["figures"].identity,
    message:
        "Drawing the figures"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"
