"""How far a network's layers and its answer move if sentences are changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models.layers import Pack

OUTPUT = "output"  # the logits, beside the numbers of hidden layers

_AT_ONCE = 128  # sentences that pass through a network together


@torch.no_grad()
def distances(
    network: Pack, plain: NDArray[np.int64], changed: NDArray[np.int64]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean squared distances of activations, by layer from the bottom up and ``output``.

    Parameters
    ----------
    network
        Of ``R`` replicas that classify.
    plain, changed
        Sentences, and the same ones changed, ``(R, N, d)``.

    Returns
    -------
    distances
        Between a sentence and its changed one, and between it and another sentence, ``(R,)`` each.
        Their ratio is the sensitivity of arXiv:2404.10727: 1 for a change that makes another
        sentence of it, 0 for one that the layer does not see.
    """
    found: dict[str, tuple[Tensor, Tensor]] = {}
    parts = [torch.split(torch.from_numpy(given), _AT_ONCE, dim=1) for given in (plain, changed)]
    count = plain.shape[1]
    for one, other in zip(*parts):
        for (name, x), (_, y) in zip(_layers(network, one), _layers(network, other)):
            moved = (x - y).square().sum((1, 2)) / count
            random = (x - x.roll(1, dims=1)).square().sum((1, 2)) / count
            before = found.get(name, (torch.zeros(len(x)), torch.zeros(len(x))))
            found[name] = before[0] + moved, before[1] + random
    return found


def _layers(network: Pack, tokens: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Activations ``(R, B, features)`` of every layer, and the logits."""
    for number, layer in enumerate(network.hidden(tokens)):
        yield str(number), layer.flatten(2)
    yield OUTPUT, network(tokens)
