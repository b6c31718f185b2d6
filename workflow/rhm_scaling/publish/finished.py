"""A study of which nothing is left to make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UserError
from ..core.fingerprint import PACKAGE
from ..run.machine import Machine
from ..run.precision import read_plan
from ..run.status import Status
from ..study.plan import Plan


@dataclass(frozen=True)
class Finished:
    """A finished study.

    Attributes
    ----------
    path
        Of its YAML file.
    plan
        Its products.
    status
        What of them is made: all that the study is about.
    """

    path: Path
    plan: Plan
    status: Status

    @classmethod
    def read(cls, path: Path) -> Finished:
        """The study of a file.

        Raises
        ------
        UserError
            If it is not complete.
        """
        plan = read_plan(path)
        status = Status(plan, Machine.read(PACKAGE.parents[1]).spared)
        if not status.complete:
            raise UserError(f"{path}: is not complete; first run `make run STUDY={path}`")
        return cls(path, plan, status)

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.plan.study.name
