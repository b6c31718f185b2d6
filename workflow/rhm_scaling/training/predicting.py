"""A network of latent prediction: the code of a tuple predicts the code of the tuple's sibling.

One small module a level turns the codes of ``s`` children into one code, at all positions alike.
Each learns by itself: no gradient passes to the level below, whose codes a level that has begun to
memorise sentences would spoil. From a tuple's code a linear map predicts the code that a *target
encoder* gives to its sibling: the exponential moving average of the encoder, through which no
gradient passes (arXiv:2605.27734, of which only a summary was at hand; arXiv:2006.07733 for the
average). A code that never changes is predicted without error, and codes would collapse to it. What
keeps them apart is a penalty on the covariance of a batch's codes, which is to be the identity (as
in arXiv:2105.04906).

The same encoder can have to predict the sibling's *tokens* instead, as most networks do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..models.layers import Pack, Shape, linear, one_hot
from .batches import batch_order
from .optimizers import Optimizer

Array = NDArray[np.float64]
_WARMUP = 50  # steps over which the rate rises
_READ = 256  # sentences that are encoded at once when nothing is trained


@dataclass(frozen=True)
class Settings:
    """How a network that predicts siblings is trained.

    Attributes
    ----------
    predicts
        What is predicted of a tuple's sibling.
    codes
        Numbers in a code, of every level.
    lr, steps, batch_size
        Adam's rate, its steps, and the sentences in each.
    decay
        What the target encoder keeps of itself at a step.
    spread
        Weight of the penalty that keeps codes apart.
    """

    predicts: Literal["codes", "tokens"]
    codes: int
    lr: float
    steps: int
    batch_size: int
    decay: float
    spread: float


class Predictor(Pack):
    """Replicas of an encoder, of what predicts siblings from its codes, and of a readout of labels.

    The readout has a hidden layer above the codes of the root's children. It is trained beside, and
    no gradient of it reaches a code. The width is that of the hidden layer of every level.

    Parameters
    ----------
    shape
        Of the grammar and the hidden layers.
    settings
        How it is trained.
    generators
        Of initial weights, one a replica.
    """

    def __init__(
        self, shape: Shape, settings: Settings, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__(shape, generators)
        self.settings = settings
        s, v, w, K = shape.s, shape.v, shape.width, settings.codes
        hidden = range(1, shape.L)
        self.pairs = list(permutations(range(s), 2))
        # one-hot vectors hold a one each, codes as many numbers of variance one
        inputs = [(s * v, s)] + [(s * K, s * K)] * (shape.L - 1)
        *below, top = [self.normal(many, w, std=(2 / size) ** 0.5) for many, size in inputs]
        self.filters = nn.ParameterList(below)
        self.heads = nn.ParameterList(self.normal(w, K, std=w**-0.5) for _ in hidden)
        told = [K if settings.predicts == "codes" else v * s**level for level in hidden]
        self.answers = nn.ParameterList(
            self.normal(len(self.pairs), K, many, std=K**-0.5) for many in told
        )
        self.offsets = nn.ParameterList(
            self.constant(0.0, len(self.pairs), 1, many) for many in told
        )
        self.top, self.readout = top, self.normal(w, shape.outputs, std=w**-0.5)

    @classmethod
    def start(cls, shape: Shape, settings: Settings, seeds: Sequence[int]) -> Predictor:
        """Replicas with initial weights of these seeds."""
        return cls(shape, settings, [torch.Generator().manual_seed(seed) for seed in seeds])

    def encoder(self) -> list[Tensor]:
        """The weights of the encoder: of hidden layers, then of codes."""
        return [*self.filters, *self.heads]

    def encode(self, tokens: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
        """Codes of the levels ``1..L-1``, ``(R, B, nodes, K)``, of tokens ``(R, B, d)``."""
        found: list[Tensor] = []
        half = len(weights) // 2
        for pair in zip(weights[:half], weights[half:]):
            if found:
                found.append(_module(self._tuples(found[-1].detach()), *pair))
            else:
                found.append(self._first(tokens, *pair))
        return found

    def _first(self, tokens: Tensor, weight: Tensor, head: Tensor) -> Tensor:
        """Codes of level 1; of every tuple only once, where there are fewer of them."""
        (R, B, d), s, v = tokens.shape, self.shape.s, self.shape.v
        if v**s > B * d // s:
            return _module(self._tuples(one_hot(tokens, v)), weight, head)
        every = torch.cartesian_prod(*[torch.arange(v)] * s)
        rows = _module(one_hot(every, v).flatten(1).expand(R, -1, -1), weight, head)
        numbers = (tokens.reshape(R, -1, s) * v ** torch.arange(s - 1, -1, -1)).sum(2)
        chosen = rows.gather(1, numbers[..., None].expand(-1, -1, head.shape[2]))
        return chosen.view(R, B, d // s, -1)

    def _tuples(self, x: Tensor) -> Tensor:
        """What stands for children, ``(R, B, nodes*s, i)``, as tuples, ``(R, B, nodes, s*i)``."""
        return x.reshape(*x.shape[:2], -1, self.shape.s * x.shape[3])

    def fit(
        self, tokens: NDArray[np.integer], labels: NDArray[np.integer], orders: Sequence[int]
    ) -> None:
        """Train on sentences.

        Parameters
        ----------
        tokens, labels
            Sentences of each replica, ``(R, P, d)``, and their labels, ``(R, P)``.
        orders
            Seed of the order of the sentences, of each replica.
        """
        settings, (count, size) = self.settings, tokens.shape[:2]
        batch = min(settings.batch_size, size)
        rows = np.stack([batch_order(seed, size, 0, settings.steps * batch) for seed in orders])
        rows = rows.reshape(count, settings.steps, batch)
        rates = [settings.lr] * count
        optimizer = Optimizer(self, "adam", rates, 0.0, _WARMUP, max(settings.steps, _WARMUP + 1))
        target = [weight.detach().clone() for weight in self.encoder()]
        each = np.arange(count)[:, None]
        for step in range(settings.steps):
            seen = torch.from_numpy(tokens[each, rows[:, step]])
            named = torch.from_numpy(labels[each, rows[:, step]].astype(np.int64))
            self.losses(seen, named, target).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                for kept, weight in zip(target, self.encoder()):
                    kept.lerp_(weight, 1.0 - settings.decay)

    def losses(self, tokens: Tensor, labels: Tensor, target: Sequence[Tensor]) -> Tensor:
        """The loss of every replica, ``(R,)``, with a `target` encoder of these weights.

        That of a level is the mean squared error of what is predicted of a sibling's code, or the
        mean cross-entropy of its tokens (nats), and the penalty; levels are summed, and the
        cross-entropy of labels.
        """
        codes = self.encode(tokens, self.encoder())
        if self.settings.predicts == "codes":
            with torch.no_grad():
                known = self.encode(tokens, target)
        else:
            known = [tokens.long()] * len(codes)
        labelled = self._labelled(codes, tokens).flatten(0, 1)
        each = functional.cross_entropy(labelled, labels.flatten(), reduction="none")
        total = each.view(labels.shape).mean(1)
        for level, (code, wanted) in enumerate(zip(codes, known), 1):
            missed = self._missed(level, code, wanted)
            total = total + missed + self.settings.spread * _crowding(code.flatten(1, 2))
        return total

    def _missed(self, level: int, code: Tensor, wanted: Tensor) -> Tensor:
        """How far what codes say of siblings is from what is `wanted` of them, ``(R,)``."""
        R, s, K = len(code), self.shape.s, self.settings.codes
        answers, offsets = self.answers[level - 1], self.offsets[level - 1]
        children = code.reshape(R, -1, s, K).unbind(2)
        # as a product, whose gradient does not depend on other replicas, as that of a sum may
        ones = children[0].new_ones(R, children[0].shape[1], 1)
        # the siblings' codes, or their tokens, (R, parents, K or s**level)
        siblings = wanted.reshape(R, len(children[0][0]), s, -1).unbind(2)
        parts = []
        for pair, (one, other) in enumerate(self.pairs):
            told = torch.baddbmm(torch.bmm(ones, offsets[:, pair]), children[one], answers[:, pair])
            if self.settings.predicts == "codes":
                parts.append(_squared(told - siblings[other]).mean((1, 2)))
            else:
                logits = told.view(-1, self.shape.v)
                missed = functional.cross_entropy(
                    logits, siblings[other].flatten(), reduction="none"
                )
                parts.append(missed.view(R, -1).mean(1))
        return torch.stack(parts).mean(0)

    def _labelled(self, codes: Sequence[Tensor], tokens: Tensor) -> Tensor:
        """Logits of labels, ``(R, B, n)``."""
        below = codes[-1].detach() if codes else one_hot(tokens, self.shape.v)
        return linear(linear(self._tuples(below), self.top).relu(), self.readout)[:, :, 0]

    @torch.no_grad()
    def _read(self, tokens: NDArray[np.integer]) -> Iterator[tuple[list[Tensor], Tensor]]:
        """Codes by level and logits of labels, some sentences at a time."""
        for start in range(0, tokens.shape[1], _READ):
            part = torch.from_numpy(np.ascontiguousarray(tokens[:, start : start + _READ]))
            codes = self.encode(part, self.encoder())
            yield codes, self._labelled(codes, part)

    def codes(self, tokens: NDArray[np.integer]) -> list[NDArray[np.float32]]:
        """Codes of the levels ``1..L-1``, each ``(R, N, nodes, K)``, of sentences ``(R, N, d)``."""
        parts = zip(*(codes for codes, _ in self._read(tokens)))
        return [torch.cat(part, dim=1).numpy() for part in parts]

    def predict(self, tokens: NDArray[np.integer]) -> Array:
        """Probabilities of labels, ``(R, N, n)``, from sentences ``(R, N, d)``."""
        logits = torch.cat([logits for _, logits in self._read(tokens)], dim=1)
        return logits.double().softmax(-1).numpy()


def _module(x: Tensor, weight: Tensor, head: Tensor) -> Tensor:
    """What one level makes of tuples, ``(R, ..., i)`` to ``(R, ..., K)``."""
    return linear(linear(x, weight).relu(), head)


def _squared(x: Tensor) -> Tensor:
    """Not a power, whose last bit depends on where in an array a number stands."""
    return x * x


def _crowding(codes: Tensor) -> Tensor:
    """How far means are from zero and the covariance from the identity, ``(R,)``.

    Of codes ``(R, N, K)``: the sum of squares over `K`, so that it is one where all codes are
    equal, and zero.
    """
    N, K = codes.shape[1:]
    # products, not sums, which may depend on the other replicas in their last bits
    mean = torch.bmm(codes.new_full((len(codes), 1, N), 1.0 / N), codes)
    covariance = torch.bmm(codes.mT, codes) / N - torch.bmm(mean.mT, mean)
    off = covariance - torch.eye(K)
    return (_squared(off).sum((1, 2)) + _squared(mean).sum((1, 2))) / K


def directions(codes: NDArray[np.floating]) -> float:
    """How many directions codes ``(..., K)`` really take, from 0 to `K`.

    The participation ratio of the variances along the principal axes, of which each counts one at
    most: what the penalty asks for is a variance of one, and codes that have all but vanished take
    none.
    """
    flat = codes.reshape(-1, codes.shape[-1]).astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(flat, rowvar=False, bias=True).reshape(flat.shape[1], -1))
    variances = np.clip(variances, 0.0, 1.0)
    total = float(variances.sum())
    return (
        total**2 / float((variances**2).sum()) * min(1.0, float(variances.max())) if total else 0.0
    )
