"""``runs.csv``: a row a replica, from all trained blocks of the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ..curves import CURVE_KEY
from ..provenance import UserError, write_text

COLUMNS = [
    "study",
    *CURVE_KEY,
    "lr",
    "parameters",
    "train_size",
    "rule_seed",
    "sample_seed",
    "init_seed",
    "status",
    "stop_reason",
    "best_step",
    "steps",
    "val_loss",
    "test_loss",
    "test_error",
    "test_excess",
    "bayes_loss",
    "overlap",
    "seconds",
    "product",
]


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the blocks' rows; numbers are copied as text, so that none is rounded."""
    parts = []
    for block in stage["blocks"]:
        path = root / block["runs"]
        try:
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (ValueError, OSError) as error:
            raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
        for column, value in block.items():
            if column != "runs":
                rows[column] = str(value)
        rows["study"] = stage["study"]
        if missing := [column for column in COLUMNS if column not in rows]:
            raise UserError(f"{path}: damaged (no column {missing[0]}); delete it and run again")
        parts.append(rows[COLUMNS])
    write_text(folder / "runs.csv", pd.concat(parts).to_csv(index=False))
