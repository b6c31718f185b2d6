"""Hierarchical convolutional network: locality and weight sharing that match the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .layers import OptimizerKind, Pack, Shape, one_hot


class Network(Pack):
    """``L`` convolutions of patch size and stride ``s``, then a mean-field readout.

    Weights are standard normal, divided by the square root of their fan-in in the forward pass;
    ReLU, no bias; the readout is divided by the width (arXiv:2307.02129, appendix). With the rates
    of `rate_scales` a step moves every layer equally far whatever the width.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        channels = [shape.v] + [shape.width] * shape.L
        self.filters = nn.ParameterList(
            self.normal(shape.s * below, above) for below, above in pairwise(channels)
        )
        self.readout = self.normal(shape.width, shape.outputs)

    def rate_scales(self, optimizer: OptimizerKind) -> dict[str, float]:
        """The width for gradient descent; for Adam, of filters that sum over the width, its root.

        Adam moves every weight equally far; such a filter adds as many moves as the width, and
        divides by the root of that alone.
        """
        width = self.shape.width
        if optimizer == "sgd":
            return {name: float(width) for name, _ in self.named_parameters()}
        return {f"filters.{level}": width**-0.5 for level in range(1, len(self.filters))}

    def _layers(self, tokens: Tensor) -> Iterator[tuple[Tensor, float]]:
        """Of each layer the activations ``(R, B * patches, w)`` and the factor they lack.

        Without biases, factors pass through ReLU: applied to the logits they cost nothing.
        """
        x, factor = one_hot(tokens, self.shape.v), 1.0
        for weight in self.filters:
            # stride equals patch size, so a convolution is one matrix product over patches
            patches = x.reshape(len(tokens), -1, weight.shape[1])
            x = torch.bmm(patches, weight).relu_()
            factor *= weight.shape[1] ** -0.5
            yield x, factor

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """One layer a level."""
        for x, factor in self._layers(tokens):
            yield x.view(*tokens.shape[:2], -1, x.shape[-1]) * factor

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)``."""
        for top in self._layers(tokens):
            x, factor = top
        return torch.bmm(x, self.readout) * (factor / self.shape.width)
