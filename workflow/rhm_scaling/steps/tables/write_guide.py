"""``guide.md``: what the study of a claim shows and what was found, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...core.files import write_text
from ...grammar.model import Parameters
from ...plots.guides import guide
from ...study.plan import Plan
from ...study.tables import Part


def planned(plan: Plan) -> Part:
    """The study's claim."""
    what = {"claim": plan.study.claim, "grammars": plan.specifications()}
    outputs = ["guide.md"] if plan.study.claim else []
    return Part(what, outputs, after=("aggregate_curves", "decide_claim", "estimate_power"))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Write the guide."""
    grammars = {
        name: Parameters.from_specification(g) for name, g in specification["grammars"].items()
    }
    tables = [pd.read_csv(folder / f"{name}.csv") for name in ("curves", "claims", "power")]
    write_text(
        folder / "guide.md",
        guide(specification["claim"], specification["study"], grammars, *tables),
    )
