"""``histories.csv``: the evaluations of online trainings, a row a replica and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY
from ...core.files import write_text
from ...study.artifacts import Product
from ...study.tables import Curve, Part, Plan
from ..read_tables import read_table

_REPLICA = [*CURVE_KEY, *REPLICA_KEY, "lr"]
_OF_RUN = ["train_size", "status", "bayes_loss", "overlap"]
_OF_EVALUATION = ["step", "sentences", "train_loss", "test_loss", "test_error", "test_excess"]
COLUMNS = ["study", *_REPLICA, *_OF_RUN, *_OF_EVALUATION]


def planned(plan: Plan) -> Part:
    """All blocks that are trained online."""
    blocks = [described(curve, block) for curve, block in plan.online]
    products = [(block, ("history",)) for _, block in plan.online]
    outputs = ["histories.csv"] if blocks else []
    return Part({"blocks": blocks}, outputs, after=("gather_runs",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the evaluations."""
    runs = pd.read_csv(folder / "runs.csv")
    table = gathered(specification["blocks"], runs, root).assign(study=specification["study"])
    write_text(folder / "histories.csv", table[COLUMNS].to_csv(index=False))


def described(curve: Curve, block: Product) -> dict[str, Any]:
    """A block of a curve, for `gathered`."""
    batch = block.specification["settings"]["batch_size"]
    return {"history": block.files["history"], "batch_size": batch, **curve.key()}


def gathered(blocks: Sequence[Mapping[str, Any]], runs: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Evaluations of some blocks from the first step on, beside what `runs` says of the replicas.

    Raises
    ------
    UserError
        If a block's history is damaged.
    """
    parts = []
    for block in blocks:
        known = [column for column in _OF_EVALUATION if column != "sentences"]
        rows = read_table(root / block["history"], known)
        rows = rows[rows["step"] > 0]
        key = {column: block[column] for column in CURVE_KEY}
        parts.append(rows.assign(sentences=rows["step"] * block["batch_size"], **key))
    of_runs = runs[[*_REPLICA, *_OF_RUN]]
    return pd.concat(parts, ignore_index=True).merge(of_runs, on=_REPLICA)
