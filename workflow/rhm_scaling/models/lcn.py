"""Locally connected network: the locality of the grammar without sharing over positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..architecture.about import Architecture, Sizes, Work
from .layers import Shape, one_hot
from .mean_field import MeanField


def _work(sizes: Sizes) -> Work:
    s, width, L = sizes.s, sizes.width, sizes.L
    patches = [s ** (L - level) for level in range(1, L + 1)]
    # positions are brought together, and back
    moved = [s * below + width for below in (sizes.v, *[width] * (L - 1))]
    return Work.of_products(
        [(1, s * sizes.v, width)] * patches[0],
        [(1, s * width, width)] * sum(patches[1:]),
        (1, width, sizes.classes),
        calls=25 * L + 20,
        numbers=sum(number * one for number, one in zip(patches, moved)),
    )


ARCHITECTURE = Architecture(
    tasks=("classification", "last_token"),
    learner="transformer",
    optimizer="sgd",
    work=_work,
    layer_a_level=True,
    any_width=True,
)


class Network(MeanField):
    """A convolutional network of patch size and stride ``s`` whose filters differ by position.

    It separates the two causes of a CNN's gain (arXiv:2505.07070): it sees the same patches, but
    has to learn the rules of a level at every position anew.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        patches = [shape.s ** (shape.L - level) for level in range(1, shape.L + 1)]
        channels = [shape.v] + [shape.width] * (shape.L - 1)
        filters = [(p, shape.s * below, shape.width) for p, below in zip(patches, channels)]
        super().__init__(shape, generators, filters)

    def layers(self, tokens: Tensor) -> Iterator[tuple[Tensor, float]]:
        """Activations ``(R, B, patches, w)``, one layer a level."""
        x, factor = one_hot(tokens, self.shape.v), 1.0
        for weight in self.filters:
            R, patches, inputs, width = weight.shape
            # every position of every replica is a product of its own
            seen = x.reshape(R, -1, patches, inputs).transpose(1, 2).flatten(0, 1)
            x = torch.bmm(seen, weight.flatten(0, 1)).relu_()
            x = x.view(R, patches, -1, width).transpose(1, 2)
            factor *= inputs**-0.5
            yield x, factor
