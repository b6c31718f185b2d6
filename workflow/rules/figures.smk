"""Figures and the table of exponents, for the paper (PDF) and the report (PNG, HTML).

Reads the study's tables. Writes ``results/<study>/figures/``.
"""


rule draw_theory:
    input:
        stage_sources("draw_theory"),
    output:
        figures("draw_theory"),
        record=STAGES["draw_theory"].record,
    log:
        STAGES["draw_theory"].log,
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["draw_theory"].file,
        identity=STAGES["draw_theory"].identity,
    message:
        "Drawing the theory"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"


rule draw_figures:
    input:
        stage_sources("draw_figures"),
    output:
        figures("draw_figures"),
        record=STAGES["draw_figures"].record,
    log:
        STAGES["draw_figures"].log,
    conda:
        "../../envs/environment.yaml"
    params:
        file=STAGES["draw_figures"].file,
        identity=STAGES["draw_figures"].identity,
    message:
        "Drawing the figures"
    shell:
        "python -m rhm_scaling stage {params.file:q} {params.identity} --log {log:q}"
        " --outputs {output:q}"
