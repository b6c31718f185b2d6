"""Tables of a study: the theory, all replicas' rows, learning curves, exponents, verdicts.

Each rule has the name of its step (`rhm_scaling.steps.tables`) and shows the tables that it reads;
beside them, a step reads its part of the store. Writes CSV files below ``results/<study>/``,
``datapackage.json``, which describes them, and ``guide.md`` for studies that decide a claim.
"""


rule gather_runs:
    input:
        reads("gather_runs"),
    output:
        table("results/{study}/runs.csv"),
        record="results/{study}/stages/gather_runs.record.json",
    log:
        "results/{study}/logs/gather_runs.log",
    conda:
        "../../envs/environment.yaml"
    params:
        order=order("gather_runs"),
    message:
        "Gathering the rows of all replicas: {wildcards.study}"
    shell:
        "python -m rhm_scaling stage {params.order:q} --log {log:q}"


use rule gather_runs as gather_histories with:
    input:
        reads(
            "gather_histories",
            "results/{study}/runs.csv",
        ),
    output:
        "results/{study}/histories.csv",
        record="results/{study}/stages/gather_histories.record.json",
    log:
        "results/{study}/logs/gather_histories.log",
    params:
        order=order("gather_histories"),
    message:
        "Gathering the evaluations of online trainings: {wildcards.study}"


use rule gather_runs as tabulate_theory with:
    input:
        reads("tabulate_theory"),
    output:
        table("results/{study}/theory.csv"),
        "results/{study}/predictions.csv",
        "results/{study}/correlations.csv",
        record="results/{study}/stages/tabulate_theory.record.json",
    log:
        "results/{study}/logs/tabulate_theory.log",
    priority: FIRST
    params:
        order=order("tabulate_theory"),
    message:
        "Tabulating the theory: {wildcards.study}"


use rule gather_runs as aggregate_curves with:
    input:
        reads(
            "aggregate_curves",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/curves.csv"),
        record="results/{study}/stages/aggregate_curves.record.json",
    log:
        "results/{study}/logs/aggregate_curves.log",
    params:
        order=order("aggregate_curves"),
    message:
        "Averaging learning curves: {wildcards.study}"


use rule gather_runs as fit_curves with:
    input:
        reads(
            "fit_curves",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/curves.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/fits.csv"),
        "results/{study}/local_exponents.csv",
        record="results/{study}/stages/fit_curves.record.json",
    log:
        "results/{study}/logs/fit_curves.log",
    params:
        order=order("fit_curves"),
    message:
        "Fitting exponents: {wildcards.study}"


use rule gather_runs as measure_precision with:
    input:
        reads(
            "measure_precision",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/precision.csv"),
        record="results/{study}/stages/measure_precision.record.json",
    log:
        "results/{study}/logs/measure_precision.log",
    params:
        order=order("measure_precision"),
    message:
        "Finding how precise curves are: {wildcards.study}"


use rule gather_runs as find_crossings with:
    input:
        reads(
            "find_crossings",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        "results/{study}/crossings.csv",
        table("results/{study}/thresholds.csv"),
        record="results/{study}/stages/find_crossings.record.json",
    log:
        "results/{study}/logs/find_crossings.log",
    params:
        order=order("find_crossings"),
    message:
        "Finding the sizes at which levels are learnt: {wildcards.study}"


use rule gather_runs as measure_representations with:
    input:
        reads(
            "measure_representations",
            "results/{study}/runs.csv",
        ),
    output:
        "results/{study}/representations.csv",
        table("results/{study}/invariance.csv"),
        record="results/{study}/stages/measure_representations.record.json",
    log:
        "results/{study}/logs/measure_representations.log",
    params:
        order=order("measure_representations"),
    message:
        "Gathering what hidden layers distinguish: {wildcards.study}"


use rule gather_runs as find_invariance with:
    input:
        reads(
            "find_invariance",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
            "results/{study}/representations.csv",
            "results/{study}/invariance.csv",
        ),
    output:
        "results/{study}/half_invariant.csv",
        table("results/{study}/invariance_sizes.csv"),
        record="results/{study}/stages/find_invariance.record.json",
    log:
        "results/{study}/logs/find_invariance.log",
    params:
        order=order("find_invariance"),
    message:
        "Finding the sizes at which hidden layers become invariant: {wildcards.study}"


use rule gather_runs as gather_rule_errors with:
    input:
        reads(
            "gather_rule_errors",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
            "results/{study}/curves.csv",
        ),
    output:
        "results/{study}/rule_errors.csv",
        "results/{study}/rule_error_curves.csv",
        table("results/{study}/rule_collapse.csv"),
        record="results/{study}/stages/gather_rule_errors.record.json",
    log:
        "results/{study}/logs/gather_rule_errors.log",
    params:
        order=order("gather_rule_errors"),
    message:
        "Gathering errors by the rarest rule: {wildcards.study}"


use rule gather_runs as fit_scans with:
    input:
        reads(
            "fit_scans",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/scan_points.csv"),
        "results/{study}/scan_curves.csv",
        table("results/{study}/scan_laws.csv"),
        table("results/{study}/scan_collapse.csv"),
        table("results/{study}/scan_deviations.csv"),
        record="results/{study}/stages/fit_scans.record.json",
    log:
        "results/{study}/logs/fit_scans.log",
    params:
        order=order("fit_scans"),
    message:
        "Fitting laws of the sizes at which grammars are learnt: {wildcards.study}"


use rule gather_runs as gather_denoising with:
    input:
        reads("gather_denoising"),
    output:
        table("results/{study}/denoising.csv"),
        table("results/{study}/transition.csv"),
        record="results/{study}/stages/gather_denoising.record.json",
    log:
        "results/{study}/logs/gather_denoising.log",
    params:
        order=order("gather_denoising"),
    message:
        "Averaging what corrupted sentences tell: {wildcards.study}"


use rule gather_runs as compare_controls with:
    input:
        reads(
            "compare_controls",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/controls.csv"),
        "results/{study}/control_runs.csv",
        record="results/{study}/stages/compare_controls.record.json",
    log:
        "results/{study}/logs/compare_controls.log",
    params:
        order=order("compare_controls"),
    message:
        "Comparing curves with networks trained otherwise: {wildcards.study}"


use rule gather_runs as estimate_power with:
    input:
        reads(
            "estimate_power",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/power.csv"),
        record="results/{study}/stages/estimate_power.record.json",
    log:
        "results/{study}/logs/estimate_power.log",
    benchmark:
        "results/{study}/benchmarks/estimate_power.tsv"
    priority: FIRST
    params:
        order=order("estimate_power"),
    message:
        "Finding how likely the study is to decide its claim: {wildcards.study}"


use rule gather_runs as decide_claim with:
    input:
        reads(
            "decide_claim",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
            "results/{study}/representations.csv",
            "results/{study}/invariance.csv",
            "results/{study}/controls.csv",
            "results/{study}/control_runs.csv",
        ),
    output:
        table("results/{study}/claims.csv"),
        record="results/{study}/stages/decide_claim.record.json",
    log:
        "results/{study}/logs/decide_claim.log",
    params:
        order=order("decide_claim"),
    message:
        "Deciding the claim: {wildcards.study}"


use rule gather_runs as write_guide with:
    input:
        reads(
            "write_guide",
            "results/{study}/curves.csv",
            "results/{study}/claims.csv",
            "results/{study}/power.csv",
            "results/{study}/half_invariant.csv",
            "results/{study}/invariance_sizes.csv",
        ),
    output:
        "results/{study}/guide.md",
        record="results/{study}/stages/write_guide.record.json",
    log:
        "results/{study}/logs/write_guide.log",
    params:
        order=order("write_guide"),
    message:
        "Writing the study's guide: {wildcards.study}"


use rule gather_runs as gather_recovery with:
    input:
        reads(
            "gather_recovery",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        "results/{study}/recovery.csv",
        table("results/{study}/recovered_at.csv"),
        record="results/{study}/stages/gather_recovery.record.json",
    log:
        "results/{study}/logs/gather_recovery.log",
    params:
        order=order("gather_recovery"),
    message:
        "Gathering what was recovered by counting: {wildcards.study}"


use rule gather_runs as compare_rates with:
    input:
        reads(
            "compare_rates",
            "results/{study}/runs.csv",
        ),
    output:
        "results/{study}/rates.csv",
        table("results/{study}/best_rates.csv"),
        "results/{study}/rate_scaling.csv",
        "results/{study}/coordinates.csv",
        record="results/{study}/stages/compare_rates.record.json",
    log:
        "results/{study}/logs/compare_rates.log",
    params:
        order=order("compare_rates"),
    message:
        "Comparing learning rates: {wildcards.study}"


use rule gather_runs as compare_sizes with:
    input:
        reads(
            "compare_sizes",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        table("results/{study}/sizes.csv"),
        table("results/{study}/scaling.csv"),
        "results/{study}/compute.csv",
        table("results/{study}/frontier.csv"),
        table("results/{study}/levels.csv"),
        record="results/{study}/stages/compare_sizes.record.json",
    log:
        "results/{study}/logs/compare_sizes.log",
    params:
        order=order("compare_sizes"),
    message:
        "Comparing network sizes: {wildcards.study}"


use rule gather_runs as describe_tables with:
    input:
        reads("describe_tables"),
    output:
        "results/{study}/datapackage.json",
        record="results/{study}/stages/describe_tables.record.json",
    log:
        "results/{study}/logs/describe_tables.log",
    params:
        order=order("describe_tables"),
    message:
        "Describing the columns of all tables: {wildcards.study}"
