"""When levels are learnt: the training sizes at which curves cross half-way between them.

A level ``l`` of the last token is learnt where the excess of a rule draw falls below the middle of
``H_(l-1)`` and ``H_l``; a class, where the error falls below half of chance (level 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.complexities import Learner
from .curves import falls_to, geometric_mean, usable

Array = NDArray[np.float64]

# thresholds of both learners; of the classification task there is one for all
THRESHOLDS: dict[str, Learner | None] = {
    "threshold": None,
    "threshold_cnn": "cnn",
    "threshold_transformer": "transformer",
}
SUMMED = [
    *("level", "rule_draws", "draws", "crossed_at", "low", "high", *THRESHOLDS),
    *("growth", "growth_low", "growth_high"),
    *("growth_predicted", "growth_predicted_cnn", "growth_predicted_transformer"),
]
CROSSINGS = ["rule_seed", "replicas", "level", "height", "crossed_at", *THRESHOLDS]


def crossings(
    points: pd.DataFrame,
    measure: str,
    heights: Mapping[int, Array],
    thresholds: Mapping[str, Mapping[int, Array]],
) -> pd.DataFrame:
    """Crossings of one curve, a row a rule draw and level.

    Parameters
    ----------
    points
        The curve's points (`curves.points`).
    heights
        What is to be crossed by rule draw, ``(levels,)`` from level 1 on.
    thresholds
        Predicted sizes by column (of `THRESHOLDS`) and rule draw, ``(levels,)``.

    Returns
    -------
    DataFrame
        Columns `CROSSINGS`; crossed_at is NaN where the curve starts below the height, and
        infinite where it does not reach it.
    """
    rows: list[dict[str, Any]] = []
    for rule, group in usable(points).groupby("rule_seed"):
        draw = int(str(rule))
        curve = group.groupby("sentences")[measure].mean()
        sizes, losses = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
        for level, height in enumerate(heights.get(draw, ())):
            predicted = {
                column: known[draw][level] if draw in known else np.nan
                for column, known in thresholds.items()
            }
            row = {"rule_seed": draw, "replicas": len(group) // len(curve), "level": level + 1}
            at = falls_to(sizes, losses, height)
            rows.append({**row, "height": height, "crossed_at": at, **predicted})
    return pd.DataFrame(rows, columns=CROSSINGS)


def thresholds_table(crossed: pd.DataFrame) -> pd.DataFrame:
    """Thresholds and their growth from level to level, of one curve: a row a level.

    Columns `SUMMED`: level, rule_draws, draws (that cross it between the sizes), crossed_at with
    low and high (geometric mean over rule draws and Student's interval; infinite or NaN if a
    draw's is), growth (since the level before, of the same draws) with growth_low and growth_high,
    and the predicted sizes and growths for the curve's own learner and for both.
    """
    rows = []
    by_level = {column: _matrix(crossed, column) for column in ("crossed_at", *THRESHOLDS)}
    measured = by_level["crossed_at"]
    for index, level in enumerate(measured.columns):
        at = measured[level].to_numpy(dtype=float)
        row: dict[str, Any] = {
            "level": level,
            "rule_draws": len(at),
            "draws": int(np.isfinite(at).sum()),
            **dict(zip(("crossed_at", "low", "high"), geometric_mean(at))),
        }
        for column in THRESHOLDS:
            row[column] = geometric_mean(by_level[column][level].to_numpy(dtype=float))[0]
        for column, matrix in by_level.items():
            grown = np.full(3, np.nan)
            if index:
                before = measured.columns[index - 1]
                with np.errstate(invalid="ignore"):
                    ratios = matrix[level].to_numpy(float) / matrix[before].to_numpy(float)
                grown = np.array(geometric_mean(ratios))
            if column == "crossed_at":
                row |= dict(zip(("growth", "growth_low", "growth_high"), grown))
            else:
                row[column.replace("threshold", "growth_predicted")] = grown[0]
        rows.append(row)
    return pd.DataFrame(rows, columns=SUMMED)


def _matrix(crossed: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row a rule draw, a column a level; NaN stays."""
    return crossed.set_index(["rule_seed", "level"])[column].unstack("level")
