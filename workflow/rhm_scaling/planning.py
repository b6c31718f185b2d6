"""From Snakemake's configuration to a plan: the only place where the workflow meets the library."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import cost, texts
from .cells import Plan
from .estimates import cost_of, disk
from .failures import failures
from .fields import Line
from .products import Product
from .provenance import PACKAGE, UserError, write_if_changed
from .reading import MOST_BYTES, load_study, parse_keys
from .standing import Standing

SETTINGS = "config/config.yaml"


def read_settings(base: Path) -> dict[Any, Any]:
    """What ``config/config.yaml`` of a project's folder holds.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        text = texts.read(base / SETTINGS, MOST_BYTES)
    except ValueError as error:
        raise UserError(f"{SETTINGS}: {error}") from error
    return parse_keys(text, SETTINGS, "study, device and threads")


class Machine(BaseModel):
    """What ``config/config.yaml`` and ``--config`` may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Annotated[Line, Field(min_length=1, max_length=4096)]
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    threads: Annotated[int, Field(ge=1, le=10**4)] | Literal["auto"] = "auto"
    memory_mb: Annotated[int, Field(ge=1, le=10**9)] | Literal["auto"] = "auto"
    checkpoint_seconds: Annotated[int, Field(ge=0, le=10**9)] = 60
    temporary: tuple[Literal["datasets", "models"], ...] = ()

    @classmethod
    def read(cls, base: Path) -> Machine:
        """The settings of a project's folder.

        Raises
        ------
        UserError
            If they cannot be read, or one is not valid.
        """
        return cls.of(read_settings(base))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Machine:
        """Validated settings.

        Raises
        ------
        UserError
            If one is not valid.
        """
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            # deeper parts of the place name pydantic's own alternatives
            # and there is none where a key is no text at all
            where = problem["loc"][0] if problem["loc"] else problem["input"]
            key = texts.cut(texts.line(str(where)), 60)
            raise UserError(f"{SETTINGS}: {key}: {problem['msg']}") from error

    @property
    def spared(self) -> tuple[str, ...]:
        """Names of files that are not kept."""
        return ("weights.safetensors",) if "models" in self.temporary else ()


@dataclass(frozen=True)
class Job:
    """What the training of a block is given.

    Attributes
    ----------
    threads
        Of the computation.
    memory
        MiB.
    pack
        Replicas trained side by side in this memory; zero if not even one fits.
    seconds
        Expected, on these threads.
    """

    threads: int
    memory: int
    pack: int
    seconds: float


class WorkflowPlan(Plan):
    """A plan as the rules need it.

    Attributes
    ----------
    machine
        Settings of this machine.
    jobs
        What each block of networks is given, by name.
    standing
        What of it is made already.
    settled
        Whether Snakemake was told what is made.
    whole
        Whether all arrows are to be shown, also those to finished products.
    started
        When jobs started.
    """

    def __init__(self, machine: Machine, base: Path, cores: int) -> None:
        path = Path(machine.study)
        if not path.is_file() and (base / path).is_file():
            path = base / path
        study = load_study(path)
        try:
            super().__init__(study)
        except UserError as error:
            raise UserError(f"{texts.line(str(path))}: {error}") from error
        self.machine = machine
        self.jobs = self._jobs(cores)
        self.standing = Standing(self, machine.spared)
        self.settled = self.whole = False
        self.started = time.time()

    def _jobs(self, cores: int) -> dict[str, Job]:
        """Threads and memory of every block, so that all cores work and nothing is outgrown.

        They follow from the study alone, not from what is finished already: a run that was
        interrupted goes on as it began.
        """
        rates = cost.Rates.read(Path("results", "machine.json"))
        costs = {name: cost_of(block) for name, block in self.products["models"].items()}
        seconds = {name: block.seconds(rates) for name, block in costs.items()}
        chosen = cost.threads(seconds, cores)
        given = self.machine.memory_mb
        whole = _USABLE * (_physical_memory() if given == "auto" else given)
        jobs = {}
        for name, block in costs.items():
            # a network that needs more than its share of the memory has fewer neighbours
            least = math.ceil(cores * block.memory(1) / whole)
            fixed = self.machine.threads
            threads = min(cores, max(chosen[name], least)) if fixed == "auto" else fixed
            share = whole * min(1.0, threads / cores)
            pack = block.fitting(share)
            memory = math.ceil(block.memory(pack or 1))
            jobs[name] = Job(threads, memory, pack, seconds[name] / threads)
        return jobs

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
        return self.standing.stages[name].reads

    def _behind(self, made: Container[Any], what: Any) -> bool:
        return what in made and not self.standing.complete and not self.whole

    def made_by(self, *names: str) -> list[str]:
        """Tables, figures and records of those light stages that the study asks for."""
        stages = [self.standing.stages[name] for name in names]
        return [path for stage in stages if stage.outputs for path in stage.files]

    def paths(self, kind: str) -> list[str]:
        """Files of all products of a kind, but for those that are not kept."""
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
            needed = sum(map(disk, self.standing.needed())) + _ROOM
            free = shutil.disk_usage("results").free / 2**20
            if free < needed:
                raise UserError(
                    f"results: {free:.0f} MiB free on this disk, about {needed:.0f} needed; make "
                    "room, or keep less (temporary: in config/config.yaml)"
                )

    def failed(self) -> None:
        """Print a line for each job of this run that has failed."""
        for line in failures(Standing(self, self.machine.spared), self.started):
            print(line, file=sys.stderr)


_ROOM = 16.0  # MiB for tables, figures and logs
_USABLE = 0.9  # of the memory


def _physical_memory() -> float:
    """MiB of this machine, or of the control group that it is confined to."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # no limit, or another kind of system
        found = min(found, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return found / 2**20


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


def plan_or_exit(config: Mapping[str, Any], base: Path, cores: int | None) -> WorkflowPlan:
    """The plan of the configured study; a user's mistake ends in one line."""
    with _one_line():
        return WorkflowPlan(Machine.of(config), base, cores or os.cpu_count() or 1)


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
