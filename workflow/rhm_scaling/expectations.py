"""What theory says of a study's curves: ``theory.csv`` read by draw, and columns beside a curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import middles
from .grammar import Parameters
from .predictions import predicted_error, predicted_excess
from .tasks import Task
from .theory import Learner

Array = NDArray[np.float64]

_MISTAKES = 10  # an error estimated from fewer test mistakes is not resolved


def of_curve(theory: pd.DataFrame, key: Mapping[str, Any]) -> pd.DataFrame:
    """What theory says of a curve's grammar and task."""
    mine = (theory["grammar"] == key["grammar"]) & (theory["task"] == key["task"])
    return pd.DataFrame(theory[mine])


def by_draw(known: pd.DataFrame, index: str, **where: Any) -> dict[int, Array]:
    """Values of one quantity by rule draw, in the order of an index."""
    for column, value in where.items():
        known = known[known[column] == value]
    rows = known.dropna(subset=["rule_seed"]).astype({"rule_seed": int}).sort_values(index)
    groups = rows.groupby("rule_seed")["value"]
    return {int(str(rule)): group.to_numpy(dtype=float) for rule, group in groups}


def entropies(known: pd.DataFrame) -> dict[int, Array]:
    """``H_0 .. H_L`` of the last token by rule draw."""
    return by_draw(known, "level", quantity="entropy")


def thresholds(known: pd.DataFrame, learner: Learner | None) -> dict[int, Array]:
    """``P_1 .. P_L`` of a learner by rule draw, from the grammar's own correlations.

    Classification has one threshold, whoever learns; other tasks none for a learner without.
    """
    mine = known[known["learner"].isna() | (known["learner"] == learner)]
    return by_draw(mine, "level", quantity="threshold", method="correlations")


def rule_thresholds(known: pd.DataFrame) -> dict[int, Array]:
    """Classification: ``P_k`` of the rules of level 1 by rule draw."""
    return by_draw(known, "index", quantity="sample_complexity", method="correlations")


def errors_by_rank(known: pd.DataFrame) -> dict[int, Array]:
    """Bayes errors with ``0 .. m_1`` rules of level 1 known, by rule draw."""
    return by_draw(known, "index", quantity="error_by_rank")


def heights(task: Task, known: pd.DataFrame) -> dict[int, Array]:
    """What a curve crosses, by rule draw: the middle below every level, or half of chance."""
    if task == "classification":
        return {rule: errors[:1] / 2 for rule, errors in errors_by_rank(known).items()}
    if task == "last_token":
        return {rule: middles(levels) for rule, levels in entropies(known).items()}
    return {}


def expected(
    parameters: Parameters,
    task: Task,
    learner: Learner | None,
    known: pd.DataFrame,
    sizes: Array,
    test_size: int,
) -> dict[str, Any]:
    """Columns predicted (mean over rule draws), chance, resolution and exhausted.

    Nothing is predicted for a learner that has no thresholds (None), nor for the autoregressive
    task.
    """
    nothing = np.full(len(sizes), np.nan)
    if task == "classification":
        complexities, errors = rule_thresholds(known), errors_by_rank(known)
        curves = [predicted_error(complexities[r], errors[r], sizes) for r in errors]
        uniform = parameters.zipf[0] is None and parameters.file is None
        return {
            "predicted": nothing if learner is None else np.mean(curves, axis=0),
            "chance": np.mean([e[0] for e in errors.values()]),
            "resolution": _MISTAKES / test_size,
            "exhausted": np.inf if uniform else np.mean([p[-1] for p in complexities.values()]),
        }
    if task == "last_token":
        levels = entropies(known)
        corners = thresholds(known, learner)
        curves = [predicted_excess(corners[r], levels[r], sizes) for r in corners]
        chance = np.mean([h[0] - h[-1] for h in levels.values()])
    else:
        curves = []
        rates = known[(known["quantity"] == "entropy_rate") & known["rule_seed"].notna()]
        chance = np.log(parameters.v) - rates["value"].mean()
    return {
        "predicted": np.mean(curves, axis=0) if curves else nothing,
        "chance": chance,
        "resolution": 0.0,
        "exhausted": np.inf,
    }
