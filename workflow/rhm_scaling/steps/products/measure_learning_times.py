"""Measure how far a block's networks are from the exact posterior at each test context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.files import write_aside
from ...grammar.model import Parameters
from ...theory.inference import level_divergences
from ...training.datasets import Examples, divergences
from ..files import read_arrays, read_grammar, read_sentences
from ..networks import read_networks


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write divergences of networks and of levels, sentence by sentence of the test set.

    Arrays, with ``R`` replicas, ``U`` test sets of ``N`` sentences, in nats: ``divergence``
    ``(R, N)``, ``levels`` ``(U, L+1, N)`` (`theory.inference.level_divergences`); ``source``
    ``(R,)``: the test set of each replica; ``train_size``, ``seeds`` ``(R, 3)`` and ``lr``
    ``(R,)``: which networks they are. Divergences are in single precision, as networks are.
    """
    network, members = read_networks(inputs["block"], specification)
    samples = list(dict.fromkeys((member.rule_seed, member.sample_seed) for member in members))
    source = [samples.index((member.rule_seed, member.sample_seed)) for member in members]
    named = {f"r{rule:03d}-s{sample:03d}": rule for rule, sample in samples}
    tests = [read_sentences(inputs[f"{data}-test"]) for data in named]
    exact = [read_arrays(inputs[f"{data}-exact_test"]) for data in named]
    v = Parameters.from_specification(specification["grammar"]).v[0]
    torch.set_num_threads(1)
    examples = Examples.from_sentences(specification["task"], tests, source, v, exact)
    arrays = {
        "divergence": divergences(network, examples).astype(np.float32),
        "levels": np.stack(
            [
                level_divergences(read_grammar(inputs[f"r{rule:03d}-grammar"]), test["tokens"])
                for rule, test in zip(named.values(), tests)
            ]
        ).astype(np.float32),
        "source": np.array(source),
        "train_size": np.array(specification["train_size"]),
        "seeds": np.array([member[:3] for member in members]),
        "lr": np.array([member.lr for member in members]),
    }
    write_aside(outputs["product"], lambda aside: np.savez(aside, allow_pickle=False, **arrays))
