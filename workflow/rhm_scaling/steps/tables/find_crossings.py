"""``crossings.csv`` and ``thresholds.csv``: the sizes at which levels are learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import identified, rows_of
from ...analysis.theory_columns import Known
from ...analysis.thresholds import THRESHOLDS, crossings, thresholds_table
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.tasks import MEASURE
from ...study.tables import Part, Plan
from ..read_tables import read_points


def planned(plan: Plan) -> Part:
    """Curves whose crossings are predicted."""
    latent = plan.latent
    what = {
        "curves": [curve.key() for curve in plan.crossing],
        "grammars": plan.specifications(),
        "learners": plan.learners(),
        **({"latent": sorted({curve.architecture for curve in latent})} if latent else {}),
    }
    outputs = ["crossings.csv", "thresholds.csv"] if plan.crossing else []
    return Part(what, outputs, after=("gather_runs", "gather_histories", "tabulate_theory"))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Find the crossings of every curve of the study."""
    points = read_points(folder, specification["curves"])
    theory = pd.read_csv(folder / "theory.csv")
    each, summed = [], []
    for key in specification["curves"]:
        mine = rows_of(points, key)
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        known = Known.from_theory(theory, key, mine["rule_seed"], parameters)
        learner = specification["learners"][key["architecture"]]
        predicted = {column: known.thresholds(who or learner) for column, who in THRESHOLDS.items()}
        if key["architecture"] in specification.get("latent", []):
            own = {rule: np.array([at]) for rule, at in known.latent_threshold.items()}
            predicted["threshold"] = own
        found = crossings(mine, MEASURE[key["task"]], known.heights(key["task"]), predicted)
        each.append(identified(found, specification["study"], key))
        summed.append(identified(thresholds_table(found), specification["study"], key))
    for name, tables in {"crossings": each, "thresholds": summed}.items():
        write_text(folder / f"{name}.csv", pd.concat(tables).to_csv(index=False))
