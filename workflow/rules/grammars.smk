"""Production rules, drawn from the grammar's parameters and a rule seed, or a user's own.

Reads nothing but, for a grammar from a file, that file. Writes
``results/store/grammars/<parameters>/r<rule>-<identity>.json``.
"""


rule draw_grammar:
    input:
        sources("grammars"),
    output:
        product="results/store/grammars/{name}.json",
        record="results/store/grammars/{name}.record.json",
    log:
        "results/logs/grammars/{name}.log",
    priority: FIRST
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("grammars"),
        inputs=roles("grammars"),
        outputs=roles("grammars", "files"),
    message:
        "Drawing the grammar {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --inputs {params.inputs:q} --outputs {params.outputs:q}"
