"""Figure of the signal-to-noise argument: correlations as sentences show them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import GREY, MARKERS

_TITLES = {
    "cnn": "CNN: tuples of level-$(l-2)$ symbols",
    "transformer": "transformer: tuples of tokens",
}
_WIDTH = 3.35  # inches: one column of a journal


def correlations_figure(table: pd.DataFrame, title: str) -> Figure:
    """Correlations against sentences, a panel a learner, for one column of a journal.

    Dots: measured; lines through them: exact signal and noise together; dotted: the exact signal;
    dashed: the noise alone; where these two cross, at the threshold, a tick on the axis below.
    Root mean squares over rule draws too.

    Parameters
    ----------
    table
        Rows of ``correlations.csv`` of one grammar and task.
    title
        Heading.
    """
    learners: list[str | None] = [who for who in _TITLES if (table["learner"] == who).any()] or [
        None
    ]
    figure, axes = plt.subplots(
        len(learners),
        1,
        figsize=(_WIDTH, 0.9 + 2.1 * len(learners)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    # one scale, so that learners can be compared
    levels = sorted(table["level"].unique())
    colors = dict(zip(levels, sns.color_palette("colorblind", len(levels))))
    for axis, learner in zip(axes[:, 0], learners):
        mine = table if learner is None else table[table["learner"] == learner]
        for (level, rows), marker in zip(mine.groupby("level"), MARKERS * 2):
            _level(axis, rows, colors[level], marker, None if learner is None else level)
        axis.set(xscale="log", yscale="log", ylabel="rms correlation")
        axis.set_title(_TITLES.get(str(learner), "tuples of tokens with the label"))
        axis.yaxis.set_minor_formatter("")
        if learner is not None:
            axis.legend(loc="upper right", title="level $l$", ncols=len(levels))
    shown = table[["measured", "expected"]].to_numpy(dtype=float)
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if len(shown):
        axes[0, 0].set_ylim(shown.min() / 3, shown.max() * 2)
    axes[-1, 0].set_xlabel("sentences $P$")
    handles = [
        Line2D([], [], color=GREY, linestyle=":", linewidth=1, label="signal"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="noise"),
        Line2D([], [], color=GREY, linewidth=1, label="both"),
        Line2D([], [], color=GREY, marker="o", markersize=3, ls="", label="measured"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.0)
    figure.suptitle(title.replace("$", r"\$"), fontsize="medium")
    sns.despine(figure)
    return figure


def _level(axis: Axes, rows: pd.DataFrame, color: object, marker: str, level: object) -> None:
    """What tells of one level, over the numbers of sentences that all rule draws have."""
    squares = rows[["signal", "noise", "expected", "measured"]].astype(float) ** 2
    by_size = squares.groupby(rows["train_size"])
    whole = by_size.size() == rows["rule_seed"].nunique()
    rms = (by_size.mean() ** 0.5)[whole]
    for column, line in (("signal", ":"), ("noise", "--"), ("expected", "-")):
        axis.plot(rms.index, rms[column].where(rms[column] > 0), line, color=color, linewidth=0.9)
    axis.plot(
        rms.index,
        rms["measured"].where(rms["measured"] > 0),
        marker,
        color=color,
        markersize=3.5,
        label=None if level is None else f"{level:.0f}",
    )
    signal, noise = rms["signal"].iloc[0], rms["noise"].iloc[0]
    if signal > 0:
        at = rms.index[0] * (noise / signal) ** 2
        if at < rms.index[-1]:
            axis.axvline(at, ymax=0.04, color=color, linewidth=1.5)
