"""The plan of a study by what its curves have shown so far: how many rule draws they get."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import UserError
from ..study.plan import Plan
from ..study.precision import Measured, measured_rows
from ..study.schema import Study
from .records import check


def plan_of(study: Study, root: Path = Path()) -> Plan:
    """The plan of a study; where it asks for a precision, as measured in the folder `root`."""
    asks = any(experiment.precision for experiment in study.experiments.values())
    return Plan(study, _measured(root / "results" / study.name) if asks else {})


def _measured(folder: Path) -> dict[str, Measured]:
    """What ``precision.csv`` says; nothing if it is not there as it was made: it is made again."""
    path = folder / "precision.csv"
    try:
        check(folder / "stages" / "measure_precision.record.json", path)
        with path.open(encoding="utf-8", newline="") as file:
            return measured_rows(csv.DictReader(file))
    except (UserError, OSError, ValueError, KeyError):
        return {}


def unsettled(plan: Plan) -> Iterator[str]:
    """A line for each curve of which it is not known whether it needs more rule draws."""
    for curve, designs in plan.designs.items():
        if designs[-1].measured:
            continue
        why = [
            f" ({name} within {before.half_widths[name]:.2g}, asked for {asked:g})"
            for before in (design.measured for design in designs[-2:-1])
            if before
            for name, asked in before.wider(plan.precision(curve)).items()
        ]
        yield f"{curve}: {designs[-1].rule_draws} rule draws{''.join(why)}"
