"""``curves.csv``: means, intervals, controls and predictions, a row a curve and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..curves import identified, learning_curve, rows_of
from ..grammar import Parameters
from ..provenance import write_text
from ..tasks import MEASURE
from ..theory import (
    autoregressive_floor,
    classification_thresholds,
    lookup_error,
    predicted_error,
    predicted_excess,
)

_MISTAKES = 10  # an error estimated from fewer test mistakes is not resolved


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """Aggregate every curve of the study."""
    runs = pd.read_csv(folder / "runs.csv")
    theory = pd.read_csv(folder / "theory.csv")
    parts = []
    for key in stage["curves"]:
        table = learning_curve(rows_of(runs, key), MEASURE[key["task"]])
        parameters = Parameters.from_specification(stage["grammars"][key["grammar"]])
        known = theory[(theory["grammar"] == key["grammar"]) & (theory["task"] == key["task"])]
        test_size = stage["test_sizes"][key["experiment"]]
        sizes = table["train_size"].to_numpy(dtype=float)
        described = _predictions(
            parameters, key["task"], stage["learners"][key["architecture"]], known, sizes, test_size
        )
        table = table.assign(**described)
        if key["task"] == "classification":
            table["lookup"] = lookup_error(parameters.n, table["overlap"].to_numpy())
        else:
            table["lookup"] = np.nan
        parts.append(identified(table, stage["study"], key))
    write_text(folder / "curves.csv", pd.concat(parts).to_csv(index=False))


def _predictions(
    parameters: Parameters,
    task: str,
    learner: Any,
    theory: pd.DataFrame,
    sizes: NDArray[np.float64],
    test_size: int,
) -> dict[str, Any]:
    """Columns predicted (mean over rule draws), chance, resolution and exhausted."""

    def by_draw(quantity: str, index: str) -> list[NDArray[np.float64]]:
        rows = theory[theory["quantity"] == quantity].sort_values(index)
        return [group["value"].to_numpy(dtype=float) for _, group in rows.groupby("rule_seed")]

    if task == "classification":
        curves = [predicted_error(parameters, e, sizes) for e in by_draw("bayes_error", "rank")]
        zipf = parameters.zipf[0] is not None
        return {
            "predicted": np.mean(curves, axis=0),
            "chance": 1 - 1 / parameters.n,
            "resolution": _MISTAKES / test_size,
            "exhausted": classification_thresholds(parameters)[-1] if zipf else np.inf,
        }
    if task == "last_token":
        entropies = by_draw("entropy", "level")
        curves = [predicted_excess(parameters, h, learner, sizes) for h in entropies]
        chance = np.mean([h[0] - h[-1] for h in entropies])
    else:
        curves = [np.full(len(sizes), np.nan)]  # no thresholds are predicted for this task
        chance = np.log(parameters.v) - autoregressive_floor(parameters)
    return {
        "predicted": np.mean(curves, axis=0),
        "chance": chance,
        "resolution": 0.0,
        "exhausted": np.inf,
    }
