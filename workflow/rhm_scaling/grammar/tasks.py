"""The three tasks: what a learner sees, what it has to predict, and how it is measured."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .model import Parameters

Task = Literal["classification", "last_token", "autoregressive"]
TASKS: tuple[Task, ...] = get_args(Task)

# The column of `runs.csv` whose decay in P is the task's learning curve.
MEASURE: dict[Task, str] = {
    "classification": "test_error",
    "last_token": "test_excess",
    "autoregressive": "test_excess",
}


def outputs(task: Task, parameters: Parameters) -> int:
    """Number of classes that the network chooses from: ``n`` labels or ``v_0`` tokens."""
    return parameters.n if task == "classification" else parameters.v[0]


def inputs_and_targets(
    task: Task, sentences: NDArray[np.void], v: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """What the network sees, ``(N, d)``, and has to predict, ``(N,)`` or ``(N, d)``.

    Tokens have the smallest type that holds ``0..v`` and that PyTorch can index. The value ``v``
    stands for the neutral mask: the last position in last-token prediction; the first in
    autoregressive prediction, whose inputs are shifted by one position.
    """
    types: tuple[type[np.integer], ...] = (np.uint8, np.int16, np.int32)
    smallest = next(kind for kind in types if v <= np.iinfo(kind).max)
    tokens: NDArray[np.integer] = np.array(sentences["tokens"], dtype=smallest)
    if task == "classification":
        return tokens, np.array(sentences["label"], dtype=np.int32)
    if task == "last_token":
        targets = tokens[:, -1].copy()
        tokens[:, -1] = v
        return tokens, targets
    shifted = np.full_like(tokens, v)
    shifted[:, 1:] = tokens[:, :-1]
    return shifted, tokens
