"""``runs.csv``: a row a replica, from all trained blocks of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY
from ...analysis.learning_rates import choices
from ...core.files import write_text
from ...study.artifacts import Product
from ...study.cost import accounting
from ...study.tables import Curve, Part, Plan
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
    blocks = [described(curve, block) for curve, block in plan.blocks]
    products = [(block, ("runs",)) for _, block in plan.blocks]
    return Part({"blocks": blocks}, ["runs.csv"] if blocks else [], products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the blocks' rows."""
    runs = gathered(specification["blocks"], specification["study"], root)
    write_text(folder / "runs.csv", runs.to_csv(index=False))


def described(curve: Curve, block: Product) -> dict[str, Any]:
    """A block of a curve, for `gathered`."""
    files = {"runs": block.files["runs"], "product": block.name}
    return {**files, **curve.key(), **accounting(block)}


def gathered(blocks: Sequence[Mapping[str, Any]], study: str, root: Path) -> pd.DataFrame:
    """Rows of all replicas of some blocks; numbers are copied as text, so that none is rounded.

    Raises
    ------
    UserError
        If a block's table is damaged.
    """
    parts, known = [], [column for column in COLUMNS if column not in _ADDED]
    for block in blocks:
        told = {"study": study, **block}
        own = [column for column in known if column not in told]
        rows = read_table(root / block["runs"], own, dtype=str, keep_default_na=False)
        rows = rows.assign(**{column: str(value) for column, value in told.items()})
        parts.append(rows[known])
    runs = pd.concat(parts, ignore_index=True)
    numbers = {column: pd.to_numeric(runs[column]) for column in ("lr", "val_loss")}
    return runs.join(choices(runs.assign(**numbers)))[COLUMNS]
