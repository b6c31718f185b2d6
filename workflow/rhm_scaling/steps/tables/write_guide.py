"""``guide.md``: what the study of a claim shows and what was found, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...claims.names import CLAIM_TASKS
from ...core.files import write_text
from ...grammar.model import Parameters
from ...plots.guides import guide, order_of_invariance
from ...study.tables import Part, Plan


def planned(plan: Plan) -> Part:
    """The study's claim."""
    what = {
        "claim": plan.study.claim,
        "grammars": plan.specifications(),
        "represented": bool(plan.represented),
        "learnt": bool(plan.curves),
    }
    outputs = ["guide.md"] if plan.study.claim else []
    after = ("aggregate_curves", "decide_claim", "estimate_power", "find_invariance")
    return Part(what, outputs, after=after)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Write the guide."""
    grammars = {
        name: Parameters.from_specification(g) for name, g in specification["grammars"].items()
    }
    criteria, curves = pd.read_csv(folder / "claims.csv"), pd.DataFrame()
    if specification["learnt"]:
        curves = pd.read_csv(folder / "curves.csv")
    foreseen = specification["claim"] in CLAIM_TASKS
    power = pd.read_csv(folder / "power.csv") if foreseen else pd.DataFrame()
    order = ""
    if specification["represented"]:
        names = ("half_invariant", "invariance_sizes")
        order = order_of_invariance(*(pd.read_csv(folder / f"{name}.csv") for name in names))
    write_text(
        folder / "guide.md",
        guide(
            specification["claim"],
            specification["study"],
            grammars,
            curves,
            criteria,
            power,
            order,
        ),
    )
