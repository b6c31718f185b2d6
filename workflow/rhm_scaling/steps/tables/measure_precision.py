"""``precision.csv``: how precise curves are, for every number of rule draws that they have had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, identified, learning_curve, points, rows_of, seed_of
from ...analysis.learning_rates import at_chosen_rate, choices
from ...analysis.precision import measured
from ...analysis.theory_columns import Known, predicted_columns
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.tasks import MEASURE
from ...study.tables import Part, Plan
from ..read_tables import read_histories


def planned(plan: Plan) -> Part:
    """The curves of experiments that ask for a precision, with their designs so far."""
    what = {
        "curves": [
            {
                **curve.key(),
                "learner": plan.learners()[curve.architecture],
                "test_size": plan.study.experiments[curve.experiment].test_size,
                "first": plan.study.experiments[curve.experiment].replicas.rule_seeds.first,
                "designs": {str(design.rule_draws): design.blocks for design in designs},
            }
            for curve, designs in plan.designs.items()
        ],
        "grammars": plan.specifications(),
    }
    outputs = ["precision.csv"] if plan.designs else []
    return Part(what, outputs, after=("gather_runs", "gather_histories", "tabulate_theory"))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Measure every curve with its first rule draws, as if there were no others."""
    runs, theory = pd.read_csv(folder / "runs.csv"), pd.read_csv(folder / "theory.csv")
    histories = read_histories(folder, specification["curves"])
    tables = []
    for curve in specification["curves"]:
        key = {column: curve[column] for column in CURVE_KEY}
        mine, measure = rows_of(runs, key), MEASURE[key["task"]]
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        rows = []
        for draws, blocks in curve["designs"].items():
            rules = range(curve["first"], curve["first"] + int(draws))
            some = mine[mine["rule_seed"].isin(rules)].drop(columns=["rates_tried", "chosen"])
            known = Known.from_theory(theory, key, rules, parameters)
            seen = points(at_chosen_rate(some.join(choices(some))), histories)
            table = learning_curve(seen, measure)
            sizes = table["sentences"].to_numpy(dtype=float)
            told = (key["task"], curve["learner"], known, sizes, curve["test_size"])
            table = table.assign(**predicted_columns(parameters, *told))
            seed = seed_of("bootstrap", key)
            found = measured(seen, table, known.heights(key["task"]), seed)
            rows.append({"rule_draws": int(draws), **found, "blocks": blocks})
        tables.append(identified(pd.DataFrame(rows), specification["study"], key))
    write_text(folder / "precision.csv", pd.concat(tables).to_csv(index=False))
