"""``runs.csv``: a row a replica, from all trained blocks of the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY
from ...analysis.learning_rates import choices
from ...core.errors import UserError
from ...core.files import write_text
from ...study.cost import accounting
from ...study.plan import Plan
from ...study.tables import Part
from ..read_tables import read_table

COLUMNS = [
    "study",
    *CURVE_KEY,
    "lr",
    "rates_tried",
    "chosen",
    "parameters",
    "body_parameters",
    "operations",
    "train_size",
    "sentences",
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
    "pack",
    "threads",
    "device",
    "product",
]
_ADDED = ("rates_tried", "chosen")


def planned(plan: Plan) -> Part:
    """All trained blocks."""
    blocks = [
        {"runs": block.files["runs"], "product": block.name, **curve.key(), **accounting(block)}
        for curve, block in plan.blocks
    ]
    products = [(block, ("runs",)) for _, block in plan.blocks]
    return Part({"blocks": blocks}, ["runs.csv"], products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the blocks' rows; numbers are copied as text, so that none is rounded."""
    parts = []
    for block in specification["blocks"]:
        path = root / block["runs"]
        rows = read_table(path, dtype=str, keep_default_na=False)
        for column, value in block.items():
            if column != "runs":
                rows[column] = str(value)
        rows["study"] = specification["study"]
        known = [column for column in COLUMNS if column not in _ADDED]
        if missing := [column for column in known if column not in rows]:
            raise UserError(f"{path}: damaged (no column {missing[0]}); delete it and run again")
        parts.append(rows[known])
    runs = pd.concat(parts, ignore_index=True)
    numbers = {column: pd.to_numeric(runs[column]) for column in ("lr", "val_loss")}
    runs = runs.join(choices(runs.assign(**numbers)))
    write_text(folder / "runs.csv", runs[COLUMNS].to_csv(index=False))
