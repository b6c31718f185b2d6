"""Many grammars at once: the sizes at which each is learnt, their law, and all curves on one.

``P*`` is the size of the training set at which a curve has made half of its way: from chance to
zero error in classification (arXiv:2307.02129, arXiv:2505.07067), or from ``H_(l-1)`` to ``H_l`` of
the last token (arXiv:2406.00048, arXiv:2505.07070). If theory has the scale right, curves of all
grammars are one function of ``P/P*`` with the predicted ``P*``, up to one constant of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.hashing import seed_from
from ..grammar.model import Parameters
from ..grammar.sparse import dense_of
from ..grammar.tasks import MEASURE, Task
from .curves import geometric_mean, mean_and_interval, student_factor, usable
from .power_law import BOOTSTRAPS, finite_means, half_width
from .theory_columns import Known
from .thresholds import crossings

Array = NDArray[np.float64]

NETWORK = ["architecture", "width", "protocol"]
HEIGHTS = (0.75, 0.5, 0.25)  # of the way that is left
HALF = HEIGHTS.index(0.5)
AXES = ("v", "n", "m", "L", "sparsity")
_SHUFFLES = 1000

POINTS = [
    *(
        "v",
        "n",
        "s",
        "L",
        "m",
        "sparsity",
        "level",
        "rule_draws",
        "draws",
        "crossed_at",
        "low",
        "high",
    ),
    *("threshold", "bare", "ratio", "ratio_low", "ratio_high", "reason", "deviation"),
]
CURVES = ["scaled_by", "ratio", "rule_draws", "mean", "low", "high"]
LAWS = [
    *("law", "term", "points", "estimate", "low", "high", "predicted_same_fit", "bare_same_fit"),
    "spread",
]
COLLAPSE = [
    *("scaled_by", "points", "constant", "residual", "low", "high", "shuffled", "widest"),
    *("factor", "inside"),
]
DEVIATIONS = ["axis", "value", "points", "estimate", "low", "high"]


@dataclass(frozen=True)
class Scanned:
    """One curve of a scan.

    Attributes
    ----------
    parameters
        Of its grammar.
    at
        Sizes at which the curve of each rule draw passes `HEIGHTS`, ``(draws, heights)``; NaN where
        it starts below, infinite where it ends above.
    thresholds
        Predicted ``P*`` of each draw, from its own correlations, ``(draws,)``.
    bare
        ``P*`` by the papers' form for large ``v``.
    refused
        Why it is no point of a law, as planned; empty if it is one.
    draws
        Rule seeds of the draws, if they are known.
    """

    parameters: Parameters
    at: Array
    thresholds: Array
    bare: float
    refused: str = ""
    draws: tuple[int, ...] = ()

    @cached_property
    def reason(self) -> str:
        """Why it is no point of a law, as planned or as measured; empty if it is one."""
        if self.refused:
            return self.refused
        half = self.at[:, HALF]
        for found, where in ((np.isnan(half), "first"), (np.isinf(half), "last")):
            if found.any():
                return f"P* of {found.sum()} of {len(half)} rule draws lies beyond the {where} size"
        return "" if len(half) else "no replica has ended well"

    @cached_property
    def axes(self) -> dict[str, float]:
        """Values of `AXES`; geometric means over levels where levels differ."""
        p, sparsity = dense_of(self.parameters)
        v, m = (float(np.exp(np.mean(np.log(given)))) for given in (p.v, p.m))
        return {"v": round(v, 6), "n": p.n, "m": round(m, 6), "L": p.L, "sparsity": sparsity}


def way_left(known: Known, task: Task, level: int) -> dict[int, tuple[float, float]]:
    """Between which losses (`MEASURE`) the crossing of `level` lies, by rule draw: start and end.

    In classification, chance and zero; of the last token, the excesses of ``H_(l-1)`` and ``H_l``.
    """
    if task == "classification":
        return {rule: (float(errors[0]), 0.0) for rule, errors in known.errors_by_rank.items()}
    return {
        rule: (float(levels[level - 1] - levels[-1]), float(levels[level] - levels[-1]))
        for rule, levels in known.entropies.items()
    }


def passed_at(points: pd.DataFrame, task: Task, way: Mapping[int, tuple[float, float]]) -> Array:
    """Sizes at which the curve of every rule draw passes `HEIGHTS`, ``(draws, heights)``.

    Parameters
    ----------
    points
        Of one curve (`curves.points`).
    task
        Its task.
    way
        `way_left`.
    """
    heights = {rule: end + np.array(HEIGHTS) * (start - end) for rule, (start, end) in way.items()}
    found = crossings(points, MEASURE[task], heights, {})
    table = found.set_index(["rule_seed", "level"])["crossed_at"].unstack("level")
    return table.to_numpy(dtype=float).reshape(-1, len(HEIGHTS))


def scaled_curves(
    points: pd.DataFrame, task: Task, way: Mapping[int, tuple[float, float]], one: Scanned
) -> pd.DataFrame:
    """The share of the way that is left over ``P/P*`` of one curve, columns `CURVES`.

    Each rule draw's sizes are divided by its own ``P*``, predicted and measured; between them its
    share is read off along the logarithm of ``P/P*``, and averaged over the draws.
    """
    good = usable(points)
    start, end = (good["rule_seed"].map({r: ends[i] for r, ends in way.items()}) for i in (0, 1))
    left = good.assign(left=(good[MEASURE[task]] - end) / (start - end))
    shares = left.pivot_table("left", "rule_seed", "sentences")
    logs = np.log(shares.columns.to_numpy(dtype=float))
    rows = []
    for name, sizes in (("predicted", one.thresholds), ("measured", one.at[:, HALF])):
        scales = np.log(sizes)
        if not np.isfinite(scales).all() or not len(scales):
            continue
        ratios = logs - scales.mean()
        each = np.stack(
            [
                np.interp(ratios, logs - scale, share, left=np.nan, right=np.nan)
                for scale, share in zip(scales, shares.to_numpy(dtype=float))
            ]
        )
        for ratio, values in zip(np.exp(ratios), each.T):
            if np.isfinite(values).all():
                mean = dict(zip(("mean", "low", "high"), mean_and_interval(values)))
                row = {"scaled_by": name, "ratio": ratio, "rule_draws": len(values)}
                rows.append({**row, **mean})
    return pd.DataFrame(rows, columns=CURVES)


def scan_points(curves: Sequence[Scanned], level: int) -> pd.DataFrame:
    """``P*`` of every curve of one network beside the predicted ones, columns `POINTS`.

    Intervals are Student's over rule draws. The deviation is the ratio of measured and predicted
    ``P*`` over its geometric mean, the network's constant, of the points of laws.
    """
    rows = []
    for one in curves:
        half = one.at[:, HALF]
        nothing = (np.nan, np.nan, np.nan)
        at, predicted, ratio = (
            geometric_mean(sizes) if len(sizes) else nothing
            for sizes in (half, one.thresholds, half / one.thresholds)
        )
        rows.append(
            {
                **one.axes,
                "s": dense_of(one.parameters)[0].s,
                "level": level,
                "rule_draws": len(half),
                "draws": int(np.isfinite(half).sum()),
                **dict(zip(("crossed_at", "low", "high"), at)),
                "threshold": predicted[0],
                "bare": one.bare,
                **dict(zip(("ratio", "ratio_low", "ratio_high"), ratio)),
                "reason": one.reason,
            }
        )
    table = pd.DataFrame(rows, columns=POINTS)
    constant = np.exp(np.log(table.loc[table["reason"] == "", "ratio"]).mean())
    return table.assign(deviation=table["ratio"] / constant)


def scan_laws(points: pd.DataFrame) -> pd.DataFrame:
    """Laws of ``log P*``, by least squares over the points of one network, columns `LAWS`.

    On ``log v``, ``log n``, ``log m``, ``L`` and ``log(s0+1)`` (`parameters`), as far as they vary
    and are not told by those before; on the logarithm of the predicted ``P*`` (`threshold`) and of
    the papers' form (`bare`); and of ``log`` of measured over predicted ``P*`` on the first
    (`ratio`), which tells along which axis theory is off. Intervals are Student's, of the scatter
    of the points about the law: what is left there is mostly no noise. ``same_fit`` is the fit of
    the predicted and of the bare ``P*`` in the place of the measured.
    """
    told = points[points["reason"] == ""]
    if len(told) < 2:
        return pd.DataFrame(columns=LAWS)
    logs = {name: np.log(told[name].to_numpy(dtype=float)) for name in ("v", "n", "m")}
    logs["L"] = told["L"].to_numpy(dtype=float)
    logs["sparsity"] = np.log1p(told["sparsity"].to_numpy(dtype=float))
    sizes = {
        name: np.log(told[column].to_numpy(dtype=float))
        for name, column in (("measured", "crossed_at"), ("threshold", "threshold"),
                             ("bare", "bare"), ("ratio", "ratio"))
    }  # fmt: skip
    varying = _independent(logs, len(told))
    nothing = np.zeros(len(told))
    rows = []
    for law, terms, y, same in (
        ("parameters", varying, sizes["measured"], (sizes["threshold"], sizes["bare"])),
        ("threshold", {"threshold": sizes["threshold"]}, sizes["measured"], (None, None)),
        ("bare", {"bare": sizes["bare"]}, sizes["measured"], (None, None)),
        ("ratio", varying, sizes["ratio"], (nothing, sizes["bare"] - sizes["threshold"])),
    ):
        design = np.column_stack([np.ones(len(told)), *terms.values()])
        left = len(told) - design.shape[1]
        if not terms or left < 0 or np.linalg.matrix_rank(design) < design.shape[1]:
            continue
        slopes, spread = _least_squares(design, y)
        inverse = np.linalg.inv(design.T @ design)
        others = [np.ones(len(slopes)) if o is None else _least_squares(design, o)[0] for o in same]
        for i, term in enumerate(terms, 1):
            half = student_factor(left + 1) * spread * np.sqrt(inverse[i, i])
            ends = {"low": slopes[i] - half, "high": slopes[i] + half}
            alike = dict(zip(("predicted_same_fit", "bare_same_fit"), (o[i] for o in others)))
            row = {"law": law, "term": term, "points": len(told), "estimate": slopes[i], **ends}
            rows.append({**row, **alike, "spread": np.exp(spread)})
    return pd.DataFrame(rows, columns=LAWS)


def _independent(terms: Mapping[str, Array], count: int) -> dict[str, Array]:
    """Those terms that a constant and the terms before do not tell."""
    found: dict[str, Array] = {}
    columns = [np.ones(count)]
    for name, term in terms.items():
        if np.linalg.matrix_rank(np.column_stack([*columns, term])) > len(columns):
            found[name] = term
            columns.append(term)
    return found


def _least_squares(design: Array, y: Array) -> tuple[Array, float]:
    """Coefficients, and the standard deviation of what is left (NaN if nothing can be)."""
    slopes = np.asarray(np.linalg.lstsq(design, y)[0], dtype=float)
    left = len(y) - design.shape[1]
    squares = float(((y - design @ slopes) ** 2).sum())
    return slopes, float(np.sqrt(squares / left)) if left else float("nan")


def scan_deviations(points: pd.DataFrame) -> pd.DataFrame:
    """Mean deviation of all points with one value of an axis, columns `DEVIATIONS`.

    Geometric means with Student's intervals over grammars. Axes with one value, or equal to one
    before, are left out.
    """
    told = points[points["reason"] == ""]
    rows, seen = [], list[Any]()
    for axis in AXES:
        values = told[axis].tolist()
        if len({*values}) < 2 or values in seen:
            continue
        seen.append(values)
        for value, group in told.groupby(axis):
            mean = geometric_mean(group["deviation"].to_numpy(dtype=float))
            row = {"axis": axis, "value": value, "points": len(group)}
            rows.append({**row, **dict(zip(("estimate", "low", "high"), mean))})
    return pd.DataFrame(rows, columns=DEVIATIONS)


def scan_collapse(curves: Sequence[Scanned], factor: float) -> pd.DataFrame:
    """How well all curves of one network fall together, a row a scale, columns `COLLAPSE`.

    Sizes are divided by each draw's predicted ``P*`` (`predicted`), by the papers' form (`bare`),
    by the measured ``P*`` (`measured`), or by nothing (`nothing`). The residual is the root mean
    square factor between the size at which a grammar passes one of `HEIGHTS` and that at which all
    do on average, so that a constant of the network does not count; its interval is from a
    bootstrap over grammars and, within them, rule draws. Of the measured ``P*``, which is where
    curves pass one half, that height is left out: what is left is the shape.
    """
    told = [one for one in curves if not one.reason]
    if len(told) < 2:
        return pd.DataFrame(columns=COLLAPSE)
    numbers = np.array([len(one.at) for one in told])
    logs = _padded([np.log(one.at) for one in told])
    scales = {
        "predicted": _padded([np.log(one.thresholds) for one in told]),
        "bare": np.broadcast_to(np.log([[one.bare] for one in told]), logs.shape[:2]),
        "measured": logs[..., HALF],
        "nothing": np.zeros(logs.shape[:2]),
    }
    rows = []
    for name, scale in scales.items():
        kept = [h for h in range(len(HEIGHTS)) if name != "measured" or h != HALF]
        scaled = logs - scale[..., None]
        places = finite_means(scaled[..., kept], axis=1)
        residual = float(_spread(places))
        source = np.random.Generator(np.random.Philox(seed_from("scan", name, len(told))))
        resampled = _resampled(scaled[..., kept], numbers, source)
        half = half_width(resampled, len(told), known=0.0)
        means = finite_means(scale, axis=1)
        mixed = np.stack([source.permutation(means) for _ in range(_SHUFFLES)])
        shuffled = np.median(_spread((places + means[:, None]) - mixed[..., None]))
        away = np.abs(finite_means(places - finite_means(places, axis=0), axis=1))
        rows.append(
            {
                "scaled_by": name,
                "points": len(told),
                "constant": float(np.exp(finite_means(scaled[..., HALF], axis=1).mean())),
                "residual": float(np.exp(residual)),
                "low": float(np.exp(max(residual - half, 0.0))),
                "high": float(np.exp(residual + half)),
                "shuffled": np.nan if name == "nothing" else float(np.exp(shuffled)),
                "widest": float(np.exp(np.max(away, initial=0.0, where=np.isfinite(away)))),
                "factor": factor,
                "inside": int((away <= np.log(factor)).sum()),
            }
        )
    return pd.DataFrame(rows, columns=COLLAPSE)


def _padded(parts: Sequence[Array]) -> Array:
    """Arrays whose first axis differs in length as one, ``(parts, longest, ...)``; else NaN."""
    longest = max(map(len, parts))
    whole = np.full((len(parts), longest, *parts[0].shape[1:]), np.nan)
    for row, part in zip(whole, parts):
        row[: len(part)] = np.where(np.isfinite(part), part, np.nan)
    return whole


def _spread(places: Array) -> Array:
    """Standard deviation over grammars, of all heights together; ``(..., grammars, heights)``.

    NaN where no height is passed by two.
    """
    away = places - finite_means(places, axis=-2)[..., None, :]
    known = np.isfinite(away)
    freedom = known.sum(axis=(-2, -1)) - known.any(axis=-2).sum(axis=-1)
    squares = np.where(known, away, 0.0) ** 2
    mean = squares.sum(axis=(-2, -1)) / np.maximum(freedom, 1)
    return np.asarray(np.sqrt(np.where(freedom > 0, mean, np.nan)))


def _resampled(scaled: Array, numbers: NDArray[np.int64], source: np.random.Generator) -> Array:
    """`_spread` of grammars that are drawn again, and of their rule draws, ``(bootstraps,)``.

    `scaled` is ``(grammars, draws, heights)``, with as many draws as a grammar has (`numbers`) at
    the front.
    """
    count, most, _ = scaled.shape
    chosen = source.integers(count, size=(BOOTSTRAPS, count))
    within = source.integers(numbers[chosen][..., None], size=(*chosen.shape, most))
    again = scaled[chosen[..., None], within]
    again[np.arange(most) >= numbers[chosen][..., None]] = np.nan
    return _spread(finite_means(again, axis=2))
