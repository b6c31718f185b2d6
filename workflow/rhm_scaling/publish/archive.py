"""The archive of a study: one zip file with all that a paper needs, the same bytes every time.

It is laid out like the project, so that an unpacked archive is a working one with nothing to do.
Dates are those of the records, never the present.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pandas as pd

from ..analysis.curves import FAILED
from ..core.errors import UserError
from ..core.files import write_aside
from ..core.fingerprint import PACKAGE
from ..run.records import LEFT_OUT, check, digest, read_record
from ..study.reading import split_scale
from . import crate
from .finished import Finished
from .provenance import provenance
from .report import report_files
from .version import Version, code_files
from .version import version as version_of

MANIFEST = "manifest-sha256.txt"
FACTS = "archive.json"
# Already compressed, or noise
_STORED = {".png", ".pdf", ".npz", ".safetensors"}
_CHUNK = 2**20  # bytes

Contents = dict[str, Path | bytes]  # by path in the archive: a file, or its content


def write_archive(study: Path, output: Path | None = None, datasets: bool = False) -> Path:
    """Archive a finished study.

    Parameters
    ----------
    study
        Its YAML file.
    output
        The archive; ``results/<study>/<study>.crate.zip`` if not given.
    datasets
        Whether sentences are included, which seeds can make again.

    Returns
    -------
    path
        Of the archive.

    Raises
    ------
    UserError
        If the study is not complete, or a file is missing or damaged.
    """
    finished = Finished.read(study)
    output = output or Path("results", finished.name, f"{finished.name}.crate.zip")
    root = PACKAGE.parents[1]
    version = version_of(root)
    here = output.resolve()  # an earlier one is no part of it
    paths = {name: root / name for name in code_files(root)}
    code = {name: path for name, path in paths.items() if path.resolve() != here}
    named = _named(finished, root)
    results = {path.as_posix(): path for path in _recorded(finished, datasets)}
    results |= {path.as_posix(): path for path in report_files(finished)}
    where = next(iter(named))
    made = [read_record(path)["made"] for path in results.values() if _is_record(path)]
    facts = _facts(finished, where, made, version, datasets)
    contents: Contents = {**code, **results, **_resolved(finished, where)}
    for name, path in named.items():
        if name in code and code[name].read_bytes() != path.read_bytes():
            raise UserError(f"{path}: the project has another {name}; rename yours")
        contents[name] = path
    contents[FACTS] = (json.dumps(facts, indent=1) + "\n").encode()
    if version.patch:
        contents["uncommitted.patch"] = version.patch
    sums = {name: _sum(content) for name, content in contents.items()}
    description = crate.describe(facts, dict(sorted(sums.items())))
    contents[crate.METADATA] = description
    sums[crate.METADATA] = _sum(description)
    contents[MANIFEST] = "".join(f"{sums[name][1]}  {name}\n" for name in sorted(sums)).encode()
    write_aside(output, lambda aside: _write_zip(aside, contents, facts["last_made"]))
    return output


def _recorded(finished: Finished, datasets: bool) -> Iterator[Path]:
    """Tables, figures, products and their records, each checked against its record."""
    status = finished.status
    for stage in status.stages.values():
        if stage.outputs:
            check(Path(stage.record))
            yield from map(Path, stage.files)
    for kind, known in finished.plan.products.items():
        for name, product in known.items():
            files = {role: Path(path) for role, path in product.files.items()}
            record = files.pop("record")
            absent = {*status.spared, *(LEFT_OUT if (kind, name) in status.bare else ())}
            kept = [path for path in files.values() if path.name not in absent]
            if kind == "sentences":
                for path in kept if datasets else []:
                    if not path.is_file():
                        raise UserError(
                            f"{path}: is missing; make it with `snakemake datasets --cores all`, "
                            "or archive without DATASETS=1"
                        )
                kept = kept if datasets else []
                if not record.is_file():
                    continue
            elif (kind, name) not in status.made:
                continue  # deleted, and needed for nothing that is left to do
            if kept:
                check(record, *kept)
            yield from [*kept, record]


def _is_record(path: Path) -> bool:
    return path.name == "record.json" or path.name.endswith(".record.json")


def _named(finished: Finished, root: Path) -> dict[str, Path]:
    """Files that the user named: the study, then grammars and networks of it, by their places."""
    study, _ = split_scale(finished.path)
    path = study.resolve()
    inside = path.is_relative_to(root.resolve())
    place = path.relative_to(root.resolve()) if inside else Path("config/studies", path.name)
    found = {place.as_posix(): study}
    for given, file in finished.plan.study.files.items():
        name = Path(os.path.normpath(place.parent / given))
        if name.is_absolute() or name.parts[0] == "..":
            raise UserError(f"{file}: lies outside the project; copy it beside the study")
        found[name.as_posix()] = file
    return found


def _resolved(finished: Finished, where: str) -> Contents:
    """What a run writes when it starts: the resolved study, and what it orders of its stages."""
    status = finished.status
    files = {stage.file: stage.order for stage in status.stages.values() if stage.outputs}
    scale = split_scale(finished.path)[1]
    content = {"file": f"{where}:{scale}" if scale else where, **status.resolved()}
    files[f"results/{finished.name}/study.json"] = content
    return {path: (json.dumps(what, indent=1) + "\n").encode() for path, what in files.items()}


def _facts(
    finished: Finished,
    where: str,
    made: list[dict[str, Any]],
    version: Version,
    datasets: bool,
) -> dict[str, Any]:
    """What no file of the project says: which study, code, versions and machines."""
    path = Path("results", finished.name, "runs.csv")
    runs = pd.read_csv(path) if finished.plan.blocks else pd.DataFrame(columns=["status"])
    installed = {known.metadata["Name"]: known.version for known in distributions()}
    return {
        "study": where,
        "scale": split_scale(finished.path)[1],
        "name": finished.name,
        "title": finished.plan.study.title or finished.name,
        **provenance(made),
        "code": version.summary(),
        "installed": dict(sorted(installed.items(), key=lambda item: item[0].lower())),
        "replicas": len(runs),
        **{name: int((runs["status"] == name).sum()) for name in FAILED},
        "warnings": _warnings(finished),
        "sentences": "included" if datasets else "given by seeds; only their records are included",
    }


def _logs(finished: Finished) -> list[Path]:
    products = [
        Path("results", "logs", kind, f"{name}.log")
        for kind, known in finished.plan.products.items()
        for name in known
    ]
    tables = Path("results", finished.name, "logs").glob("*.log")
    return sorted(path for path in [*products, *tables] if path.is_file())


def _warnings(finished: Finished) -> list[str]:
    """Lines of the logs that warn, without their time stamps."""
    found = []
    for path in _logs(finished):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "warning" in line.lower():
                found.append(f"{path.as_posix()}: {re.sub(r'^[-0-9]+ [:0-9]+ ', '', line)}")
    return found


def _sum(content: Path | bytes) -> tuple[int, str]:
    """Bytes and SHA-256."""
    if isinstance(content, bytes):
        return len(content), hashlib.sha256(content).hexdigest()
    return content.stat().st_size, digest(content)


def _write_zip(path: Path, contents: Mapping[str, Path | bytes], moment: str) -> None:
    """Write files in the order of their names, all with one date; modes are 644 or 755."""
    when = datetime.fromisoformat(moment)
    date = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, date)
            runs = isinstance(content, Path) and content.stat().st_mode & stat.S_IXUSR
            entry.create_system = 3  # Unix, whose modes follow
            entry.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
            stored = Path(name).suffix in _STORED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            if isinstance(content, bytes):
                archive.writestr(entry, content)
                continue
            entry.file_size = content.stat().st_size  # so that large files get 64-bit sizes
            with content.open("rb") as source, archive.open(entry, "w") as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
