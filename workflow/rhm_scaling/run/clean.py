"""Looking after results: files that are damaged, and what no study refers to any more."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import read_json
from ..steps.plan import stages
from ..study.artifacts import FOLDERS, STORE
from ..study.reading import scales, split_scale
from .precision import read_plan
from .records import damage, read_record
from .rows import ROWS


def records(root: Path) -> Iterator[Path]:
    """Every record below ``results/``."""
    for folder in (STORE, ROWS):
        yield from sorted((root / folder).rglob("*record.json"))
    yield from sorted((root / "results").glob("*/stages/*.record.json"))


def damaged(root: Path) -> Iterator[tuple[Path, Path, str]]:
    """Every damaged file below ``results/``: its record, the file, and what is wrong."""
    for record in records(root):
        for file, problem in damage(record):
            yield record, file, problem


def made(root: Path) -> Iterator[dict[str, Any]]:
    """What each readable record below ``results/`` says of how its product was made."""
    for record in records(root):
        if record.is_relative_to(root / ROWS):  # in the store as well, once it was used
            continue
        with contextlib.suppress(UserError):
            yield read_record(record)["made"]


@dataclass(frozen=True)
class Leftover:
    """A product that no study refers to, or tables or figures that a study no longer asks for.

    Attributes
    ----------
    path
        Of the product or of the record of the tables, without suffixes.
    files
        Its files, finished or not, and its log.
    size
        Bytes.
    age
        Days since it was last written.
    """

    path: Path
    files: list[Path]
    size: int
    age: float


def referred(root: Path) -> set[Path]:
    """Products of every study in ``config/studies``, and of every one that has been run here.

    A study that cannot be read is an error: its products would be taken for leftovers.
    """
    found: set[Path] = set()
    for path in sorted((root / "config" / "studies").glob("*.yaml")):
        for scale in scales(path):
            named = path.with_name(f"{path.name}:{scale}") if scale else path
            for kind, known in read_plan(named, root).products.items():
                found |= {root / STORE / kind / name for name in known}
    for path in _studies(root):
        try:
            products = read_json(path)["products"].items()
            found |= {root / STORE / kind / name for kind, names in products for name in names}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: damaged ({error}); run the study again") from error
    return found


def leftovers(root: Path) -> list[Leftover]:
    """What no study refers to, in the store and in the folders of studies, the largest first."""
    keep = referred(root)
    groups: dict[Path, list[Path]] = {}
    for file in sorted((root / STORE).rglob("*")):
        if file.is_file() and (product := _product(root / STORE, file)) not in keep:
            groups.setdefault(product, []).append(file)
    found = []
    for product, files in groups.items():
        log = root / "results" / "logs" / f"{product.relative_to(root / STORE)}.log"
        found.append(_leftover(product, files, [log]))
    found += [leftover for path in _studies(root) for leftover in _outdated(root, path)]
    return sorted(found, key=lambda leftover: -leftover.size)


def _studies(root: Path) -> list[Path]:
    """The ``study.json`` of every study that has been run here."""
    return sorted((root / "results").glob("*/study.json"))


def _outdated(root: Path, resolved: Path) -> Iterator[Leftover]:
    """Tables and figures in a study's folder that its file no longer asks for.

    Of a study whose file is gone, cannot be read or has another name by now, nothing is known to be
    out of date.
    """
    folder, file = resolved.parent, root / str(read_json(resolved).get("file"))
    if not split_scale(file)[0].is_file():
        return
    try:
        plan = read_plan(file, root)
    except UserError:
        return
    if plan.study.name != folder.name:
        return
    asked = {name: stage for name, stage in stages(plan).items() if stage.outputs}
    kept = {root / path for stage in asked.values() for path in stage.outputs}
    for record in sorted((folder / "stages").glob("*.record.json")):
        step = record.name.removesuffix(".record.json")
        if step in asked:
            continue
        with contextlib.suppress(UserError):  # `verify` names a damaged record
            own = [folder / name.removeprefix("../") for name in read_record(record)["files"]]
            # what is behind a link is not ours
            own = [path for path in own if path not in kept and not path.parent.is_symlink()]
            orders = (folder / "stages").glob(f"{step}-{'?' * 12}.json")
            files = [path for path in own if path.is_file()]
            beside = [folder / "logs" / f"{step}.log", folder / "benchmarks" / f"{step}.tsv"]
            yield _leftover(record.with_name(step), [*files, record, *orders], beside)


def _product(store: Path, file: Path) -> Path:
    """The product that a file of the store belongs to: its folder, or its path up to a suffix."""
    if file.relative_to(store).parts[0] in FOLDERS:
        return file.parent
    # also `.name.npy.abc123.npy`, which a killed writer left; the names of blocks hold dots
    name = file.name.lstrip(".")
    known = re.match(r".*?-[0-9a-f]{12}(?=\.|$)", name)
    return file.parent / (known.group() if known else name.split(".", 1)[0])


def _leftover(path: Path, files: list[Path], beside: Iterable[Path]) -> Leftover:
    """The files of something, and what lies beside them elsewhere if it is there."""
    stats = [file.lstat() for file in files]
    age = (time.time() - max(stat.st_mtime for stat in stats)) / 86400
    more = [file for file in beside if file.is_file()]
    return Leftover(path, [*files, *more], sum(stat.st_size for stat in stats), max(age, 0.0))


def discard(record: Path, file: Path) -> None:
    """Remove a damaged file and the record that it belongs to, so that the next run makes both.

    A link itself goes, not what it leads to; a folder stays, and so does what is behind a link.
    """
    for path in (file, record):
        if not path.parent.is_symlink():
            with contextlib.suppress(IsADirectoryError, FileNotFoundError):
                path.unlink()


def remove(root: Path, files: Iterable[Path]) -> None:
    """Remove files below ``results/``, and the folders there that are empty then."""
    for file in files:
        file.unlink(missing_ok=True)
        for folder in file.parents:
            if folder == root / "results" or any(folder.iterdir()):
                break
            folder.rmdir()
