"""One's own plain module: whether it can be trained, told before anything is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.texts import line
from ..grammar.sampling import Stream
from ..grammar.tasks import Task, inputs_and_targets, outputs
from ..models.plain import Factory, made, numbers
from . import checks
from .grammars import Grammar

_SENTENCES = 3
_PLACES = 16  # at which it is tried whether a network sees what comes later


def check(factory: Any, grammar: Grammar, task: Task, decays: bool) -> None:
    """Make two modules, and refuse them if a training of theirs would mislead or fail.

    `decays` tells whether the optimizer shrinks weights.

    Raises
    ------
    TypeError
        If it makes no modules.
    ValueError
        If modules fail on sentences, answer in another shape, have nothing to train, hide random
        numbers, or see the token that they have to predict.
    """
    one, other = _module(factory, 1), _module(factory, 2)
    if one is other:
        raise ValueError(
            "network: makes the same module at every call; take what makes a new one, such as "
            "lambda: MyNetwork(8)"
        )
    if not any(parameter.requires_grad for parameter in one.parameters()):
        raise ValueError("network: has no parameters to train")
    if decays and not all(isinstance(n, nn.Parameter) and n.requires_grad for n in numbers(one)):
        raise ValueError(
            "optimizer: weight_decay would also shrink buffers and frozen parameters of the "
            "network; leave it out"
        )
    source, v = torch.Generator().manual_seed(0), grammar.parameters.v[0]
    values = f"0..{v - 1}" if task == "classification" else f"0..{v}, where {v} is the mask"
    sentences = Stream(grammar, grammar.rule_seed, 0, "new").take(_SENTENCES)
    tokens = torch.from_numpy(inputs_and_targets(task, sentences, v)[0]).long()
    _check_shape(_answers(one.train(False), tokens, values), grammar, task)
    with torch.no_grad():
        for parameter in one.parameters():
            if parameter.requires_grad:  # what begins at zero would hide what depends on it
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
        for mine, own in zip(numbers(one), numbers(other)):
            own.copy_(mine)
    answers = _answers(one, tokens, values)
    if not _equal(answers, _answers(other.train(False), tokens, values)):
        raise ValueError(
            "network: two of them with the same parameters and buffers answer differently; make "
            "what it draws a parameter or a buffer, and draw nothing in evaluation mode"
        )
    last = tokens.shape[1] - 1 if task == "autoregressive" else 0
    for place in range(last, 0, -max(1, last // _PLACES)):
        changed = tokens.clone()
        changed[:, place] = (changed[:, place] + 1) % v
        if not _equal(answers[:, :place], _answers(one, changed, values)[:, :place]):
            raise ValueError(
                "network: answers at a position depend on later ones; the task autoregressive "
                "needs a causal network"
            )


def _module(factory: Any, seed: int) -> nn.Module:
    if isinstance(factory, nn.Module) or not callable(factory):
        raise TypeError(
            "network: take the name of an architecture, or what makes a new torch.nn.Module at "
            f"every call, such as lambda: MyNetwork(8), not {type(factory).__name__}"
        )
    known: Factory = factory
    try:
        module: Any = made(known, seed)
    except Exception as error:
        raise ValueError(f"network: cannot be made ({_told(error)})") from error
    if not isinstance(module, nn.Module):
        raise TypeError(f"network: must make a torch.nn.Module, not {checks.kind_of(module)}")
    return module


@torch.no_grad()
def _answers(module: nn.Module, tokens: Tensor, values: str) -> Tensor:
    try:
        answers = module(tokens)
    except Exception as error:
        raise ValueError(
            f"network: fails on tokens of shape {tuple(tokens.shape)} with values {values} "
            f"({_told(error)})"
        ) from error
    if not isinstance(answers, Tensor) or not answers.is_floating_point():
        raise ValueError(f"network: must answer with a tensor of logits, not {_shown(answers)}")
    return answers


def _check_shape(answers: Tensor, grammar: Grammar, task: Task) -> None:
    count = outputs(task, grammar.parameters)
    each = (grammar.parameters.d, count) if task == "autoregressive" else (count,)
    if answers.shape != (_SENTENCES, *each):
        what = ", ".join(map(str, each))
        letters = "N, n" if task == "classification" else "N, v_0"
        letters = "N, d, v_0" if task == "autoregressive" else letters
        given = ", ".join(["N", *map(str, answers.shape[1:])])
        if answers.dim() == 0 or len(answers) != _SENTENCES:
            given = f"{', '.join(map(str, answers.shape))}) to {_SENTENCES} sentences (no N first"
        raise ValueError(
            f"network: answers with shape ({given}); the task {task} needs logits ({letters}) = "
            f"(N, {what})"
        )


def _equal(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def _told(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    return line(f"{type(error).__name__}: {first}")


def _shown(answers: Any) -> str:
    if isinstance(answers, Tensor):
        return f"one of {answers.dtype}"
    return type(answers).__name__
