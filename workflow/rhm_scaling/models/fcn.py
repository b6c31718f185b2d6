"""Fully connected network: neither the locality of the grammar nor sharing over positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..architecture.about import Architecture, Sizes, Work
from .layers import Shape, one_hot
from .mean_field import MeanField


def _work(sizes: Sizes) -> Work:
    width, depth = sizes.width, sizes.depth
    return Work.of_products(
        [(1, sizes.d * sizes.v, width)],
        [(1, width, width)] * (depth - 1),
        (1, width, sizes.classes),
        calls=15 * depth + 20,
    )


ARCHITECTURE = Architecture(
    tasks=("classification", "last_token"),
    learner="transformer",
    optimizer="sgd",
    work=_work,
    any_width=True,
)


class Network(MeanField):
    """``depth`` layers, each of which sees all of the layer below, the first all tokens."""

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        inputs = [shape.s**shape.L * shape.v] + [shape.width] * (shape.depth - 1)
        super().__init__(shape, generators, [(below, shape.width) for below in inputs])

    def layers(self, tokens: Tensor) -> Iterator[tuple[Tensor, float]]:
        """Activations ``(R, B, 1, w)``."""
        x, factor = one_hot(tokens, self.shape.v).flatten(2), 1.0
        for weight in self.filters:
            x = torch.bmm(x, weight).relu_()
            factor *= weight.shape[1] ** -0.5
            yield x[:, :, None], factor
