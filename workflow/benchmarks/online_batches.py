"""Fresh sentences at every step: the sampler's share of a training step."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import torch

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.training.batches import OnlineBatches
from rhm_scaling.training.loop import Settings, train

from .training import BATCH, PackTraining

CASES: list[tuple[Parameters, str, dict[str, int], int]] = [
    (Parameters.from_keys(v=8, s=2, L=3, m=4), "cnn", {"width": 8, "depth": 3, "heads": 1}, 4),
    (Parameters.from_keys(v=12, s=2, L=3, m=3), "cnn", {"width": 64, "depth": 3, "heads": 1}, 8),
    (Parameters.from_keys(v=32, s=2, L=4, m=8), "cnn", {"width": 64, "depth": 4, "heads": 1}, 8),
    (Parameters.from_keys(v=32, s=2, L=4, m=8), "cnn", {"width": 256, "depth": 4, "heads": 1}, 8),
    (
        Parameters.from_keys(v=8, s=2, L=3, m=4),
        "transformer",
        {"width": 8, "depth": 3, "heads": 1},
        4,
    ),
]
_STEPS = 512


def measure(threads: int = 1) -> pd.DataFrame:
    """A row a network: milliseconds of a training step, and of drawing its batch, of all replicas.

    Every replica has a grammar and a stream of its own, which is the most that sampling can cost.
    """
    torch.set_num_threads(threads)
    rows: list[dict[str, Any]] = []
    for parameters, kind, sizes, replicas in CASES:
        pack = PackTraining(parameters, kind, sizes, replicas, size=BATCH)
        grammars = [Grammar.draw(parameters, rule) for rule in range(replicas)]

        def batches(grammars: list[Grammar] = grammars) -> OnlineBatches:
            streams = [Stream(grammar, rule, 0, "train") for rule, grammar in enumerate(grammars)]
            every = range(len(streams))
            return OnlineBatches("last_token", streams, every, BATCH, torch.device("cpu"))

        batches().at(0)
        alone = batches()
        start = time.perf_counter()
        for step in range(_STEPS):
            alone.at(step)
        drawing = time.perf_counter() - start
        settings = Settings(
            optimizer="sgd", momentum=0.9, warmup_steps=1, batch_size=BATCH, max_steps=_STEPS,
            min_steps=_STEPS, patience=1e9, train_loss=0.0, evaluations_per_octave=4,
        )  # fmt: skip
        network = build(
            kind, Shape.from_parameters(parameters, "last_token", sizes), list(range(replicas))
        )
        start = time.perf_counter()
        train(network, batches(), pack.held_out, [1e-3] * replicas, settings)
        whole = time.perf_counter() - start
        rows.append(
            {
                "network": f"{kind}, width {sizes['width']}, {replicas} replicas, "
                f"v {parameters.v[0]} L {parameters.L}",
                "step, ms": 1e3 * whole / _STEPS,
                "of it drawing, ms": 1e3 * drawing / _STEPS,
                "share": drawing / whole,
            }
        )
    return pd.DataFrame(rows)
