"""Comparisons of a study's curves: scans, controls, rates, network sizes, memorising, repetition.

As in ``tables.smk``, each rule has the name of its step and shows the tables that it reads.
"""


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
    localrule: True
    params:
        order=order("fit_scans"),
    message:
        "Fitting laws of the sizes at which grammars are learnt: {wildcards.study}"


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
    localrule: True
    params:
        order=order("compare_controls"),
    message:
        "Comparing curves with networks trained otherwise: {wildcards.study}"


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
    localrule: True
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
    localrule: True
    params:
        order=order("compare_sizes"),
    message:
        "Comparing network sizes: {wildcards.study}"


use rule gather_runs as follow_trainings with:
    input:
        reads(
            "follow_trainings",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/correlations.csv",
        ),
    output:
        "results/{study}/training_histories.csv",
        "results/{study}/onsets.csv",
        table("results/{study}/onset_laws.csv"),
        record="results/{study}/stages/follow_trainings.record.json",
    log:
        "results/{study}/logs/follow_trainings.log",
    localrule: True
    params:
        order=order("follow_trainings"),
    message:
        "Finding when trainings learn and memorise: {wildcards.study}"


use rule gather_runs as value_repetition with:
    input:
        reads(
            "value_repetition",
            "results/{study}/training_histories.csv",
            "results/{study}/onsets.csv",
            "results/{study}/onset_laws.csv",
        ),
    output:
        "results/{study}/repetition.csv",
        table("results/{study}/repetition_laws.csv"),
        record="results/{study}/stages/value_repetition.record.json",
    log:
        "results/{study}/logs/value_repetition.log",
    localrule: True
    params:
        order=order("value_repetition"),
    message:
        "Finding what repeated sentences are worth: {wildcards.study}"
