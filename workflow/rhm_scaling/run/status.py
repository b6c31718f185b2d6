"""What of a plan is made already, as the records in the store and beside the tables say.

Snakemake decides by time stamps and by its own memory, which follow neither copies nor clocks;
here a product is made if its record has its identity and its files have their recorded sizes. What
is not there is taken from the rows that git keeps, so that nobody else has to know of these.
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
from ..steps.plan import stages
from ..study.artifacts import Product
from ..study.plan import Plan
from ..study.tables import Stage
from .records import intact, left_out, read_record
from .rows import restore

# Kinds that are results by themselves; the others are only made for these.
RESULTS = ("models", "counts", "latents")


class Status:
    """A plan beside its store.

    Attributes
    ----------
    plan
        The plan.
    spared
        Names of files that a finished product may lack, being temporary.
    made
        Kind and name of every product that is made.
    bare
        Trainings that are rows alone: without networks, as git keeps them.
    stages
        The plan's tables and figures by step.
    current
        Steps whose tables and figures are up to date.
    """

    def __init__(self, plan: Plan, spared: Collection[str] = (), root: Path = Path()) -> None:
        self.plan, self.spared, self.root = plan, spared, root
        self.bare: set[tuple[str, str]] = set()
        self.made = {
            (kind, name)
            for kind, known in plan.products.items()
            for name, product in known.items()
            if self._made(product) or (restore(product, root) and self._made(product))
        }
        # what is to be measured of networks needs them
        self.made -= self.bare & {
            (source.kind, source.name)
            for kind, known in plan.products.items()
            for name, product in known.items()
            if (kind, name) not in self.made
            for source in product.inputs.values()
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
        if intact(path, record, self.spared):
            return True
        there = intact(path, record, left_out(record))
        self.bare |= {(product.kind, product.name)} if there else set()
        return there

    def _current(self, stage: Stage) -> bool:
        """Whether a stage's tables and figures are up to date."""
        path = self.root / stage.record
        try:
            record = read_record(path)
        except UserError:
            return False
        return record["identity"] == stage.identity and intact(path, record)

    @cached_property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.needed() and not self.stale()

    def needed(self, kinds: Collection[str] = RESULTS) -> list[Product]:
        """Products that a run has to make: of some kinds, of tables, and what they are made from.

        By default those that the study is about.
        """
        pending = [product for stage in self.stale() for product in stage.products]
        pending += [product for kind in kinds for product in self.plan.products[kind].values()]
        found = dict[tuple[str, str], Product]()
        while pending:
            product = pending.pop()
            key = product.kind, product.name
            if key not in found and key not in self.made:
                found[key] = product
                pending.extend(product.inputs.values())
        return [*found.values()]

    def stale(self) -> list[Stage]:
        """Tables and figures that the study asks for and that are not up to date."""
        return [s for name, s in self.stages.items() if s.outputs and name not in self.current]

    def resolved(self) -> dict[str, Any]:
        """The content of ``study.json``: the study, its products, the code of its tables."""
        code = {name: stage.specification["code"] for name, stage in self.stages.items()}
        return {**self.plan.resolved(), "stages": code}

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
