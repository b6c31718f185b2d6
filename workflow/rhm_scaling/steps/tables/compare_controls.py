"""``controls.csv`` and ``control_runs.csv``: curves beside networks that are trained otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.controls import COMPARED, crossings_compared, errors_compared
from ...analysis.curves import CURVE_KEY, identified, points, rows_of
from ...analysis.learning_rates import at_chosen_rate
from ...analysis.theory_columns import Known
from ...analysis.thresholds import crossings
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.tasks import MEASURE
from ...study.tables import Part, Plan
from ..read_tables import read_points
from . import gather_histories, gather_runs

COLUMNS = ["study", *CURVE_KEY, *COMPARED]
RUNS_COLUMNS = [*gather_runs.COLUMNS, "control"]


def planned(plan: Plan) -> Part:
    """The controls of every curve, with its key; their networks may have another width."""
    found: dict[tuple[Any, str], dict[str, Any]] = {}
    products = []
    for curve, control, block in plan.controls:
        part = {"curve": curve.key(), "control": control, "runs": [], "histories": []}
        here = found.setdefault((curve, control), part)
        network = replace(curve, width=block.specification["architecture"]["width"])
        here["runs"].append(gather_runs.described(network, block))
        online = curve.protocol == "online"
        here["histories"] += [gather_histories.described(network, block)] if online else []
        products.append((block, ("runs", "history") if online else ("runs",)))
    what = {"controls": [*found.values()], "grammars": plan.specifications()} if found else {}
    outputs = ["controls.csv", "control_runs.csv"] if found else []
    after = ("gather_runs", "gather_histories", "tabulate_theory")
    return Part(what, outputs, after=after, products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Compare every curve with its controls, each on the rule draws that both have."""
    study, controls = specification["study"], specification["controls"]
    parts = [
        gather_runs.gathered(one["runs"], study, root).assign(control=one["control"])
        for one in controls
    ]
    write_text(folder / "control_runs.csv", pd.concat(parts)[RUNS_COLUMNS].to_csv(index=False))
    runs = pd.read_csv(folder / "control_runs.csv")
    own = read_points(folder, [one["curve"] for one in controls])
    theory = pd.read_csv(folder / "theory.csv")
    rows = []
    for one in controls:
        key = one["curve"]
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        mine = runs[runs["control"] == one["control"]]
        mine = at_chosen_rate(rows_of(mine, one["runs"][0]))
        found = pd.DataFrame(
            _levels(one, rows_of(own, key), mine, theory, parameters, root)
            if one["histories"]
            else errors_compared(rows_of(own, key), mine, MEASURE[key["task"]])
        )
        rows.append(identified(found.assign(control=one["control"]), study, key)[COLUMNS])
    write_text(folder / "controls.csv", pd.concat(rows).to_csv(index=False))


def _levels(
    control: Mapping[str, Any],
    own: pd.DataFrame,
    runs: pd.DataFrame,
    theory: pd.DataFrame,
    parameters: Parameters,
    root: Path,
) -> list[dict[str, Any]]:
    """An online curve and its control, by the level that is learnt."""
    key = control["curve"]
    other = points(runs, gather_histories.gathered(control["histories"], runs, root))
    # of the control's rule draws, which it has even where nothing of the curve could be measured
    known = Known.from_theory(theory, key, runs["rule_seed"], parameters)
    heights = known.heights(key["task"])
    mine, its = (crossings(part, MEASURE[key["task"]], heights, {}) for part in (own, other))
    levels = range(1, 1 + max(map(len, heights.values())))
    return crossings_compared(mine, its, runs, levels)
