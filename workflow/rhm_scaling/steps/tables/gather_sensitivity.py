"""``sensitivity.csv`` and ``sensitivity_curves.csv``: how far synonyms and blanks matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, cluster_means, mean_and_interval
from ...core.files import write_text
from ...study.tables import Part, Plan
from ..read_tables import read_measured

_POINT = ["train_size", "layer", "level", "change"]


def planned(plan: Plan) -> Part:
    """What was measured of networks that classify sentences with blanks."""
    blocks = [
        {"measured": known.files["product"], **curve.key()} for curve, known in plan.sensitive
    ]
    products = [(known, ("product",)) for _, known in plan.sensitive]
    outputs = ["sensitivity.csv", "sensitivity_curves.csv"] if blocks else []
    return Part({"blocks": blocks}, outputs, after=("gather_runs",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the rows of every block, and average over rule draws."""
    study = specification["study"]
    table = read_measured(folder, root, study, specification["blocks"])
    write_text(folder / "sensitivity.csv", table.to_csv(index=False))
    ratios = table.assign(sensitivity=table["changed"] / table["random"])
    rows = []
    for keys, group in ratios.groupby([*CURVE_KEY, *_POINT], sort=False):
        mean, low, high = mean_and_interval(cluster_means(group, "sensitivity"))
        told = {"study": study, **dict(zip([*CURVE_KEY, *_POINT], keys))}
        told |= {"mean": mean, "low": low, "high": high}
        rows.append(told | {"rule_draws": group["rule_seed"].nunique(), "replicas": len(group)})
    write_text(folder / "sensitivity_curves.csv", pd.DataFrame(rows).to_csv(index=False))
