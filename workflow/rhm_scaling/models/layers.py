"""What all architectures share: the replica axis, token encoding, and layers without attention.

Letters of tensor shapes: ``R`` replicas, ``B`` batch, ``T`` positions, ``w`` width, ``v`` tokens,
``C`` outputs. Every linear map is one batched matrix product over the replica axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..grammar.model import Parameters
from ..grammar.tasks import Task, outputs

OptimizerKind = Literal["sgd", "adam"]


@dataclass(frozen=True)
class Shape:
    """Everything that decides the shapes of a network.

    Attributes
    ----------
    v, s, L
        Of the grammar; inputs have ``s**L`` positions with values ``0..v`` (``v``: masked).
    outputs
        Number of classes ``C``.
    task
        ``autoregressive`` networks answer at every position, the others once.
    width, depth, heads
        Of the network; `heads` matters to attention alone.
    base_width
        Width at which the maximal-update parametrization equals the standard one; None for the
        standard one.
    m
        Rules per symbol of the grammar's levels, if known: they tell how often subtrees repeat, and
        decide what is computed once, not what is computed.
    """

    v: int
    s: int
    L: int
    outputs: int
    task: Task
    width: int
    depth: int
    heads: int = 1
    base_width: int | None = None
    m: tuple[int, ...] = ()

    @classmethod
    def from_parameters(
        cls, parameters: Parameters, task: Task, architecture: Mapping[str, Any]
    ) -> Shape:
        """The shape for a grammar and task; `architecture` holds what decides the network's."""
        return cls(
            v=parameters.v,
            s=parameters.s,
            L=parameters.L,
            outputs=outputs(task, parameters),
            task=task,
            width=architecture["width"],
            depth=architecture["depth"],
            heads=architecture["heads"],
            base_width=architecture.get("base_width"),
            m=parameters.m,
        )


class Pack(nn.Module):
    """Replicas of one network, trained side by side.

    ``forward`` maps masked tokens ``(R, B, T)`` to logits ``(R, B, C)``, or ``(R, B, T, C)`` for
    the autoregressive task. Replicas do not interact.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.shape = shape
        self._generators = list(generators)

    def normal(self, *shape: int, std: float = 1.0) -> nn.Parameter:
        """A Gaussian parameter ``(R, *shape)``; each replica draws from its own generator."""
        drawn = [torch.randn(shape, generator=generator) for generator in self._generators]
        return nn.Parameter(std * torch.stack(drawn))

    def constant(self, value: float, *shape: int) -> nn.Parameter:
        """A parameter ``(R, *shape)`` that starts at `value`."""
        return nn.Parameter(torch.full((len(self._generators), *shape), value))

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """Activations of every hidden layer, ``(R, B, positions, w)``, from the bottom up."""
        raise NotImplementedError

    def keep(self, replicas: Tensor) -> None:
        """Drop all replicas but the given indices along ``R``; parameters become new ones."""
        for module in self.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(parameter.detach()[replicas]))

    def rate_scales(self, optimizer: OptimizerKind) -> dict[str, float]:
        """What the configured learning rate is multiplied with, by parameter; 1 if not named."""
        return {}

    @property
    def parameter_count(self) -> int:
        """Trainable numbers of one replica."""
        return sum(parameter[0].numel() for parameter in self.parameters())


def one_hot(tokens: Tensor, v: int) -> Tensor:
    """Tokens ``(...)`` as one-hot vectors ``(..., v)``; the mask ``v`` becomes zeros."""
    table = torch.eye(v + 1, v, device=tokens.device)
    return functional.embedding(tokens.long(), table)


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
