"""Records: beside every product, what it is, the checksums of its files, and what made it.

A record is written after the files, so a product without one is not finished; whatever is read is
checked against it first, so a damaged file is never taken for a good one.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import write_text
from ..core.hashing import canonical_json, identity

# Of records, and of the tables and files that they stand beside. 1, which was not written: until
# 2026-11-28, with other identities. 2: a fingerprint covers definitions instead of modules
FORMATS = (1, 2)
FORMAT = FORMATS[-1]
_PACKAGES = ("numpy", "scipy", "torch", "pandas", "snakemake")


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
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
    write_text(path, json.dumps({**record, "sha256": _seal(record)}, indent=1) + "\n")


def _seal(record: dict[str, Any]) -> str:
    """SHA-256 of a record, which it holds itself."""
    return hashlib.sha256(canonical_json(record).encode()).hexdigest()


def read_record(path: Path) -> dict[str, Any]:
    """A record.

    Raises
    ------
    UserError
        If there is none, it is damaged, or of a later version.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sound = record.pop("sha256") == _seal(record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
    except FileNotFoundError as error:
        raise UserError(f"{path}: is missing; run again") from error
    if not sound:
        raise UserError(f"{path}: damaged (its SHA-256 is wrong); delete it and run again")
    if record.get("format", 1) not in FORMATS:
        raise UserError(f"{path}: has format {record['format']}, of a later version; use that one")
    return record


def intact(path: Path, record: dict[str, Any], spared: Collection[str] = ()) -> bool:
    """Whether the files of the `record` at `path` are there in their sizes; some are spared."""
    try:
        return all(
            (path.parent / name).stat().st_size == known["bytes"]
            for name, known in record["files"].items()
            if name not in spared
        )
    except OSError:
        return False


def damage(path: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the product recorded at `path` that is not what it was, and why.

    Files that are gone are not damaged: Snakemake makes them again when they are needed.
    """
    try:
        record = read_record(path)
    except UserError:
        yield path, "the record is not readable"
        return
    for name, known in record["files"].items():
        file = Path(os.path.normpath(path.parent / name))
        if file.is_file() and (problem := _problem(file, known)):
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
        problem = "not in its record" if known is None else _problem(path, known)
        if problem:
            raise UserError(f"{path}: damaged ({problem}); delete {record} and run again")


def _problem(file: Path, known: dict[str, Any]) -> str | None:
    """What is wrong with a file, if anything."""
    try:
        size = file.stat().st_size
        if size != known["bytes"]:
            return f"{size} bytes instead of {known['bytes']}"
        return None if digest(file) == known["sha256"] else "its SHA-256 is not the recorded one"
    except FileNotFoundError:
        return "it is missing"


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
