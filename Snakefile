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


localrules:
    all,
    grammars,
    datasets,
    theory,
    models,
    curves,
    fits,
    figures,


rule all:
    input:
        PLAN.paths("models"),
        PLAN.paths("counts"),
        PLAN.made_by(*STAGES),


rule grammars:
    input:
        PLAN.paths("grammars"),


rule datasets:
    input:
        PLAN.paths("sentences"),


rule theory:
    input:
        PLAN.made_by("theory_table", "theory_figures"),


rule models:
    input:
        PLAN.paths("models"),
        PLAN.paths("counts"),


rule curves:
    input:
        PLAN.made_by("curves"),


rule fits:
    input:
        PLAN.made_by("fits"),


rule figures:
    input:
        PLAN.made_by("theory_figures", "figures"),


include: "workflow/rules/grammars.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/curves.smk"
include: "workflow/rules/figures.smk"
