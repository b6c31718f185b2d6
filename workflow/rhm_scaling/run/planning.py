"""From Snakemake's configuration to a plan: the only place where the workflow meets the library."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core import texts
from ..core.errors import UserError
from ..core.files import write_if_changed, write_text
from ..core.fingerprint import PACKAGE
from ..study.artifacts import STORE, Product
from ..study.cost import Rates
from ..study.plan import Plan
from ..study.reading import load_study, split_scale
from .batches import Batch, alive, batches
from .estimates import disk
from .failures import failures
from .machine import Machine, read_settings
from .resources import NoRoomError, check_memory, here
from .slurm import lost
from .status import Standing


class WorkflowPlan(Plan):
    """A plan as the rules need it.

    Attributes
    ----------
    machine
        Settings of this machine.
    standing
        What of it is made already.
    jobs
        What each block of networks is given on this machine, by name.
    batches
        What each job makes, by name, where a job makes several products.
    makers
        The batch that makes a product, by the product's kind and name.
    settled
        Whether Snakemake was told what is made.
    whole
        Whether all arrows are to be shown, also those to finished products.
    started
        When jobs started.
    """

    def __init__(self, machine: Machine, base: Path, cores: int, slots: int = 1) -> None:
        path = Path(machine.study)
        if not split_scale(path)[0].is_file() and split_scale(base / path)[0].is_file():
            path = base / path
        study = load_study(path)
        try:
            super().__init__(study)
        except UserError as error:
            raise UserError(f"{texts.line(str(path))}: {error}") from error
        self.machine = machine
        rates = Rates.read(Path("results", "machine.json"))
        self.standing = Standing(self, machine.spared)
        self.jobs = {} if machine.cluster else here(self.products["models"], machine, cores, rates)
        try:
            self.batches = self._shared_out(machine, cores, slots, rates)
        except NoRoomError as error:
            raise UserError(f"{texts.line(str(path))}: {error}") from error
        self.makers = {key: batch for batch in self.batches.values() for key in batch.products}
        self.settled = self.whole = False
        self.started = time.time()

    def _shared_out(
        self, machine: Machine, cores: int, slots: int, rates: Rates
    ) -> dict[str, Batch]:
        """The batches in which products are made; none if each is a job."""
        if machine.batched:
            slots = slots if machine.cluster else cores
            earlier = alive(self.study.name) if machine.cluster else {}
            found = batches(self.standing, machine, rates, slots, self.jobs, earlier)
            return {batch.name: batch for batch in found}
        needed = [block for block in self.standing.needed() if block.kind == "models"]
        check_memory((block, self.jobs[block.name]) for block in needed)
        return {}

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

    def sources(self, kind: str, name: str) -> list[str]:
        """Files that a product's job reads; none for a product that is made.

        So nothing makes Snakemake go back behind a finished product. Only once all of the study is
        made are all arrows shown, for the report.
        """
        product = self.product(kind, name)
        if self._behind(self.standing.made, (kind, name)):
            return []
        records = [known.files["record"] for known in product.inputs.values()]
        return [*product.sources.values(), *records]

    def stage_sources(self, name: str) -> list[str]:
        """Files that a light stage's job reads; none if its tables and figures are up to date."""
        if self._behind(self.standing.current, name):
            return []
        stage = self.standing.stages[name]
        if not self.machine.batched:
            return stage.reads
        # finished products would only make the graph large
        made_by = {(p.kind, p.name) for p in stage.products} & self.makers.keys()
        receipts = sorted({self.makers[key].receipt for key in made_by})
        return [*receipts, *(path for path in stage.reads if not path.startswith(STORE))]

    def _behind(self, made: Container[Any], what: Any) -> bool:
        return what in made and not self.standing.complete and not self.whole

    def made_by(self, *names: str) -> list[str]:
        """Tables, figures and records of those light stages that the study asks for."""
        stages = [self.standing.stages[name] for name in names]
        return [path for stage in stages if stage.outputs for path in stage.files]

    def paths(self, kind: str) -> list[str]:
        """Files of all products of a kind, but for those that are not kept.

        In batches, what says that the batches are done that make those which are not made.
        """
        if self.machine.batched:
            receipts = {b.receipt for (made, _), b in self.makers.items() if made == kind}
            return sorted(receipts)
        return [
            path
            for product in self.products[kind].values()
            for path in product.files.values()
            if Path(path).name not in self.machine.spared
        ]

    def start(self) -> None:
        """Write ``study.json`` and the shares of the light stages, for the jobs of a run.

        A disk that cannot be written, or has no room for what is to be made, ends it in one line.
        """
        self.started = time.time()
        with _one_line():
            for path, content in self.standing.resolved().items():
                write_if_changed(Path(path), json.dumps(content, indent=1) + "\n")
            for batch in self.batches.values():
                Path(batch.receipt).unlink(missing_ok=True)
                if not batch.after:  # its job reads it
                    write_text(Path(batch.file), batch.json())
            needed = sum(map(disk, self.standing.needed())) + _ROOM
            free = shutil.disk_usage("results").free / 2**20
            if free < needed:
                raise UserError(
                    f"results: {free:.0f} MiB free on this disk, about {needed:.0f} needed; make "
                    "room, or keep less (temporary: in config/config.yaml)"
                )

    def succeeded(self) -> None:
        """Remove data that are not kept; where there are no batches Snakemake does so."""
        if self.machine.batched and "datasets" in self.machine.temporary:
            for sentences in self.products["sentences"].values():
                Path(sentences.files["product"]).unlink(missing_ok=True)

    def failed(self) -> None:
        """Print a line for each job of this run that has failed."""
        lines = [*failures(Standing(self, self.machine.spared), self.started)]
        if self.machine.cluster is not None:
            undone = {name for name, b in self.batches.items() if not Path(b.receipt).exists()}
            with contextlib.suppress(UserError):  # the files' lines are enough
                lines += lost(Path(), self.study.name, undone)
        print(*lines, sep="\n", file=sys.stderr)


_ROOM = 16.0  # MiB for tables, figures and logs


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


def plan_or_exit(
    config: Mapping[str, Any], base: Path, cores: int | None, slots: int | None = None
) -> WorkflowPlan:
    """The plan of the configured study; a user's mistake ends in one line."""
    with _one_line():
        return WorkflowPlan(Machine.of(config), base, cores or os.cpu_count() or 1, slots or 1)


def machine_or_exit(config: Mapping[str, Any]) -> Machine:
    """The machine's settings; a user's mistake ends in one line."""
    with _one_line():
        return Machine.of(config)


def read_settings_or_exit(base: Path) -> None:
    """`read_settings` before Snakemake reads them, which meets bad values with a traceback."""
    with _one_line():
        read_settings(base)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """End Snakemake with a line where the user has to mend something."""
    try:
        yield
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; mend that and run again", file=sys.stderr)
        sys.exit(1)
