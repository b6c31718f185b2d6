"""Examples of a pack, and how well its networks do on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .models.layers import Pack
from .tasks import Task, inputs_and_targets

_PART = 256  # examples a replica and forward pass when evaluating; small enough for caches


@dataclass(frozen=True)
class Examples:
    """Inputs and targets of a pack; replicas that share a data set hold it once.

    Attributes
    ----------
    inputs
        Masked tokens of the distinct data sets, ``(U, N, T)``.
    targets
        ``(U, N)``, or ``(U, N, T)`` for the autoregressive task.
    source
        Which data set each replica uses, ``(R,)``.
    """

    inputs: Tensor
    targets: Tensor
    source: Tensor

    @classmethod
    def make(
        cls, task: Task, datasets: Sequence[NDArray[np.void]], source: Sequence[int], v: int
    ) -> Examples:
        """Examples of `task` from structured arrays of sentences, all of one size."""
        pairs = [inputs_and_targets(task, sentences, v) for sentences in datasets]
        inputs, targets = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*pairs))
        return cls(inputs, targets, torch.tensor(source))

    @property
    def size(self) -> int:
        """Sentences in each data set, ``N``."""
        return self.inputs.shape[1]

    def to(self, device: torch.device) -> Examples:
        """The same on another device."""
        return Examples(*(t.to(device) for t in (self.inputs, self.targets, self.source)))

    def keep(self, replicas: Tensor) -> Examples:
        """The examples of some of the replicas."""
        return Examples(self.inputs, self.targets, self.source[replicas])

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs ``(R, B, T)`` and targets ``(R, B[, T])`` at `rows`, ``(R, B)``."""
        source = self.source[:, None]
        return self.inputs[source, rows], self.targets[source, rows].long()

    def parts(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """All examples of every replica in order, a slice of the sentences at a time."""
        for start in range(0, self.size, _PART):
            part = slice(start, min(start + _PART, self.size))
            yield part, self.inputs[self.source, part], self.targets[self.source, part].long()


def example_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy in nats, shape of `targets`; `logits` have one axis more."""
    flat = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), reduction="none"
    )
    return flat.view(targets.shape)


@torch.no_grad()
def evaluate(
    network: Pack, examples: Examples, posterior: Tensor | None = None
) -> dict[str, NDArray[np.float64]]:
    """Mean loss and error of each replica over all examples, in double precision.

    Parameters
    ----------
    posterior
        Exact posteriors of the data sets, ``(U, N, C)``, for tasks with one target.

    Returns
    -------
    dict
        ``loss`` and ``error``, each ``(R,)``, and with `posterior` also ``cross_entropy``, from
        the exact posterior to the network's: its excess over the posterior's entropy is the mean
        Kullback-Leibler divergence.
    """
    names = ["loss", "error"] + ([] if posterior is None else ["cross_entropy"])
    sums = {name: torch.zeros(len(examples.source), dtype=torch.float64) for name in names}
    for part, inputs, targets in examples.parts():
        logits = network(inputs)
        found = {
            "loss": example_losses(logits, targets),
            "error": logits.argmax(-1) != targets,
        }
        if posterior is not None:
            exact = posterior[examples.source, part]
            found["cross_entropy"] = -(exact * logits.double().log_softmax(-1)).sum(-1)
        for name, values in found.items():
            # summed by numpy, row by row: the same order whatever the number of replicas
            rows = values.double().flatten(1).cpu().numpy()
            sums[name] += torch.tensor([row.sum() for row in rows])
    answers = examples.targets[0].numel()
    return {name: (total / answers).numpy() for name, total in sums.items()}
