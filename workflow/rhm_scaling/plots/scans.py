"""Figures of a scan: sizes at which grammars are learnt against theory, and all curves on one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.curves import CURVE_KEY
from ..analysis.scans import NETWORK
from .numbers import with_interval
from .style import (
    EDGE,
    GREY,
    MARKERS,
    amounts,
    errorbars,
    handle,
    heading,
    legend_above,
    legend_of,
    ordered,
    stacked,
)

_PANEL = 1.75  # inches high
_BEYOND = 1.3  # of an axis, beyond what lies at its ends
_GUIDE: dict[str, Any] = {"color": GREY, "linewidth": 0.6, "zorder": 0}
_FORMS = {
    "threshold": "predicted $P^*$ (exact correlations of the draw)",
    "bare": "predicted $P^*$ (form for large $v$)",
}
_SCALES = {
    "predicted": "$P$ / predicted $P^*$",
    "measured": "$P$ / measured $P^*$",
}
_LEFT = {"classification": "error / chance", "last_token": "share of the step left"}


def scan_laws(points: pd.DataFrame, laws: pd.DataFrame, factor: float, title: str) -> Figure:
    """Measured ``P*`` against the predicted one and the papers' form, two panels a network.

    Parameters
    ----------
    points, laws
        ``scan_points.csv`` and ``scan_laws.csv``, of one experiment.
    factor
        Of the band about the line of slope one.
    title
        Of the experiment.
    """
    told = points[points["reason"].isna()]
    networks = points[NETWORK].drop_duplicates().to_dict("records")
    looks = _Looks(told)
    figure, axes = stacked(*[_PANEL] * (2 * len(networks)), around=0.9)
    for row, network in enumerate(networks):
        mine, fitted = (_of(table, network) for table in (told, laws))
        for axis, form in zip(axes[2 * row :], _FORMS):
            _law(axis, mine, form, factor, looks)
            found = fitted[fitted["law"] == form]
            name = f"{_name(network, networks)}, " if len(networks) > 1 else ""
            said = "too few grammars for a law"
            if len(found):
                law = found.iloc[0]
                told_ends = with_interval(law["estimate"], law["low"], law["high"])
                said = f"exponent {told_ends}, spread {law['spread']:.2f}"
            legend_above(axis, [], f"{name}{said}")
    legend_of(figure, looks.handles())
    heading(figure, title)
    return figure


def scan_collapse(
    curves: pd.DataFrame, points: pd.DataFrame, collapsed: pd.DataFrame, title: str
) -> Figure:
    """All curves of a network against ``P/P*``, predicted and measured, two panels a network.

    Parameters
    ----------
    curves, points, collapsed
        ``scan_curves.csv``, ``scan_points.csv`` and ``scan_collapse.csv``, of one experiment.
    title
        Of the experiment.
    """
    told = points[points["reason"].isna()]
    networks = points[NETWORK].drop_duplicates().to_dict("records")
    looks = _Looks(told)
    figure, axes = stacked(*[_PANEL] * (2 * len(networks)), around=0.9)
    for row, network in enumerate(networks):
        mine, found = (_of(table, network) for table in (told, collapsed))
        shown = curves.merge(mine[[*CURVE_KEY, "L", "m"]], on=CURVE_KEY)
        for axis, (scale, label) in zip(axes[2 * row :], _SCALES.items()):
            for _, line in shown[shown["scaled_by"] == scale].groupby(CURVE_KEY):
                axis.plot(line["ratio"], line["mean"], **looks.of(line.iloc[0]), linewidth=0.6)
            axis.axhline(0.5, **_GUIDE, linestyle=":")
            axis.set(xscale="log", xlabel=label, ylim=(-0.06, 1.15))
            if len(shown):
                amounts(axis, "x", "{:g}".format)
            axis.set_ylabel(_LEFT[points["task"].iloc[0]])
            name = f"{_name(network, networks)}, " if len(networks) > 1 else ""
            by = {row["scaled_by"]: row for row in found.to_dict("records")}.get(scale)
            legend_above(axis, [], f"{name}{_residual(by)}")
            if by is not None and scale == "predicted":
                axis.axvline(by["constant"], **_GUIDE, linestyle="--")
    legend_of(figure, looks.handles())
    heading(figure, title)
    return figure


class _Looks:
    """A colour for each depth and a marker for each number of rules."""

    def __init__(self, points: pd.DataFrame) -> None:
        depths, rules = (sorted(points[axis].unique()) for axis in ("L", "m"))
        self._colors = {L: color for L, (color, _) in zip(depths, ordered(len(depths)))}
        self._markers = {m: MARKERS[i % len(MARKERS)] for i, m in enumerate(rules)}

    def of(self, row: pd.Series) -> dict[str, Any]:
        """Of a grammar."""
        color, marker = self._colors[row["L"]], self._markers[row["m"]]
        return {"color": color, "marker": marker, "markersize": 2.6, **EDGE}

    def handles(self) -> list[Any]:
        """For the legend."""
        lines = [handle(f"$L$ = {L:.0f}", color=c, linewidth=2.0) for L, c in self._colors.items()]
        marks = [
            handle(f"$m$ = {m:g}", marker=mark, linestyle="none")
            for m, mark in self._markers.items()
        ]
        return [*lines, *marks]


def _law(axis: Axes, points: pd.DataFrame, form: str, factor: float, looks: _Looks) -> None:
    """Points of one network against one form of the threshold, and the line of slope one."""
    axis.set(xscale="log", yscale="log", xlabel=_FORMS[form], ylabel="measured $P^*$")
    if not len(points):
        return
    x, y = points[form].to_numpy(dtype=float), points["crossed_at"].to_numpy(dtype=float)
    constant = np.exp(np.mean(np.log(y / x)))
    ends = np.array([x.min() / _BEYOND, x.max() * _BEYOND])
    axis.fill_between(
        ends, constant * ends / factor, constant * ends * factor, color="0.88", linewidth=0
    )
    axis.plot(ends, constant * ends, color=GREY, linewidth=0.8)
    for _, point in points.iterrows():
        errorbars(axis, point[form], point.to_frame().T, "crossed_at", **looks.of(point))
    axis.set_xlim(*ends)
    axis.set_ylim(
        min(y.min(), constant * ends[0]) / _BEYOND, max(y.max(), constant * ends[1]) * _BEYOND
    )
    amounts(axis)
    amounts(axis, "x")


def _of(table: pd.DataFrame, network: dict[Any, Any]) -> pd.DataFrame:
    return table[(table[NETWORK] == pd.Series(network)).all(axis=1)]


def _name(network: dict[Any, Any], networks: list[dict[Any, Any]]) -> str:
    """Its architecture, and what else tells it from others."""
    words = {"architecture": "{}", "width": "width {}", "protocol": "{}"}
    told = [n for n in words if n == "architecture" or len({one[n] for one in networks}) > 1]
    return ", ".join(words[name].format(network[name]) for name in told)


def _residual(row: dict[Any, Any] | None) -> str:
    """How well curves fall together, in words; `row` is one of ``scan_collapse.csv``."""
    if row is None:
        return "too few grammars"
    told = with_interval(row["residual"], row["low"], row["high"])
    return f"{row['points']} grammars, residual {told}, shuffled {row['shuffled']:.2f}"
