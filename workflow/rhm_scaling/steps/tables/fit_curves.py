"""``fits.csv`` and ``local_exponents.csv``: exponents, intervals, predictions beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import (
    CONFIDENCE,
    CURVE_KEY,
    failures,
    identified,
    replica_matrix,
    rows_of,
    seed_of,
)
from ...analysis.power_law import (
    BOOTSTRAPS,
    fit_power_law,
    fit_with_interval,
    fitting_window,
    local_exponents,
)
from ...core.files import write_text
from ...grammar.tasks import MEASURE
from ...study.tables import Part, Plan
from ..read_tables import read_points


def planned(plan: Plan) -> Part:
    """All curves."""
    after = ("gather_runs", "gather_histories", "aggregate_curves", "tabulate_theory")
    outputs = ["fits.csv", "local_exponents.csv"] if plan.curves else []
    return Part(plan.described(), outputs, after=after)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Fit every curve of the study."""
    points = read_points(folder, specification["curves"])
    curves = pd.read_csv(folder / "curves.csv")
    theory = pd.read_csv(folder / "theory.csv")
    rows, local = [], []
    for curve in specification["curves"]:
        key = {column: curve[column] for column in CURVE_KEY}
        table, mine = rows_of(curves, key), rows_of(points, key)
        window = fitting_window(table)
        sizes = table["sentences"].to_numpy(dtype=float)
        replicas = replica_matrix(mine, MEASURE[key["task"]], table["sentences"].tolist())
        seed = seed_of("bootstrap", key)
        inside = window.inside
        best, low, high = fit_with_interval(sizes[inside], replicas.loc[:, inside], seed)
        predicted, smooth = (
            fit_power_law(sizes[inside], table[column].to_numpy()[inside])
            for column in ("predicted", "predicted_smooth")
        )
        learner = specification["learners"][key["architecture"]]
        asymptotic = theory[
            (theory["quantity"] == "exponent")
            & (theory["grammar"] == key["grammar"])
            & (theory["task"] == key["task"])
            & (theory["learner"].isna() | (theory["learner"] == learner))
        ]["value"]
        known = learner is not None and len(asymptotic)
        rows.append(
            {
                "study": specification["study"],
                **key,
                "measure": MEASURE[key["task"]],
                "predicted_asymptotic": asymptotic.iloc[0] if known else np.nan,
                "predicted_same_fit": predicted.exponent,
                "predicted_smooth_fit": smooth.exponent,
                "exponent": best.exponent,
                "low": low,
                "high": high,
                "confidence": CONFIDENCE,
                "amplitude": best.amplitude,
                "points": int(inside.sum()),
                "window_low": sizes[inside].min() if inside.any() else np.nan,
                "window_high": sizes[inside].max() if inside.any() else np.nan,
                "window_reason": window.reason,
                "rule_draws": mine["rule_seed"].nunique(),
                "replicas": len(replicas),
                **failures(table),
                "bootstraps": BOOTSTRAPS,
            }
        )
        slopes = local_exponents(sizes, replicas, seed)
        local.append(identified(slopes, specification["study"], key))
    write_text(folder / "fits.csv", pd.DataFrame(rows).to_csv(index=False))
    write_text(folder / "local_exponents.csv", pd.concat(local).to_csv(index=False))
