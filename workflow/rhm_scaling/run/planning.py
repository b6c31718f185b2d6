"""Studies as the rules of the workflow need them: what is to be made, from what, and by which job.

All studies of a run are one graph; what they have in common is made once.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path

from ..claims.frozen import frozen
from ..core import texts
from ..core.errors import UserError
from ..core.files import read_json, write_if_changed, write_text
from ..study.artifacts import KINDS, Product
from ..study.cost import Rates
from ..study.reading import load_study, named, split_scale
from ..study.tables import Stage
from .batches import RULES, Batch, Key, alive, batches
from .estimates import disk
from .locks import exclusive
from .machine import Machine
from .notes import beyond_language, no_points, one_draw
from .precision import plan_of, too_wide
from .progress import Progress
from .resources import Job, here
from .setup import note_stops, one_line
from .slurm import QueuedJob, queued
from .status import Status


class Run:
    """What the rules ask: the studies of a run, and what of them is made.

    Attributes
    ----------
    machine
        Settings of this machine.
    studies
        By name, each study's plan and what of it is made.
    paths
        By name, each study's file.
    products
        Every product of any study by kind and name.
    batches
        What each job makes, by identity.
    orders
        Files that are newer than what is made from them, so that it is made again.
    whole
        Whether all arrows are to be shown, also those to finished tables.
    started
        When jobs started.
    stops
        Signals since then that asked this run to stop.
    """

    def __init__(self, machine: Machine, base: Path, cores: int, slots: int = 1) -> None:
        self.machine, self.base, self.cores = machine, base, cores
        self.slots = slots if machine.cluster else cores
        self.rates = Rates.read(Path("results", "machine.json"))
        self.studies: dict[str, Status] = {}
        self.paths: dict[str, Path] = {}
        self.products: dict[str, dict[str, Product]] = {kind: {} for kind in KINDS}
        self._jobs: dict[str, Job] = {}
        self.batches: dict[str, Batch] = {}
        self.whole = False
        self.started, self.stops = time.time(), list[int]()
        self._makers: dict[Key, Batch] = {}
        self._forced: set[str] = set()
        self._held = contextlib.ExitStack()  # locks, until this process ends
        self.orders: set[str] = set()
        for name in machine.study:
            self.add(name)

    def add(self, file: str) -> Status:
        """Take up a study, and put what it needs into batches.

        Raises
        ------
        UserError
            If it cannot be read or planned, or another study has its name.
        """
        path = Path(file)
        if not split_scale(path)[0].is_file() and split_scale(self.base / path)[0].is_file():
            path = self.base / path
        study = load_study(path)
        with named(path):
            if study.name in self.studies:
                if self.paths[study.name] == path:
                    return self.studies[study.name]
                first = texts.line(str(self.paths[study.name]))
                raise UserError(f"name: {study.name!r} is also the name of {first}; change one")
            plan = plan_of(study)
            status = Status(plan, self.machine.spared)
            if not self.machine.cluster:
                blocks = plan.trained
                self._jobs = here(blocks, self.machine, self.cores, self.rates) | self._jobs
        if needed := status.needed():
            _ = self._alive  # a cluster that does not answer is none of the study's mistakes
        with named(path):
            self._compose(needed)
        self.studies[study.name], self.paths[study.name] = status, path
        for kind, known in plan.products.items():
            self.products[kind] |= known
        return status

    def _compose(self, needed: Sequence[Product], again: bool = False) -> None:
        """Put products into batches that no batch makes yet; make them `again` if they are made."""
        left = [product for product in needed if (product.kind, product.name) not in self._makers]
        if not left:  # nothing to ask a cluster for
            return
        run = f"{Path().absolute()}: {', '.join(self.machine.study)}"
        how = (self.machine, self.rates, self.slots, self._jobs, self._alive, self._makers)
        for batch in batches(left, *how, run=run):
            batch = replace(batch, again=again)
            self.batches[batch.identity] = batch
            self._makers |= dict.fromkeys(batch.products, batch)

    def force(self, rules: Collection[str]) -> None:
        """Make the products of some rules of batches again, and all that is made from them."""
        kinds = {kind for rule in rules for kind in RULES.get(rule, ())}
        if self._forced >= kinds:
            return
        self._forced = kinds
        found: dict[Key, Product] = {}
        for kind in KINDS:  # in an order in which they can be made
            for name, product in self.products[kind].items():
                made_from = {(known.kind, known.name) for known in product.inputs.values()}
                if kind in kinds or made_from & found.keys():
                    found[kind, name] = product
        self._compose([*found.values()], again=True)

    @cached_property
    def _alive(self) -> dict[str, tuple[Batch, list[str]]]:
        return alive() if self.machine.cluster else {}

    def place_orders(self, *names: str) -> None:
        """In some studies, order what is not up to date, with a date that makes Snakemake see it.

        Snakemake makes a file again that is older than what it is made from. So a stage whose
        tables are there, but are not what the study asks for, reads its order, which is written
        now.
        """
        for name in names:
            status = self.studies[name]
            status.correct_clocks()
            planned = {"planned": time.time_ns()}  # never the same content
            for stage in status.stale():
                write_text(Path(stage.file), json.dumps({**stage.order, **planned}) + "\n")
                self.orders.add(stage.file)

    def claims(self) -> dict[str, str]:
        """The studies that decide the nine claims, at the scale asked for: file by name.

        Raises
        ------
        UserError
            If one cannot be read.
        """
        scale = f":{self.machine.scale}" if self.machine.scale else ""
        names = [f"config/studies/{claim.lower()}.yaml{scale}" for claim in frozen().claims]
        before = {*self.studies}
        found = {self.add(name).plan.study.name: name for name in names}
        self.place_orders(*(found.keys() - before))
        return found

    def claim_tables(self) -> list[str]:
        """Tables and figures of the studies of all claims."""
        return [
            path
            for study in self.claims()
            for stage in self.studies[study].stages.values()
            for path in targets(stage)
        ]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return all(status.complete for status in self.studies.values())

    def reads(self, step: str, study: str, shown: Sequence[str]) -> list[str]:
        """Files that a step's job waits for; none if its tables and figures are up to date.

        Parameters
        ----------
        step, study
            Their names.
        shown
            The tables that the step's rule shows, of which the study may not have all.

        Raises
        ------
        ValueError
            If the rule does not show a table that the step reads.
        """
        status = self.study(study)
        stage = status.stages[step]
        if step in status.current and not status.complete and not self.whole:
            return []
        if hidden := set(stage.tables) - set(shown):
            raise ValueError(f"the rule {step} does not show its input {min(hidden)}")
        tables = [path for path in shown if path in stage.tables]
        made_by = {(p.kind, p.name) for p in stage.products} & self._makers.keys()
        receipts = sorted({self._makers[key].receipt for key in made_by})
        order = [] if step in status.current else [stage.file]
        return [*receipts, *tables, *order]

    def study(self, name: str) -> Status:
        """A study of this run.

        Raises
        ------
        UserError
            If it is none.
        """
        if name not in self.studies:
            known = " and ".join(self.studies)
            raise UserError(f"results/{name}: of no study of this run ({known}); give study=FILE")
        return self.studies[name]

    def made_by(self, *steps: str) -> list[str]:
        """Tables, figures and records of those steps that a study asks for."""
        return [
            path
            for status in self.studies.values()
            for step in steps or status.stages
            for path in targets(status.stages[step])
        ]

    def receipts_of(self, *kinds: str) -> list[str]:
        """What says that the batches are done that make products of some kinds."""
        for status in self.studies.values():
            self._compose(status.needed(kinds))
        return sorted({batch.receipt for (kind, _), batch in self._makers.items() if kind in kinds})

    def start(self) -> None:
        """Write each ``study.json`` and what batches hold, for the jobs of a run.

        A study that would overwrite another's results, a disk that cannot be written, or has no
        room for what is to be made, ends it in one line.
        """
        self.started, self.stops = time.time(), note_stops()
        with one_line():
            for name, status in self.studies.items():
                path = Path("results", name, "study.json")
                self._own(path, name)
                content = {"file": str(self.paths[name]), **status.resolved()}
                write_if_changed(path, json.dumps(content, indent=1) + "\n")
            for name in sorted(self.studies):  # two runs wait for each other in one order
                self._held.enter_context(exclusive(name, partial(print, file=sys.stderr)))
            for batch in self.batches.values():
                write_text(Path(batch.file), batch.json())
            made = [self.products[kind][name] for kind, name in self._makers]
            print(f"{' and '.join(self.studies)}: {len(made)} products to make", file=sys.stderr)
            for name, status in self.studies.items():
                notes = (told(status.plan) for told in (beyond_language, one_draw, no_points))
                for line in chain.from_iterable(notes):
                    print(f"{name}: {line}", file=sys.stderr)
            needed = sum(map(disk, made)) + _ROOM
            free = shutil.disk_usage("results").free / 2**20
            if free < needed:
                raise UserError(
                    f"results: {free:.0f} MiB free on this disk, about {needed:.0f} needed; make "
                    "room, or keep less (temporary: in config/config.yaml)"
                )

    def _own(self, path: Path, name: str) -> None:
        """Refuse to overwrite the results of another study of the same name."""
        try:
            first = Path(read_json(path)["file"])
            other = load_study(first).name == name
        except (OSError, ValueError, KeyError, TypeError, UserError):
            return  # none yet, or its file is gone or has another name by now
        mine = self.paths[name]
        if other and first.resolve() != mine.resolve():
            raise UserError(
                f"{texts.line(str(mine))}: name: {name!r} is also the name of "
                f"{texts.line(str(first))}, whose results are in {path.parent}; take another name"
            )

    def succeeded(self) -> None:
        """Say whether the next run makes curves more precise; remove data that are not kept."""
        for name, status in self.studies.items():
            if status.plan.designs and any(too_wide(plan_of(status.plan.study))):
                print(f"{name}: not as precise as asked; run again", file=sys.stderr)
        if "datasets" in self.machine.temporary:
            for sentences in self.products["sentences"].values():
                Path(sentences.files["product"]).unlink(missing_ok=True)

    def failed(self) -> None:
        """Print a line for each job of this run that has failed."""
        jobs: list[QueuedJob] = []
        if self.machine.cluster is not None:
            with contextlib.suppress(UserError):  # the files' lines are enough
                jobs = queued(Path(), ended=True)
        lines = [
            line
            for status in self.studies.values()
            for line in Progress(
                Status(status.plan, self.machine.spared),
                *(jobs, self.started, self.rates),
                over=True,
            ).failures(bool(self.stops))
        ]
        for line in dict.fromkeys(lines):
            print(line, file=sys.stderr)


_ROOM = 16.0  # MiB for tables, figures and logs


def targets(stage: Stage) -> list[str]:
    """What Snakemake is asked for of a stage: its tables, the folder of its figures, its record."""
    if not stage.outputs:
        return []
    folder = f"results/{stage.specification['study']}"
    found = (
        path if str(Path(path).parent) == folder else str(Path(path).parent)
        for path in stage.outputs
    )
    return [*dict.fromkeys(found), stage.record]
