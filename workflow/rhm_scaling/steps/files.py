"""Reading the files of the store; a damaged one is named, with what to do."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UserError
from ..core.files import write_text
from ..grammar.json_file import from_json
from ..grammar.model import Grammar


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table as CSV, as pandas would, without its import; all rows have the same columns."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    for row in rows:
        # NaN, which alone differs from itself, is an empty cell
        table.writerow({name: value if value == value else "" for name, value in row.items()})
    write_text(path, text.getvalue())


def read_grammar(path: Path) -> Grammar:
    """The grammar in a JSON file."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error


def read_sentences(path: Path) -> NDArray[np.void]:
    """Sentences, read only as far as they are used (memory-mapped)."""
    try:
        sentences: NDArray[np.void] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
    return sentences


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an ``.npz`` file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, OSError, BadZipFile) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
