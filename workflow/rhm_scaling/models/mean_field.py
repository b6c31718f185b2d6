"""What networks without attention share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from .layers import OptimizerKind, Pack, Shape


class MeanField(Pack):
    """Layers with ReLU and no bias, then a readout that is divided by the width.

    Weights are standard normal, divided by the square root of their fan-in in the forward pass
    (arXiv:2307.02129, appendix). With the rates of `rate_scales` a step moves every layer equally
    far whatever the width.

    Parameters
    ----------
    filters
        Shapes of the layers' weights of one replica, ``(..., fan-in, w)``, from the bottom up.
    """

    def __init__(
        self,
        shape: Shape,
        generators: Sequence[torch.Generator],
        filters: Sequence[tuple[int, ...]],
    ) -> None:
        super().__init__(shape, generators)
        self.filters = nn.ParameterList(self.normal(*layer) for layer in filters)
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

    def layers(self, tokens: Tensor) -> Iterator[tuple[Tensor, float]]:
        """Of each layer the activations ``(R, B, positions, w)`` and the factor they lack.

        Without biases, factors pass through ReLU: applied to the logits they cost nothing.
        """
        raise NotImplementedError

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """Every layer."""
        for x, factor in self.layers(tokens):
            yield x * factor

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)``."""
        for top in self.layers(tokens):
            x, factor = top
        return torch.bmm(x.flatten(2), self.readout) * (factor / self.shape.width)
