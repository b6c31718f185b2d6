"""Measure how far synonyms and moved blanks change what a block's networks compute."""

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
from ...grammar.model import Parameters
from ...grammar.placed import Placed, changes
from ...models import build
from ...models.layers import Shape
from ...training.sensitivity import distances
from ..files import read_grammar

_SENTENCES = 512
_SEEDS = ["rule_seed", "sample_seed", "init_seed"]


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row a replica, layer, level and change (`training.sensitivity`)."""
    grammar = specification["grammar"]
    parameters = Parameters.from_specification(grammar)
    members = [
        (*seeds, rate)
        for rate in specification["learning_rates"]
        for seeds in specification["replicas"]
    ]
    shape = Shape.from_parameters(parameters, specification["task"], specification["architecture"])
    network = build(specification["architecture"]["kind"], shape, range(len(members)))
    try:
        network.load_state_dict(load_file(inputs["block"]))
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{inputs['block']}: damaged ({error}); delete it and run again") from error
    torch.set_num_threads(1)
    # the same sentences for every network of a grammar
    plain, changed = {}, {}
    for rule in sorted({rule for rule, *_ in members}):
        source = np.random.Generator(np.random.Philox(seed_from("sensitivity", grammar, rule)))
        dense = read_grammar(inputs[f"r{rule:03d}-grammar"])
        placed = Placed.draw(dense, grammar["sparsity"], _SENTENCES, source)
        plain[rule] = placed.tokens
        changed[rule] = {(what, level): new for what, level, new in changes(placed, source)}
    rules = [rule for rule, *_ in members]
    rows = []
    whole = np.stack([plain[rule] for rule in rules])
    for what, level in changed[rules[0]]:
        new = np.stack([changed[rule][what, level] for rule in rules])
        found = distances(network, whole, new)
        for layer, (moved, random) in found.items():
            for member, one, other in zip(members, moved, random):
                told = {"layer": layer, "level": level, "change": what}
                told |= {"changed": float(one), "random": float(other)}
                row = {"train_size": specification["train_size"], **dict(zip(_SEEDS, member))}
                rows.append({**row, "lr": member[-1], **told})
    write_text(outputs["product"], pd.DataFrame(rows).to_csv(index=False))
