"""The pack's optimizers do what PyTorch's do, each replica at its own rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from rhm_scaling.models import build
from rhm_scaling.models.layers import Pack, Shape
from rhm_scaling.training.optimizers import Optimizer

SHAPE = Shape(v=5, s=2, L=2, outputs=5, task="last_token", width=6, depth=2, heads=2)
RATES = [0.3, 0.01, 0.1]
FACTORS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # a warm-up over four steps


def gradients(network: Pack, step: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(p.shape, generator=generator) for p in network.parameters()]


def assert_moves_as_by_pytorch(
    network: Pack, optimizer: Optimizer, kind: str, factors: Sequence[float], decay: float = 0.0
) -> None:
    """Every replica moves as PyTorch's optimizer moves it alone, its rate times the factors."""
    start = [p.detach().clone() for p in network.parameters()]
    for step in range(len(factors)):
        for parameter, gradient in zip(network.parameters(), gradients(network, step), strict=True):
            parameter.grad = gradient
        optimizer.step()
        assert all(p.grad is None for p in network.parameters())
    named = network.rate_scales(kind)
    scales = [named.get(name, 1.0) for name, _ in network.named_parameters()]
    for replica, rate in enumerate(RATES):
        alone = [torch.nn.Parameter(p[replica].clone()) for p in start]
        groups = [{"params": [parameter]} for parameter in alone]
        known = torch.optim.SGD(groups, momentum=0.8) if kind == "sgd" else torch.optim.Adam(groups)
        for step, factor in enumerate(factors):
            for group, scale in zip(known.param_groups, scales, strict=True):
                group["lr"] = rate * factor * scale
            for parameter, gradient in zip(alone, gradients(network, step), strict=True):
                parameter.data *= 1 - rate * factor * decay  # AdamW's, by hand for both
                parameter.grad = gradient[replica]
            known.step()
        for mine, expected in zip(network.parameters(), alone, strict=True):
            torch.testing.assert_close(mine[replica], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("architecture", ["cnn", "transformer"])
@pytest.mark.parametrize("base_width", [None, 2])
def test_each_replica_moves_as_by_pytorch_at_its_own_rate(
    kind: str, architecture: str, base_width: int | None
) -> None:
    network = build(architecture, replace(SHAPE, base_width=base_width), [1, 2, 3])
    optimizer = Optimizer(network, kind, RATES, momentum=0.8, warmup_steps=4)
    assert_moves_as_by_pytorch(network, optimizer, kind, FACTORS)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_rates_fall_as_a_cosine_and_weights_decay(kind: str) -> None:
    """Six steps: a warm-up over two, then down to zero at the sixth; decay at the rate as given."""
    network = build("cnn", SHAPE, [1, 2, 3])
    optimizer = Optimizer(network, kind, RATES, 0.8, 2, decay_steps=6, weight_decay=0.3)
    factors = [0.5, 1.0, *(0.5 * (1 + math.cos(math.pi * step / 4)) for step in (1, 2, 3, 4))]
    assert_moves_as_by_pytorch(network, optimizer, kind, factors, decay=0.3)


def test_without_gradients_it_says_so() -> None:
    network = build("cnn", SHAPE, [1])
    with pytest.raises(RuntimeError, match="call backward"):
        Optimizer(network, "sgd", [0.1], 0.9).step()
