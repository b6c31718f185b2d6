"""What all architectures share: the replica axis, batched linear maps, token encoding.

Letters of tensor shapes: ``R`` replicas, ``B`` batch, ``T`` positions, ``w`` width, ``v`` tokens,
``C`` outputs. Every linear map is one batched matrix product over the replica axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..grammar.model import Parameters
from ..grammar.tasks import Task, outputs

OptimizerKind = Literal["sgd", "adam"]
_CACHED = 2**18  # numbers that are at hand in a core's own cache
_MOST_STRINGS = 600.0  # logarithm of a number of strings that is as good as without end


@dataclass(frozen=True)
class Shape:
    """Everything that decides the shapes of a network.

    Attributes
    ----------
    v, s, L
        Tokens, branching and depth of the grammar; inputs have ``s**L`` positions with values
        ``0..v`` (``v``: masked).
    outputs
        Number of classes ``C``.
    task
        ``autoregressive`` networks answer at every position, the others once.
    width, depth, heads
        Of the network; `heads` matters to attention alone.
    base_width
        Width at which the maximal-update parametrization equals the standard one; None for the
        standard one.
    strings
        How many strings of tokens the subtrees of the levels ``1..L`` have, if known: it tells how
        often subtrees repeat, and decides what is computed once, not what is computed.
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
    strings: tuple[float, ...] = ()

    @classmethod
    def from_parameters(
        cls, parameters: Parameters, task: Task, architecture: Mapping[str, Any]
    ) -> Shape:
        """The shape for a grammar and task; `architecture` holds what decides the network's."""
        return cls(
            v=parameters.v[0],
            s=parameters.s,
            L=parameters.L,
            outputs=outputs(task, parameters),
            task=task,
            width=architecture["width"],
            depth=architecture["depth"],
            heads=architecture["heads"],
            base_width=architecture.get("base_width"),
            strings=_strings(parameters),
        )


def _strings(parameters: Parameters) -> tuple[float, ...]:
    """Strings of tokens that the symbols of each level derive, as if ``n`` were ``v_(L-1)``."""
    found = [float(parameters.v[0])]
    for below, m in enumerate(parameters.m):
        of_a_child = found[-1] / parameters.v[below]
        above = parameters.v[min(below + 1, parameters.L - 1)]
        known = parameters.s * math.log(of_a_child) < _MOST_STRINGS
        found.append(above * m * of_a_child**parameters.s if known else math.inf)
    return tuple(found[1:])


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


def linear(x: Tensor, weight: Tensor, onto: Tensor | None = None) -> Tensor:
    """``(R, ..., i)`` times ``(R, i, o)``, one batched product, added to `onto` if there is one."""
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    if onto is None:
        product = torch.bmm(flat, weight)
    else:
        product = torch.baddbmm(onto.reshape(x.shape[0], -1, weight.shape[-1]), flat, weight)
    return product.view(*x.shape[:-1], weight.shape[-1])


class _Linears(torch.autograd.Function):
    """Several linear maps of one array, whose gradient is summed as the products are made."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(x, *weights)
        return tuple(torch.bmm(x, weight) for weight in weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        x, *weights = ctx.saved_tensors
        below = torch.bmm(gradients[0], weights[0].mT)
        for gradient, weight in zip(gradients[1:], weights[1:]):
            torch.baddbmm(below, gradient, weight.mT, out=below)
        return below, *(torch.bmm(x.mT, gradient) for gradient in gradients)


def linears(x: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """`linear` of one ``(R, ..., i)`` with each of some weights ``(R, i, o)``."""
    flat = x.reshape(len(x), -1, x.shape[-1])
    products = _Linears.apply(flat, *weights)  # type: ignore[no-untyped-call]
    return [product.view(*x.shape[:-1], product.shape[-1]) for product in products]


def _parts(hidden: Tensor, *others: Tensor) -> Iterable[tuple[Tensor, ...]]:
    """Some replicas of all arrays at a time, whose `hidden` layer stays in a CPU's cache."""
    count = max(1, _CACHED // hidden[0].numel())
    if hidden.is_cuda or count >= len(hidden):
        return [(hidden, *others)]
    return zip(*(torch.split(array, count) for array in (hidden, *others)))


class _Perceptron(torch.autograd.Function):
    """A hidden layer with ReLU, changed in place: it is a transformer's largest array."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        x, up, down, onto = inputs
        hidden, result = x.new_empty(*x.shape[:2], up.shape[2]), torch.empty_like(onto)
        for h, y, x_, up_, down_, onto_ in _parts(hidden, result, *inputs):
            torch.bmm(x_, up_, out=h).relu_()
            torch.baddbmm(onto_, h, down_, out=y)
        ctx.save_for_backward(x, up, down, hidden)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        x, up, down, hidden = ctx.saved_tensors
        found = torch.empty_like(x), torch.empty_like(up), torch.empty_like(down)
        for h, g, x_, up_, down_, *below in _parts(hidden, gradient, x, up, down, *found):
            through = torch.bmm(g, down_.mT)
            torch.ops.aten.threshold_backward.grad_input(through, h, 0, grad_input=through)
            torch.bmm(through, up_.mT, out=below[0])
            torch.bmm(x_.mT, through, out=below[1])
            torch.bmm(h.mT, g, out=below[2])
        return *found, gradient


def perceptron(x: Tensor, norm: LayerNorm, up: Tensor, down: Tensor) -> Tensor:
    """``x + mlp(norm(x))``, ``(R, ..., w)`` to the same, through a hidden layer with ReLU.

    `up` has shape ``(R, w, h)``, `down` ``(R, h, w)``.
    """
    flat = x.reshape(len(x), -1, x.shape[-1])
    added: Tensor = _Perceptron.apply(  # type: ignore[no-untyped-call]
        norm(flat), norm.gained(up), down, flat
    )
    return added.view(x.shape)


class LayerNorm(nn.Module):
    """Layer normalisation over the last axis, with a gain ``(R, w)`` and no bias."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        self.gain = pack.constant(1.0, pack.shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """``(R, ..., w)`` to the same, without the gain: that is for `gained`."""
        return functional.layer_norm(x, x.shape[-1:])

    def gained(self, weight: Tensor) -> Tensor:
        """The gain, and then the `weight` ``(R, w, o)``: a product that is smaller here."""
        return self.gain[:, :, None] * weight


@dataclass(frozen=True)
class Table:
    """Activations that tokens and positions decide alone, computed once for each of their pairs.

    Attributes
    ----------
    rows
        ``(R, n, w)``.
    places
        Which of the rows, of all replicas', stands at each place of the batch, ``(R, B, T)``.
    """

    rows: Tensor
    places: Tensor

    def spread(self, rows: Tensor) -> Tensor:
        """What was made of each of the rows, ``(R, n, o)``, at its places: ``(R, B, T, o)``."""
        found = rows.flatten(0, 1).index_select(0, self.places.flatten())
        return found.view(*self.places.shape, -1)


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

    def forward(
        self, x: Tensor, norm: LayerNorm, last_only: bool = False, table: Table | None = None
    ) -> Tensor:
        """``x + attention(norm(x))``, ``(R, B, T, w)`` to the same.

        With `last_only` to ``(R, B, 1, w)``, for the last position alone. A `table` holds `x` row
        by row.
        """
        R, B, T, w = x.shape
        normed = norm(x if table is None else table.rows)
        query = norm.gained(self.query * self.scale)
        key, value = norm.gained(self.key_value).chunk(2, dim=-1)
        if last_only:
            x = x[:, :, -1:]
            parts = [linear(normed[:, :, -1:], query), *linears(normed, (key, value))]
        else:
            parts = linears(normed, (query, key, value))
            parts = parts if table is None else [table.spread(part) for part in parts]
        query, key, value = map(self._split, parts)
        # keys before queries: over a few positions, softmax is two to three times faster on an axis
        # that is not the last
        scores = torch.bmm(key, query.transpose(1, 2))
        if self.causal:
            future = torch.ones(T, T, dtype=torch.bool, device=x.device).tril(-1)
            scores = scores.masked_fill(future, -torch.inf)
        mixed = torch.bmm(scores.softmax(1).transpose(1, 2), value)
        joined = mixed.view(R * B, self.heads, -1, w // self.heads).transpose(1, 2)
        return linear(joined.reshape(x.shape), self.out, onto=x)


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

    def table(self, tokens: Tensor) -> Table:
        """The same, as a table with a row for each position and token."""
        R, _, T = tokens.shape
        known = functional.pad(self.token, (0, 0, 0, 1))  # the mask adds nothing
        rows = (self.position[:, :, None] + known[:, None]).flatten(1, 2)
        starts = torch.arange(0, R * T * (self.v + 1), self.v + 1).view(R, 1, T)
        return Table(rows, starts + tokens)


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
        """One block; called as ``block(x, last_only, table)`` on ``(R, B, T, w)``."""
        raise TypeError("an attention stack is built from the blocks of an architecture")

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """The residual stream after the embedding and after every block."""
        table = self.embedding.table(tokens) if self._repeats(tokens) else None
        x = self.embedding(tokens) if table is None else table.spread(table.rows)
        yield x
        for index, block in enumerate(self.blocks):
            x = block(x, self._once and index == len(self.blocks) - 1, None if index else table)
            yield x

    def _repeats(self, tokens: Tensor) -> bool:
        """Whether the first block's input is worth a table: on a CPU (a GPU adds in any order)."""
        alone = self._once and len(self.blocks) == 1  # asks one position
        return not (tokens.is_cuda or alone) and tokens.shape[1] >= 2 * (self.shape.v + 1)

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
        logits = linear(self.norm(x), self.norm.gained(self.readout / self._widening))
        return logits[:, :, -1] if self._once else logits
