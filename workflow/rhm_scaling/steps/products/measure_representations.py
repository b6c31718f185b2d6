"""Measure what hidden layers of a block's networks distinguish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from ...core.errors import UserError
from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.derivations import Derivations
from ...grammar.model import Parameters
from ...models import build
from ...models.layers import Shape
from ...training.probes import measure, seen
from ..files import read_grammar

_SENTENCES = 2048
_SEEDS = ["rule_seed", "sample_seed", "init_seed"]
_MEASURED = ["layer", "level", "synonym", "other", "random", "probe"]


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row a replica, layer and level (`training.probes.measure`)."""
    parameters = Parameters.from_specification(specification["grammar"])
    members = [
        (*seeds, rate)
        for rate in specification["learning_rates"]
        for seeds in specification["replicas"]
    ]
    shape = Shape.from_parameters(parameters, specification["task"], specification["architecture"])
    kind = specification["architecture"]["kind"]
    network = build(kind, shape, range(len(members)))
    try:
        network.load_state_dict(load_file(inputs["block"]))
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{inputs['block']}: damaged ({error}); delete it and run again") from error
    # the same sentences for every network of a grammar
    drawn = {
        rule: Derivations.draw(
            read_grammar(inputs[f"r{rule:03d}-grammar"]),
            _SENTENCES,
            _source(specification, rule, "derivations"),
        )
        for rule in sorted({rule for rule, *_ in members})
    }
    torch.set_num_threads(1)
    rows = [
        {
            "train_size": specification["train_size"],
            **dict(zip([*_SEEDS, "lr"], members[row["replica"]])),
            **{name: row[name] for name in _MEASURED},
        }
        for row in measure(
            seen(kind, network.hidden),
            [drawn[rule] for rule, *_ in members],
            parameters.v[0],
            _source(specification, 0, "exchanges"),
        )
    ]
    columns = ["train_size", *_SEEDS, "lr", *_MEASURED]
    write_text(outputs["product"], pd.DataFrame(rows, columns=columns).to_csv(index=False))


def _source(specification: dict[str, Any], rule: int, purpose: str) -> np.random.Generator:
    seed = seed_from(purpose, specification["grammar"], rule)
    return np.random.Generator(np.random.Philox(seed))
