"""Rows that git keeps: finished products without networks, from which another machine goes on.

They are laid out like the store. A product that the store lacks is taken from them: what made it is
the same, as its name says, and its files are compared with its record first.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..core.files import open_plain, write_aside, write_text
from ..study.artifacts import STORE, Product
from .locks import exclusive
from .records import LEFT_OUT, check, is_made, left_out, read_record, without

ROWS = "results/rows"
# Kinds that are kept; the others are made again where something is missing that reads them
KINDS = (
    *("theory", "survey", "denoising", "models", "counts", "latents"),
    *("predictors", "denoisers"),
    *("coordinates", "representations", "rule_errors", "learning_times", "sensitivity"),
)


class _BusyError(Exception):
    """Another process makes the product."""


def keep(product: Product, folder: Path) -> int:
    """Write a product of the store into a folder of rows; the bytes of what was written.

    Raises
    ------
    UserError
        If a file is missing or damaged.
    """
    files = [Path(path) for path in product.files.values()]
    copies = [folder / path.relative_to(STORE) for path in files]
    record = read_record(files[-1])
    text = without(record)
    rows = [pair for pair in zip(files[:-1], copies) if pair[0].name not in LEFT_OUT]
    check(files[-1], *(file for file, _ in rows))
    for pair in rows:
        _copy(*pair)
    write_text(copies[-1], text)
    return sum(copy.stat().st_size for copy in [*(copy for _, copy in rows), copies[-1]])


def restore(product: Product, root: Path) -> bool:
    """Put a product that git keeps into the store; whether it is there.

    One that another process makes at this moment is left to that one.

    Raises
    ------
    UserError
        If what git keeps is not what its record says.
    """
    files = [root / path for path in product.files.values()]
    copies = [root / ROWS / Path(path).relative_to(STORE) for path in product.files.values()]
    kept = copies[-1]
    if not os.path.lexists(kept):
        return False
    absent = left_out(read_record(kept))
    rows = [pair for pair in zip(copies[:-1], files) if pair[0].name not in absent]
    check(kept, *(copy for copy, _ in rows))

    def busy(line: str) -> None:
        raise _BusyError(line)

    try:
        with exclusive(f"{product.kind}-{product.identity}", busy, root / "results"):
            if not is_made(files[-1], product.specification):
                for pair in [*rows, (kept, files[-1])]:
                    _copy(*pair)
                for checkpoint in files[-1].parent.glob("checkpoint-*"):
                    checkpoint.unlink()
    except _BusyError:
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with open_plain(source) as file:
        content = file.read()
    write_aside(target, lambda aside: aside.write_bytes(content))
