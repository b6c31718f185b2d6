"""``half_invariant.csv`` and ``invariance_sizes.csv``: sizes at which layers become invariant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import identified
from ...analysis.invariance import half_invariant, invariance_sizes
from ...analysis.thresholds import crossings
from ...claims.evidence import of_study
from ...claims.frozen import frozen
from ...core.files import write_text
from ...study.tables import Part, Plan
from ..read_tables import read_points


def planned(plan: Plan) -> Part:
    """Curves whose hidden layers are measured."""
    kinds = plan.study.architectures
    what = {
        "curves": [
            {
                **curve.key(),
                "kind": kinds[curve.architecture].kind,
                "learner": kinds[curve.architecture].learner,
            }
            for curve in dict.fromkeys(curve for curve, _ in plan.represented)
        ],
        "grammars": plan.specifications(),
        "language": frozen().language,
    }
    outputs = ["half_invariant.csv", "invariance_sizes.csv"] if plan.represented else []
    return Part(what, outputs, after=("gather_runs", "tabulate_theory", "gather_representations"))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Find the sizes of every curve, of those that count for claims."""
    points = read_points(folder, specification["curves"])
    theory, layers = (pd.read_csv(folder / f"{name}.csv") for name in ("theory", "representations"))
    each, summed = [], []
    for curve in of_study(specification, points, theory, layers):
        counted = curve.sizes[np.isfinite(curve.losses).any(axis=0)]
        crossed = crossings(
            curve.points[curve.points["sentences"].isin(counted)],
            curve.measure,
            curve.known.heights("last_token"),
            {"threshold": curve.thresholds()},
        )
        found = half_invariant(curve.layers, counted, crossed)
        each.append(identified(found, specification["study"], curve.key))
        means = invariance_sizes(found, counted)
        summed.append(identified(means, specification["study"], curve.key))
    for name, tables in {"half_invariant": each, "invariance_sizes": summed}.items():
        write_text(folder / f"{name}.csv", pd.concat(tables).to_csv(index=False))
