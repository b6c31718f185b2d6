"""Reading the tables of the store, apart from `files` since pandas takes a while to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ..core.errors import UserError


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """A table in the store; `options` are those of `pandas.read_csv`."""
    try:
        table: pd.DataFrame = pd.read_csv(path, **options)
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
    return table
