"""Hierarchical convolutional network: locality and weight sharing that match the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .layers import Pack, Shape, one_hot


class Network(Pack):
    """``L`` convolutions of patch size and stride ``s``, then a mean-field readout.

    Weights are standard normal, divided by the square root of their fan-in in the forward pass;
    ReLU, no bias; the readout is divided by the width (arXiv:2307.02129, appendix). In this
    parametrization the learning rate of plain gradient descent scales with the width.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        channels = [shape.v] + [shape.width] * shape.L
        self.filters = nn.ParameterList(
            self.normal(shape.s * below, above) for below, above in pairwise(channels)
        )
        self.readout = self.normal(shape.width, shape.outputs)

    @property
    def rate_scale(self) -> float:
        """The width."""
        return float(self.shape.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)``."""
        x = one_hot(tokens, self.shape.v)
        scale = 1.0 / self.shape.width
        for weight in self.filters:
            # stride equals patch size, so a convolution is one matrix product over patches
            patches = x.reshape(len(tokens), -1, weight.shape[1])
            x = torch.bmm(patches, weight).relu_()
            scale *= weight.shape[1] ** -0.5
        # without biases, factors pass through ReLU: applied to the logits they cost nothing
        return torch.bmm(x, self.readout) * scale
