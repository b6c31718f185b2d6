"""Long short-term memory: cells that read the tokens from left to right, layer upon layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..architecture.about import Architecture, Sizes, Work
from ..grammar.tasks import TASKS
from .layers import OptimizerKind, Pack, Shape, linear, one_hot


def _work(sizes: Sizes) -> Work:
    d, width, above = sizes.d, sizes.width, sizes.depth - 1
    return Work.of_products(
        [(d, sizes.v, 4 * width)],
        [(d, width, 4 * width)] * above + [(d - 1, width, 4 * width)] * sizes.depth,
        (sizes.answers, width, sizes.classes),
        calls=35 * d * sizes.depth + 30,
        numbers=12.0 * d * width * sizes.depth,  # gates, cells, and what they become
        vectors=4 * width * sizes.depth,
    )


ARCHITECTURE = Architecture(
    tasks=TASKS,
    learner=None,  # it shares weights over positions, but not along the tree
    optimizer="adam",
    work=_work,
    takes=("base_width",),
)


class _Layer(torch.autograd.Function):
    """A layer's states at all positions, ``(T, R, B, w)``, from its inputs ``(T, R, B, i)``.

    Weights are ``(R, i, 4w)``, ``(R, w, 4w)`` and ``(R, 1, 4w)``, in the order of the input, forget
    and output gates and the candidates. The logistic function of ``x`` is ``(1 + tanh(x/2)) / 2``:
    unlike PyTorch's own, `tanh` gives the same number wherever in an array it stands, so that a
    replica's do not depend on the pack.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, inputs: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        (T, R, B, _), w = x.shape, recurrent.shape[1]
        gates, bounded = x.new_empty(T, R, B, 4 * w), x.new_empty(T, R, B, w)
        cells, states = torch.empty_like(bounded), torch.empty_like(bounded)
        for t, z in enumerate(gates):
            torch.bmm(x[t], inputs, out=z).add_(bias)
            if t:
                torch.baddbmm(z, states[t - 1], recurrent, out=z)
            z[..., : 3 * w].div_(2)
            z.tanh_()
            z[..., : 3 * w].add_(1).div_(2)
            enter, forget, leave, candidate = torch.split(z, w, dim=2)
            torch.mul(enter, candidate, out=cells[t])
            if t:
                cells[t].addcmul_(forget, cells[t - 1])
            torch.tanh(cells[t], out=bounded[t])
            torch.mul(leave, bounded[t], out=states[t])
        ctx.save_for_backward(x, inputs, recurrent, gates, bounded, cells, states)
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, inputs, recurrent, gates, bounded, cells, states = ctx.saved_tensors
        T, w = len(x), recurrent.shape[1]
        logistic = torch.ops.aten.sigmoid_backward.grad_input
        hyperbolic = torch.ops.aten.tanh_backward.grad_input
        # gradients: of the gates before their functions, of a cell, of weights, of what enters
        before, cell = torch.empty_like(gates), torch.zeros_like(cells[0])
        of_inputs, of_recurrent = torch.zeros_like(inputs), torch.zeros_like(recurrent)
        of_bias = inputs.new_zeros(len(inputs), 1, 4 * w)
        below = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        for t in reversed(range(T)):
            state = gradient[t]
            if t + 1 < T:
                state = torch.baddbmm(state, before[t + 1], recurrent.mT)
            enter, forget, leave, candidate = torch.split(gates[t], w, dim=2)
            to_enter, to_forget, to_leave, to_candidate = torch.split(before[t], w, dim=2)
            cell += torch.ops.aten.tanh_backward(state * leave, bounded[t])
            logistic(cell * candidate, enter, grad_input=to_enter)
            logistic(state * bounded[t], leave, grad_input=to_leave)
            hyperbolic(cell * enter, candidate, grad_input=to_candidate)
            if t:
                logistic(cell * cells[t - 1], forget, grad_input=to_forget)
                torch.baddbmm(of_recurrent, states[t - 1].mT, before[t], out=of_recurrent)
            else:
                to_forget.zero_()
            torch.baddbmm(of_inputs, x[t].mT, before[t], out=of_inputs)
            if below is not None:
                torch.bmm(before[t], inputs.mT, out=below[t])
            of_bias += before[t].sum(1, keepdim=True)
            cell *= forget
        return below, of_inputs, of_recurrent, of_bias


class Network(Pack):
    """``depth`` layers of the cell of torch.nn.LSTM, with one bias, and a linear readout.

    Forget gates start open, with a bias of one (Jozefowicz, Zaremba, Sutskever, ICML 2015).
    Single-target tasks are read after the last position; a masked token is an input of zeros. With
    a `Shape.base_width` in maximal-update parametrization (arXiv:2203.03466, table 8).
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        w = shape.width
        base = shape.base_width or w
        self._widening = w / base
        self.embedding = self.normal(shape.v, 4 * w)
        self.upward = nn.ParameterList(
            self.normal(w, 4 * w, std=w**-0.5) for _ in range(shape.depth - 1)
        )
        self.recurrent = nn.ParameterList(
            self.normal(w, 4 * w, std=w**-0.5) for _ in range(shape.depth)
        )
        self.bias = nn.ParameterList(self.constant(0.0, 1, 4 * w) for _ in range(shape.depth))
        self.readout = self.normal(w, shape.outputs, std=base**-0.5)
        opened = torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(w)
        self.register_buffer("_opened", opened, persistent=False)

    def rate_scales(self, optimizer: OptimizerKind) -> dict[str, float]:
        """Of matrices that grow along both axes for Adam, of all others for gradient descent."""
        named = {n: n.startswith(("upward", "recurrent")) for n, _ in self.named_parameters()}
        if optimizer == "adam":
            return {name: 1 / self._widening for name, matrix in named.items() if matrix}
        return {name: self._widening for name, matrix in named.items() if not matrix}

    def _states(self, tokens: Tensor) -> Iterator[Tensor]:
        """Of every layer, ``(T, R, B, w)``."""
        x = one_hot(tokens.permute(2, 0, 1), self.shape.v)
        for *weights, bias in zip((self.embedding, *self.upward), self.recurrent, self.bias):
            x = _Layer.apply(x, *weights, bias + self._opened)  # type: ignore[no-untyped-call]
            yield x

    def hidden(self, tokens: Tensor) -> Iterator[Tensor]:
        """The states from which answers are read."""
        for states in self._states(tokens):
            yield (states[-1:] if self._once else states).permute(1, 2, 0, 3)

    @property
    def _once(self) -> bool:
        """Whether only the last position answers."""
        return self.shape.task != "autoregressive"

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)`` or ``(R, B, T, C)``."""
        *_, top = self.hidden(tokens)
        logits = linear(top, self.readout / self._widening)
        return logits[:, :, -1] if self._once else logits
