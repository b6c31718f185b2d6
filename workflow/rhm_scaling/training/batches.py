"""Where a pack's batches come from: a training set, again and again, or an endless stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..grammar.sampling import CHUNK, Stream
from ..grammar.tasks import Task, inputs_and_targets
from .datasets import Examples


class Batches(Protocol):
    """Batches of a pack, each determined by its step alone."""

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs ``(R, B, T)`` and targets ``(R, B[, T])`` of a step; steps must not decrease."""
        ...

    def keep(self, replicas: Sequence[int]) -> None:
        """Drop all replicas but these."""
        ...


def batch_order(seed: int, size: int, start: int, stop: int) -> NDArray[np.int64]:
    """Entries ``start..stop-1`` of an endless chain of random permutations of ``0..size-1``.

    Each permutation has its own counter-based generator, so any stretch can be had directly.
    """
    first, last = start // size, -(-stop // size)
    chain = []
    for epoch in range(first, last):
        generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, epoch]))
        chain.append(generator.permutation(size))
    return np.concatenate(chain)[start - first * size : stop - first * size]


def _sent(array: NDArray[Any], device: torch.device) -> Tensor:
    """An array on a device, a GPU's without waiting for what the GPU still has to do."""
    tensor = torch.from_numpy(array)
    return (
        tensor.to(device)
        if device.type == "cpu"
        else tensor.pin_memory().to(device, non_blocking=True)
    )


class FiniteBatches:
    """A training set of each replica, in an order of its own in every pass.

    Row numbers are drawn in stretches of about an epoch. A stretch goes to the device as a whole,
    so that between evaluations nothing waits for it.

    Parameters
    ----------
    examples
        The training sets.
    order_seeds
        Seed of each replica's order.
    batch_size
        Sentences in a batch of one replica.
    """

    def __init__(self, examples: Examples, order_seeds: Sequence[int], batch_size: int) -> None:
        self._examples, self._seeds, self._batch_size = examples, list(order_seeds), batch_size
        self._stretch = max(64, examples.size // batch_size)
        device = examples.inputs.device
        self._first, self._rows = 0, torch.empty(0, len(order_seeds), batch_size, device=device)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step; steps must not decrease."""
        if step - self._first >= len(self._rows):
            start = step * self._batch_size
            stop = start + self._stretch * self._batch_size
            order = [batch_order(seed, self._examples.size, start, stop) for seed in self._seeds]
            rows = np.stack(order).reshape(len(self._seeds), self._stretch, self._batch_size)
            self._rows = _sent(rows.swapaxes(0, 1), self._rows.device)
            self._first = step
        return self._examples.batch(self._rows[step - self._first])

    def keep(self, replicas: Sequence[int]) -> None:
        """Drop all replicas but these."""
        self._seeds = [self._seeds[replica] for replica in replicas]
        self._rows = self._rows[:, replicas]
        self._examples = self._examples.keep(torch.tensor(replicas, device=self._rows.device))


class OnlineBatches:
    """Sentences that are seen once, drawn as they are needed: step ``t`` takes the ``t``-th batch.

    Sentence ``i`` is that of the stream, so the first ``P`` are the training set of that size.

    Parameters
    ----------
    task
        What is asked of a sentence.
    streams
        The distinct streams.
    source
        Which stream each replica sees, ``(R,)``.
    batch_size
        Sentences in a batch of one replica.
    device
        Where batches are wanted.
    context
        Last tokens of a sentence that are seen, as `grammar.tasks.inputs_and_targets` cuts them.
    """

    def __init__(
        self,
        task: Task,
        streams: Sequence[Stream],
        source: Sequence[int],
        batch_size: int,
        device: torch.device,
        context: int = 0,
    ) -> None:
        self._context = context
        self._task, self._streams, self._source = task, streams, list(source)
        self._batch_size, self._device = batch_size, device
        self._stretch = max(1, CHUNK // batch_size)  # steps drawn at a time
        self._chunks: list[dict[int, NDArray[np.void]]] = [{} for _ in streams]
        # the present stretch: its first step, inputs and targets of every replica
        self._first, self._drawn = -self._stretch, (torch.empty(0), torch.empty(0))

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step; steps must not decrease."""
        if step >= self._first + self._stretch:
            self._first = step - step % self._stretch
            self._draw(self._first * self._batch_size, self._stretch * self._batch_size)
        start = (step - self._first) * self._batch_size
        inputs, targets = (part[:, start : start + self._batch_size] for part in self._drawn)
        return inputs, targets

    def keep(self, replicas: Sequence[int]) -> None:
        """Drop all replicas but these."""
        if self._first >= 0:
            inputs, targets = (part[list(replicas)] for part in self._drawn)
            self._drawn = inputs, targets
        self._source = [self._source[replica] for replica in replicas]

    def _draw(self, start: int, count: int) -> None:
        """Put sentences ``start..start+count-1`` of the streams that are still read in place."""
        used = sorted(set(self._source))
        v = self._streams[0].grammar.parameters.v[0]
        pairs = [
            inputs_and_targets(self._task, self._sentences(stream, start, count), v, self._context)
            for stream in used
        ]
        inputs, targets = (np.stack(arrays) for arrays in zip(*pairs))
        # once a stretch, not once a step
        rows = [used.index(source) for source in self._source]
        self._drawn = (
            _sent(inputs[rows], self._device),
            _sent(targets[rows], self._device).long(),
        )

    def _sentences(self, stream: int, start: int, count: int) -> NDArray[np.void]:
        indices = range(start // CHUNK, -(-(start + count) // CHUNK))
        known = self._chunks[stream]
        # the last chunk of a stretch may also hold the beginning of the next
        chunks = {i: known[i] if i in known else self._streams[stream].chunk(i) for i in indices}
        self._chunks[stream] = {indices[-1]: chunks[indices[-1]]}
        whole = np.concatenate(list(chunks.values())) if len(chunks) > 1 else chunks[indices[0]]
        return whole[start - indices[0] * CHUNK :][:count]
