"""Hierarchical U-net: up the tree by patches of `s` positions and down again, as messages go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ..architecture.about import Architecture, Linear, Sizes, Work
from .layers import LayerNorm, Pack, Shape, linear, one_hot

_WIDER = 2  # hidden units of a patch, of the width


def _work(sizes: Sizes) -> Work:
    s, width, hidden = sizes.s, sizes.width, _WIDER * sizes.width
    body: list[Linear] = []
    for level in range(1, sizes.L + 1):
        nodes = s ** (sizes.L - level)
        body += [(nodes, s * width, hidden), (nodes, hidden, width), (nodes, s * width, width)]
        body += [(nodes, (s + 1) * width, hidden), (nodes, hidden, s * width)]
    return Work.of_products(
        [(sizes.d, sizes.v + 1, width)],
        body,
        (sizes.answers, width, sizes.classes),
        calls=60 * sizes.L + 30,
        vectors=(3 * sizes.L + 1) * width,
    )


ARCHITECTURE = Architecture(
    tasks=(),
    learner=None,
    optimizer="adam",
    work=_work,
    layer_a_level=True,
    denoises=True,
)


class _Perceptron(nn.Module):
    """A hidden layer with ReLU over the vectors of a patch, each normalised."""

    def __init__(self, pack: Pack, inputs: int, outputs: int, std: float) -> None:
        super().__init__()
        width = pack.shape.width
        hidden = _WIDER * width
        self.into = pack.normal(inputs * width, hidden, std=(2 / (inputs * width)) ** 0.5)
        self.out = pack.normal(hidden, outputs * width, std=std * hidden**-0.5)

    def forward(self, patches: Tensor) -> Tensor:
        """``(R, B, n, i*w)`` to ``(R, B, n, o*w)``."""
        hidden: Tensor = linear(patches, self.into).relu()
        return linear(hidden, self.out)


class Level(nn.Module):
    """What a level's patches tell their parent, and what they are told together with it."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        s, width = pack.shape.s, pack.shape.width
        self.s = s
        self.child_norm, self.own_norm, self.parent_norm = (LayerNorm(pack) for _ in range(3))
        self.up = _Perceptron(pack, s, 1, 1.0)
        self.skip = pack.normal(s * width, width, std=(s * width) ** -0.5)
        self.down = _Perceptron(pack, s + 1, s, 1.0)

    def _patches(self, x: Tensor, norm: LayerNorm) -> Tensor:
        R, B, _, w = x.shape
        normed: Tensor = norm(x) * norm.gain[:, None, None]
        return normed.reshape(R, B, -1, self.s * w)

    def rise(self, x: Tensor) -> Tensor:
        """``(R, B, n*s, w)`` to ``(R, B, n, w)``."""
        patches = self._patches(x, self.child_norm)
        told: Tensor = self.up(patches)
        return told + linear(patches, self.skip)

    def fall(self, above: Tensor, x: Tensor) -> Tensor:
        """What is known above, ``(R, B, n, w)``, added to what a level is, ``(R, B, n*s, w)``."""
        known = self.parent_norm(above) * self.parent_norm.gain[:, None, None]
        together = torch.cat([known, self._patches(x, self.own_norm)], dim=-1)
        told: Tensor = self.down(together)
        return x + told.view(x.shape)


class Network(Pack):
    """A network that mirrors belief propagation: a level's weights serve all of its nodes.

    Going down, a patch sees what its parent knows and what its own positions, siblings of each
    other, told on the way up (skip connections).
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        self.embedding = self.normal(shape.v + 1, shape.width)  # a mask has its own
        self.levels: list[Level] = []
        for number in range(shape.L):
            self.levels.append(level := Level(self))
            self.add_module(f"level{number + 1}", level)
        self.norm = LayerNorm(self)
        self.readout = self.normal(shape.width, shape.outputs, std=shape.width**-0.5)

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """What every level tells, from the tokens up, and what it is told, down to the tokens."""
        x = linear(one_hot(tokens, self.shape.v + 1), self.embedding)
        told = [x]
        yield x
        for level in self.levels:
            told.append(level.rise(told[-1]))
            yield told[-1]
        x = told.pop()
        for level in reversed(self.levels):
            x = level.fall(x, told.pop())
            yield x

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, T, C)``, or ``(R, B, C)`` of the last."""
        for layer in self.hidden(tokens):
            x = layer
        if self.shape.task != "autoregressive":
            x = x[:, :, -1]
        return linear(self.norm(x), self.norm.gained(self.readout))
