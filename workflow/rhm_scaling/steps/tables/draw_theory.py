"""Figures of the theory of every grammar and task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...study.tables import Part, Plan, figure_files
from ..read_tables import read_table


def planned(plan: Plan) -> Part:
    """Every grammar with every task that it serves."""
    what = {
        "grammars": plan.specifications(),
        "figures": plan.solved(),
        "surveys": [
            {"file": known.files["product"], "grammar": grammar, "task": task}
            for (grammar, task), known in plan.surveys.items()
        ],
    }
    products = [(known, ("product",)) for known in plan.surveys.values()]
    names = [f"{grammar}-{task}" for grammar, task in plan.solved()]
    correlated = [
        (grammar, task)
        for grammar, task in plan.solved()
        if task == "classification" or (task == "last_token" and plan.parameters(grammar).L > 1)
    ]
    what["correlated"] = correlated
    names += [f"{grammar}-{task}-correlations" for grammar, task in correlated]
    return Part(what, figure_files("theory", names), after=("tabulate_theory",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Draw ``theory/<grammar>-<task>`` and ``theory/<grammar>-<task>-correlations``."""
    from ...plots.correlations import correlations_figure
    from ...plots.style import save, style
    from ...plots.theory import theory_figure

    style()
    theory, predictions = (pd.read_csv(folder / f"{n}.csv") for n in ("theory", "predictions"))
    surveys = {
        (known["grammar"], known["task"]): known["file"] for known in specification["surveys"]
    }
    for grammar, task in specification["figures"]:
        known, curves = (
            table[(table["grammar"] == grammar) & (table["task"] == task)]
            for table in (theory, predictions)
        )
        file = surveys.get((grammar, task))
        survey = None if file is None else read_table(root / file)
        title = f"{grammar}, {task.replace('_', ' ')}"
        save(
            theory_figure(task, known, curves, survey, title),
            folder / "theory",
            f"{grammar}-{task}",
        )
    table = pd.read_csv(folder / "correlations.csv")
    for grammar, task in specification["correlated"]:
        mine = table[(table["grammar"] == grammar) & (table["task"] == task)]
        drawn = correlations_figure(mine, f"{grammar}, {task.replace('_', ' ')}")
        save(drawn, folder / "theory", f"{grammar}-{task}-correlations")
