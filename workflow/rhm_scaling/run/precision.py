"""The plan of a study by what its curves have shown so far: how many rule draws they get."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import UserError
from ..study.plan import Plan
from ..study.precision import Measured, measured_rows
from ..study.reading import load_study, named
from ..study.schema import Study
from .records import check
from .status import Status

_STEP = "measure_precision"
UNSETTLED = 3  # exit status of the command that asks


def plan_of(study: Study, root: Path = Path()) -> Plan:
    """The plan of a study; where it asks for a precision, as measured in the folder `root`."""
    asks = any(experiment.precision for experiment in study.experiments.values())
    return Plan(study, _measured(root / "results" / study.name) if asks else {})


def read_plan(path: Path, root: Path = Path()) -> Plan:
    """`plan_of` the study in ``FILE`` or ``FILE:SCALE``.

    Raises
    ------
    UserError
        If it cannot be read or planned; every line begins with the file.
    """
    study = load_study(path)
    with named(path):
        return plan_of(study, root)


def _measured(folder: Path) -> dict[str, Measured]:
    """What ``precision.csv`` says; nothing if it is not there as it was made: it is made again."""
    path = folder / "precision.csv"
    try:
        check(folder / "stages" / f"{_STEP}.record.json", path)
        with path.open(encoding="utf-8", newline="") as file:
            return measured_rows(csv.DictReader(file))
    except (UserError, OSError, ValueError, KeyError):
        return {}


def too_wide(plan: Plan) -> Iterator[str]:
    """A line for each curve that was measured, and is to get more rule draws."""
    for curve, designs in plan.designs.items():
        last = designs[-2].measured if len(designs) > 1 else None
        if last is None or designs[-1].measured:
            continue
        why = ", ".join(
            f"{name} within {last.half_widths[name]:.2g}, asked for {asked:g}"
            for name, asked in last.wider(plan.precision(curve)).items()
        )
        yield f"{curve}: {designs[-1].rule_draws} rule draws ({why})"


def unsettled(status: Status) -> list[str]:
    """Lines on curves that may need more rule draws, for all that is known; none if none does."""
    plan = status.plan
    first = [
        f"{curve}: {designs[0].rule_draws} rule draws to begin with"
        for curve, designs in plan.designs.items()
        if not designs[0].measured
    ]
    lines = [*too_wide(plan), *first]
    if plan.designs and not lines and _STEP not in status.current:
        lines = ["precision.csv: is made again, by what the study and the code are now"]
    return lines
