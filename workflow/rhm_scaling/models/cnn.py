"""Hierarchical convolutional network: locality and weight sharing that match the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .layers import MeanField, Shape, one_hot


class Network(MeanField):
    """``L`` convolutions of patch size and stride ``s``, one a level (arXiv:2307.02129)."""

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        below = [shape.v] + [shape.width] * (shape.L - 1)
        super().__init__(shape, generators, [(shape.s * w, shape.width) for w in below])

    def layers(self, tokens: Tensor) -> Iterator[tuple[Tensor, float]]:
        """One a level."""
        x, factor = one_hot(tokens, self.shape.v), 1.0
        for weight in self.filters:
            # stride equals patch size, so a convolution is one matrix product over patches
            patches = x.reshape(len(tokens), -1, weight.shape[1])
            x = torch.bmm(patches, weight).relu_()
            factor *= weight.shape[1] ** -0.5
            yield x.view(*tokens.shape[:2], -1, x.shape[-1]), factor
