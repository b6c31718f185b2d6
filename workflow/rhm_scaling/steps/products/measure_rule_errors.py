"""Count the test errors of a block's networks by the rarest rule that a sentence contains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from ...core.errors import UserError
from ...grammar.model import Parameters
from ...models import build
from ...models.layers import Shape
from ...theory.bayes_errors import rule_ranks
from ...training.datasets import Examples, mistakes
from ..files import read_grammar, read_sentences, write_rows

_LEVEL = 1


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row a replica and range of ranks that has test sentences.

    Ranks of the level-1 rules are in ranges of an octave: 1, 2 to 3, 4 to 7, ... A sentence counts
    in that of the highest rank among its own rules. With Zipf rules (arXiv:2505.07067) this is its
    rarest rule; with uniform rules ranks are an arbitrary order, of which the errors know nothing.
    The sentences are those of the test set from which the errors of the block's rows are.
    """
    parameters = Parameters.from_specification(specification["grammar"])
    seeds = specification["replicas"]
    members = [(*three, rate) for rate in specification["learning_rates"] for three in seeds]
    shape = Shape.from_parameters(parameters, specification["task"], specification["architecture"])
    network = build(specification["architecture"]["kind"], shape, range(len(members)))
    try:
        network.load_state_dict(load_file(inputs["block"]))
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{inputs['block']}: damaged ({error}); delete it and run again") from error
    samples = list(dict.fromkeys((rule, sample) for rule, sample, _ in seeds))
    tests = [read_sentences(inputs[f"r{rule:03d}-s{sample:03d}-test"]) for rule, sample in samples]
    source = [samples.index((rule, sample)) for rule, sample, *_ in members]
    torch.set_num_threads(1)
    wrong = mistakes(
        network, Examples.from_sentences(specification["task"], tests, source, parameters.v[0])
    )
    first = 2 ** np.arange(parameters.m[_LEVEL - 1].bit_length())  # ranks, from 1
    rarest = [
        1 + rule_ranks(read_grammar(inputs[f"r{rule:03d}-grammar"]), test["tokens"]).max(axis=1)
        for (rule, _), test in zip(samples, tests)
    ]
    f = parameters.probabilities(_LEVEL)
    rows = []
    for member, errors, data in zip(members, wrong, source):
        octave = np.searchsorted(first, rarest[data], side="right") - 1
        for number in np.unique(octave):
            inside = octave == number
            rows.append(
                {
                    "train_size": specification["train_size"],
                    **dict(zip(("rule_seed", "sample_seed", "init_seed", "lr"), member)),
                    "level": _LEVEL,
                    "rank_low": first[number],
                    "rank_high": min(2 * first[number] - 1, len(f)),
                    "probability": float(f[rarest[data][inside] - 1].mean()),
                    "sentences": int(inside.sum()),
                    "errors": int(errors[inside].sum()),
                }
            )
    write_rows(outputs["product"], rows)
