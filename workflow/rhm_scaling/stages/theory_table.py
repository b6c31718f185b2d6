"""``theory.csv``: exact quantities of every rule draw and closed forms of every grammar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ..grammar import Parameters
from ..provenance import UserError, write_text
from ..theory import (
    Learner,
    asymptotic_exponent,
    autoregressive_floor,
    classification_exponent,
    classification_thresholds,
    threshold,
)

COLUMNS = [
    "study",
    "grammar",
    "task",
    "rule_seed",
    "learner",
    "quantity",
    "level",
    "rank",
    "value",
    "stderr",
    "method",
]


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """One row a number; `method` says how it was found."""
    rows = []
    for product in stage["products"]:
        path = root / product["file"]
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
        key = {"grammar": product["grammar"], "task": product["task"], "rule_seed": product["rule"]}
        rows += [{**key, **row} for row in _exact_rows(found)]
    tasks = {(product["grammar"], product["task"]) for product in stage["products"]}
    for grammar, task in sorted(tasks):
        parameters = Parameters.from_specification(stage["grammars"][grammar])
        rows += [
            {"grammar": grammar, "task": task, **row} for row in _closed_forms(parameters, task)
        ]
    table = pd.DataFrame(rows, columns=COLUMNS[1:])
    for column in ("rule_seed", "level", "rank"):
        table[column] = table[column].astype("Int64")
    table.insert(0, "study", stage["study"])
    write_text(folder / "theory.csv", table.to_csv(index=False))


def _exact_rows(found: dict[str, list[float]]) -> Iterator[dict[str, Any]]:
    method = "exact posteriors over sampled sentences"
    for level, value in enumerate(found.get("entropy", [])):
        stderr = found["stderr"][level]
        yield {
            "quantity": "entropy",
            "level": level,
            "value": value,
            "stderr": stderr,
            "method": method,
        }
    for rank, value in enumerate(found.get("bayes_error", [])):
        yield {"quantity": "bayes_error", "rank": rank, "value": value, "method": method}


def _closed_forms(parameters: Parameters, task: str) -> Iterator[dict[str, Any]]:
    form = {"method": "closed form"}
    if task == "classification":
        for rank, value in enumerate(classification_thresholds(parameters), 1):
            yield {"quantity": "sample_complexity", "rank": rank, "value": value, **form}
        yield {"quantity": "exponent", "value": classification_exponent(parameters), **form}
    elif task == "autoregressive":
        yield {"quantity": "entropy_rate", "value": autoregressive_floor(parameters), **form}
    else:
        for learner in get_args(Learner):
            for level in range(1, parameters.L + 1):
                value = threshold(parameters, level, learner)
                yield {
                    "quantity": "sample_complexity",
                    "learner": learner,
                    "level": level,
                    "value": value,
                    **form,
                }
            value = asymptotic_exponent(parameters, learner)
            yield {"quantity": "exponent", "learner": learner, "value": value, **form}
