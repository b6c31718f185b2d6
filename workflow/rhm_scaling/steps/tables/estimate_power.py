"""``power.csv``: how often a study of this design would decide its claim, from theory alone."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY
from ...claims.measured import of_study
from ...claims.power import power
from ...core.files import write_text
from ...core.hashing import seed_from
from ...study.plan import Plan
from ...study.tables import Part
from ..claimed import claimed


def planned(plan: Plan) -> Part:
    """The curves that decide the study's claim."""
    outputs = ["power.csv"] if plan.study.claim else []
    return Part(claimed(plan), outputs, after=("tabulate_theory",))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Decide the claim on synthetic curves."""
    theory = pd.read_csv(folder / "theory.csv")
    runs, layers = [], []
    for curve in specification["curves"]:
        seeds = product(*(curve["replicas"][column] for column in REPLICA_KEY))
        rows = pd.DataFrame(seeds, columns=REPLICA_KEY)
        sizes = pd.DataFrame(dict.fromkeys(("train_size", "sentences"), curve["train_sizes"]))
        rows = rows.merge(sizes, how="cross")
        runs.append(_named(curve, rows))
        if curve["representations"]:
            levels = range(1, len(specification["grammars"][curve["grammar"]]["m"]))
            layers.append(_named(curve, rows.merge(pd.DataFrame({"level": levels}), how="cross")))
    curves = of_study(specification, pd.concat(runs), theory, pd.concat(layers) if layers else None)
    name = specification["claim"]
    table = power(name, curves, seed_from("power", name))
    write_text(folder / "power.csv", table.assign(study=specification["study"]).to_csv(index=False))


def _named(curve: dict[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a curve, with the columns that training would have filled."""
    key = {column: curve[column] for column in CURVE_KEY}
    trained = {"lr": np.nan, "rates_tried": 1, "test_loss": np.nan, "bayes_loss": np.nan}
    return rows.assign(**key, **trained, layer=0)
