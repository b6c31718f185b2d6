"""Copies of one's own plain module, which knows nothing of packs, side by side in a pack."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from functools import partial

import torch
from torch import Tensor, nn

from .layers import Pack, Shape

Factory = Callable[[], nn.Module]

_factory: ContextVar[Factory] = ContextVar("factory")


@contextlib.contextmanager
def copies_of(factory: Factory) -> Iterator[None]:
    """While it lasts, `models.build` makes packs of this kind from the modules of a `factory`."""
    token = _factory.set(factory)
    try:
        yield
    finally:
        _factory.reset(token)


def made(factory: Factory, seed: int) -> nn.Module:
    """A new module, whose random numbers come from PyTorch's generator at this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory()


def numbers(module: nn.Module) -> list[Tensor]:
    """All that a trained module has to remember: parameters and buffers of floating point, once."""
    known = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return [tensor for tensor in known.values() if tensor.is_floating_point()]


class Network(Pack):
    """Copies of a module that maps tokens ``(B, T)`` to logits ``(B, C)``, or ``(B, T, C)``.

    Every copy is a module of its own, called on its own batch, so a replica's numbers do not depend
    on the pack, and modules need not be fit for `torch.func` (an LSTM is not). What a copy has to
    remember lies in the pack's parameters, a row each: those are what optimizers change and best
    steps keep. Gradients are handed over as they are found; what is not trained (buffers, frozen
    parameters) has none. Modules are in training mode where gradients are asked for, else in
    evaluation mode. It works on CPUs alone.
    """

    def __init__(self, shape: Shape, generators: Sequence[torch.Generator]) -> None:
        super().__init__(shape, generators)
        self.copies = [made(_factory.get(), each.initial_seed()) for each in generators]
        together = zip(*map(numbers, self.copies))
        self.rows = nn.ParameterList(torch.stack([*each]).detach() for each in together)
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._link()

    def _link(self) -> None:
        """Let every copy's numbers be its row of the pack's."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        for row, copy in enumerate(self.copies):
            for place, tensor in enumerate(numbers(copy)):
                tensor.data = self.rows[place].data[row]
                if tensor.requires_grad:
                    hand_over = partial(self._hand_over, place, row)
                    handle = tensor.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                        hand_over
                    )
                    self._handles.append(handle)

    def released(self) -> list[nn.Module]:
        """The copies, which are then no part of this pack any more."""
        for handle in self._handles:
            handle.remove()
        return self.copies

    def _hand_over(self, place: int, row: int, tensor: Tensor) -> None:
        if tensor.grad is not None:
            self.rows[place].grad[row] += tensor.grad
            tensor.grad = None

    def keep(self, replicas: Tensor) -> None:
        """Drop all replicas but the given indices."""
        self.copies = [self.copies[row] for row in replicas.tolist()]
        super().keep(replicas)
        self._link()

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(R, B, T)`` to logits ``(R, B, C)`` or ``(R, B, T, C)``."""
        learning = torch.is_grad_enabled()
        if learning:
            for parameter in self.rows:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        for copy in self.copies:
            if copy.training != learning:
                copy.train(learning)
        return torch.stack([copy(seen.long()) for copy, seen in zip(self.copies, tokens)])

    @property
    def parameter_count(self) -> int:
        """Trainable numbers of one replica."""
        return sum(part.numel() for part in self.copies[0].parameters() if part.requires_grad)
