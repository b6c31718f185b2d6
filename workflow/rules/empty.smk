"""A workflow that makes nothing, for Snakemake's own commands on a project's folder."""


rule nothing:
    input:
        [],
