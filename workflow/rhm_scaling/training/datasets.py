"""Examples of a pack, and how well its networks do on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..grammar.tasks import Task, inputs_and_targets
from ..models.layers import Pack

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
    posterior
        Exact posteriors, ``(U, N, C)``, for tasks with one target, if known.
    floor
        The exact predictor's mean loss in nats, ``(U,)``, if known: the posterior's entropy, or
        the loss on these very targets where there is no posterior.
    """

    inputs: Tensor
    targets: Tensor
    source: Tensor
    posterior: Tensor | None = None
    floor: Tensor | None = None

    @classmethod
    def from_sentences(
        cls,
        task: Task,
        datasets: Sequence[NDArray[np.void]],
        source: Sequence[int],
        v: int,
        exact: Sequence[Mapping[str, NDArray[np.float64]]] = (),
        context: int = 0,
    ) -> Examples:
        """Examples of `task` from structured arrays of sentences, all of one size.

        Of the last `context` tokens of each, as `grammar.tasks.inputs_and_targets` cuts them.
        `exact` is what `inference.exact_predictor` finds for each of them, if it is known.
        """
        pairs = [inputs_and_targets(task, sentences, v, context) for sentences in datasets]
        inputs, targets = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*pairs))
        known = cls(inputs, targets, torch.tensor(source))
        if not exact:
            return known
        if "posterior" not in exact[0]:
            floors = [found["loss"].mean() for found in exact]
            return replace(known, floor=torch.tensor(floors, dtype=torch.float64))
        floors = [found["entropy"].mean() for found in exact]
        posterior = torch.from_numpy(np.stack([found["posterior"] for found in exact]))
        floor = torch.tensor(floors, dtype=torch.float64)
        return replace(known, posterior=posterior, floor=floor)

    @property
    def size(self) -> int:
        """Sentences in each data set, ``N``."""
        return self.inputs.shape[1]

    def to(self, device: torch.device) -> Examples:
        """The same on another device."""
        tensors = {f.name: t for f in fields(self) if (t := getattr(self, f.name)) is not None}
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items()})

    def keep(self, replicas: Tensor) -> Examples:
        """The examples of some of the replicas."""
        return replace(self, source=self.source[replicas])

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
def mistakes(network: Pack, examples: Examples) -> NDArray[np.bool_]:
    """Which examples each replica gets wrong, ``(R, N)``, or ``(R, N, T)``: those of `evaluate`."""
    found = [network(inputs).argmax(-1) != targets for _, inputs, targets in examples.parts()]
    return torch.cat(found, dim=1).cpu().numpy()


@torch.no_grad()
def divergences(network: Pack, examples: Examples) -> NDArray[np.float64]:
    """Kullback-Leibler divergence from the exact posterior to each replica's, ``(R, N)``, in nats.

    Its mean over the examples is the excess of `evaluate`.

    Raises
    ------
    ValueError
        If no posterior is known.
    """
    if examples.posterior is None:
        raise ValueError("the exact posterior is needed, which this task has not")
    parts = []
    for part, inputs, _ in examples.parts():
        exact = examples.posterior[examples.source, part]
        logs = network(inputs).double().log_softmax(-1)
        parts.append(-(exact * logs + torch.special.entr(exact)).sum(-1))
    return torch.cat(parts, dim=1).cpu().numpy()


@torch.no_grad()
def evaluate(network: Pack, examples: Examples) -> dict[str, NDArray[np.float64]]:
    """Mean loss, error and excess of each replica over all examples, in double precision.

    Returns
    -------
    dict
        ``loss``, ``error`` and ``excess``, each ``(R,)``. The excess is the mean Kullback-Leibler
        divergence from the exact posterior to the network's; where only the exact predictor's loss
        is known, the loss above it; NaN where neither is.
    """
    posterior = examples.posterior
    parts: list[dict[str, Tensor]] = []
    for part, inputs, targets in examples.parts():
        logits = network(inputs)
        found = {
            "loss": example_losses(logits, targets),
            "error": logits.argmax(-1) != targets,
        }
        if posterior is not None:
            exact = posterior[examples.source, part]
            # the cross entropy, of which the posterior's own entropy is taken below
            found["excess"] = -(exact * logits.double().log_softmax(-1)).sum(-1)
        parts.append({name: values.double().flatten(1) for name, values in found.items()})
    sums = {name: torch.zeros(len(examples.source), dtype=torch.float64) for name in parts[0]}
    for found in parts:  # read back when all are under way
        for name, values in found.items():
            # summed by numpy, row by row: the same order whatever the number of replicas
            sums[name] += torch.tensor([row.sum() for row in values.cpu().numpy()])
    answers = examples.targets[0].numel()
    means = {name: (total / answers).numpy() for name, total in sums.items()}
    floor = np.full(len(examples.source), np.nan)
    if examples.floor is not None:
        floor = examples.floor[examples.source].cpu().numpy()
    return {**means, "excess": means.get("excess", means["loss"]) - floor}
