"""Production rules, drawn from the grammar's parameters and a rule seed.

Reads nothing. Writes ``results/store/grammars/<parameters>/r<rule>-<identity>.json``.
"""


rule draw_grammar:
    output:
        product="results/store/grammars/{name}.json",
        specification="results/store/grammars/{name}.specification.json",
    log:
        "results/logs/grammars/{name}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        specification=specification("grammars"),
    message:
        "Drawing the grammar {wildcards.name}"
    shell:
        "python -m rhm_scaling make {params.specification:q} --log {log:q}"
        " --outputs product={output.product:q} specification={output.specification:q}"
