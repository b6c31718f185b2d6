"""Figures of the theory of every grammar and task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ..plots.curves import save, style
from ..plots.theory import theory_figure
from .read_tables import read_table


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """Draw ``figures/theory-<grammar>-<task>``."""
    style()
    theory, predictions = (pd.read_csv(folder / f"{n}.csv") for n in ("theory", "predictions"))
    surveys = {(known["grammar"], known["task"]): known["file"] for known in stage["surveys"]}
    for grammar, task in stage["figures"]:
        known, curves = (
            table[(table["grammar"] == grammar) & (table["task"] == task)]
            for table in (theory, predictions)
        )
        file = surveys.get((grammar, task))
        survey = None if file is None else read_table(root / file)
        title = f"{grammar}, {task.replace('_', ' ')}"
        save(theory_figure(task, known, curves, survey, title), folder, f"theory-{grammar}-{task}")
