"""What criteria of denoising compare, D1 (arXiv:2402.16991, 2410.13770, of which summaries).

As in `contrasts`, but nothing is trained, and what is compared are percentages of corrupted tokens.
Each function takes ``transitions.csv`` (`analysis.transitions.by_draw`). What is measured are
posteriors of sentences; what is predicted of a rule draw is the fixed point of its recursion of
messages, which is found without any.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .parts import Found, Options, Part, Reasons, each, joined, slope_of
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]
_GROUP = ["denoising", "grammar", "corruption"]


def _groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A section's grammars, by name and corruption."""
    found = {}
    for (_, grammar, corruption), rows in table.groupby(_GROUP, sort=False):
        found[f"{grammar}, {corruption}"] = rows
    return found


def _by_depth(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row a rule draw, a column a depth."""
    return rows.pivot(index="rule_seed", columns="L", values=column)


def _complete(values: Array, what: str) -> Array:
    """The same; `Lacking`, if a rule draw has no value: what the others show would be a choice."""
    missing = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if missing.any():
        raise Lacking(
            f"other fractions: {what} between them for every rule draw ({missing.sum()} have none)"
        )
    return values


def _deepest(rows: pd.DataFrame, rival: Callable[[pd.DataFrame], Array]) -> Part:
    """The crossing of the deepest two curves; claim: at the draw's critical fraction."""
    last = rows[rows["L"] == rows["L"].max()].sort_values("rule_seed")
    last = last.assign(**{name: 100 * last[name] for name in ("crossing", "critical", "half")})
    measured, claim = (last[name].to_numpy(dtype=float) for name in ("crossing", "critical"))
    _complete(measured, "curves of the deepest trees cross")
    against = _complete(rival(last), "the recursion of the deepest trees passes a half")
    draws = [int(draw) for draw in last["rule_seed"]]
    return Part(draws, measured[:, None], claim[None, :, None], against[None, :, None])


def crossing_of_depths(table: pd.DataFrame, options: Options) -> Found:
    """Where the deepest two curves cross; the rival: where the posterior is a half."""

    def observe(rows: pd.DataFrame, left: Reasons) -> Observed:
        part = _deepest(rows, lambda last: last["half"].to_numpy(dtype=float))
        return joined([part], lambda y: y[..., 0])

    return each(_groups(table), observe, "a section `denoising`")


def crossing_with_critical(table: pd.DataFrame, options: Options) -> Found:
    """Slope of that crossing on the draw's critical fraction; the rival: one place for all draws.

    A rule draw's part of the slope, whose mean over draws is the slope itself.
    """

    def observe(rows: pd.DataFrame, left: Reasons) -> Observed:
        def same(last: pd.DataFrame) -> Array:
            return np.full(len(last), last["critical"].mean())

        part = _deepest(rows, same)
        critical = part.claim[0, :, 0]
        if len(critical) < 2 or np.ptp(critical) == 0:
            raise Lacking("rule draws whose critical fractions differ")
        weights = len(critical) * slope_of(critical)

        def contrast(y: Array) -> Array:
            return np.asarray((y[..., 0] - y[..., 0].mean(axis=-1, keepdims=True)) * weights)

        return joined([part], contrast)

    return each(_groups(table), observe, "a section `denoising`")


def growth_of_steepness(table: pd.DataFrame, options: Options) -> Found:
    """Growth of the logarithm of the steepness a level, over the upper half of depths.

    Claim: as that of the recursion's answer to a small change of the tokens, at the draw's critical
    fraction. The rival: curves of all depths are equally steep.
    """

    def observe(rows: pd.DataFrame, left: Reasons) -> Observed:
        upper = rows[rows["L"] >= rows["L"].max() / 2]
        steep, known = (_by_depth(upper, name) for name in ("steepness", "response"))
        depths = steep.columns.to_numpy(dtype=float)
        if len(depths) < 2:
            raise Lacking("curves of more depths")
        with np.errstate(invalid="ignore", divide="ignore"):
            measured = _complete(np.log(steep.to_numpy(dtype=float)), "curves fall")
            claim = _complete(np.log(known.to_numpy(dtype=float)), "the recursion falls")
        flat = np.repeat(claim.mean(axis=1, keepdims=True), len(depths), axis=1)
        part = Part([int(draw) for draw in steep.index], measured, claim[None], flat[None])
        weights = slope_of(depths)
        return joined([part], lambda y: y @ weights)

    return each(_groups(table), observe, "a section `denoising`")
