"""``representations.csv`` and ``invariance.csv``: what hidden layers distinguish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import CURVE_KEY, cluster_means, mean_and_interval
from ...core.files import write_text
from ...study.tables import Part, Plan
from ..read_tables import read_measured

_POINT = ["train_size", "layer", "level"]


def planned(plan: Plan) -> Part:
    """What was measured of networks' hidden layers."""
    blocks = [
        {"measured": known.files["product"], **curve.key()} for curve, known in plan.represented
    ]
    products = [(known, ("product",)) for _, known in plan.represented]
    outputs = ["representations.csv", "invariance.csv"] if blocks else []
    return Part({"blocks": blocks}, outputs, after=("gather_runs",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the rows of every block, and average over rule draws."""
    table = read_measured(folder, root, specification["study"], specification["blocks"])
    write_text(folder / "representations.csv", table.to_csv(index=False))
    rows = []
    for keys, group in table.groupby([*CURVE_KEY, *_POINT], sort=False):
        ratio = group.assign(invariance=group["synonym"] / group["other"])
        told = dict(zip([*CURVE_KEY, *_POINT], keys))
        for measured, most, names in (
            ("invariance", np.inf, ("mean", "low", "high")),
            ("probe", 1.0, ("probe", "probe_low", "probe_high")),
        ):
            ends = mean_and_interval(cluster_means(ratio, measured), most=most)
            told |= dict(zip(names, ends))
        draws = {"rule_draws": group["rule_seed"].nunique(), "replicas": len(group)}
        rows.append({"study": specification["study"], **told, **draws})
    write_text(folder / "invariance.csv", pd.DataFrame(rows).to_csv(index=False))
