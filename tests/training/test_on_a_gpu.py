"""On a GPU: the same learning as on a CPU, and steps that wait for nothing."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.training.batches import Batches, FiniteBatches
from rhm_scaling.training.datasets import Examples
from rhm_scaling.training.loop import Outcome, Settings, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

PARAMETERS = Parameters.from_keys(v=6, s=2, L=3, m=2)
SHAPE = Shape(6, 2, 3, 6, "last_token", width=16, depth=2, heads=2)
SETTINGS = Settings(
    optimizer="sgd", momentum=0.9, warmup_steps=10, batch_size=32, max_steps=256, min_steps=20,
    patience=2.0, train_loss=0.05, evaluations_per_octave=2,
)  # fmt: skip


def examples(replicas: Sequence[int], stream: str, size: int, device: str) -> Examples:
    data = [Stream(Grammar.draw(PARAMETERS, rule), rule, 0, stream).take(size) for rule in replicas]
    known = Examples.from_sentences("last_token", data, range(len(replicas)), PARAMETERS.v[0])
    return known.to(torch.device(device))


def run(
    kind: str, replicas: Sequence[int], rates: Sequence[float], settings: Settings, device: str
) -> Outcome:
    network = build(kind, SHAPE, replicas).to(device)
    batches = FiniteBatches(examples(replicas, "train", 100, device), replicas, settings.batch_size)
    held_out = examples(replicas, "validation", 150, device)
    return train(network, batches, held_out, rates, settings)


def losses(outcome: Outcome, replica: int) -> np.ndarray:
    return np.array([row["validation_loss"] for i, row in outcome.history if i == replica])


@pytest.mark.parametrize(
    ("kind", "optimizer", "rate"), [("cnn", "sgd", 0.2), ("transformer", "adam", 0.002)]
)
def test_a_pack_learns_there_what_each_replica_learns_here(
    kind: str, optimizer: str, rate: float
) -> None:
    settings = replace(SETTINGS, optimizer=optimizer)
    rates = [rate, rate / 8, rate / 2, rate]
    there, here = (run(kind, range(4), rates, settings, device) for device in ("cuda", "cpu"))
    assert len(set(there.steps)) > 1  # some stop early: a recording is made anew
    assert there.steps == here.steps
    assert there.stop_reason == here.stop_reason
    for replica in range(4):
        alone = run(kind, [replica], [rates[replica]], settings, "cuda")
        for other, index in ((here, replica), (alone, 0)):
            np.testing.assert_allclose(losses(there, replica), losses(other, index), rtol=1e-2)


def test_a_finished_training_leaves_no_recording() -> None:
    gc.collect()
    gc.disable()
    try:
        run("cnn", range(2), [0.2, 0.1], SETTINGS, "cuda")
        assert not any(type(thing) is torch.cuda.CUDAGraph for thing in gc.get_objects())
    finally:
        gc.enable()


class Watched:
    """Batches that let nothing wait for the GPU while some steps are made."""

    def __init__(self, batches: Batches, steps: range) -> None:
        self.batches, self.steps, self.seen = batches, steps, 0

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """As the batches's; here the watch begins and ends."""
        torch.cuda.set_sync_debug_mode("error" if step in self.steps else "default")
        self.seen += step in self.steps
        return self.batches.at(step)

    def keep(self, replicas: Sequence[int]) -> None:
        """As the batches's."""
        self.batches.keep(replicas)


@pytest.mark.parametrize("kind", ["cnn", "transformer"])
def test_between_evaluations_nothing_waits_for_the_gpu(kind: str) -> None:
    settings = replace(SETTINGS, min_steps=256, train_loss=0.0, evaluations_per_octave=1)
    batches = FiniteBatches(examples([0, 1], "train", 2048, "cuda"), [0, 1], settings.batch_size)
    watched = Watched(batches, range(130, 250))  # 192 begins a new stretch of the order
    network = build(kind, SHAPE, [0, 1]).to("cuda")
    train(network, watched, examples([0, 1], "validation", 150, "cuda"), [0.01] * 2, settings)
    assert watched.seen == 120
