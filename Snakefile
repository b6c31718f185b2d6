"""The workflow stands in workflow/Snakefile; this lets a plain `snakemake` find it."""


include: "workflow/Snakefile"


# an included file sets no default target
rule everything:
    default_target: True
    input:
        rules.all.input,
