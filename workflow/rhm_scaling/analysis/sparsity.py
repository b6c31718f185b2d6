"""How sizes ``P*`` grow with the number of blanks: the exponent in ``s0 + 1``, by rule draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..grammar.sparse import dense_of
from .curves import mean_and_interval
from .scans import HALF, LAWS, Array, Scanned


def sparsity_law(curves: Sequence[Scanned]) -> pd.DataFrame:
    """The exponent of ``P*`` in ``s0 + 1`` of one network, columns `scans.LAWS`, a row or none.

    Grammars that differ in sparsity alone have the same rules in every rule draw. So the exponent
    is fitted to each draw, and the interval is Student's over draws: rules, which differ, do not
    blur it, and two sparsities are enough. Of points of laws alone; there is no row if another
    parameter varies too, or no draw has two of them.
    """
    told = [one for one in curves if not one.reason]
    if len({dense_of(one.parameters)[0] for one in told}) != 1:
        return pd.DataFrame(columns=LAWS)
    draws = sorted(set.intersection(*({*one.draws} for one in told)))
    blanks = np.log1p([dense_of(one.parameters)[1] for one in told])
    if not draws or np.ptp(blanks) == 0:
        return pd.DataFrame(columns=LAWS)
    rows = [[one.draws.index(draw) for draw in draws] for one in told]
    measured, predicted = (
        np.log([sizes[row] for sizes, row in zip(given, rows)])
        for given in ([one.at[:, HALF] for one in told], [one.thresholds for one in told])
    )
    slopes, left = _slopes(blanks, measured)
    freedom = (len(blanks) - 2) * left.shape[1]  # a line takes two
    estimate, low, high = mean_and_interval(slopes, least=-np.inf)
    found = {
        **{"law": "blanks", "term": "sparsity", "points": len(told)},
        **{"estimate": estimate, "low": low, "high": high},
        "predicted_same_fit": float(_slopes(blanks, predicted)[0].mean()),
        "bare_same_fit": float(_slopes(blanks, np.log([[one.bare] for one in told]))[0][0]),
        "spread": float(np.exp(np.sqrt((left**2).sum() / freedom))) if freedom else np.nan,
    }
    return pd.DataFrame([found], columns=LAWS)


def _slopes(x: Array, y: Array) -> tuple[Array, Array]:
    """Of straight lines through each column of `y`, ``(points, draws)``; and what is left of it."""
    centred = x - x.mean()
    slopes = centred @ (y - y.mean(axis=0)) / (centred @ centred)
    return slopes, y - y.mean(axis=0) - centred[:, None] * slopes
