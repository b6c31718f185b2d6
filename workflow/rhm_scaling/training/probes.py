"""What hidden layers distinguish: how far exchanged synonyms move them, and a linear probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..grammar.derivations import Derivations

Layers = Callable[[Tensor], Iterator[Tensor]]

_AT_ONCE = 512  # sentences that pass through a network together
_RIDGE = 1e-3  # of the mean variance of an activation
_ATTENDING = ("transformer", "attention")


def seen(kind: str, layers: Layers) -> Layers:
    """What of every layer is compared, ``(R, B, features)``.

    Networks that attend answer from the last position; of the others' layers all positions count.
    """

    def compared(tokens: Tensor) -> Iterator[Tensor]:
        for layer in layers(tokens):
            yield layer[:, :, -1] if kind in _ATTENDING else layer.flatten(2)

    return compared


@torch.no_grad()
def measure(
    layers: Layers, derivations: list[Derivations], v: int, source: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """How every layer answers to exchanged subtrees, a row a replica, layer and level.

    Parameters
    ----------
    layers
        From masked tokens ``(R, B, d)`` to every layer's activations ``(R, B, features)``.
    derivations
        Of each replica, ``R`` of them, all of one size.
    v
        The mask, which stands for the last token.
    source
        Of the new derivations.

    Yields
    ------
    row
        replica, layer, level (of the exchanged symbol); synonym, other, random: mean squared
        distance between the layer's activations for a sentence and for the one with the subtree
        exchanged, or with another sentence; probe: accuracy of a linear probe of the symbol on
        sentences that it was not fitted to.
    """
    plain = _activations(layers, [one.tokens for one in derivations], v)
    random = [_distance(layer, layer.roll(1, dims=1)) for layer in plain]
    for level in range(1, derivations[0].grammar.parameters.L):
        exchanged = [one.exchange(level, source) for one in derivations]
        known = [one for one in exchanged if one is not None]
        if len(known) < len(exchanged):
            continue
        synonym = _activations(layers, [one.synonym for one in known], v)
        other = _activations(layers, [one.other for one in known], v)
        symbols = torch.from_numpy(np.stack([one.symbols for one in known]))
        for index, layer in enumerate(plain):
            told = {
                "synonym": _distance(layer, synonym[index]),
                "other": _distance(layer, other[index]),
                "random": random[index],
                "probe": probe(layer, symbols),
            }
            for replica in range(len(known)):
                values = {name: float(found[replica]) for name, found in told.items()}
                yield {"replica": replica, "layer": index, "level": level, **values}


def _activations(layers: Layers, tokens: list[Any], v: int) -> list[Tensor]:
    """Of every layer, ``(R, N, features)``."""
    sentences = torch.from_numpy(np.stack(tokens))
    sentences[:, :, -1] = v
    parts = [list(layers(part)) for part in torch.split(sentences, _AT_ONCE, dim=1)]
    return [torch.cat(of_layer, dim=1) for of_layer in zip(*parts)]


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared distance, ``(R,)``."""
    return torch.as_tensor((first - second).square().sum(2).mean(1))


def probe(layer: Tensor, symbols: Tensor) -> Tensor:
    """Accuracy of a ridge regression from activations to symbols, on the second half, ``(R,)``.

    `layer` ``(R, N, features)``, `symbols` ``(R, N)``.
    """
    half = layer.shape[1] // 2
    centred = layer.double() - layer[:, :half].double().mean(1, keepdim=True)
    fitted, held = centred[:, :half], centred[:, half:]
    targets = torch.nn.functional.one_hot(symbols).double()
    mean = targets[:, :half].mean(1, keepdim=True)
    gram = fitted.mT @ fitted
    features = gram.shape[-1]
    ridge = _RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1) + 1e-12
    gram += ridge[:, None, None] * torch.eye(features)
    weights = torch.linalg.solve(gram, fitted.mT @ (targets[:, :half] - mean))
    guess = (held @ weights + mean).argmax(2)
    return torch.as_tensor((guess == symbols[:, half:]).double().mean(1))
