"""Theory: all that can be said of a grammar before any training.

Reads grammars. Writes ``theory/`` and ``survey/`` below ``results/store/``.
"""


use rule draw_grammar as solve_grammar with:
    input:
        sources("theory"),
    output:
        quantities="results/store/theory/{name}/quantities.csv",
        curves="results/store/theory/{name}/curves.csv",
        record="results/store/theory/{name}/record.json",
    log:
        "results/logs/theory/{name}.log",
    benchmark:
        "results/benchmarks/theory/{name}.tsv"
    params:
        specification=specification("theory"),
        inputs=roles("theory"),
        outputs=roles("theory", "files"),
    message:
        "Computing the theory of {wildcards.name}"


use rule draw_grammar as survey_grammars with:
    input:
        sources("survey"),
    output:
        product="results/store/survey/{name}.csv",
        record="results/store/survey/{name}.record.json",
    log:
        "results/logs/survey/{name}.log",
    benchmark:
        "results/benchmarks/survey/{name}.tsv"
    params:
        specification=specification("survey"),
        inputs=roles("survey"),
        outputs=roles("survey", "files"),
    message:
        "Surveying many rule draws of {wildcards.name}"
