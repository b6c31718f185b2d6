"""Measure how far synonyms and moved blanks change what a block's networks compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.placed import Placed, changes
from ...training.sensitivity import distances
from ..files import read_grammar
from ..networks import read_networks

_SENTENCES = 512
_SEEDS = ["rule_seed", "sample_seed", "init_seed"]


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row a replica, layer, level and change (`training.sensitivity`)."""
    grammar = specification["grammar"]
    network, members = read_networks(inputs["block"], specification)
    torch.set_num_threads(1)
    # the same sentences for every network of a grammar
    plain, changed = {}, {}
    for rule in sorted({member.rule_seed for member in members}):
        source = np.random.Generator(np.random.Philox(seed_from("sensitivity", grammar, rule)))
        dense = read_grammar(inputs[f"r{rule:03d}-grammar"])
        placed = Placed.draw(dense, grammar["sparsity"], _SENTENCES, source)
        plain[rule] = placed.tokens
        changed[rule] = {(what, level): new for what, level, new in changes(placed, source)}
    rules = [member.rule_seed for member in members]
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
                rows.append({**row, "lr": member.lr, **told})
    write_text(outputs["product"], pd.DataFrame(rows).to_csv(index=False))
