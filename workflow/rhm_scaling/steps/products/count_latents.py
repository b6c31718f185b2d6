"""Learn by predicting siblings' codes, for a block of replicas; measured as those that count."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from ...core.errors import UserError
from ...core.files import write_text
from ...grammar.sampling import overlap
from ...theory.inference import likeliest_symbols
from ...training import latent
from ...training.counting import recovery
from ..files import read_arrays, read_grammar, read_sentences

# public names would change the identity of all that has been counted
from .count_block import _RECOVERY, _measures


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write ``runs`` (a row a replica) and ``recovery`` (a row a replica and hidden level)."""
    rows, recovered = [], []
    size = specification["train_size"]
    for rule, sample, init in specification["replicas"]:
        here = f"r{rule:03d}-s{sample:03d}"
        train, test = (read_sentences(inputs[f"{here}-{part}"]) for part in ("train", "test"))
        train = train[:size]
        grammar = read_grammar(inputs[f"r{rule:03d}-grammar"])
        p = grammar.parameters
        start = time.perf_counter()
        try:
            learner = latent.fit(train["tokens"], train["label"], v=p.v[: p.L], s=p.s, classes=p.n)
        except ValueError as error:
            raise UserError(f"latent: {error}") from error
        measured = _measures(
            specification["task"],
            learner.predict(test["tokens"]),
            test,
            read_arrays(inputs[f"{here}-exact_test"]),
        )
        same = {"train_size": size, "sentences": size}
        same |= {"rule_seed": rule, "sample_seed": sample, "init_seed": init}
        rows.append(
            {**same, **measured, "overlap": overlap(train, test)}
            | {"seconds": round(time.perf_counter() - start, 3)}
            | {"pack": 1, "threads": 1, "device": "cpu"}
        )
        symbols = likeliest_symbols(grammar, test["tokens"])
        for level, codes in enumerate(learner.codes(test["tokens"]), 1):
            found = recovery(codes, symbols[level], symbols[level - 1], pooled=True)
            recovered.append({**same, "level": level, "recovered": found})
    write_text(outputs["runs"], pd.DataFrame(rows).to_csv(index=False))
    write_text(outputs["recovery"], pd.DataFrame(recovered, columns=_RECOVERY).to_csv(index=False))
