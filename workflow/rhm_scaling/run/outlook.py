"""What a run would do, why, and what it would take; afterwards, how well that was foretold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.errors import UserError
from ..study.artifacts import Product
from ..study.cost import Rates
from .batches import Batch
from .estimates import MEMORY, STAGE, core_seconds, disk, memory
from .records import read_record
from .status import Standing


def _reason(
    product: Product, root: Path, records: Callable[[Path, str], Mapping[str, list[Path]]]
) -> str:
    """Why a product is not there: what tells it from the most similar one that is."""
    record = product.files["record"]
    if (root / record).is_file():
        return "damaged"
    label, _, suffix = record.rpartition(f"-{product.identity}")
    stem = root / label
    found = []
    for path in records(stem.parent, suffix).get(stem.name, []):
        try:
            known = read_record(path)["specification"]
            found.append(", ".join(_differences(known, product.specification)))
        except UserError:
            continue
    return min(found, key=len) if found else "new"


def _records(folder: Path, suffix: str) -> dict[str, list[Path]]:
    """Records in a folder of the store, by their products' names without the identity."""
    found = defaultdict(list)
    for path in folder.glob(f"*{suffix}"):
        name = str(path.relative_to(folder)).removesuffix(suffix)
        found[name.rpartition("-")[0]].append(path)
    return found


def _differences(old: Any, new: Any, key: str = "") -> list[str]:
    """What differs between two specifications, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        if key == "inputs":
            return ["what it is made from"] if old != new else []
        names = sorted({*old, *new})
        inner = [(f"{key}.{name}".lstrip("."), name) for name in names]
        return [text for path, n in inner for text in _differences(old.get(n), new.get(n), path)]
    if old == new:
        return []
    return ["source changed"] if key == "code" else [f"{key}: {old} -> {new}"]


def cells(products: Iterable[Product], root: Path = Path()) -> pd.DataFrame:
    """What is to be made: a row a kind, cell and reason, with the number of jobs."""
    records = cache(_records)  # thousands of products may share a folder
    rows = Counter((known.kind, _cell(known), _reason(known, root, records)) for known in products)
    table = [(kind, cell, jobs, why) for (kind, cell, why), jobs in rows.items()]
    return pd.DataFrame(sorted(table), columns=["kind", "cell", "jobs", "why"])


def _cell(product: Product) -> str:
    """The readable part of a name: grammar, task and learner for blocks, the grammar for others."""
    parts = product.name.split("/")
    return "/".join(parts[:3] if product.kind in ("models", "counts") else parts[:1])


def outlook(standing: Standing, rates: Rates) -> pd.DataFrame:
    """Jobs, core-seconds, MiB at once and MiB on disk of a run, by kind."""
    rows = []
    needed = standing.needed()
    for kind in dict.fromkeys(product.kind for product in needed):
        mine = [product for product in needed if product.kind == kind]
        seconds = [core_seconds(product, rates) for product in mine]
        rows.append(
            {
                "work": kind,
                "jobs": len(mine),
                "core-seconds": sum(seconds),
                "longest": max(seconds),
                "memory_mb": max(map(memory, mine)),
                "disk_mb": sum(map(disk, mine)),
            }
        )
    stale = [s for name, s in standing.stages.items() if s.outputs and name not in standing.current]
    if stale:
        light = {"work": _LIGHT, "jobs": len(stale), "longest": STAGE}
        rows.append(
            {**light, "core-seconds": STAGE * len(stale), "memory_mb": MEMORY, "disk_mb": 2}
        )
    columns = ["work", "jobs", "core-seconds", "longest", "memory_mb", "disk_mb"]
    return pd.DataFrame(rows, columns=columns).sort_values("core-seconds", ascending=False)


def elapsed(table: pd.DataFrame, slots: int) -> float:
    """Seconds of a run of an `outlook` in so many slots at once.

    What is left at the end, tables and figures, runs one after another.
    """
    if table.empty:
        return 0.0
    work = table[table["work"] != _LIGHT]
    shared = work["core-seconds"].sum() / slots
    alone = work["longest"].max() if len(work) else 0.0
    return float(max(shared, alone)) + _light(table)


def on_cluster(batches: Sequence[Batch], slots: int, table: pd.DataFrame) -> float:
    """Seconds of a run of batches on a cluster whose queue is empty, then of tables and figures."""
    spent = 0.0
    for layer in ("data", "learn"):
        mine = [batch.seconds + _START for batch in batches if batch.name.startswith(layer)]
        if mine:
            spent += max(sum(mine) / slots, *mine) + _NOTICED
    return spent + _light(table)


_LIGHT = "tables and figures"
# seconds, as seen on a test cluster: until a job of SLURM's works; until its end is noticed
_START, _NOTICED = 8.0, 30.0


def _light(table: pd.DataFrame) -> float:
    return float(table.loc[table["work"] == _LIGHT, "core-seconds"].sum())


def foretold(standing: Standing, rates: Rates) -> pd.DataFrame:
    """Estimated and actual core-seconds of the trainings that are made, by cell."""
    rows = []
    for name, product in standing.plan.products["models"].items():
        if ("models", name) in standing.made:
            made = read_record(standing.root / product.files["record"])["made"]
            rows.append(
                {
                    "cell": _cell(product),
                    "blocks": 1,
                    # imports are not part of what a record counts
                    "estimated": core_seconds(product, rates) - rates.start,
                    "actual": made["core_seconds"],
                }
            )
    columns = ["cell", "blocks", "estimated", "actual"]
    table = pd.DataFrame(rows, columns=columns).groupby("cell", as_index=False).sum()
    return table.assign(ratio=table["estimated"] / table["actual"])


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
