"""Figure of the signal-to-noise argument: correlations as sentences show them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import handle, heading, legend_above, legend_of, looks, stacked

_TITLES = {
    "cnn": "CNN: tuples of level-$(l-2)$ symbols",
    "transformer": "transformer: tuples of tokens",
}


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
    figure, axes = stacked(*([2.1] * len(learners)), around=0.9, sharex=True, sharey=True)
    # one scale, so that learners can be compared
    levels = sorted(table["level"].unique())
    look = dict(zip(levels, looks(len(levels))))
    for axis, learner in zip(axes, learners):
        mine = table if learner is None else table[table["learner"] == learner]
        for level, rows in mine.groupby("level"):
            color, marker = look[level]
            _level(axis, rows, color, marker, None if learner is None else level)
        axis.set(xscale="log", yscale="log", ylabel="rms correlation")
        axis.yaxis.set_minor_formatter("")
        told = _TITLES.get(str(learner), "tuples of tokens with the label")
        legend_above(axis, title=told if learner is None else f"{told}; level $l$:")
    shown = table[["measured", "expected"]].to_numpy(dtype=float)
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if len(shown):
        axes[0].set_ylim(shown.min() / 3, shown.max() * 2)
    axes[-1].set_xlabel("sentences $P$")
    handles = [
        handle("signal", linestyle=":"),
        handle("noise", linestyle="--"),
        handle("both"),
        handle("measured", marker="o", linestyle="none"),
        handle("threshold: signal = noise", marker="|", linestyle="none"),
    ]
    legend_of(figure, handles)
    heading(figure, title)
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
        markersize=2.8,
        label=None if level is None else f"{level:.0f}",
    )
    signal, noise = rms["signal"].iloc[0], rms["noise"].iloc[0]
    if signal > 0:
        at = rms.index[0] * (noise / signal) ** 2
        if at < rms.index[-1]:
            axis.axvline(at, ymax=0.04, color=color, linewidth=1.5)
