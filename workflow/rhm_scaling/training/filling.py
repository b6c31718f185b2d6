"""Masked sentences that networks fill in, and how far what they make obeys the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..grammar.model import Grammar
from ..theory.denoising import evidence, upward
from .datasets import Examples

Array = NDArray[np.float64]
Order = Literal["at once", "in turn"]
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass
class Filling:
    """Sentences whose masked tokens a pack fills in, and the noise by which it chooses.

    Attributes
    ----------
    grammars
        Of each replica.
    seen
        Masked sentences of each replica, ``(R, F*N, d)``.
    noise
        Gumbel noise of every token that may be chosen, ``(R, F*N, d, v)``.
    ranks
        In which turn a masked token is filled in, ``(R, F*N, d)``, from 0; of seen ones, -1.
    fractions
        Their number, ``F``.
    """

    grammars: list[Grammar]
    seen: Tensor
    noise: Tensor
    ranks: Tensor
    fractions: int

    @classmethod
    def of(
        cls,
        grammars: Sequence[Grammar],
        examples: Examples,
        fractions: int,
        count: int,
        seeds: Sequence[int],
    ) -> Filling:
        """The first `count` sentences of every fraction; a replica's noise is of its own seed."""
        v = grammars[0].parameters.v[0]
        inputs = examples.inputs[examples.source]
        R, _, d = inputs.shape
        first = inputs.view(R, fractions, -1, d)[:, :, :count].reshape(R, -1, d)
        noise, ranks = [], []
        for seed, tokens in zip(seeds, first.cpu().numpy()):
            source = np.random.Generator(np.random.Philox(seed))
            noise.append(source.gumbel(size=(*tokens.shape, v)).astype(np.float32))
            turns = np.where(tokens == v, source.random(tokens.shape), np.inf)
            ranks.append(np.where(tokens == v, turns.argsort(-1).argsort(-1), -1))
        device = inputs.device
        return cls(
            [*grammars],
            first,
            torch.from_numpy(np.stack(noise)).to(device),
            torch.from_numpy(np.stack(ranks)).to(device),
            fractions,
        )

    def keep(self, replicas: Sequence[int]) -> Filling:
        """The same for some replicas."""
        rows = [*replicas]
        grammars = [self.grammars[row] for row in rows]
        return Filling(
            grammars, self.seen[rows], self.noise[rows], self.ranks[rows], self.fractions
        )

    @torch.no_grad()
    def filled(self, predict: Callable[[Tensor], Tensor], order: Order) -> Tensor:
        """Sentences without masks, by logits ``(R, B, d, v)`` of masked ones.

        ``at once``: each masked token from its own marginal. ``in turn``: one after another in
        random order, each given those before.
        """
        tokens = self.seen.clone()
        if order == "at once":
            return self._chosen(predict(tokens), tokens, self.ranks >= 0)
        for turn in range(int(self.ranks.max()) + 1):
            tokens = self._chosen(predict(tokens), tokens, self.ranks == turn)
        return tokens

    def _chosen(self, logits: Tensor, tokens: Tensor, where: Tensor) -> Tensor:
        chosen = (logits + self.noise).argmax(-1).to(tokens.dtype)
        return torch.where(where, chosen, tokens)

    def judged(self, tokens: Tensor) -> Array:
        """`composition` of filled sentences by replica and fraction, ``(R, F, 2, L)``."""
        return np.array(
            [
                [
                    composition(grammar, part, made)
                    for part, made in zip(
                        np.split(mine, self.fractions), np.split(new, self.fractions)
                    )
                ]
                for grammar, mine, new in zip(
                    self.grammars, tokens.cpu().numpy(), (self.ranks >= 0).cpu().numpy()
                )
            ]
        )


def composition(
    grammar: Grammar, tokens: NDArray[np.integer], made: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """How far sentences obey the rules, by level from 1.

    Parameters
    ----------
    grammar
        The grammar.
    tokens
        Sentences ``(N, d)``.
    made
        Which of the tokens were filled in.

    Returns
    -------
    obeying
        Fraction of subtrees that some symbol produces, ``(L,)``. Higher levels can only obey where
        lower ones do.
    composing
        The same of those subtrees that hold a token that was filled in and whose parts all obey:
        what is new at the level. NaN if there is none.
    """
    s, v = grammar.parameters.s, grammar.parameters.v[0]
    legal: NDArray[np.bool_]
    messages = upward(grammar, evidence(tokens.astype(np.int64), "mask", 0.0, v))
    legal = np.ones(tokens.shape, dtype=np.bool_)
    obeying, composing = [], []
    for message in messages[1:]:
        whole = np.asarray(legal.reshape(len(legal), -1, s).all(-1))
        made = np.asarray(made.reshape(len(made), -1, s).any(-1))
        legal = np.asarray(message.max(axis=0) > 0)
        asked = whole & made
        obeying.append(legal.mean())
        composing.append(legal[asked].mean() if asked.any() else np.nan)
    return np.array(obeying), np.array(composing)
