"""``curves.csv``: means, intervals, controls and predictions, a row a curve and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import identified, learning_curve, rows_of
from ...analysis.theory_columns import (
    Known,
    measured_rule_curve,
    predicted_columns,
    smooth_errors,
    twin_of,
)
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.tasks import MEASURE
from ...study.tables import Part, Plan
from ...theory.predicted_curves import lookup_error
from ..read_tables import read_points


def planned(plan: Plan) -> Part:
    """All curves."""
    experiments = plan.study.experiments
    what = {
        **plan.described(),
        "test_sizes": {name: experiment.test_size for name, experiment in experiments.items()},
    }
    after = ("gather_runs", "gather_histories", "tabulate_theory")
    return Part(what, ["curves.csv"] if plan.curves else [], after=after)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Aggregate every curve of the study."""
    points = read_points(folder, specification["curves"])
    theory = pd.read_csv(folder / "theory.csv")
    tables = [
        learning_curve(rows_of(points, key), MEASURE[key["task"]])
        for key in specification["curves"]
    ]
    parts = []
    for key, table in zip(specification["curves"], tables):
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        known = Known.from_theory(theory, key, rows_of(points, key)["rule_seed"], parameters)
        learner = specification["learners"][key["architecture"]]
        test_size = specification["test_sizes"][key["experiment"]]
        sizes = table["sentences"].to_numpy(dtype=float)
        described = predicted_columns(parameters, key["task"], learner, known, sizes, test_size)
        if key["task"] == "masked":  # of which theory has the floor alone, with the losses
            described["chance"] = np.log(parameters.v[0]) - table["bayes_loss"]
        table = table.assign(**described, predicted_smooth=np.nan, lookup=np.nan)
        if key["task"] == "classification":
            table["lookup"] = lookup_error(parameters.n, table["overlap"].to_numpy())
            twin = twin_of(specification["curves"], specification["grammars"], key)
            if twin is not None and learner is not None:
                uniform = specification["curves"][twin]
                draws = rows_of(points, uniform)["rule_seed"]
                of_twin = Known.from_theory(theory, uniform, draws, parameters)
                measured = tables[twin][["sentences", "mean"]].dropna().to_numpy(dtype=float).T
                if measured.shape[1] > 1:
                    learnt = measured_rule_curve(of_twin, *measured)
                    smooth = smooth_errors(parameters, known, learnt, sizes)
                    table["predicted_smooth"] = np.mean([*smooth.values()], axis=0)
        parts.append(identified(table, specification["study"], key))
    write_text(folder / "curves.csv", pd.concat(parts).to_csv(index=False))
