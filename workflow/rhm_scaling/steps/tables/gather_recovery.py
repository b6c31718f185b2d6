"""``recovery.csv`` and ``recovered_at.csv``: hidden symbols found by learners that seek them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY, crossing
from ...core.files import write_text
from ...study.tables import Part, Plan
from ..read_tables import read_table


def planned(plan: Plan) -> Part:
    """Blocks of learners that recover hidden symbols."""
    recovering = set(plan.recovering)
    blocks = [(curve, block) for curve, block in plan.blocks if curve in recovering]
    what = {
        "blocks": [{"recovery": block.files["recovery"], **curve.key()} for curve, block in blocks],
        "learners": plan.learners(),
        "latent": sorted({curve.architecture for curve in plan.latent}),
        "by_tokens": sorted({curve.architecture for curve in plan.by_tokens}),
    }
    outputs = ["recovery.csv", "recovered_at.csv"] if recovering else []
    products = [(block, ("recovery",)) for _, block in blocks]
    return Part(what, outputs, after=("tabulate_theory",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the fractions, and find the sizes at which half is recovered."""
    parts = []
    for block in specification["blocks"]:
        key = {"study": specification["study"], **{column: block[column] for column in CURVE_KEY}}
        rows = read_table(root / block["recovery"])
        parts.append(rows.assign(**key)[[*key, *rows.columns]])
    table = pd.concat(parts)
    write_text(folder / "recovery.csv", table.to_csv(index=False))

    theory = pd.read_csv(folder / "theory.csv")
    theory = theory[theory["method"] == "correlations"]
    index = ["study", *CURVE_KEY, "level", *REPLICA_KEY]
    found: list[dict[str, Any]] = []
    for values, group in table.groupby(index):
        row: dict[str, Any] = dict(zip(index, values))
        quantity = "threshold"
        for kind, own in (("latent", "latent_threshold"), ("by_tokens", "token_threshold")):
            quantity = own if row["architecture"] in specification[kind] else quantity
        known = theory[
            (theory["quantity"] == quantity)
            & (theory["grammar"] == row["grammar"])
            & (theory["task"] == row["task"])
            & (theory["rule_seed"] == row["rule_seed"])
        ]
        if quantity != "threshold":
            known = known[known["level"] == row["level"]]
        if row["task"] == "last_token":
            # a level's symbols are seen through their correlations with the level above
            learner = specification["learners"][row["architecture"]]
            known = known[(known["learner"] == learner) & (known["level"] == row["level"] + 1)]
        curve = group.sort_values("train_size")
        at = crossing(curve["train_size"].to_numpy(float), curve["recovered"].to_numpy(float), 0.5)
        found.append({**row, "recovered_at": at, "predicted": known["value"].iloc[0]})
    write_text(folder / "recovered_at.csv", pd.DataFrame(found).to_csv(index=False))
