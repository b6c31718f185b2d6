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
    return Part(what, outputs, after=("aggregate_curves", "decide_claim", "foretell_verdict"))


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """Write the guide."""
    grammars = {name: Parameters.from_specification(g) for name, g in stage["grammars"].items()}
    tables = [pd.read_csv(folder / f"{name}.csv") for name in ("curves", "claims", "power")]
    write_text(folder / "guide.md", guide(stage["claim"], stage["study"], grammars, *tables))
