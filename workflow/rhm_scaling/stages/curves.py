"""``curves.csv``: means, intervals, controls and predictions, a row a curve and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..curves import CURVE_KEY, finite_sizes, identified, learning_curve, rows_of
from ..grammar import Parameters
from ..learning_rates import at_chosen_rate
from ..predictions import (
    all_patches,
    lookup_error,
    predicted_error,
    predicted_excess,
    smooth_error,
)
from ..provenance import write_text
from ..tasks import MEASURE
from ..theory import Learner

Array = NDArray[np.float64]

_MISTAKES = 10  # an error estimated from fewer test mistakes is not resolved


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """Aggregate every curve of the study."""
    runs = finite_sizes(at_chosen_rate(pd.read_csv(folder / "runs.csv")))
    theory = pd.read_csv(folder / "theory.csv")
    tables = [learning_curve(rows_of(runs, key), MEASURE[key["task"]]) for key in stage["curves"]]
    parts = []
    for key, table in zip(stage["curves"], tables):
        known = _known(theory, key)
        learner = stage["learners"][key["architecture"]]
        test_size = stage["test_sizes"][key["experiment"]]
        sizes = table["train_size"].to_numpy(dtype=float)
        parameters = Parameters.from_specification(stage["grammars"][key["grammar"]])
        described = _predictions(parameters, key["task"], learner, known, sizes, test_size)
        table = table.assign(**described, predicted_smooth=np.nan, lookup=np.nan)
        if key["task"] == "classification":
            table["lookup"] = lookup_error(parameters.n, table["overlap"].to_numpy())
            twin = _uniform_twin(stage, key)
            if twin is not None and learner is not None:
                uniform = stage["curves"][twin]
                table["predicted_smooth"] = _smooth(
                    parameters, known, tables[twin], _known(theory, uniform), sizes
                )
        parts.append(identified(table, stage["study"], key))
    write_text(folder / "curves.csv", pd.concat(parts).to_csv(index=False))


def _known(theory: pd.DataFrame, key: dict[str, Any]) -> pd.DataFrame:
    """What theory says of a curve's grammar and task."""
    return theory.query("grammar == @key['grammar'] and task == @key['task']")


def _by_draw(theory: pd.DataFrame, index: str, **where: Any) -> list[Array]:
    """Values of one quantity, in the order of an index, an array a rule draw."""
    for column, value in where.items():
        theory = theory[theory[column] == value]
    rows = theory.sort_values(index)
    return [group["value"].to_numpy(dtype=float) for _, group in rows.groupby("rule_seed")]


def _rule_thresholds(theory: pd.DataFrame) -> list[Array]:
    return _by_draw(theory, "index", quantity="sample_complexity", method="correlations")


def _uniform_twin(stage: dict[str, Any], key: dict[str, Any]) -> int | None:
    """The curve whose grammar has uniform rules at level 1 and is equal otherwise, if studied."""
    own = stage["grammars"][key["grammar"]]
    if own["zipf"][0] is None:
        return None
    uniform = {**own, "zipf": [None, *own["zipf"][1:]]}
    same = [column for column in CURVE_KEY if column != "grammar"]
    for row, other in enumerate(stage["curves"]):
        alike = all(other[column] == key[column] for column in same)
        if alike and stage["grammars"][other["grammar"]] == uniform:
            return row
    return None


def _smooth(
    parameters: Parameters,
    known: pd.DataFrame,
    uniform: pd.DataFrame,
    known_of_uniform: pd.DataFrame,
    sizes: Array,
) -> Array:
    """The Zipf curve from the measured uniform one (mean over rule draws)."""
    measured = uniform[uniform["mean"].notna()]
    if len(measured) < 2:
        return np.full(len(sizes), np.nan)
    uniform_threshold = float(np.mean([p[0] for p in _rule_thresholds(known_of_uniform)]))
    numbers = np.unique(known[known["quantity"] == "error_by_patches"]["index"]).astype(int)
    curves = [
        smooth_error(
            measured["train_size"].to_numpy(dtype=float),
            measured["mean"].to_numpy(dtype=float),
            uniform_threshold,
            thresholds,
            parameters.probabilities(1),
            all_patches(numbers.tolist(), errors.tolist()),
            sizes,
        )
        for thresholds, errors in zip(
            _rule_thresholds(known), _by_draw(known, "index", quantity="error_by_patches")
        )
    ]
    return np.asarray(np.mean(curves, axis=0))


def _predictions(
    parameters: Parameters,
    task: str,
    learner: Learner | None,
    theory: pd.DataFrame,
    sizes: Array,
    test_size: int,
) -> dict[str, Any]:
    """Columns predicted (mean over rule draws), chance, resolution and exhausted.

    Nothing is predicted for a learner that has no thresholds (None), nor for the autoregressive
    task.
    """
    nothing = np.full(len(sizes), np.nan)
    if task == "classification":
        thresholds = _rule_thresholds(theory)
        errors = _by_draw(theory, "index", quantity="error_by_rank")
        curves = [predicted_error(p, e, sizes) for p, e in zip(thresholds, errors)]
        uniform = parameters.zipf[0] is None and parameters.file is None
        return {
            "predicted": nothing if learner is None else np.mean(curves, axis=0),
            "chance": np.mean([e[0] for e in errors]),
            "resolution": _MISTAKES / test_size,
            "exhausted": np.inf if uniform else np.mean([p[-1] for p in thresholds]),
        }
    if task == "last_token":
        entropies = _by_draw(theory, "level", quantity="entropy")
        corners = _by_draw(
            theory, "level", quantity="threshold", method="correlations", learner=learner
        )
        curves = [predicted_excess(p, h, sizes) for p, h in zip(corners, entropies)]
        chance = np.mean([h[0] - h[-1] for h in entropies])
    else:
        curves = []
        rates = theory[(theory["quantity"] == "entropy_rate") & theory["rule_seed"].notna()]
        chance = np.log(parameters.v) - rates["value"].mean()
    return {
        "predicted": np.mean(curves, axis=0) if curves else nothing,
        "chance": chance,
        "resolution": 0.0,
        "exhausted": np.inf,
    }
