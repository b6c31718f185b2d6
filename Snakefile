"""Neural scaling laws of hierarchical languages, from grammar parameters to fitted exponents.

    study (YAML) -> grammars -> theory ------------------\
                       |                                  v
                       +-> sentences -> learnt blocks --> runs -> curves -> fits -> figures

`snakemake --cores 2` makes everything for the study named in config/config.yaml;
`--config study=FILE` chooses another. Named targets: grammars, datasets, theory, models, curves,
fits, figures.
"""

import os

from snakemake.utils import min_version

min_version("9.14")


include: "workflow/rules/settings.smk"


configfile: os.path.join(workflow.basedir, "config", "config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


# a cluster's job would wait longer than these take
localrules:
    all,
    grammars,
    datasets,
    theory,
    models,
    curves,
    fits,
    figures,
    tabulate_theory,
    draw_theory,
    gather_runs,
    aggregate_curves,
    fit_curves,
    find_crossings,
    foretell_verdict,
    measure_representations,
    decide_claim,
    write_guide,
    gather_recovery,
    compare_rates,
    compare_sizes,
    draw_figures,


rule all:
    input:
        products("models"),
        products("counts"),
        stages(),


rule grammars:
    input:
        products("grammars"),


rule datasets:
    input:
        products("sentences"),


rule theory:
    input:
        stages("tabulate_theory", "draw_theory"),


rule models:
    input:
        products("models"),
        products("counts"),


rule curves:
    input:
        stages("aggregate_curves"),


rule fits:
    input:
        stages("fit_curves"),


rule figures:
    input:
        stages("draw_theory", "draw_figures"),


if MACHINE.batched:

    include: "workflow/rules/batches.smk"

else:

    include: "workflow/rules/grammars.smk"
    include: "workflow/rules/datasets.smk"
    include: "workflow/rules/theory.smk"
    include: "workflow/rules/models.smk"


if PLAN is not None:

    include: "workflow/rules/curves.smk"
    include: "workflow/rules/figures.smk"
