"""Figures and the table of exponents, for the paper (PDF) and the report (PNG, HTML).

Reads a study's tables. Writes the folders ``results/<study>/theory/``,
``results/<study>/denoising/`` and ``results/<study>/figures/``, which hold the figures of the study as it is now and no others.
Nothing waits for the theory's figures, so they are drawn where a core has nothing to train.
"""

from rhm_scaling.plots.captions import HEADINGS


use rule gather_runs as draw_theory with:
    input:
        reads(
            "draw_theory",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        report(
            directory("results/{study}/theory"),
            patterns=["{figure}.png"],
            caption="../report/theory.rst",
            category=HEADINGS["theory"],
            labels={"study": "{study}", "figure": "{figure}"},
        ),
        record="results/{study}/stages/draw_theory.record.json",
    log:
        "results/{study}/logs/draw_theory.log",
    benchmark:
        "results/{study}/benchmarks/draw_theory.tsv"
    localrule: True
    params:
        order=order("draw_theory"),
    message:
        "Drawing the theory: {wildcards.study}"


use rule gather_runs as draw_denoising with:
    input:
        reads(
            "draw_denoising",
            "results/{study}/denoising.csv",
            "results/{study}/transition.csv",
            "results/{study}/transitions.csv",
        ),
    output:
        report(
            directory("results/{study}/denoising"),
            patterns=["{kind,[a-z_]+}-{figure}.png"],
            caption="../report/figures.rst",
            category=HEADINGS["denoising"],
            labels={"study": "{study}", "figure": "{figure}"},
        ),
        record="results/{study}/stages/draw_denoising.record.json",
    log:
        "results/{study}/logs/draw_denoising.log",
    benchmark:
        "results/{study}/benchmarks/draw_denoising.tsv"
    localrule: True
    params:
        order=order("draw_denoising"),
    message:
        "Drawing what corrupted sentences tell: {wildcards.study}"


use rule gather_runs as draw_figures with:
    input:
        reads(
            "draw_figures",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
            "results/{study}/curves.csv",
            "results/{study}/fits.csv",
            "results/{study}/local_exponents.csv",
            "results/{study}/crossings.csv",
            "results/{study}/thresholds.csv",
            "results/{study}/recovery.csv",
            "results/{study}/recovered_at.csv",
            "results/{study}/rates.csv",
            "results/{study}/best_rates.csv",
            "results/{study}/rate_scaling.csv",
            "results/{study}/coordinates.csv",
            "results/{study}/sizes.csv",
            "results/{study}/scaling.csv",
            "results/{study}/compute.csv",
            "results/{study}/frontier.csv",
            "results/{study}/levels.csv",
            "results/{study}/claims.csv",
            "results/{study}/representations.csv",
            "results/{study}/invariance.csv",
            "results/{study}/half_invariant.csv",
            "results/{study}/invariance_sizes.csv",
            "results/{study}/rule_errors.csv",
            "results/{study}/rule_error_curves.csv",
            "results/{study}/rule_collapse.csv",
            "results/{study}/learning_times.csv",
            "results/{study}/learning_spectrum.csv",
            "results/{study}/rebuilt_curves.csv",
            "results/{study}/scan_points.csv",
            "results/{study}/scan_curves.csv",
            "results/{study}/scan_laws.csv",
            "results/{study}/scan_collapse.csv",
            "results/{study}/scan_deviations.csv",
            "results/{study}/training_histories.csv",
            "results/{study}/onsets.csv",
            "results/{study}/onset_laws.csv",
            "results/{study}/repetition.csv",
            "results/{study}/repetition_laws.csv",
            "results/{study}/sensitivity.csv",
            "results/{study}/sensitivity_curves.csv",
            "results/{study}/masked.csv",
            "results/{study}/generation.csv",
            "results/{study}/masked_curves.csv",
            "results/{study}/composed_at.csv",
            "results/{study}/denoising.csv",
            "results/{study}/transition.csv",
            "results/{study}/transitions.csv",
            "results/{study}/controls.csv",
            "results/{study}/control_runs.csv",
        ),
    output:
        report(
            directory("results/{study}/figures"),
            patterns=[
                "{kind,[a-z_]+}-{figure}.png",
                "{kind,[a-z_]+}-{figure}.html",
            ],
            caption="../report/figures.rst",
            category=lambda wildcards: HEADINGS[wildcards.kind],
            labels={"study": "{study}", "figure": "{figure}"},
        ),
        record="results/{study}/stages/draw_figures.record.json",
    log:
        "results/{study}/logs/draw_figures.log",
    benchmark:
        "results/{study}/benchmarks/draw_figures.tsv"
    localrule: True
    params:
        order=order("draw_figures"),
    message:
        "Drawing the figures: {wildcards.study}"


rule write_claims_page:
    input:
        in_time(lambda wildcards: RUN.claim_tables()),
    output:
        "results/claims/{page}.html",
    log:
        "results/claims/{page}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        studies=lambda wildcards: [*RUN.claims().values()],
    message:
        "Writing the page of the claims"
    shell:
        "python -m rhm_scaling claims {params.studies:q} --page {output:q} &> {log:q}"
