"""Two folders of tables compared: what was reproduced, and how well.

Every table gets one of three verdicts.

identical
    The same columns and rows, and equal values, but for the columns that say how a row was made
    and not what came out (`HOW`): time, threads, pack, device, and the address, which holds the
    code.
within replica noise
    The same rows: equal names, text and exact numbers (to a relative 1e-6, which is rounding).
    What is measured (`MEASURED`) may differ, as far as replicas differ among themselves:

    - where rows have an interval (``low``, ``high``), the two intervals overlap. A row without one
      is passed over: it sums up replicas that tell no noise, and ``runs.csv`` has them. Chance
      parts 2 % of the intervals, which are estimated from few rule draws, but none if they are
      made half as wide again;
    - where rows are replicas or rule draws (they have a ``rule_seed``), the means of every cell,
      which is all of one point, differ no more than chance lets them in 95 % of the cells (Welch's
      test), and nowhere more than in one cell of ten thousand. The share of replicas for which a
      number is undefined or infinite (a training that diverged, a size that was not reached) is
      compared like a mean;
    - where neither is known, to a relative 1e-6.

    More intervals or cells than chance sets apart are accepted until there are so many that it
    would have them once in a thousand comparisons.
different
    Anything else. The first column and row are named; rows are counted from 1, without the header.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from ..core.errors import UserError
from .curves import REPLICA_KEY
from .thresholds import THRESHOLDS

HOW = frozenset({"seconds", "threads", "pack", "device", "product", "blocks"})
MEASURED = frozenset(
    {
        *("val_loss", "test_loss", "test_error", "test_excess", "best_step", "steps"),
        *("mean", "low", "high", "exponent", "amplitude", "optimum", "recovered", "recovered_at"),
        *("change", "predicted_smooth"),
        # they follow from the sizes that enter a fit, which follow from what is measured
        *("points", "window_low", "window_high", "predicted_same_fit", "predicted_smooth_fit"),
        # replicas that did not diverge
        *("replicas", "rule_draws", "diverged", "collapsed"),
        # of network sizes
        *("estimate", "cells", "fitted", "inside", "draws", "reached", "best_parameters"),
        *("best_excess", "fitted_parameters", "fitted_excess"),
        *("parabola_parameters", "parabola_bias"),
        # of claims; a prediction at the measured sizes follows from the sizes that enter a fit
        # of histories, and of how precise curves are
        *("train_loss", "crossing", "smallest", "largest"),
        *("crossed_at", "growth", "growth_low", "growth_high", "prediction", "rival"),
        *("region_low", "region_high", "synonym", "other", "random"),
        *("probe", "probe_low", "probe_high"),
        # of scans of grammars
        *("ratio", "ratio_low", "ratio_high", "deviation", "spread", "bare_same_fit", "constant"),
        *("residual", "shuffled", "widest"),
        # of trainings step by step
        *("validation_loss", "validation_error", "at_step", "at_sentences", "at_epochs"),
        *("loss", "fresh_loss", "effective", "spread_fresh"),
        # of controls
        *("unpaired", "control_mean", "log2_ratio", "log2_low", "log2_high"),
    }
)
# what says why something measured ended where it did
_REASONS = frozenset(
    {
        *("status", "stop_reason", "window_reason", "converged", "edge", "chosen"),
        *("verdict", "claim_verdict", "needed", "left_out", "reason"),
        *("finding", "controls", "limited_by_training", "controls_differ"),
    }
)
_ROUNDING = 1e-6
_SHARE, _NEVER = 0.05, 1e-4  # of cells, that chance sets so far apart
_PARTED, _WIDER = 0.02, 1.5  # share of intervals that chance parts, and how wide it parts none
_CHANCE = 1e-3  # of so many beyond


def compare(first: Path, second: Path) -> pd.DataFrame:
    """Compare all tables of two folders.

    Returns
    -------
    verdicts
        A row a table; columns: table, verdict, detail.

    Raises
    ------
    UserError
        If there are no tables, or one cannot be read.
    """
    folders = first, second
    names = sorted({path.name for folder in folders for path in folder.glob("*.csv")})
    if not names:
        raise UserError(f"{first}, {second}: no tables there; give two folders of tables")
    rows = []
    for name in names:
        absent = [folder for folder in folders if not (folder / name).is_file()]
        if absent:
            verdict, detail = "different", f"is not in {absent[0]}"
        else:
            verdict, detail = compare_tables(_read(first / name), _read(second / name))
        rows.append({"table": name, "verdict": verdict, "detail": detail})
    return pd.DataFrame(rows)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: is not a table ({reason}); make it again") from error
    return table.drop(columns=[column for column in table if column in HOW])


def compare_tables(first: pd.DataFrame, second: pd.DataFrame) -> tuple[str, str]:
    """Verdict on one table, and where and how far it differs; without columns of `HOW`."""
    columns = [str(column) for column in first]
    if columns != list(second):
        odd = sorted(set(columns) ^ set(map(str, second))) or columns
        return "different", f"columns differ, first {odd[0]}"
    if len(first) != len(second):
        return "different", f"{len(first)} rows against {len(second)}"
    if all(_same(first[name], second[name]).all() for name in columns):
        return "identical", ""
    measured = _measured(first, second)
    for column in columns:
        if column in _REASONS or column in measured:
            continue
        if wrong := _first(~_close(first[column], second[column])):
            return "different", _at(first, second, column, wrong)
    for column, noise in _noise(first, second, measured):
        if wrong := _first(~noise):
            return "different", _at(first, second, column, wrong)
    return "within replica noise", _largest(first, second)


def _measured(first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """Columns that have what is measured; where their values are text, they name something."""
    # where a row sums up replicas, theirs is the best of the rates that were tried
    tuned = {"lr"} if "rates_tried" in first and "rule_seed" not in first else set()
    shared = [str(column) for column in first if column in MEASURED | tuned]
    is_text = pd.api.types.is_string_dtype
    return [name for name in shared if not (is_text(first[name]) or is_text(second[name]))]


def _noise(
    first: pd.DataFrame, second: pd.DataFrame, measured: Iterable[str]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """For every measured column, which rows agree within the noise."""
    if {"low", "high"} <= set(first):
        bad = _bad(_apart(first, second), _apart(first, second, _WIDER), _PARTED)
        for column in measured:
            yield column, ~bad
    elif {"smallest", "largest"} <= set(first):
        return  # widths of intervals, which have none; other tables have the intervals
    elif "rule_seed" in first:
        cell = _cells(first)
        for column in measured:
            yield column, _cells_agree(first[column], second[column], cell)
    else:
        for column in measured:
            yield column, _close(first[column], second[column])


def _apart(first: pd.DataFrame, second: pd.DataFrame, wider: float = 1.0) -> NDArray[np.bool_]:
    """Which rows have intervals that do not overlap, both made wider; not where one is unknown."""
    middle = (first["low"] + first["high"] - second["low"] - second["high"]) / 2
    reach = (first["high"] - first["low"] + second["high"] - second["low"]) / 2
    apart: NDArray[np.bool_] = (middle.abs() > wider * reach).to_numpy()
    return apart


def _bad(beyond: NDArray[np.bool_], never: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Which differ too much: what is beyond, if it is more than its share, else what never is."""
    count = int(beyond.sum())
    # of the binomial distribution: that many or more
    chance = special.betainc(count, len(beyond) - count + 1, share) if count else 1.0
    return beyond if chance < _CHANCE else never


def _cells(table: pd.DataFrame) -> NDArray[np.int64]:
    """The number of each replica's cell."""
    # exact numbers belong to a replica's own data, not to the name of its cell
    own = {*REPLICA_KEY, *MEASURED, *_REASONS, "bayes_loss", "overlap", "predicted"}
    own |= {"height", *THRESHOLDS}
    names = [column for column in table if column not in own]
    number: NDArray[np.int64] = np.asarray(table.groupby(names, dropna=False).ngroup(), np.int64)
    return number


def _cells_agree(first: pd.Series, second: pd.Series, cell: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows are in a cell whose means agree, and the shares of what is not a finite number."""
    values = pd.DataFrame({"first": first.astype(float), "second": second.astype(float)})
    finite: NDArray[np.bool_] = np.isfinite(values.to_numpy()).all(axis=1)
    # the only one of several replicas with a number tells no noise
    numbers = np.bincount(cell[finite], minlength=cell.max() + 1)
    finite &= ((numbers > 1) | (np.bincount(cell) == 1))[cell]
    bad = [_bad_cells(values[finite], cell[finite])]
    for kind in (values.isna(), values == np.inf, values == -np.inf):
        bad.append(_bad_cells(kind.astype(float), cell))
    agree: NDArray[np.bool_] = ~np.isin(cell, np.concatenate(bad))
    return agree


def _bad_cells(values: pd.DataFrame, cell: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells in which the means of both columns differ; none, if only the expected share does."""
    groups = values.groupby(cell)
    gap = (groups["first"].mean() - groups["second"].mean()).abs()
    errors = groups.var() / groups.count().clip(lower=1)
    error = np.sqrt(errors.sum(axis=1, skipna=False))
    freedom = error**4 / (errors**2 / (groups.count() - 1)).sum(axis=1)
    chance = 2 * special.stdtr(freedom, -gap / error)
    # a single replica, or equal ones, tell no noise: only rounding is left
    known = error > 0
    apart = gap > _ROUNDING * groups["first"].mean().abs() + 1e-12
    beyond, never = (np.where(known, chance < least, apart) for least in (_SHARE, _NEVER))
    return gap.index.to_numpy(np.int64)[_bad(beyond, never, _SHARE)]


def _same(first: pd.Series, second: pd.Series) -> NDArray[np.bool_]:
    """Which values are equal; undefined ones are."""
    one, other = first.to_numpy(), second.to_numpy()
    equal: NDArray[np.bool_] = (one == other) | (pd.isna(one) & pd.isna(other))
    return equal


def _close(first: pd.Series, second: pd.Series) -> NDArray[np.bool_]:
    """Which values are equal but for rounding."""
    same = _same(first, second)
    if not all(map(pd.api.types.is_numeric_dtype, (first, second))):
        return same
    one, other = first.to_numpy(float), second.to_numpy(float)
    with np.errstate(invalid="ignore"):  # infinities
        largest = np.maximum(abs(one), abs(other))
        near = np.isfinite(largest) & (abs(one - other) <= _ROUNDING * largest + 1e-12)
    agree: NDArray[np.bool_] = same | near
    return agree


def _first(wrong: NDArray[np.bool_]) -> int:
    """Number of the first row that is wrong, from 1; zero if none is."""
    return int(np.argmax(wrong)) + 1 if wrong.any() else 0


def _at(first: pd.DataFrame, second: pd.DataFrame, column: str, row: int) -> str:
    one, other = first[column].iloc[row - 1], second[column].iloc[row - 1]
    return f"column {column}, row {row}: {one} against {other}"


def _largest(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Where numbers differ most, relative to the larger one."""
    worst = (-1.0, "")
    for column in first.select_dtypes("number"):
        one, other = first[column].to_numpy(float), second[column].to_numpy(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.nan_to_num(abs(one - other) / np.maximum(abs(one), abs(other)), posinf=0)
        if len(gap) and gap.max() > worst[0]:
            where = _at(first, second, str(column), int(gap.argmax()) + 1)
            worst = (float(gap.max()), f"most in {where}")
    return worst[1]
