"""Tables of a study: the theory, all replicas' rows, learning curves, exponents, verdicts.

Each rule has the name of its step (`rhm_scaling.steps.tables`) and shows the tables that it reads;
beside them, a step reads its part of the store. Writes CSV files below ``results/<study>/``, and
``guide.md`` for studies that decide a claim.
"""


rule tabulate_theory:
    input:
        reads(
            "tabulate_theory",
        ),
    output:
        table("results/{study}/theory.csv"),
        "results/{study}/predictions.csv",
        record="results/{study}/stages/tabulate_theory.record.json",
    log:
        "results/{study}/logs/tabulate_theory.log",
    benchmark:
        "results/{study}/benchmarks/tabulate_theory.tsv"
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        order=order("tabulate_theory"),
    message:
        "Tabulating the theory: {wildcards.study}"
    shell:
        "python -m rhm_scaling stage {params.order:q} --log {log:q}"


use rule tabulate_theory as gather_runs with:
    input:
        reads(
            "gather_runs",
        ),
    output:
        table("results/{study}/runs.csv"),
        record="results/{study}/stages/gather_runs.record.json",
    log:
        "results/{study}/logs/gather_runs.log",
    benchmark:
        "results/{study}/benchmarks/gather_runs.tsv"
    priority: 0
    params:
        order=order("gather_runs"),
    message:
        "Gathering the rows of all replicas: {wildcards.study}"


use rule tabulate_theory as aggregate_curves with:
    input:
        reads(
            "aggregate_curves",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
        ),
    output:
        table("results/{study}/curves.csv"),
        record="results/{study}/stages/aggregate_curves.record.json",
    log:
        "results/{study}/logs/aggregate_curves.log",
    benchmark:
        "results/{study}/benchmarks/aggregate_curves.tsv"
    priority: 0
    params:
        order=order("aggregate_curves"),
    message:
        "Averaging learning curves: {wildcards.study}"


use rule tabulate_theory as fit_curves with:
    input:
        reads(
            "fit_curves",
            "results/{study}/runs.csv",
            "results/{study}/curves.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
        ),
    output:
        table("results/{study}/fits.csv"),
        "results/{study}/local_exponents.csv",
        record="results/{study}/stages/fit_curves.record.json",
    log:
        "results/{study}/logs/fit_curves.log",
    benchmark:
        "results/{study}/benchmarks/fit_curves.tsv"
    priority: 0
    params:
        order=order("fit_curves"),
    message:
        "Fitting exponents: {wildcards.study}"


use rule tabulate_theory as find_crossings with:
    input:
        reads(
            "find_crossings",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
        ),
    output:
        "results/{study}/crossings.csv",
        table("results/{study}/thresholds.csv"),
        record="results/{study}/stages/find_crossings.record.json",
    log:
        "results/{study}/logs/find_crossings.log",
    benchmark:
        "results/{study}/benchmarks/find_crossings.tsv"
    priority: 0
    params:
        order=order("find_crossings"),
    message:
        "Finding the sizes at which levels are learnt: {wildcards.study}"


use rule tabulate_theory as measure_representations with:
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
    benchmark:
        "results/{study}/benchmarks/measure_representations.tsv"
    priority: 0
    params:
        order=order("measure_representations"),
    message:
        "Measuring what hidden layers distinguish: {wildcards.study}"


use rule tabulate_theory as foretell_verdict with:
    input:
        reads(
            "foretell_verdict",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
        ),
    output:
        table("results/{study}/power.csv"),
        record="results/{study}/stages/foretell_verdict.record.json",
    log:
        "results/{study}/logs/foretell_verdict.log",
    benchmark:
        "results/{study}/benchmarks/foretell_verdict.tsv"
    params:
        order=order("foretell_verdict"),
    message:
        "Finding how likely the study is to decide its claim: {wildcards.study}"


use rule tabulate_theory as decide_claim with:
    input:
        reads(
            "decide_claim",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
            "results/{study}/power.csv",
            "results/{study}/representations.csv",
            "results/{study}/invariance.csv",
        ),
    output:
        table("results/{study}/claims.csv"),
        record="results/{study}/stages/decide_claim.record.json",
    log:
        "results/{study}/logs/decide_claim.log",
    benchmark:
        "results/{study}/benchmarks/decide_claim.tsv"
    priority: 0
    params:
        order=order("decide_claim"),
    message:
        "Deciding the claim: {wildcards.study}"


use rule tabulate_theory as write_guide with:
    input:
        reads(
            "write_guide",
            "results/{study}/curves.csv",
            "results/{study}/claims.csv",
            "results/{study}/power.csv",
        ),
    output:
        "results/{study}/guide.md",
        record="results/{study}/stages/write_guide.record.json",
    log:
        "results/{study}/logs/write_guide.log",
    benchmark:
        "results/{study}/benchmarks/write_guide.tsv"
    priority: 0
    params:
        order=order("write_guide"),
    message:
        "Writing the study's guide: {wildcards.study}"


use rule tabulate_theory as gather_recovery with:
    input:
        reads(
            "gather_recovery",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
        ),
    output:
        "results/{study}/recovery.csv",
        table("results/{study}/recovered_at.csv"),
        record="results/{study}/stages/gather_recovery.record.json",
    log:
        "results/{study}/logs/gather_recovery.log",
    benchmark:
        "results/{study}/benchmarks/gather_recovery.tsv"
    priority: 0
    params:
        order=order("gather_recovery"),
    message:
        "Gathering what was recovered by counting: {wildcards.study}"


use rule tabulate_theory as compare_rates with:
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
    benchmark:
        "results/{study}/benchmarks/compare_rates.tsv"
    priority: 0
    params:
        order=order("compare_rates"),
    message:
        "Comparing learning rates: {wildcards.study}"


use rule tabulate_theory as compare_sizes with:
    input:
        reads(
            "compare_sizes",
            "results/{study}/runs.csv",
            "results/{study}/theory.csv",
            "results/{study}/predictions.csv",
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
    benchmark:
        "results/{study}/benchmarks/compare_sizes.tsv"
    priority: 0
    params:
        order=order("compare_sizes"),
    message:
        "Comparing network sizes: {wildcards.study}"
