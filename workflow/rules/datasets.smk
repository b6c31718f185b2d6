"""Data: sentences of every rule draw and sample seed, and the Bayes-optimal predictor on them.

Reads grammars. Writes ``results/store/sentences/<parameters>/...-<identity>.npy`` and
``results/store/exact/<parameters>/...-<identity>.npz``.
"""


use rule draw_grammar as sample_sentences with:
    input:
        sources("sentences"),
    output:
        product=kept("datasets", "results/store/sentences/{name}.npy"),
        record="results/store/sentences/{name}.record.json",
    log:
        "results/logs/sentences/{name}.log",
    params:
        specification=specification("sentences"),
        inputs=roles("sentences"),
        outputs=roles("sentences", "files"),
    message:
        "Sampling the sentences {wildcards.name}"


use rule draw_grammar as predict_exactly with:
    input:
        sources("exact"),
    output:
        product="results/store/exact/{name}.npz",
        record="results/store/exact/{name}.record.json",
    log:
        "results/logs/exact/{name}.log",
    params:
        specification=specification("exact"),
        inputs=roles("exact"),
        outputs=roles("exact", "files"),
    message:
        "Computing exact posteriors for {wildcards.name}"
