"""Work that is saved: replica-steps a second, against networks that compute every repeat."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.grammar.tasks import Task
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape, linear, one_hot
from rhm_scaling.training.batches import FiniteBatches
from rhm_scaling.training.datasets import Examples, example_losses
from rhm_scaling.training.optimizers import Optimizer

from .training import BATCH

_CASES: list[tuple[str, int, dict[str, Any], Task]] = [
    ("cnn", 64, {"v": 8, "s": 2, "L": 4, "m": 2}, "last_token"),
    ("cnn", 64, {"v": 16, "s": 2, "L": 4, "m": 2}, "last_token"),
    ("cnn", 64, {"v": 16, "s": 2, "L": 3, "m": 2}, "last_token"),
    ("cnn", 128, {"v": 16, "s": 2, "L": 3, "m": 2}, "last_token"),
    ("cnn", 16, {"v": 8, "s": 2, "L": 4, "m": 2}, "last_token"),
    ("cnn", 64, {"v": 64, "s": 2, "L": 2, "m": 64}, "classification"),
    ("transformer", 32, {"v": 8, "s": 2, "L": 4, "m": 2}, "last_token"),
    ("attention", 32, {"v": 8, "s": 2, "L": 4, "m": 2}, "last_token"),
    ("transformer", 32, {"v": 8, "s": 2, "L": 3, "m": 2}, "last_token"),
]
_REPLICAS, _SIZE, _ROUNDS = 6, 2048, 9
_SECONDS = 0.25  # a measurement


def plain_cnn(network: Any, tokens: Tensor) -> Tensor:
    """Logits ``(R, B, C)``: every patch of every sentence in one product a level."""
    x, factor = one_hot(tokens, network.shape.v), 1.0
    for weight in network.filters:
        x = torch.bmm(x.reshape(len(tokens), -1, weight.shape[1]), weight).relu_()
        factor *= weight.shape[1] ** -0.5
    top = x.view(*tokens.shape[:2], -1)
    logits: Tensor = torch.bmm(top, network.readout) * (factor / network.shape.width)
    return logits


def plain_stack(network: Any, tokens: Tensor) -> Tensor:
    """Logits ``(R, B, C)`` of a task with one target: an operation for all that is written."""

    def norm(own: Any, x: Tensor) -> Tensor:
        normed: Tensor = functional.layer_norm(x, x.shape[-1:]) * own.gain[:, None, None]
        return normed

    x = network.embedding(tokens)
    for block in network.blocks:
        perceptron, own = hasattr(block, "up"), block.attention
        normed = norm(block.attention_norm if perceptron else block.norm, x)
        if block is network.blocks[-1]:
            x = x[:, :, -1:]
        query = own._split(linear(normed[:, :, -x.shape[2] :], own.query * own.scale))
        key, value = map(own._split, linear(normed, own.key_value).chunk(2, dim=-1))
        weights = torch.bmm(key, query.mT).softmax(1).mT
        mixed = torch.bmm(weights, value).view(-1, own.heads, x.shape[2], value.shape[-1])
        x = x + linear(mixed.transpose(1, 2).reshape(x.shape), own.out)
        if perceptron:
            hidden = linear(norm(block.mlp_norm, x), block.up).relu_()
            x = x + linear(hidden, block.down)
    return linear(norm(network.norm, x), network.readout)[:, :, -1]


def training(kind: str, shape: Shape, examples: Examples, plain: bool) -> Callable[[], Tensor]:
    """What makes the next step of a pack, and returns its losses, ``(R, B)``."""
    replicas = range(len(examples.source))
    network = build(kind, shape, replicas)
    sgd = kind == "cnn"
    rates = [0.1 if sgd else 1e-3] * len(replicas)
    optimizer = Optimizer(network, "sgd" if sgd else "adam", rates, momentum=0.9)
    batches, number = FiniteBatches(examples, replicas, BATCH), count()
    plainly = plain_cnn if sgd else plain_stack

    def step() -> Tensor:
        inputs, targets = batches.at(next(number))
        logits = plainly(network, inputs) if plain else network(inputs)
        losses = example_losses(logits, targets)
        losses.mean(1).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return losses.detach()

    return step


def _seconds(work: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def measure() -> pd.DataFrame:
    """A row a network: replica-steps a second both ways, in turn on one thread, and their ratio.

    The bound is the ratio of the operations of matrix products that PyTorch counts in a step;
    passes over memory that are saved come on top of it.
    """
    torch.set_num_threads(1)
    rows = []
    for kind, width, keys, task in _CASES:
        parameters = Parameters.from_keys(**keys)
        sizes = {"width": width, "depth": parameters.L, "heads": 1}
        shape = Shape.from_parameters(parameters, task, sizes)
        sets = [
            Stream(Grammar.draw(parameters, rule), rule, 0, "train").take(_SIZE)
            for rule in range(_REPLICAS)
        ]
        known = Examples.from_sentences(task, sets, range(_REPLICAS), parameters.v)
        ways = [training(kind, shape, known, plain) for plain in (True, False)]
        operations, first = [], []
        for step in ways:
            with FlopCounterMode(display=False) as counter:
                first.append(step())
            operations.append(counter.get_total_flops())
        torch.testing.assert_close(*first)  # the same networks
        times = max(3, int(_SECONDS / _seconds(ways[0], 5)))
        found = [[_seconds(step, times) for step in ways] for _ in range(_ROUNDS)]
        plain, new = (_REPLICAS / median(column) for column in zip(*found))
        grammar = " ".join(f"{name} {value}" for name, value in keys.items())
        rows.append(
            {
                "network": f"{kind}, width {width}, {grammar}, {task}",
                "plainly replica-steps/s": plain,
                "replica-steps/s": new,
                "ratio": median(old / saving for old, saving in found),
                "bound by counting": operations[0] / operations[1],
            }
        )
    return pd.DataFrame(rows)
