"""What of a plan is made already, as the records in the store and beside the tables say.

Snakemake decides by time stamps and by its own memory, which follow neither copies nor clocks;
here a product is made if its record has its identity and its files have their recorded sizes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..study.artifacts import Product
from ..study.plan import Plan
from ..study.tables import Stage, stages
from .records import intact, read_record

# Kinds that are results by themselves; the others are only made for these.
RESULTS = ("models", "counts")


class Standing:
    """A plan beside its store.

    Attributes
    ----------
    plan
        The plan.
    spared
        Names of files that a finished product may lack, being temporary.
    made
        Kind and name of every product that is made.
    stages
        The plan's light stages by name.
    current
        Names of the light stages whose tables and figures are up to date.
    """

    def __init__(self, plan: Plan, spared: Collection[str] = (), root: Path = Path()) -> None:
        self.plan, self.spared, self.root = plan, spared, root
        self.made = {
            (kind, name)
            for kind, known in plan.products.items()
            for name, product in known.items()
            if self._made(product)
        }
        self.stages = stages(plan)
        self.current = {name for name, stage in self.stages.items() if self._current(stage)}

    def _made(self, product: Product) -> bool:
        """Whether a product is made.

        Raises
        ------
        UserError
            If its name holds another product (a collision of hashes).
        """
        path = self.root / product.files["record"]
        try:
            record = read_record(path)
        except UserError:
            return False
        if record["specification"] != product.specification:
            raise UserError(
                f"{path}: describes another product of the same name; change one of the study's "
                "sizes and report it"
            )
        return intact(path, record, self.spared)

    def _current(self, stage: Stage) -> bool:
        """Whether a stage's tables and figures are up to date."""
        path = self.root / stage.record
        try:
            record = read_record(path)
        except UserError:
            return False
        return record["identity"] == stage.identity and intact(path, record)

    @cached_property
    def wanted(self) -> list[Product]:
        """Products that the study is about and that are not made."""
        return [
            product
            for kind in RESULTS
            for name, product in self.plan.products[kind].items()
            if (kind, name) not in self.made
        ]

    @cached_property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        used = {stage.name for stage in self.stages.values() if stage.outputs}
        return not self.wanted and used <= self.current

    def needed(self) -> list[Product]:
        """Products that a run has to make: those wanted, and what they are made from."""
        reads = [
            product
            for stage in self.stages.values()
            if stage.outputs and stage.name not in self.current
            for product in stage.products
        ]
        pending, found = [*self.wanted, *reads], dict[tuple[str, str], Product]()
        while pending:
            product = pending.pop()
            key = product.kind, product.name
            if key not in found and key not in self.made:
                found[key] = product
                pending.extend(product.inputs.values())
        return [*found.values()]

    def resolved(self) -> dict[str, Any]:
        """By path, what a run writes when it starts: the resolved study, the stages' shares."""
        code = {name: stage.share["code"] for name, stage in self.stages.items()}
        study = {**self.plan.resolved(), "stages": code}
        shares = {stage.file: stage.share for stage in self.stages.values()}
        return {f"results/{self.plan.study.name}/study.json": study, **shares}

    def outdated(self) -> list[str]:
        """Files that are there, whole products, and are not what they should be."""
        products = [
            product.files.values()
            for kind, known in self.plan.products.items()
            for name, product in known.items()
            if (kind, name) not in self.made
        ]
        tables = [stage.outputs for name, stage in self.stages.items() if name not in self.current]
        present = [
            files for files in products if all((self.root / path).exists() for path in files)
        ]
        return [path for files in [*present, *tables] for path in files]

    def correct_clocks(self) -> None:
        """Date files from the future to this moment.

        They stem from before a clock was set back, and Snakemake refuses a product that is older
        than what it is made from.
        """
        now = time.time()
        for known in self.plan.products.values():
            for product in known.values():
                for path in product.files.values():
                    _not_after(self.root / path, now)
        for stage in self.stages.values():
            for path in stage.files:
                _not_after(self.root / path, now)


def _not_after(path: Path, now: float) -> None:
    with contextlib.suppress(OSError):  # not there, or not ours to change
        if path.stat().st_mtime > now:
            os.utime(path, (now, now))
