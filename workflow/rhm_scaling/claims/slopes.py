"""Means and slopes of what was measured, of which some may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd


def mean(values: Iterable[float]) -> float:
    """Their mean; NaN where there are none."""
    found = list(values)
    return float(np.mean(found)) if found else np.nan


def slope(rows: pd.DataFrame, *constants: Sequence[str]) -> float:
    """Slope of y on x, with a constant for every value of each group of columns.

    NaN where x does not vary beyond the constants.
    """
    rows = rows[np.isfinite(rows["x"].to_numpy(float)) & np.isfinite(rows["y"].to_numpy(float))]
    if len(rows) < 2:
        return np.nan
    codes = [rows.groupby(list(columns), sort=False).ngroup() for columns in constants]
    dummies = [code.to_numpy()[:, None] == np.unique(code) for code in codes]
    design = np.concatenate([*dummies, np.ones((len(rows), 1))], axis=1).astype(float)
    both = rows[["x", "y"]].to_numpy(dtype=float)
    x, y = (both - design @ np.linalg.lstsq(design, both, rcond=None)[0]).T
    square = float(x @ x)
    return float(x @ y) / square if square > 1e-9 else np.nan
