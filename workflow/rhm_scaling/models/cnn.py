"""Hierarchical convolutional network: locality and weight sharing that match the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..architecture.about import Architecture, Sizes, Work
from .layers import Shape, one_hot
from .mean_field import MeanField
from .repeats import distinct, repeating_levels

# of v times the width: from here on, looking up rows of the first filters is less work on a CPU
# than products with one-hot vectors
_LOOKED_UP = 2048


def _work(sizes: Sizes) -> Work:
    s, width = sizes.s, sizes.width
    patches = [s ** (sizes.L - level) for level in range(1, sizes.L + 1)]
    work = Work.of_products(
        [(patches[0], s * sizes.v, width)],
        [(number, s * width, width) for number in patches[1:]],
        (1, width, sizes.classes),
        calls=15 * sizes.L + 20,
    )
    if sizes.v * width < _LOOKED_UP:
        return work
    # rows in the place of one-hot vectors
    return replace(work, looked_up=work.numbers + sizes.d * (width - sizes.v))


ARCHITECTURE = Architecture(
    tasks=("classification", "last_token"),
    learner="cnn",
    optimizer="sgd",
    work=_work,
    layer_a_level=True,
    any_width=True,
)


class Network(MeanField):
    """``L`` convolutions of patch size and stride ``s``, one a level (arXiv:2307.02129).

    Subtrees repeat within a batch, and equal ones have equal activations: where that pays, the
    lowest levels are computed once for every distinct subtree of a replica's batch. It does on
    CPUs alone: a GPU records its steps, where no shape may depend on the data.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        below = [shape.v] + [shape.width] * (shape.L - 1)
        super().__init__(shape, generators, [(shape.s * w, shape.width) for w in below])

    def layers(self, tokens: Tensor) -> Iterator[tuple[Tensor, float]]:
        """One a level."""
        R, B, _ = tokens.shape
        repeating = 0 if tokens.is_cuda else repeating_levels(self.shape, B)
        once = self._once(tokens, repeating)
        factor = 1.0
        for level, weight in enumerate(self.filters):
            if level < repeating:
                x = next(once)
            elif level == 0:
                x = self._first(tokens).relu_()
            else:
                # stride equals patch size, so a convolution is one matrix product over patches
                x = torch.bmm(x.view(R, -1, weight.shape[1]), weight).relu_()
            factor *= weight.shape[1] ** -0.5
            yield x.view(R, B, -1, self.shape.width), factor

    def _first(self, tokens: Tensor) -> Tensor:
        """The first filters' answers, ``(R, ..., w)``."""
        R, s, v, weight = len(tokens), self.shape.s, self.shape.v, self.filters[0]
        if tokens.is_cuda or v * self.shape.width < _LOOKED_UP:
            return torch.bmm(one_hot(tokens, v).view(R, -1, s * v), weight)
        # a row for every replica, place in the patch and token, and one of zeros for the mask
        rows = functional.pad(weight.view(R * s, v, -1), (0, 0, 0, 1)).flatten(0, 1)
        places = torch.arange(0, len(rows), v + 1).view(R, 1, s) + tokens.reshape(R, -1, s)
        x, *others = (rows.index_select(0, place.ravel()) for place in places.unbind(2))
        for other in others:
            x += other
        return x

    def _once(self, tokens: Tensor, levels: int) -> Iterator[Tensor]:
        """Activations of the lowest `levels`, computed once for every distinct subtree."""
        R, s, v = len(tokens), self.shape.s, self.shape.v
        rows, number = torch.eye(v + 1, v), tokens.numpy().astype(np.int64)
        for weight in self.filters[:levels]:
            first, number, counts = distinct(number.reshape(R, -1, s))
            patches = rows.index_select(0, torch.from_numpy(first.ravel()))
            # a product for every replica, so that its rows alone decide how it is done
            parts = patches.view(-1, weight.shape[1]).split_with_sizes(counts)
            rows = torch.cat([*map(torch.mm, parts, weight)]).relu_()
            yield rows.index_select(0, torch.from_numpy(number))
