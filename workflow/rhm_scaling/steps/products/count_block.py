"""Learn by counting, for a block of replicas, and measure each on its own test set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.files import write_text
from ...grammar.model import Grammar
from ...grammar.sampling import overlap
from ...grammar.tasks import inputs_and_targets, outputs, window
from ...theory.inference import likeliest_symbols
from ...training.counting import CountingLearner, ngram, recovery
from ..files import read_arrays, read_grammar, read_sentences

_RECOVERY = ["train_size", "rule_seed", "sample_seed", "init_seed", "level", "recovered"]


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write ``runs`` (a row a replica) and ``recovery`` (a row a replica and hidden level)."""
    rows, recovered = [], []
    for rule, sample, init in specification["replicas"]:
        here = f"r{rule:03d}-s{sample:03d}"
        train, test = (read_sentences(inputs[f"{here}-{part}"]) for part in ("train", "test"))
        train = train[: specification["train_size"]]
        exact = read_arrays(inputs[f"{here}-exact_test"])
        grammar = read_grammar(inputs[f"r{rule:03d}-grammar"])
        identity = {"rule_seed": rule, "sample_seed": sample, "init_seed": init}
        start = time.perf_counter()
        try:
            probabilities, found = _learn(specification, grammar, train, test)
        except ValueError as error:
            raise UserError(f"{specification['learner']['kind']}: {error}") from error
        size = specification["train_size"]
        same = {"train_size": size, "sentences": size, **identity}
        measured = _measures(specification["task"], probabilities, test, exact)
        rows.append(
            {**same, **measured, "overlap": overlap(train, test)}
            | {"seconds": round(time.perf_counter() - start, 3)}
            | {"pack": 1, "threads": 1, "device": "cpu"}
        )
        recovered += [{**same, "level": level, "recovered": f} for level, f in found.items()]
    write_text(outputs["runs"], pd.DataFrame(rows).to_csv(index=False))
    write_text(outputs["recovery"], pd.DataFrame(recovered, columns=_RECOVERY).to_csv(index=False))


def _learn(
    specification: dict[str, Any],
    grammar: Grammar,
    train: NDArray[np.void],
    test: NDArray[np.void],
) -> tuple[NDArray[np.float64], dict[int, float]]:
    """Probabilities of the test targets, ``(N, classes)``, and recovered fractions by level."""
    task, parameters = specification["task"], grammar.parameters
    _, targets = inputs_and_targets(task, train, parameters.v[0])
    classes = outputs(task, parameters)
    context = specification.get("context", 0)
    tokens, asked = (np.asarray(part["tokens"])[:, -context:] for part in (train, test))
    if specification["learner"]["kind"] == "ngram":
        return ngram(task, tokens, targets, asked, classes=classes), {}
    sharing = specification["learner"]["sharing"]
    v = window(parameters, context).v
    learner = CountingLearner.fit(
        task, tokens, targets, v=v, s=parameters.s, classes=classes, sharing=sharing
    )
    symbols = likeliest_symbols(grammar, test["tokens"])
    found = {}
    for level, codes in enumerate(learner.codes(asked), 1):
        # for the last token, the siblings of the last branch: the node that holds it is never
        # complete, and without sharing others have thresholds of higher levels
        s = parameters.s
        nodes = slice(None) if task == "classification" else slice(-s, -1)
        below = slice(None) if task == "classification" else slice(-s * s, -s)
        found[level] = recovery(
            codes[:, nodes],
            symbols[level][:, nodes],
            symbols[level - 1][:, below],
            pooled=sharing,
        )
    return learner.predict(asked), found


def _measures(
    task: Any, probabilities: NDArray[np.float64], test: NDArray[np.void], exact: dict[str, Any]
) -> dict[str, Any]:
    """The columns that a trained network has too."""
    targets = test["label"] if task == "classification" else test["tokens"][:, -1]
    logs = np.log(probabilities)
    chosen = np.take_along_axis(logs, targets[:, None].astype(np.int64), axis=1)
    cross_entropy = -(exact["posterior"] * logs).sum(axis=1).mean()
    return {
        "lr": np.nan,
        "parameters": np.nan,
        "status": "ok",
        "stop_reason": "counted",
        "best_step": 0,
        "steps": 0,
        "val_loss": np.nan,
        "test_loss": -chosen.mean(),
        "test_error": float((probabilities.argmax(axis=1) != targets).mean()),
        "test_excess": cross_entropy - exact["entropy"].mean(),
        "bayes_loss": exact["loss"].mean(),
    }
