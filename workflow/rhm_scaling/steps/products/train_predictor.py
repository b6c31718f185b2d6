"""Train networks that predict siblings, for a block of replicas; measured as those that count."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.model import Parameters
from ...grammar.sampling import overlap
from ...models.layers import Shape
from ...theory.inference import likeliest_symbols
from ...training.predicting import Predictor, Settings, directions
from ...training.readability import readable
from ..files import read_arrays, read_grammar, read_sentences

# public names would change the identity of all that has been counted
from .count_block import _RECOVERY, _measures

_STREAMS = ("train", "validation", "test")
_LEAST = 2.0  # directions that the codes of a level take, where they have not collapsed


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write ``runs`` (a row a replica) and ``recovery`` (a row a replica and hidden level).

    Symbols are read from the codes of the test sentences, by what fits those of the validation set.
    """
    torch.set_num_threads(1)
    size, replicas = specification["train_size"], specification["replicas"]
    parameters = Parameters.from_specification(specification["grammar"])
    learner = dict(specification["learner"])
    network = {"width": learner.pop("width"), "depth": parameters.L, "heads": 1}
    shape = Shape.from_parameters(parameters, specification["task"], network)
    learner.pop("kind")
    sets = [
        {
            stream: read_sentences(inputs[f"r{rule:03d}-s{sample:03d}-{stream}"])
            for stream in _STREAMS
        }
        for rule, sample, _ in replicas
    ]
    for mine in sets:
        mine["train"] = mine["train"][:size]
    start = time.perf_counter()
    # the learner's settings do not enter: changing them compares like with like
    what = [parameters.specification(), specification["task"], size]
    seeds = {
        purpose: [seed_from(purpose, what, *replica) for replica in replicas]
        for purpose in ("initial weights", "batch order")
    }
    predictor = Predictor.start(shape, Settings(**learner), seeds["initial weights"])
    predictor.fit(
        np.stack([mine["train"]["tokens"] for mine in sets]),
        np.stack([mine["train"]["label"] for mine in sets]),
        seeds["batch order"],
    )
    codes = {
        stream: predictor.codes(np.stack([mine[stream]["tokens"] for mine in sets]))
        for stream in ("validation", "test")
    }
    answers = predictor.predict(np.stack([mine["test"]["tokens"] for mine in sets]))
    seconds = (time.perf_counter() - start) / len(replicas)
    rows, recovered = [], []
    for index, (rule, sample, init) in enumerate(replicas):
        train, validation, test = (sets[index][stream] for stream in _STREAMS)
        same = {"train_size": size, "sentences": size}
        same |= {"rule_seed": rule, "sample_seed": sample, "init_seed": init}
        exact = read_arrays(inputs[f"r{rule:03d}-s{sample:03d}-exact_test"])
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = _measures(specification["task"], answers[index], test, exact)
        status = _status(measured["test_loss"], [level[index] for level in codes["test"]])
        rows.append(
            {**same, **measured, "overlap": overlap(train, test)}
            | {"lr": learner["lr"], "parameters": predictor.parameter_count}
            | {"status": status, "stop_reason": "max_steps" if status == "ok" else status}
            | {"best_step": learner["steps"], "steps": learner["steps"]}
            | {"seconds": round(seconds, 3), "pack": len(replicas), "threads": 1, "device": "cpu"}
        )
        grammar = read_grammar(inputs[f"r{rule:03d}-grammar"])
        symbols = [likeliest_symbols(grammar, part["tokens"]) for part in (validation, test)]
        for level in range(1, parameters.L):
            known, asked = (
                (codes[stream][level - 1][index], of[level], of[level - 1])
                for stream, of in zip(("validation", "test"), symbols)
            )
            failed = status == "diverged"
            found = np.nan if failed else readable(known, asked, parameters.v[level])
            recovered.append({**same, "level": level, "recovered": found})
    write_text(outputs["runs"], pd.DataFrame(rows).to_csv(index=False))
    write_text(outputs["recovery"], pd.DataFrame(recovered, columns=_RECOVERY).to_csv(index=False))


def _status(loss: float, codes: Sequence[NDArray[np.float32]]) -> str:
    """What became of a training, by its loss and the codes of test sentences, level by level."""
    if not np.isfinite(loss) or not all(np.isfinite(level).all() for level in codes):
        return "diverged"
    # of no more codes than each has numbers, it cannot be said which directions they take
    told = [directions(level) for level in codes if level[..., 0].size > level.shape[-1]]
    return "collapsed" if min(told, default=np.inf) < _LEAST else "ok"
