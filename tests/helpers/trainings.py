"""Small trainings of every architecture, some replicas at a time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from rhm_scaling.architecture.about import Architecture
from rhm_scaling.architecture.registry import about, kinds
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.theory.entropies import ngram_entropies
from rhm_scaling.training.batches import FiniteBatches
from rhm_scaling.training.checkpoints import Checkpoint
from rhm_scaling.training.datasets import Examples
from rhm_scaling.training.loop import Outcome, Settings, train

PARAMETERS = Parameters.from_keys(v=6, s=2, L=3, m=2)
MEAN_FIELD = [kind for kind in kinds() if about(kind).any_width]
SETTINGS = Settings(
    optimizer="sgd",
    momentum=0.9,
    warmup_steps=10,
    batch_size=32,
    max_steps=120,
    min_steps=20,
    patience=2.0,
    train_loss=0.001,
    evaluations_per_octave=2,
)


def examples(task: str, replicas: list[int], stream: str, size: int) -> Examples:
    data = [Stream(Grammar.draw(PARAMETERS, rule), rule, 0, stream).take(size) for rule in replicas]
    return Examples.from_sentences(task, data, range(len(replicas)), PARAMETERS.v[0])


def shape(task: str, width: int = 12) -> Shape:
    return Shape(6, 2, 3, 6, task, width=width, depth=2, heads=2)


def run(
    kind: str,
    task: str,
    replicas: list[int],
    settings: Settings,
    width: int = 12,
    rates: list[float] | float = 0.2,
    checkpoint: Checkpoint | None = None,
    size: int = 100,
) -> Outcome:
    seeds = [1000 + replica for replica in replicas]
    network = build(kind, shape(task, width), seeds)
    if isinstance(rates, float):
        rates = [rates] * len(replicas)
    batches = FiniteBatches(examples(task, replicas, "train", size), seeds, settings.batch_size)
    held_out = examples(task, replicas, "validation", 150)
    return train(network, batches, held_out, rates, settings, checkpoint=checkpoint)


def _history(outcome: Outcome, index: int) -> list[dict[str, float]]:
    return [row for replica, row in outcome.history if replica == index]


def assert_same(one: Outcome, i: int, other: Outcome, j: int) -> None:
    """Bit by bit."""
    for name, tensor in one.weights.items():
        assert torch.equal(tensor[i], other.weights[name][j]), name
    for key in ("best_step", "steps", "validation_loss", "stop_reason"):
        assert getattr(one, key)[i] == getattr(other, key)[j], key
    np.testing.assert_equal(_history(one, i), _history(other, j))


def assert_equals_itself_alone(
    kind: str, optimizer: str, width: int, architecture: Architecture
) -> None:
    """Bit by bit, or to rounding over a few steps: later, another last bit is another training."""
    rates = {"sgd": [0.2, 0.1, 0.2, 0.3], "adam": [0.01, 0.02, 0.01, 0.005]}[optimizer]
    if architecture.any_width and optimizer == "adam":
        rates = [10 * rate for rate in rates]
    stops = {"max_steps": 160, "patience": 4.0, "train_loss": 0.7}
    if not architecture.bitwise:
        stops = {"max_steps": 32, "patience": 99.0, "train_loss": 0.0}
    settings = replace(SETTINGS, optimizer=optimizer, **stops)
    pack = run(kind, "last_token", [0, 1, 2, 3], settings, width, rates)
    # some stop early, the pack is compacted
    assert len(set(pack.steps)) > 1 or not architecture.bitwise
    for replica in range(4):
        alone = run(kind, "last_token", [replica], settings, width, rates[replica])
        if architecture.bitwise:
            assert_same(pack, replica, alone, 0)
            continue
        both = (pd.DataFrame(_history(pack, replica)), pd.DataFrame(_history(alone, 0)))
        pd.testing.assert_frame_equal(*both, rtol=1e-3, atol=1e-4)


def learnt(kind: str, rate: float) -> float:
    """What Adam learns of the last token from 256 sentences: 0 is its entropy, 1 all there is.

    The mean over four rule draws.
    """
    draws = [0, 1, 2, 3]
    settings = replace(SETTINGS, optimizer="adam", max_steps=256, patience=4.0)
    losses = run(kind, "last_token", draws, settings, rates=rate, size=256).validation_loss
    found = 0.0
    for rule, loss in zip(draws, losses):
        first, *_, last = ngram_entropies(Grammar.draw(PARAMETERS, rule))
        found += (first.value - loss) / (first.value - last.value) / len(draws)
    return found
