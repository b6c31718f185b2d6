"""The three tasks: what a learner sees, what it has to predict, and how it is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .model import Parameters

Task = Literal["classification", "last_token", "autoregressive"]
TASKS: tuple[Task, ...] = get_args(Task)

# The column of `runs.csv` whose decay in P is the task's learning curve; denoisers have one too.
MEASURE: dict[str, str] = {
    "classification": "test_error",
    "last_token": "test_excess",
    "autoregressive": "test_excess",
    "masked": "test_excess",
}
# Tasks of which theory predicts at which sizes levels, or rules, are learnt.
PREDICTED: tuple[Task, ...] = ("classification", "last_token")


def outputs(task: Task, parameters: Parameters) -> int:
    """Number of classes that the network chooses from: ``n`` labels or ``v_0`` tokens."""
    return parameters.n if task == "classification" else parameters.v[0]


def levels_seen(parameters: Parameters, context: int) -> int:
    """The level of the lowest symbol that makes all of the last `context` tokens.

    Parameters
    ----------
    parameters
        The grammar's.
    context
        A number of tokens, ``s**l``, the one to predict among them; 0: the whole sentence.

    Raises
    ------
    ValueError
        If it is none of ``s, s**2, .., s**L``.
    """
    sizes = [parameters.s**level for level in range(1, parameters.L + 1)]
    if context and context not in sizes:
        known = ", ".join(map(str, sizes[-8:]))
        raise ValueError(f"no symbol makes the last {context} tokens of a sentence; take {known}")
    return sizes.index(context) + 1 if context else parameters.L


def window(parameters: Parameters, context: int) -> Parameters:
    """The grammar of the last `context` tokens: the levels below the symbol that makes them."""
    levels = levels_seen(parameters, context)
    return replace(
        parameters,
        v=parameters.v[:levels],
        n=parameters.symbols(levels),
        L=levels,
        m=parameters.m[:levels],
        zipf=parameters.zipf[:levels],
    )


def inputs_and_targets(
    task: Task, sentences: NDArray[np.void], v: int, context: int = 0
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """What the network sees, ``(N, d)``, and has to predict, ``(N,)`` or ``(N, d)``.

    Of sentences that are cut to their last `context` tokens, ``d`` is `context` (0: none is cut).
    Tokens have the smallest type that holds ``0..v`` and that PyTorch can index. The value ``v``
    stands for the neutral mask: the last position in last-token prediction; the first in
    autoregressive prediction, whose inputs are shifted by one position.
    """
    types: tuple[type[np.integer], ...] = (np.uint8, np.int16, np.int32)
    smallest = next(kind for kind in types if v <= np.iinfo(kind).max)
    tokens: NDArray[np.integer] = np.array(sentences["tokens"][:, -context:], dtype=smallest)
    if task == "classification":
        return tokens, np.array(sentences["label"], dtype=np.int32)
    if task == "last_token":
        targets = tokens[:, -1].copy()
        tokens[:, -1] = v
        return tokens, targets
    shifted = np.full_like(tokens, v)
    shifted[:, 1:] = tokens[:, :-1]
    return shifted, tokens
