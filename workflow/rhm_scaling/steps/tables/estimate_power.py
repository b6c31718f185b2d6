"""``power.csv``: how likely a study of this design is to decide its claim, from theory alone."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY
from ...claims.deciding import findings
from ...claims.evidence import of_study
from ...claims.names import CLAIM_TASKS
from ...core.files import write_text
from ...study.tables import Part, Plan
from ..claimed import as_row, claimed

# nothing is measured yet
_LATER = ("holds", "nearer", "holds_limit", "verdict")


def planned(plan: Plan) -> Part:
    """The curves that decide the study's claim, if curves do."""
    outputs = ["power.csv"] if plan.study.claim in CLAIM_TASKS else []
    return Part(claimed(plan), outputs, after=("tabulate_theory",))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Make up studies that obey the claim and its rival."""
    theory = pd.read_csv(folder / "theory.csv")
    points, layers = [], []
    for curve in specification["curves"]:
        seeds = product(*(curve["replicas"][column] for column in REPLICA_KEY))
        rows = pd.DataFrame(seeds, columns=REPLICA_KEY).assign(
            **{column: curve[column] for column in CURVE_KEY}
        )
        points.append(rows.merge(pd.DataFrame({"sentences": _sizes(curve)}), how="cross"))
        layers += [rows] if curve["represented"] else []
    curves = of_study(
        specification, pd.concat(points), theory, pd.concat([pd.DataFrame(), *layers])
    )
    name = specification["claim"]
    found = [as_row(*finding) for finding in findings(name, curves)]
    table = pd.DataFrame(found).drop(columns=[*_LATER])
    table.insert(0, "study", specification["study"])
    table.insert(1, "claim", name)
    write_text(folder / "power.csv", table.to_csv(index=False))


def _sizes(curve: dict[str, Any]) -> list[int]:
    """Numbers of sentences at which a curve will be measured."""
    if curve["protocol"] == "finite":
        return list(curve["train_sizes"])
    from ...training.loop import evaluation_steps

    online = dict(curve["online"])
    batch_size = online.pop("batch_size")
    return [step * batch_size for step in evaluation_steps(**online) if step]
