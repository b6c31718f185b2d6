"""Reading the tables of the store, apart from `files` since pandas takes a while to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..analysis.curves import CURVE_KEY, REPLICA_KEY, identified, points
from ..analysis.learning_rates import at_chosen_rate
from ..core.errors import UserError


def read_table(path: Path, columns: Iterable[str] = (), **options: Any) -> pd.DataFrame:
    """A table in the store that has some `columns`; `options` are those of `pandas.read_csv`.

    Raises
    ------
    UserError
        If it cannot be read, or lacks one of them.
    """
    try:
        table: pd.DataFrame = pd.read_csv(path, **options)
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
    if missing := [column for column in columns if column not in table]:
        raise UserError(f"{path}: damaged (no column {missing[0]}); delete it and run again")
    return table


def measured_runs(folder: Path) -> pd.DataFrame:
    """Rows of a study's ``runs.csv`` of which something may be measured.

    Of finite training sets, at the rates that curves take, none of which failed.
    """
    runs = pd.read_csv(folder / "runs.csv")
    return runs[runs["chosen"] & (runs["status"] == "ok") & (runs["protocol"] == "finite")]


def read_measured(
    folder: Path, root: Path, study: str, blocks: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """What was measured of trained networks, at the rates that curves take, none of which failed.

    Parameters
    ----------
    folder, root
        The study's folder, and the one that paths in the store begin at.
    study
        Its name.
    blocks
        Of every block, the columns that identify its curve, and the path of what was ``measured``.
    """
    runs = measured_runs(folder)
    parts = []
    for block in blocks:
        known = read_table(root / block["measured"])
        parts += [identified(known, study, block)] if len(known) else []
    # several rates may have been tried
    same = [*CURVE_KEY, *REPLICA_KEY, "train_size", "lr"]
    return pd.concat(parts).merge(runs[same].astype({"train_size": int}), on=same)


def read_points(folder: Path, curves: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What a study's `curves` are made of (`curves.points`), from the tables of its folder."""
    runs = at_chosen_rate(pd.read_csv(folder / "runs.csv"))
    return points(runs, read_histories(folder, curves))


def read_histories(folder: Path, curves: Sequence[Mapping[str, Any]]) -> pd.DataFrame | None:
    """``histories.csv`` of a study's folder, if one of the `curves` is trained online."""
    online = any(curve["protocol"] == "online" for curve in curves)
    return pd.read_csv(folder / "histories.csv") if online else None
