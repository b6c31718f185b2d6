"""Trained networks, as plain modules and as callables on sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from ..grammar.tasks import Task, inputs_and_targets
from ..models.layers import Pack
from .grammars import Grammar
from .sentences import records, tokens_of

_AT_ONCE = 1024  # sentences that pass through a network together


class OneReplica(nn.Module):
    """The first replica of a pack as a plain module, whose parameters have no replica axis.

    It maps masked tokens ``(B, T)`` to logits ``(B, C)``, or ``(B, T, C)`` for the autoregressive
    task. Parameters have the names that they have in the pack.
    """

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        self.__dict__["pack"] = pack  # not as a part, whose name would begin all others
        for module in pack.modules():
            for name, parameter in [*module.named_parameters(recurse=False)]:
                setattr(module, name, nn.Parameter(parameter.detach()[0].clone()))
        for name, child in pack.named_children():
            self.add_module(name, child)
        for name, parameter in pack.named_parameters(recurse=False):
            self.register_parameter(name, parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Masked tokens ``(B, T)`` to logits."""
        one = {name: parameter[None] for name, parameter in self.named_parameters()}
        logits: Tensor = functional_call(self.__dict__["pack"], one, (tokens[None],))[0]
        return logits


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network: called with sentences it answers as `rhm_scaling.posterior` does.

    Attributes
    ----------
    grammar
        The one that it was trained on.
    task
        What it was trained to do.
    module
        A plain module without a replica axis, in evaluation mode: masked tokens ``(B, T)``, whole
        numbers ``0..v_0`` where ``v_0`` is the mask, to logits ``(B, C)``, or ``(B, T, C)`` for the
        autoregressive task. ``torch.save(network.module.state_dict(), path)`` keeps it.
    context
        Last tokens that it sees; 0 for all.
    """

    grammar: Grammar
    task: Task
    module: nn.Module
    context: int = 0

    def __repr__(self) -> str:
        return f"<{self.task} network on {self.grammar}>"

    def __call__(self, sentences: Any) -> NDArray[np.float64]:
        """Probabilities of the answers.

        Parameters
        ----------
        sentences
            Of `rhm_scaling.sample`, or an array of tokens ``(N, d)``; what is to be predicted is
            masked here.

        Returns
        -------
        array
            ``(N, n)`` for classification, ``(N, v_0)`` for the last token, ``(N, d, v_0)`` for the
            autoregressive task.

        Raises
        ------
        ValueError
            If sentences have another shape or a token outside the vocabulary.
        TypeError
            If they are no whole numbers.
        """
        tokens = tokens_of(self.grammar, sentences, masked=self.task == "last_token")
        inputs, _ = inputs_and_targets(
            self.task, records(self.grammar, tokens), self.grammar.parameters.v[0], self.context
        )
        with torch.no_grad():
            parts = torch.split(torch.from_numpy(inputs).long(), _AT_ONCE)
            found = [self.module(part).double().softmax(-1) for part in parts]
        answers: NDArray[np.float64] = torch.cat(found).numpy()
        return answers
