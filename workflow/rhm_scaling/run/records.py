"""Records: beside every product, what it is, the checksums of its files, and what made it.

A record is written after the files, so a product without one is not finished; whatever is read is
checked against it first, so a damaged file is never taken for a good one. Anyone can write a
record, seal and all, and results are copied between people: what one says is believed only of plain
files of the product that it stands beside.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..core import texts
from ..core.errors import UserError
from ..core.files import open_plain, read_json, write_text
from ..core.hashing import canonical_json, identity

# Of records, and of the tables and files that they stand beside. 1, which was not written: until
# 2026-11-28, with other identities. 2: a fingerprint covers definitions instead of modules
FORMATS = (1, 2)
FORMAT = FORMATS[-1]
_MOST = 2**24  # bytes of a record
# Files that a record may say are not kept with the product, as no table reads them
LEFT_OUT = ("weights.safetensors",)
_DEPTH = 2  # parts of a path in a study's folder: a figure's folder, and the figure
# what is raised when something is read as a record that is none
_NO_RECORD = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
_PACKAGES = ("numpy", "scipy", "torch", "pandas", "snakemake")


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


_STRICT = ConfigDict(strict=True)


class _File(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    bytes: Annotated[int, Field(ge=0)]
    sha256: str
    left_out: NotRequired[bool]


class _Made(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]
    at: Annotated[str, AfterValidator(_moment)]
    core_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    threads: Annotated[int, Field(ge=1)]
    machine: dict[str, Any]
    versions: dict[str, str]


class _Fields(TypedDict):
    """A record's, but for its format and its seal."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    identity: str
    specification: dict[str, Any]
    files: Annotated[dict[str, _File], Field(min_length=1)]
    made: _Made


_FIELDS = TypeAdapter(_Fields)


def digest(path: Path) -> str:
    """SHA-256 of a plain file, in hexadecimal."""
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_path(path: Path) -> Path:
    """Where the record of the product is that a file of the store belongs to."""
    beside = path.with_name(f"{path.stem}.record.json")
    return beside if beside.is_file() else path.with_name("record.json")


def write_record(
    path: Path,
    specification: dict[str, Any],
    files: Sequence[Path],
    made: dict[str, Any],
    identified: str | None = None,
) -> None:
    """Write the record of a product from its files, which must be finished.

    Parameters
    ----------
    path
        Of the record.
    specification
        What the product is; its identity is recorded beside it.
    files
        The product's, below the record's folder or its parent.
    made
        How it was made: core-seconds, threads, device.
    identified
        Its identity, where that is not the hash of the specification as it stands.
    """
    sums = {
        os.path.relpath(file, path.parent): {"bytes": file.stat().st_size, "sha256": digest(file)}
        for file in sorted(files)
    }
    record = {
        "format": FORMAT,
        "identity": identified or identity(specification),
        "specification": specification,
        "files": sums,
        "made": {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            **made,
            "machine": machine(),
            "versions": versions(),
        },
    }
    write_text(path, _sealed(record))


def without(record: dict[str, Any]) -> str:
    """The text of a product's record that says of its large files that they are left out."""
    files = {
        name: {**known, "left_out": True} if name in LEFT_OUT else known
        for name, known in record["files"].items()
    }
    return _sealed({**record, "files": files})


def left_out(record: dict[str, Any]) -> set[str]:
    """Names of files that a product may lack, as its record says."""
    return {name for name, known in record["files"].items() if known.get("left_out")}


def _sealed(record: dict[str, Any]) -> str:
    return json.dumps({**record, "sha256": _seal(record)}, indent=1) + "\n"


def _seal(record: dict[str, Any]) -> str:
    """SHA-256 of a record, which it holds itself."""
    return hashlib.sha256(canonical_json(record).encode()).hexdigest()


def read_record(path: Path) -> dict[str, Any]:
    """A record, in which every field is of its kind.

    Raises
    ------
    UserError
        If there is none, it is damaged, or of a later version.
    """
    try:
        record: dict[str, Any] = read_json(path, _MOST)
        if record.pop("sha256") != _seal(record):
            raise ValueError("its SHA-256 is wrong")
        if (number := record.get("format", 1)) in FORMATS:
            _check_fields(path, record)
    except FileNotFoundError as error:
        raise UserError(f"{path}: is missing; run again") from error
    except OSError as error:
        raise UserError(f"{path}: damaged ({error.strerror}); delete it and run again") from error
    except _NO_RECORD as error:
        said = (
            texts.cut(texts.line(str(error)), 100) if isinstance(error, ValueError) else "no record"
        )
        raise UserError(f"{path}: damaged ({said}); delete it and run again") from error
    if number not in FORMATS:
        raise UserError(f"{path}: has format {number}, of a later version; use that one")
    return record


def _check_fields(path: Path, record: dict[str, Any]) -> None:
    """Raise `ValueError` if a field is not of its kind, or a file is none of the product's."""
    try:
        _FIELDS.validate_python(record)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    for name in record["files"]:
        if not _is_own(path, name):
            raise ValueError(f"names {texts.short(name)}, no file of its product")
    if not left_out(record) <= {*LEFT_OUT}:
        raise ValueError("leaves out what tables read")
    if path.parent.name != "stages":  # addressed by what made them
        known = identity(record["specification"])
        address = path.name.removesuffix("record.json").rstrip(".") or path.parent.name
        if record["identity"] != known or not address.endswith(f"-{known}"):
            raise ValueError("describes another product")


def _is_own(record: Path, name: str) -> bool:
    """Whether a file, by its path from a record's folder, can belong to the record's product.

    In the store that is a file beside it, which bears its name or is alone with it in its folder;
    elsewhere a table of the study, or a figure.
    """
    stem = record.name.removesuffix("record.json")
    first, *parts = name.split("/")
    names = parts if record.parent.name == "stages" else [name]
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*", part) for part in names):
        return False
    if record.parent.name != "stages":
        return name.startswith(stem) and name != record.name
    return first == ".." and 1 <= len(parts) <= _DEPTH and parts[0] != "stages"


def intact(path: Path, record: dict[str, Any], spared: Collection[str] = ()) -> bool:
    """Whether the files of the `record` at `path` are there in their sizes; some are spared."""
    try:
        return all(
            _size(path.parent / name) == known["bytes"]
            for name, known in record["files"].items()
            if name not in spared
        )
    except OSError:
        return False


def is_made(path: Path, specification: object, spared: Collection[str] = ()) -> bool:
    """Whether the record at `path` is that of a product, whose files are all there."""
    try:
        record = read_record(path)
    except UserError:
        return False
    return bool(record["specification"] == specification) and intact(path, record, spared)


def _size(path: Path) -> int | None:
    """Bytes of a plain file."""
    status = path.lstat()
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def damage(path: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the product recorded at `path` that is not what it was, and why.

    Files that are gone are not damaged: Snakemake makes them again when they are needed.
    """
    try:
        record = read_record(path)
    except UserError as error:
        yield path, str(error).removeprefix(f"{path}: ").partition(";")[0]
        return
    for name, known in record["files"].items():
        file = Path(os.path.normpath(path.parent / name))
        if os.path.lexists(file) and (problem := _problem(file, known)):
            yield file, problem


def check(record: Path, *files: Path) -> None:
    """Refuse files, all of a product if none are named, that are not what their record says.

    Raises
    ------
    UserError
        If one is missing or damaged, or is not in the record.
    """
    recorded = read_record(record)["files"]
    names = [os.path.relpath(file, record.parent) for file in files] or list(recorded)
    for name in names:
        path = Path(os.path.normpath(record.parent / name))
        known = recorded.get(name)
        if known and known.get("left_out") and not os.path.lexists(path):
            raise UserError(
                f"{path}: is not kept with the rows; delete {record} and its copy in results/rows, "
                "and run again to train it"
            )
        problem = "not in its record" if known is None else _problem(path, known)
        if problem:
            raise UserError(f"{path}: damaged ({problem}); delete {record} and run again")


def _problem(path: Path, known: dict[str, Any]) -> str | None:
    """What is wrong with a file, if anything."""
    if path.parent.is_symlink():
        return "its folder is a link"
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != known["bytes"]:
                return f"{size} bytes instead of {known['bytes']}"
            found = hashlib.file_digest(file, "sha256").hexdigest()
            return None if found == known["sha256"] else "its SHA-256 is not the recorded one"
    except FileNotFoundError:
        return "it is missing"
    except OSError as error:
        return error.strerror


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def machine() -> dict[str, Any]:
    """What this computer is; nothing that names its owner."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:  # another kind of system
        pass
    return {"system": platform.system(), "processor": model, "cores": os.cpu_count() or 1}
