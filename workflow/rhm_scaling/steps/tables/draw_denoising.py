"""Figures (PDF and PNG) of what corrupted sentences tell, and of restoring them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...study.tables import Part, Plan, figure_files


def planned(plan: Plan) -> Part:
    """Every section with every grammar of it."""
    asked = plan.study.denoising
    drawn = {
        f"{name}-{grammar}": {
            "denoising": name,
            "grammar": grammar,
            "title": f"{config.title or name}: {grammar}",
        }
        for name, config in asked.items()
        for grammar in config.grammars
    }
    names = [f"{kind}-{name}" for kind in ("denoising", "restoring") for name in drawn]
    outputs = figure_files("denoising", names)
    return Part({"figures": drawn}, outputs, after=("gather_denoising",))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Draw ``denoising/denoising-<name>-<grammar>`` and ``denoising/restoring-...``."""
    from ...plots.denoising import denoising, restoring
    from ...plots.style import save, style

    style()
    rows, transition = (pd.read_csv(folder / f"{n}.csv") for n in ("denoising", "transition"))
    for name, figure in specification["figures"].items():
        mine, crossings = (
            table[
                (table["denoising"] == figure["denoising"])
                & (table["grammar"] == figure["grammar"])
            ]
            for table in (rows, transition)
        )
        for kind, draw in (("denoising", denoising), ("restoring", restoring)):
            drawn = draw(mine, crossings, figure["title"])
            save(drawn, folder / "denoising", f"{kind}-{name}")
