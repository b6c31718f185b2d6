"""How precise a curve is, and at which sizes more rule draws would make it more precise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import geometric_mean, replica_matrix
from .power_law import fit_with_interval, fitting_window
from .thresholds import crossings

Array = NDArray[np.float64]

_BEYOND = 2  # sizes at either end


def measured(
    points: pd.DataFrame, table: pd.DataFrame, heights: Mapping[int, Array], seed: int
) -> dict[str, Any]:
    """Half-widths of a curve's intervals, and the sizes that tell something of them.

    Parameters
    ----------
    points
        Of some rule draws of one curve (`curves.points`).
    table
        The curve that they make (`curves.learning_curve`), with chance, resolution and exhausted.
    heights
        What each rule draw crosses, ``(levels,)``.
    seed
        Of the bootstrap, that of the fit.

    Returns
    -------
    dict
        ``exponent``: half-width of the fitted exponent's interval. ``crossing``: the widest
        half-width of the logarithm of a level's crossing, of those that all draws cross between the
        sizes. NaN where there is no interval. ``smallest`` and ``largest``: from two sizes below
        the window of the fit and the first such crossing to two above the last, as the next draws
        may lie beyond these; zero and infinite if there is neither.
    """
    measure = table["measure"].iloc[0]
    sizes = table["sentences"].to_numpy(dtype=float)
    inside = fitting_window(table).inside
    replicas = replica_matrix(points, measure, table["sentences"].tolist()).loc[:, inside]
    _, low, high = fit_with_interval(sizes[inside], replicas, seed)
    found = crossings(points, measure, heights, {})
    each = [rows["crossed_at"].to_numpy(float) for _, rows in found.groupby("level")]
    draws = points["rule_seed"].nunique()
    crossed = [at for at in each if np.isfinite(at).all() and len(at) == draws]
    ends = [geometric_mean(at)[1:] for at in crossed]
    widths = [np.log(above / below) / 2 for below, above in ends]
    telling = np.concatenate([sizes[inside], *crossed])
    smallest, largest = 0.0, np.inf
    if len(telling):
        smallest = [sizes[0], *sizes[sizes < telling.min()]][-_BEYOND:][0]
        largest = [*sizes[sizes > telling.max()], sizes[-1]][:_BEYOND][-1]
    return {
        "exponent": (high - low) / 2,
        "crossing": max(widths) if widths else np.nan,
        "smallest": smallest,
        "largest": largest,
    }
