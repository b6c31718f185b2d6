"""A study's sentences as a folder that hubs of data sets take: Parquet, and what describes it.

Nothing of it depends on when, where or how fast it is made: the same study gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ..core.errors import UserError
from ..core.files import write_text
from ..grammar.json_file import to_json
from ..run.precision import read_plan
from ..run.records import digest
from ..study.plan import Plan
from ..study.reading import split_scale
from .citation import read_citation
from .croissant import croissant
from .data_card import data_card
from .sentences import SPLITS, Configuration, Shard, configurations

_SHARD = 2**28  # bytes of a file before compression
_GROUP = 2**16  # sentences of a row group, which readers take at once


def write_dataset(
    study: Path,
    folder: Path | None = None,
    rule_draws: int | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Write the sentences that a study's networks are trained, validated and tested on.

    They follow from seeds, so the study need not have been run. Below the folder are ``README.md``,
    a data card with what hubs read of it; ``croissant.json``; and a folder for each grammar draw
    and sample with ``grammar.json``, the rules, and Parquet files.

    Parameters
    ----------
    study
        Its YAML file.
    folder
        New or empty; ``datasets/<study>`` if not given.
    rule_draws
        So many rule draws of each grammar; all of the study's if not given.
    say
        Is told the size before anything is written.

    Returns
    -------
    folder
        That was written.

    Raises
    ------
    UserError
        If the folder is not empty, the disk has no room, or the study cannot be read.
    """
    if rule_draws is not None and rule_draws < 1:
        raise UserError(f"--rule-draws: must be at least 1, not {rule_draws}")
    plan = read_plan(study)
    if not plan.study.experiments:
        raise UserError(f"{study}: has no experiments, whose sentences these would be; add one")
    folder = folder or Path("datasets", plan.study.name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is not empty; give a new folder, DIR=FOLDER")
    found = configurations(plan, rule_draws)
    size = sum(one.bytes for one in found)
    sentences = sum(sum(one.sizes.values()) for one in found)
    say(
        f"{folder}: {sentences} sentences of {len(found)} grammar draws and samples, "
        f"{_mb(size)} MB before compression"
    )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if size > (free := shutil.disk_usage(folder).free):
            raise UserError(
                f"{folder}: has {_mb(free)} MB free; take fewer rule draws, or another disk"
            )
        _write(study, plan, found, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f}"


def _write(study: Path, plan: Plan, found: list[Configuration], folder: Path) -> None:
    shards = {}
    for one in found:
        here = folder / "data" / one.name
        here.mkdir(parents=True)
        write_text(here / "grammar.json", to_json(one.grammar))
        shards[one.name] = [shard for split in SPLITS for shard in _shards(one, split, folder)]
    citation = read_citation()
    write_text(folder / "study.yaml", split_scale(study)[0].read_text(encoding="utf-8-sig"))
    write_text(folder / "croissant.json", croissant(plan.study, found, shards, citation))
    write_text(folder / "README.md", data_card(plan, found, shards, citation))


def _shards(one: Configuration, split: str, folder: Path) -> list[Shard]:
    """Write the files of a split."""
    rows = max(1, _SHARD // one.row_bytes)
    count = -(-one.sizes[split] // rows)
    shards = []
    for index, table in enumerate(one.tables(split, rows)):
        name = f"data/{one.name}/{split}-{index:05d}-of-{count:05d}.parquet"
        path = folder / name
        table.write_parquet(path, compression="zstd", compression_level=9, row_group_size=_GROUP)
        shards.append(Shard(name, split, len(table), path.stat().st_size, digest(path)))
    return shards
