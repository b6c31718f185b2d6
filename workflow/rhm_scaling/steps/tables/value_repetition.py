"""``repetition`` and ``repetition_laws``: how many fresh sentences repeated ones are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, identified
from ...analysis.repetition import effective_sentences, repetition_laws, repetition_values
from ...core.files import write_text
from ...study.tables import Curve, Part, Plan
from .follow_trainings import followed


def repeated(plan: Plan) -> list[Curve]:
    """Curves of finite training sets that are followed and whose network also has an online one."""
    curves = dict.fromkeys(curve for curve, _ in followed(plan))
    return [
        curve
        for curve in curves
        if curve.protocol == "finite" and plan.study.experiments[curve.experiment].online
    ]


def planned(plan: Plan) -> Part:
    """Networks that learn from repeated and from fresh sentences."""
    curves = [curve.key() for curve in repeated(plan)]
    outputs = [f"{name}.csv" for name in ("repetition", "repetition_laws") if curves]
    return Part({"curves": curves}, outputs, after=("follow_trainings",))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Hold every network's losses on repeated sentences against those on fresh ones."""
    histories = pd.read_csv(folder / "training_histories.csv")
    network = [column for column in CURVE_KEY if column != "protocol"]
    values, laws = [], []
    for key in specification["curves"]:
        mine = histories[(histories[network] == pd.Series(key)[network]).all(axis=1)]
        effective = effective_sentences(mine)
        law = repetition_laws(effective)
        laws.append(identified(law, specification["study"], key))
        told = repetition_values(effective, law)
        values.append(identified(told, specification["study"], key))
    write_text(folder / "repetition.csv", pd.concat(values).to_csv(index=False))
    write_text(folder / "repetition_laws.csv", pd.concat(laws).to_csv(index=False))
