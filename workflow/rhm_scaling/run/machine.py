"""How this machine, or this cluster, runs studies: no science here."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..core import texts
from ..core.errors import UserError
from ..study.reading import MOST_BYTES, parse_keys
from ..study.types import Line

SETTINGS = "config/config.yaml"
CLUSTER = "config/cluster.yaml"
PROFILE = "workflow/profiles/slurm/config.yaml"

_Count = Annotated[int, Field(ge=1, le=10**9)]
# a partition, an account, a model of GPU: one word for SLURM's command line
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:,@+/-]{0,256}$")]


class Allocation(BaseModel):
    """What one job may ask a partition of the cluster for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: _Word = ""
    cores: _Count = 1
    memory_mb: _Count = 4000
    minutes: _Count = 60


class GPU(Allocation):
    """A partition whose jobs have a GPU."""

    model: _Word = ""
    gpu_memory_mb: _Count = 16000


class Cluster(Allocation):
    """What differs from cluster to cluster: ``config/cluster.yaml``."""

    account: _Word = ""
    setup: Annotated[Line, Field(max_length=4096)] = ""
    launcher: Annotated[Line, Field(max_length=4096)] = ""
    gpu: GPU | None = None


def _as_names(value: Any) -> Any:
    """One file, several with commas between, or a list."""
    return value.split(",") if isinstance(value, str) else value


class Machine(BaseModel):
    """What ``config/config.yaml``, ``config/cluster.yaml`` and ``--config`` may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Annotated[
        tuple[Annotated[Line, Field(min_length=1, max_length=4096)], ...],
        Field(min_length=1, max_length=1000),
        BeforeValidator(_as_names, json_schema_input_type=str | list[str]),
    ]
    """The study's file, or several: a list, or names with commas between."""
    scale: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = ""
    """The scale of the studies that `claims` makes; empty for the files as they stand."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    """Where networks are trained; `auto`: on a GPU where there is one."""
    threads: Annotated[int, Field(ge=1, le=10**4)] | Literal["auto"] = "auto"
    """Threads of one training; `auto`: one, or more for the long ones of a small study."""
    memory_mb: _Count | Literal["auto"] = "auto"
    """Memory of all jobs together, in MiB; `auto`: what the machine has."""
    checkpoint_seconds: Annotated[int, Field(ge=0, le=10**9)] = 60
    """Seconds between checkpoints of a training."""
    scratch: Annotated[Line, Field(max_length=4096)] = ""
    """Folder on a node's own disk that takes nine of ten checkpoints; empty for none."""
    batch_minutes: Annotated[float, Field(gt=0, le=10**6)] = 1
    """Minutes of work that one job is given."""
    temporary: tuple[Literal["datasets", "models"], ...] = ()
    """What is not kept once it has served."""
    cluster: Cluster | None = None
    """What differs from cluster to cluster."""

    @classmethod
    def read(cls, base: Path, *more: str) -> Machine:
        """The settings of a project's folder, from `SETTINGS` and files that go before it.

        Raises
        ------
        UserError
            If they cannot be read, or one is not valid.
        """
        settings = read_settings(base)
        for name in more:
            settings |= read_settings(base, name)
        return cls.from_settings(settings)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], given: Collection[str] = ()) -> Machine:
        """Validated settings; those `given` come from the command line, not from a file.

        Raises
        ------
        UserError
            If one is not valid.
        """
        try:
            machine = cls.model_validate(dict(settings))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            # there is no place where a key is no text at all
            place = problem["loc"] or (problem["input"],)
            # elsewhere, deeper parts name pydantic's own alternatives
            whole = place[0] == "cluster"
            where = ".".join(map(str, place)) if whole else str(place[0])
            key = texts.cut(texts.line(where), 60)
            file = CLUSTER if whole else "--config" if place[0] in given else SETTINGS
            if problem["type"] == "extra_forbidden" and len(place) == 1:
                close = difflib.get_close_matches(key, cls.model_fields, n=1) or cls.model_fields
                problem["msg"] = f"unknown key; did you mean {' or '.join(close)}?"
            raise UserError(f"{file}: {key}: {problem['msg']}") from error
        return machine

    @property
    def spared(self) -> tuple[str, ...]:
        """Names of files that are not kept."""
        return ("weights.safetensors",) if "models" in self.temporary else ()


def read_settings(base: Path, name: str = SETTINGS) -> dict[Any, Any]:
    """What a file of settings in a project's folder holds.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        text = texts.read(base / name, MOST_BYTES)
    except ValueError as error:
        where = (
            "" if (base / name).exists() else "; call this in the project's folder, which has it"
        )
        raise UserError(f"{name}: {error}{where}") from error
    found = parse_keys(text, name, "study, device and threads")
    try:  # Snakemake reads it too, and dates as dates
        yaml.safe_load(text)
    except ValueError as error:
        raise UserError(f"{name}: not valid YAML: {error}") from error
    return found


def slots(base: Path) -> int:
    """Jobs that a cluster is given at the same time, by the profile.

    Raises
    ------
    UserError
        If the profile does not say.
    """
    jobs = read_settings(base, PROFILE).get("jobs")
    if not isinstance(jobs, int) or jobs < 1:
        raise UserError(f"{PROFILE}: jobs: must be a number of jobs, 1 or more")
    return jobs


def settings_schema() -> str:
    """The schema of ``config/config.yaml`` as YAML, where the workflow catalog looks for it."""
    from ..study.reference import schema_of  # what nothing else of a run needs

    return yaml.safe_dump(schema_of(Machine, [Machine]), sort_keys=False, width=100)
