"""MLP-mixer: perceptrons over positions and over channels in turn (arXiv:2105.01601)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ..architecture.about import Architecture, Linear, Sizes, Work
from .layers import LayerNorm, OptimizerKind, Pack, Shape, linear, one_hot, perceptron


def _work(sizes: Sizes) -> Work:
    d, width, depth = sizes.d, sizes.width, sizes.depth
    positions: list[Linear] = [(width, d, 4 * d), (width, 4 * d, d)]
    channels: list[Linear] = [(d, width, 4 * width), (d, 4 * width, width)]
    return Work.of_products(
        [(d, sizes.v, width)],
        (positions + channels) * depth,
        (1, width, sizes.classes),
        calls=70 * depth + 40,
        numbers=float(width + 12 * d * width * depth),  # norms, and positions as the last axis
        vectors=width * (2 * depth + 1),  # gains
    )


ARCHITECTURE = Architecture(
    tasks=("classification", "last_token"),
    learner="transformer",  # every position has weights of its own
    optimizer="adam",
    work=_work,
    takes=("base_width",),
)


class Block(nn.Module):
    """``x + mlp(norm(x))`` over positions, then over channels: ReLU, four times as many units."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        width, d = pack.shape.width, pack.shape.s**pack.shape.L
        self.position_norm, self.channel_norm = LayerNorm(pack), LayerNorm(pack)
        self.position_up = pack.normal(d, 4 * d, std=(2 / d) ** 0.5)
        self.position_down = pack.normal(4 * d, d, std=(4 * d) ** -0.5)
        self.up = pack.normal(width, 4 * width, std=(2 / width) ** 0.5)
        self.down = pack.normal(4 * width, width, std=(4 * width) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """``(R, B, T, w)`` to the same."""
        normed = self.position_norm(x) * self.position_norm.gain[:, None, None]
        hidden = linear(normed.mT, self.position_up).relu_()
        x = x + linear(hidden, self.position_down).mT
        return perceptron(x, self.channel_norm, self.up, self.down)


class Network(Pack):
    """Embedding, ``depth`` blocks, normalisation, the mean over positions and a linear readout.

    A masked token is known by its position alone. With a `Shape.base_width` in maximal-update
    parametrization (arXiv:2203.03466, table 8); weights over positions do not grow with the width.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        base = shape.base_width or shape.width
        self._widening = shape.width / base
        self.embedding = self.normal(shape.v, shape.width)
        self.blocks = nn.ModuleList(Block(self) for _ in range(shape.depth))
        self.norm = LayerNorm(self)
        self.readout = self.normal(shape.width, shape.outputs, std=base**-0.5)

    def rate_scales(self, optimizer: OptimizerKind) -> dict[str, float]:
        """By how many axes of a parameter grow: for Adam if two, for gradient descent if one."""
        names = [name for name, _ in self.named_parameters()]
        if optimizer == "adam":
            return {n: 1 / self._widening for n in names if n.endswith((".up", ".down"))}
        fixed = (".up", ".down", ".position_up", ".position_down")
        return {n: self._widening for n in names if not n.endswith(fixed)}

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """The residual stream after the embedding and after every block."""
        x = linear(one_hot(tokens, self.shape.v), self.embedding)
        yield x
        for block in self.blocks:
            x = block(x)
            yield x

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)``."""
        *_, top = self.hidden(tokens)
        mean = self.norm(top).mean(2)
        return linear(mean, self.norm.gained(self.readout / self._widening))
