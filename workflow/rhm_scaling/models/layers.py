"""What all architectures share: the replica axis, batched linear maps, token encoding.

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


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """``(R, ..., i)`` times ``(R, i, o)``: one batched product, ``(R, ..., o)``."""
    flat = torch.bmm(x.reshape(x.shape[0], -1, x.shape[-1]), weight)
    return flat.view(*x.shape[:-1], weight.shape[-1])


def perceptron(x: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """``(R, ..., i)`` to ``(R, ..., o)`` through a hidden layer with ReLU.

    `up` has shape ``(R, i, h)``, `down` ``(R, h, o)``.
    """
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    # in place: the hidden layer is the largest array of a transformer
    hidden = torch.bmm(flat, up).relu_()
    return torch.bmm(hidden, down).view(*x.shape[:-1], down.shape[-1])


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


class LayerNorm(nn.Module):
    """Layer normalisation over the last axis, with a gain ``(R, w)`` and no bias."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        self.gain = pack.constant(1.0, pack.shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """``(R, B, T, w)`` to the same."""
        return functional.layer_norm(x, x.shape[-1:]) * self.gain[:, None, None]


class Attention(nn.Module):
    """Multi-head softmax attention, as plain batched products (short sequences favour them)."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        width = pack.shape.width
        self.heads = pack.shape.heads
        self.causal = pack.shape.task == "autoregressive"
        self.scale = (width // self.heads) ** -0.5
        if pack.shape.base_width is not None:
            # queries and keys become correlated, so their product grows as the head's width, not as
            # its root
            self.scale *= (width / pack.shape.base_width) ** -0.5
        std = width**-0.5
        self.query = pack.normal(width, width, std=std)
        self.key_value = pack.normal(width, 2 * width, std=std)
        self.out = pack.normal(width, width, std=std)

    def _split(self, x: Tensor) -> Tensor:
        R, B, T, w = x.shape
        split = x.reshape(R * B, T, self.heads, w // self.heads).transpose(1, 2)
        return split.reshape(R * B * self.heads, T, w // self.heads)

    def forward(self, x: Tensor, last_only: bool = False) -> Tensor:
        """``(R, B, T, w)`` to the same, or to ``(R, B, 1, w)`` for the last position alone."""
        R, B, T, w = x.shape
        queries = x[:, :, -1:] if last_only else x
        query = self._split(linear(queries, self.query * self.scale))
        key, value = (self._split(half) for half in linear(x, self.key_value).chunk(2, dim=-1))
        # keys before queries: over a few positions, softmax is two to three times faster on an axis
        # that is not the last
        scores = torch.bmm(key, query.transpose(1, 2))
        if self.causal:
            future = torch.ones(T, T, dtype=torch.bool, device=x.device).tril(-1)
            scores = scores.masked_fill(future, -torch.inf)
        mixed = torch.bmm(scores.softmax(1).transpose(1, 2), value)
        joined = mixed.view(R * B, self.heads, -1, w // self.heads).transpose(1, 2)
        return linear(joined.reshape(R, B, -1, w), self.out)


class Embedding(nn.Module):
    """Tokens and learned positions; a masked token is known by its position alone."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        shape = pack.shape
        self.v = shape.v
        self.token = pack.normal(shape.v, shape.width)
        self.position = pack.normal(shape.s**shape.L, shape.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(R, B, T)`` to ``(R, B, T, w)``."""
        return linear(one_hot(tokens, self.v), self.token) + self.position[:, None]


class AttentionStack(Pack):
    """Embedding, ``depth`` blocks with a residual stream, normalisation and a linear readout.

    Single-target tasks are read at the last position, so the last block computes only that one;
    attention is causal in the autoregressive task and sees everything in the others.

    With a `Shape.base_width` in maximal-update parametrization (arXiv:2203.03466, table 8): scores
    fall as one over the head's width, logits are divided by the width, and the rates of
    `rate_scales` apply, so that a step moves every layer equally far whatever the width.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        self.embedding = Embedding(self)
        self.blocks = nn.ModuleList(self.block() for _ in range(shape.depth))
        self.norm = LayerNorm(self)
        base = shape.base_width or shape.width
        self._widening = shape.width / base
        self.readout = self.normal(shape.width, shape.outputs, std=base**-0.5)

    def block(self) -> nn.Module:
        """One block; called as ``block(x, last_only)`` on ``(R, B, T, w)``."""
        raise TypeError("an attention stack is built from the blocks of an architecture")

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """The residual stream after the embedding and after every block."""
        x = self.embedding(tokens)
        yield x
        for index, block in enumerate(self.blocks):
            x = block(x, last_only=self._once and index == len(self.blocks) - 1)
            yield x

    def rate_scales(self, optimizer: OptimizerKind) -> dict[str, float]:
        """Of matrices that grow along both axes for Adam, of all others for gradient descent."""
        matrices = {"query", "key_value", "out", "up", "down"}
        named = {name: name.rpartition(".")[2] in matrices for name, _ in self.named_parameters()}
        if optimizer == "adam":
            return {name: 1 / self._widening for name, matrix in named.items() if matrix}
        return {name: self._widening for name, matrix in named.items() if not matrix}

    @property
    def _once(self) -> bool:
        """Whether only the last position answers."""
        return self.shape.task != "autoregressive"

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)`` or ``(R, B, T, C)``."""
        for layer in self.hidden(tokens):
            x = layer
        logits = linear(self.norm(x), self.readout / self._widening)
        return logits[:, :, -1] if self._once else logits
