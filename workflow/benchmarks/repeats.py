"""Work that is saved: replica-steps a second, against networks that compute every repeat."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np
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
            # no view is changed in place, which would cost copies
            hidden = torch.bmm(norm(block.mlp_norm, x).flatten(1, 2), block.up).relu_()
            x = x + torch.bmm(hidden, block.down).view(x.shape)
    return linear(norm(network.norm, x), network.readout)[:, :, -1]


class _Training:
    """A pack that is trained one way, in a process of its own: the two share no memory."""

    def __init__(
        self, kind: str, width: int, parameters: Parameters, task: Task, plain: bool
    ) -> None:
        torch.set_num_threads(1)
        sizes = {"width": width, "depth": parameters.L, "heads": 1}
        shape, replicas = Shape.from_parameters(parameters, task, sizes), range(_REPLICAS)
        sets = [
            Stream(Grammar.draw(parameters, rule), rule, 0, "train").take(_SIZE)
            for rule in replicas
        ]
        known = Examples.from_sentences(task, sets, replicas, parameters.v[0])
        self._network, self._number, sgd = build(kind, shape, replicas), count(), kind == "cnn"
        rates = [0.1 if sgd else 1e-3] * _REPLICAS
        self._optimizer = Optimizer(self._network, "sgd" if sgd else "adam", rates, momentum=0.9)
        self._batches = FiniteBatches(known, replicas, BATCH)
        plainly = partial(plain_cnn if sgd else plain_stack, self._network)
        self._forward: Callable[[Tensor], Tensor] = plainly if plain else self._network

    def _step(self) -> Tensor:
        """The losses of the next step, ``(R, B)``."""
        inputs, targets = self._batches.at(next(self._number))
        losses = example_losses(self._forward(inputs), targets)
        losses.mean(1).sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return losses.detach()

    def counted(self) -> tuple[Any, int]:
        """The losses of a step, and its operations of matrix products as PyTorch counts them."""
        with FlopCounterMode(display=False) as counter:
            losses = self._step()
        return losses.numpy(), counter.get_total_flops()

    def seconds(self, times: int) -> float:
        """Of a step, on average."""
        start = time.perf_counter()
        for _ in range(times):
            self._step()
        return (time.perf_counter() - start) / times


_here: _Training  # of this process


def _begin(*how: Any) -> None:
    global _here
    _here = _Training(*how)


def _ask(name: str, *arguments: Any) -> Any:
    return getattr(_here, name)(*arguments)


def measure() -> pd.DataFrame:
    """A row a network: replica-steps a second both ways, in turn on one thread, and their ratio.

    The bound is the ratio of the operations of matrix products that PyTorch counts in a step;
    passes over memory that are saved come on top of it.
    """
    rows = []
    for kind, width, keys, task in _CASES:
        how = kind, width, Parameters.from_keys(**keys), task
        with contextlib.ExitStack() as processes:
            plain, new = (
                processes.enter_context(
                    ProcessPoolExecutor(1, get_context("spawn"), _begin, (*how, plainly))
                )
                for plainly in (True, False)
            )
            ways = plain, new
            counted = [way.submit(_ask, "counted").result() for way in ways]
            losses, operations = zip(*counted)
            # the same networks
            np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5, atol=1e-5)
            times = max(3, int(_SECONDS / plain.submit(_ask, "seconds", 5).result()))
            found = [
                [way.submit(_ask, "seconds", times).result() for way in ways]
                for _ in range(_ROUNDS)
            ]
        speeds = [_REPLICAS / median(column) for column in zip(*found)]
        grammar = " ".join(f"{name} {value}" for name, value in keys.items())
        rows.append(
            {
                "network": f"{kind}, width {width}, {grammar}, {task}",
                "plainly replica-steps/s": speeds[0],
                "replica-steps/s": speeds[1],
                "ratio": median(old / saving for old, saving in found),
                "bound by counting": operations[0] / operations[1],
            }
        )
    return pd.DataFrame(rows)
