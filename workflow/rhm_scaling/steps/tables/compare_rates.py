"""``rates.csv``, ``best_rates.csv``, ``rate_scaling.csv``, ``coordinates.csv``: rates tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, rows_of
from ...analysis.learning_rates import POINT, best_rate, rate_curve, scaling_with_width
from ...core.files import write_text
from ...core.hashing import seed_from
from ...study.tables import Part, Plan
from ..read_tables import read_table


def planned(plan: Plan) -> Part:
    """Networks for which several rates are tried, and their coordinate checks."""
    names = ("rates", "best_rates", "rate_scaling", "coordinates")
    what = {
        "curves": [curve.key() for curve in plan.sweeping],
        "coordinates": [
            {"file": known.files["product"], **curve.key()} for curve, known in plan.coordinates
        ],
    }
    outputs = [f"{name}.csv" for name in names if plan.sweeping]
    products = [(known, ("product",)) for _, known in plan.coordinates]
    return Part(what, outputs, after=("gather_runs",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Average over replicas at every rate, locate the optima, and follow them over widths."""
    runs = pd.read_csv(folder / "runs.csv")
    swept = pd.concat([rows_of(runs, curve) for curve in specification["curves"]])
    # at a size that has one rate of its own, nothing is compared
    swept = swept.groupby(POINT).filter(lambda group: group["lr"].nunique() > 1)
    rates, best, scaling = [], [], []
    # equal seeds, so that the same rule draws are resampled at every width
    seed = seed_from("bootstrap of learning rates")
    for values, group in swept.groupby(POINT):
        key = {"study": specification["study"], **dict(zip(POINT, values))}
        curve = rate_curve(group)
        rates.append(curve.assign(**key)[[*key, *curve.columns]])
        best.append({**key, **best_rate(group, seed)})
    apart = [column for column in POINT if column != "width"]
    for values, group in swept.groupby(apart):
        if group["width"].nunique() > 1:
            key = {"study": specification["study"], **dict(zip(apart, values))}
            scaling.append({**key, **scaling_with_width(group, seed)})
    write_text(folder / "rates.csv", pd.concat(rates).to_csv(index=False))
    write_text(folder / "best_rates.csv", pd.DataFrame(best).to_csv(index=False))
    columns = ["study", *apart, "widths", "exponent", "low", "high", "at_edge"]
    table = pd.DataFrame(scaling, columns=columns)
    write_text(folder / "rate_scaling.csv", table.to_csv(index=False))

    columns = ["study", *CURVE_KEY, "init_seed", "step", "layer", "change"]
    checks = [pd.DataFrame(columns=columns)]
    for check in specification["coordinates"]:
        table = read_table(root / check["file"])
        checks.append(
            table.assign(**{**check, "width": table["width"], "study": specification["study"]})
        )
    write_text(folder / "coordinates.csv", pd.concat(checks)[columns].to_csv(index=False))
