"""``curves.csv``: means, intervals, controls and predictions, a row a curve and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...analysis.curves import CURVE_KEY, identified, learning_curve, rows_of
from ...analysis.theory_columns import Known, predicted_columns
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.tasks import MEASURE
from ...study.plan import Plan
from ...study.tables import Part
from ...theory.predicted_curves import all_patches, lookup_error, smooth_error
from ..read_tables import read_points

Array = NDArray[np.float64]


def planned(plan: Plan) -> Part:
    """All curves."""
    experiments = plan.study.experiments
    what = {
        **plan.described(),
        "test_sizes": {name: experiment.test_size for name, experiment in experiments.items()},
    }
    after = ("gather_runs", "gather_histories", "tabulate_theory")
    return Part(what, ["curves.csv"], after=after)


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
        table = table.assign(**described, predicted_smooth=np.nan, lookup=np.nan)
        if key["task"] == "classification":
            table["lookup"] = lookup_error(parameters.n, table["overlap"].to_numpy())
            twin = _uniform_twin(specification, key)
            if twin is not None and learner is not None:
                uniform = specification["curves"][twin]
                of_twin = Known.from_theory(
                    theory, uniform, rows_of(points, uniform)["rule_seed"], parameters
                )
                table["predicted_smooth"] = _smooth(parameters, known, tables[twin], of_twin, sizes)
        parts.append(identified(table, specification["study"], key))
    write_text(folder / "curves.csv", pd.concat(parts).to_csv(index=False))


def _uniform_twin(specification: dict[str, Any], key: dict[str, Any]) -> int | None:
    """The curve whose grammar has uniform rules at level 1 and is equal otherwise, if studied."""
    own = specification["grammars"][key["grammar"]]
    if own["zipf"][0] is None:
        return None
    uniform = {**own, "zipf": [None, *own["zipf"][1:]]}
    same = [column for column in CURVE_KEY if column != "grammar"]
    for row, other in enumerate(specification["curves"]):
        alike = all(other[column] == key[column] for column in same)
        if alike and specification["grammars"][other["grammar"]] == uniform:
            return row
    return None


def _smooth(
    parameters: Parameters,
    known: Known,
    uniform: pd.DataFrame,
    known_of_uniform: Known,
    sizes: Array,
) -> Array:
    """The Zipf curve from the measured uniform one (mean over rule draws)."""
    measured = uniform[uniform["mean"].notna()]
    if len(measured) < 2:
        return np.full(len(sizes), np.nan)
    uniform_threshold = float(np.mean([p[0] for p in known_of_uniform.rule_thresholds.values()]))
    numbers = np.unique(known.rows[known.rows["quantity"] == "error_by_patches"]["index"]).astype(
        int
    )
    by_patches = known.by_draw("index", quantity="error_by_patches")
    curves = [
        smooth_error(
            measured["sentences"].to_numpy(dtype=float),
            measured["mean"].to_numpy(dtype=float),
            uniform_threshold,
            complexities,
            parameters.probabilities(1),
            all_patches(numbers.tolist(), by_patches[rule].tolist()),
            sizes,
        )
        for rule, complexities in known.rule_thresholds.items()
    ]
    return np.asarray(np.mean(curves, axis=0))
