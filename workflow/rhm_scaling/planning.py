"""From Snakemake's configuration to a plan: the only place where the workflow meets the library."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .cells import Plan
from .products import Product
from .provenance import PACKAGE, UserError, write_if_changed
from .reading import load_study


class Machine(BaseModel):
    """What ``config/config.yaml`` and ``--config`` may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: str
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    threads: int = Field(1, ge=1)


class WorkflowPlan(Plan):
    """A plan as the rules need it.

    Attributes
    ----------
    machine
        Settings of this machine.
    """

    def __init__(self, machine: Machine, base: Path) -> None:
        path = Path(machine.study)
        if not path.is_file() and (base / path).is_file():
            path = base / path
        study = load_study(path)
        try:
            super().__init__(study)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        self.machine = machine

    def product(self, kind: str, name: str) -> Product:
        """The product of a kind with a name.

        Raises
        ------
        UserError
            If it is not part of this study, or its code or parameters have changed since.
        """
        try:
            return self.products[kind][name]
        except KeyError:
            raise UserError(
                f"results/store/{kind}/{name}: no product of the study {self.study.name} "
                "with the present code; choose another study or path"
            ) from None

    def paths(self, kind: str, role: str | None = None) -> list[str]:
        """Files of all products of a kind, or those of one role."""
        return [
            path
            for product in self.products[kind].values()
            for name, path in product.files.items()
            if role in (None, name)
        ]

    def write(self) -> None:
        """Write ``study.json`` and the stage files, each only when its content changes."""
        folder = Path("results", self.study.name)
        files = {folder / "study.json": self.resolved()}
        for name, share in self.stages().items():
            files[folder / "stages" / f"{name}.json"] = share
        for path, content in files.items():
            write_if_changed(path, json.dumps(content, indent=1) + "\n")


def jobs_use_this_library() -> None:
    """Let every job run this copy of the library with the interpreter that plans it.

    So neither an activated environment nor an installation is needed, and a job cannot run other
    code than the one that was planned with.
    """
    first = {"PYTHONPATH": PACKAGE.parent, "PATH": Path(sys.executable).parent}
    for variable, path in first.items():
        rest = [part for part in os.environ.get(variable, "").split(os.pathsep) if part]
        os.environ[variable] = os.pathsep.join([str(path), *rest])
    # the C library keeps freed memory: activations are allocated anew at every step, and giving
    # their pages back and clearing them again took up to a third of a transformer's time
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32))


def plan_or_exit(config: Mapping[str, Any], base: Path) -> WorkflowPlan:
    """The plan of the configured study, written out; a user's mistake ends in one line."""
    try:
        try:
            machine = Machine.model_validate(dict(config))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            key = ".".join(map(str, problem["loc"]))
            raise UserError(f"config/config.yaml: {key}: {problem['msg']}") from error
        plan = WorkflowPlan(machine, base)
        plan.check_store()
        plan.write()
        return plan
    except UserError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; mend that and run again", file=sys.stderr)
    sys.exit(1)
