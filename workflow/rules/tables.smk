"""Tables of a study: the theory, all replicas' rows, learning curves, exponents, hidden layers.

Each rule has the name of its step (`rhm_scaling.steps.tables`) and shows the tables that it reads;
beside them, a step reads its part of the store. Writes CSV files below ``results/<study>/``, and
``datapackage.json``, which describes them.
"""


rule gather_runs:
    input:
        reads("gather_runs"),
    output:
        table("results/{study}/runs.csv"),
        record="results/{study}/stages/gather_runs.record.json",
    log:
        "results/{study}/logs/gather_runs.log",
    localrule: True
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
    localrule: True
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
    localrule: True
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
    localrule: True
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
    localrule: True
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
    localrule: True
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
    localrule: True
    params:
        order=order("find_crossings"),
    message:
        "Finding the sizes at which levels are learnt: {wildcards.study}"


use rule gather_runs as gather_representations with:
    input:
        reads(
            "gather_representations",
            "results/{study}/runs.csv",
        ),
    output:
        "results/{study}/representations.csv",
        table("results/{study}/invariance.csv"),
        record="results/{study}/stages/gather_representations.record.json",
    log:
        "results/{study}/logs/gather_representations.log",
    localrule: True
    params:
        order=order("gather_representations"),
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
    localrule: True
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
    localrule: True
    params:
        order=order("gather_rule_errors"),
    message:
        "Gathering errors by the rarest rule: {wildcards.study}"


use rule gather_runs as gather_sensitivity with:
    input:
        reads(
            "gather_sensitivity",
            "results/{study}/runs.csv",
            "results/{study}/histories.csv",
        ),
    output:
        "results/{study}/sensitivity.csv",
        table("results/{study}/sensitivity_curves.csv"),
        record="results/{study}/stages/gather_sensitivity.record.json",
    log:
        "results/{study}/logs/gather_sensitivity.log",
    localrule: True
    params:
        order=order("gather_sensitivity"),
    message:
        "Averaging how far synonyms and blanks change networks: {wildcards.study}"


use rule gather_runs as gather_denoising with:
    input:
        reads("gather_denoising"),
    output:
        table("results/{study}/denoising.csv"),
        table("results/{study}/transition.csv"),
        table("results/{study}/transitions.csv"),
        record="results/{study}/stages/gather_denoising.record.json",
    log:
        "results/{study}/logs/gather_denoising.log",
    localrule: True
    params:
        order=order("gather_denoising"),
    message:
        "Averaging what corrupted sentences tell: {wildcards.study}"


use rule gather_runs as gather_denoisers with:
    input:
        reads(
            "gather_denoisers",
            "results/{study}/runs.csv",
        ),
    output:
        "results/{study}/masked.csv",
        "results/{study}/generation.csv",
        table("results/{study}/masked_curves.csv"),
        table("results/{study}/composed_at.csv"),
        record="results/{study}/stages/gather_denoisers.record.json",
    log:
        "results/{study}/logs/gather_denoisers.log",
    localrule: True
    params:
        order=order("gather_denoisers"),
    message:
        "Averaging what denoisers know and make: {wildcards.study}"


use rule gather_runs as gather_learning_times with:
    input:
        reads(
            "gather_learning_times",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        "results/{study}/learning_times.csv",
        table("results/{study}/learning_spectrum.csv"),
        table("results/{study}/rebuilt_curves.csv"),
        record="results/{study}/stages/gather_learning_times.record.json",
    log:
        "results/{study}/logs/gather_learning_times.log",
    localrule: True
    params:
        order=order("gather_learning_times"),
    message:
        "Gathering when contexts are learnt: {wildcards.study}"


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
    localrule: True
    params:
        order=order("gather_recovery"),
    message:
        "Gathering what was recovered by counting: {wildcards.study}"


use rule gather_runs as describe_tables with:
    input:
        reads("describe_tables"),
    output:
        "results/{study}/datapackage.json",
        record="results/{study}/stages/describe_tables.record.json",
    log:
        "results/{study}/logs/describe_tables.log",
    localrule: True
    params:
        order=order("describe_tables"),
    message:
        "Describing the columns of all tables: {wildcards.study}"
