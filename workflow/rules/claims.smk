"""What decides the claim of a study: its power, the verdicts, and ``guide.md``, which tells both.

As in ``tables.smk``, each rule has the name of its step and shows the tables that it reads.
"""


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
    localrule: True
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
            "results/{study}/denoising.csv",
            "results/{study}/transition.csv",
            "results/{study}/transitions.csv",
            "results/{study}/masked.csv",
            "results/{study}/generation.csv",
            "results/{study}/masked_curves.csv",
            "results/{study}/composed_at.csv",
        ),
    output:
        table("results/{study}/claims.csv"),
        record="results/{study}/stages/decide_claim.record.json",
    log:
        "results/{study}/logs/decide_claim.log",
    localrule: True
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
    localrule: True
    params:
        order=order("write_guide"),
    message:
        "Writing the study's guide: {wildcards.study}"
