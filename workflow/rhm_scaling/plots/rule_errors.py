"""Figure of errors by the rarest rule of a sentence, against the size at which theory learns it."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..analysis.curves import CURVE_KEY
from ..analysis.rule_errors import FEWEST, NETWORK, RANKS
from .style import COLUMN, EDGE, GREY, MARKERS

_COLORS = "viridis"


def rule_errors(curves: pd.DataFrame, collapsed: pd.DataFrame) -> Figure:
    """Error over chance against ``P/P_k``, a panel a network and shape of grammar.

    Parameters
    ----------
    curves
        ``rule_error_curves.csv``, of which ranges of ranks with enough test sentences are drawn.
    collapsed
        ``rule_collapse.csv``: a row a panel.
    """
    told = curves[(curves["sentences"] >= FEWEST) & curves["zipf"].notna()]
    told = told.assign(ratio=told["train_size"] / told["threshold"]).query("ratio > 0")
    markers = dict(zip(sorted(told["zipf"].unique()), MARKERS))
    ranks = LogNorm(1, max([2, *told["rank_low"]]))
    count = len(collapsed)
    figure, axes = plt.subplots(
        count, 1, figsize=(COLUMN, 1.1 + 2.0 * count), sharex=True, sharey=True, squeeze=False
    )
    for axis, panel in zip(axes[:, 0], collapsed.to_dict("records")):
        mine = told[(told[NETWORK] == [panel[column] for column in NETWORK]).all(axis=1)]
        _panel(axis, mine[mine["grammar"].isin(panel["grammars"].split())], markers, ranks)
        axis.set_title(f"{panel['architecture']}, width {panel['width']}, $L = {panel['L']}$")
        axis.set_ylabel("error / chance")
        place = {"x": 1, "y": 1, "ha": "right", "va": "top", "transform": axis.transAxes}
        axis.text(s=_read_off(panel), fontsize="x-small", **place)
    axes[-1, 0].set(xscale="log", xlabel="$P / P_k$", ylim=(-0.03, 1.15))
    bar = figure.colorbar(ScalarMappable(ranks, _COLORS), ax=axes, aspect=25 * count, pad=0.02)
    bar.set_label("rank $k$ of the rarest rule")
    lines: list[dict[str, Any]] = [
        {"color": GREY, "marker": marker, "linewidth": 0.6, "label": f"$a = {a:g}$"}
        for a, marker in markers.items()
    ]
    if told["predicted"].notna().any():
        lines.append({"color": "black", "label": "a single rule, from uniform rules"})
    handles = [Line2D([], [], markersize=3, **line) for line in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, columnspacing=1.0)
    sns.despine(figure)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, markers: dict[Any, str], ranks: LogNorm) -> None:
    """The points of one network and shape of grammar, and what uniform rules predict."""
    for _, one in rows.groupby([*CURVE_KEY, *RANKS]):
        curve = one.sort_values("ratio")
        axis.plot(
            curve["ratio"],
            curve["mean"] / curve["chance"],
            color=plt.get_cmap(_COLORS)(ranks(curve["rank_low"].iloc[0])),
            marker=markers[curve["zipf"].iloc[0]],
            markersize=3,
            **EDGE,
            linewidth=0.6,
        )
    for _, one in rows.dropna(subset="predicted").groupby("grammar"):
        line = one.sort_values("ratio")
        axis.plot(line["ratio"], line["predicted"] / line["chance"], color="black")
    axis.axhline(0.5, color=GREY, linewidth=0.6, linestyle=":", zorder=0)


def _read_off(panel: dict[Any, Any]) -> str:
    """What is to be read off, in words."""
    if not np.isfinite(panel["spread"]):
        return "no two ranges of ranks\npass half of chance"
    numbers = f"spread {panel['spread']:.2f}\nshuffled ranks: {panel['shuffled']:.1f}"
    return f"{panel['bins']} ranges of ranks\nat half of chance:\n{numbers}"
