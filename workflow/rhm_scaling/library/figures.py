"""Learning curves drawn from their tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..analysis.curves import CURVE_KEY
from . import checks
from .checks import public

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEEDED = [*CURVE_KEY, "sentences", "measure", "mean", "low", "high", "predicted"]
# of a figure, in inches: the width of a journal's column, the height of the axes and of a label
_WIDTH, _AXES, _LABEL = 85 / 25.4, 65 / 25.4, 4.2 / 25.4
_TEXT = 8  # points
_DODGE = 1.03
_MOST_TICKS = 5
# what a curve is called by, as far as it takes to tell the curves apart
_TELLING = {
    **{"architecture": "{}", "width": "width {}", "depth": "depth {}", "grammar": "{}"},
    **{"protocol": "{}", "context": "last {} tokens", "task": "{}"},
}


@public
def draw_curves(tables: pd.DataFrame | Sequence[pd.DataFrame], ax: Axes | None = None) -> Axes:
    """Draw learning curves with their 95 % intervals on logarithmic axes.

    Parameters
    ----------
    tables
        A table of learning curves or several: of `load_curves`, or the ``curves`` of `train`.
    ax
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        With a line for each curve, points with the interval of the mean over rule draws, and a
        dashed line where theory predicts the curve; ``ax.figure.savefig("curves.pdf")`` keeps it.

    Raises
    ------
    ValueError
        If tables lack columns, measure different things, or two curves cannot be told apart.
    TypeError
        If `tables` holds anything but tables, or `ax` is no axes.

    Examples
    --------
    >>> import pandas as pd
    >>> import rhm_scaling as rhm
    >>> key = {"grammar": "deep", "task": "last_token", "architecture": "cnn", "width": 64}
    >>> key |= {"depth": 4, "protocol": "finite", "context": 0, "measure": "test_excess"}
    >>> points = {"sentences": [256, 512], "mean": [1.0, 0.5]}
    >>> points |= {"low": [0.8, 0.4], "high": [1.2, 0.6], "predicted": [0.9, 0.3]}
    >>> ax = rhm.draw_curves(pd.DataFrame({**key, **points}))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('training sentences $P$', 'excess over the Bayes limit (nats)')
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from ..plots.style import GREY, MARKERS

    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax: take the axes of a figure, not {checks.kind_of(ax)}")
    curves = _together(tables)
    labels = _labels(curves)
    predicted = bool((curves["predicted"] > 0).any())
    text = _TEXT if ax is None else None  # the axes of another have their own size of text
    if ax is None:
        height = _AXES + _LABEL * (len(labels) + predicted)
        _, ax = plt.subplots(figsize=(_WIDTH, height), layout="constrained")
        ax.tick_params(which="both", labelsize=text)
    colors = sns.color_palette("colorblind", len(labels))
    each = curves.groupby(CURVE_KEY, sort=False, dropna=False)
    looks = zip(labels, colors, MARKERS * len(labels), _beside(len(labels)))
    for (_, curve), (label, color, marker, moved) in zip(each, looks):
        _draw(ax, curve.assign(sentences=curve["sentences"] * moved), label, color, marker)
    handles, _ = ax.get_legend_handles_labels()
    if predicted:
        handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="predicted"))
    _scale(ax, curves, text)
    # above, where it covers nothing
    ax.legend(
        handles=handles, frameon=False, fontsize=text, loc="lower left", bbox_to_anchor=(0.0, 1.0)
    )
    return ax


def _beside(count: int) -> list[float]:
    """Factors of the sizes of some curves, so that intervals at one size stand side by side."""
    return [_DODGE ** (number - (count - 1) / 2) for number in range(count)]


def _draw(ax: Axes, curve: pd.DataFrame, label: str, color: Any, marker: str) -> None:
    """One curve, with its intervals and its prediction."""
    shown = curve[curve["mean"] > 0].sort_values("sentences")
    below, above = shown["mean"] - shown["low"], shown["high"] - shown["mean"]
    ax.errorbar(
        shown["sentences"],
        shown["mean"],
        # a point without an interval is drawn without
        [below.fillna(0.0).clip(lower=0.0), above.fillna(0.0).clip(lower=0.0)],
        label=label,
        color=color,
        marker=marker,
        markersize=4,
        linewidth=1,
        capsize=2,
    )
    told = curve[curve["predicted"] > 0].sort_values("sentences")
    ax.plot(told["sentences"], told["predicted"], color=color, linestyle="--", linewidth=1)


def _scale(ax: Axes, curves: pd.DataFrame, text: float | None) -> None:
    """Logarithmic axes whose ticks are numbers; sizes are those that there are."""
    from matplotlib.ticker import NullLocator

    from ..plots.curves import MEASURE_LABELS

    measure = curves["measure"].iloc[0]
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel("training sentences $P$", fontsize=text)
    ax.set_ylabel(MEASURE_LABELS.get(measure, measure), fontsize=text)
    sizes = sorted(curves["sentences"].unique())
    sizes = sizes[:: -(-len(sizes) // _MOST_TICKS)]
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ax.xaxis.set_minor_locator(NullLocator())
    low, high = ax.get_ylim()
    ax.yaxis.set_major_formatter(partial(_number, "1"))
    ax.yaxis.set_minor_formatter(partial(_number, "25" if high < 100 * low else ""))


def _number(digits: str, value: float, _: int) -> str:
    """A number of a logarithmic axis, if it begins with one of some digits."""
    return f"{value:g}" if f"{value:.0e}"[0] in digits else ""


def _together(tables: Any) -> pd.DataFrame:
    """All curves in one table, checked."""
    parts = [tables] if isinstance(tables, pd.DataFrame) else tables
    listed = isinstance(parts, Sequence) and not isinstance(parts, str)
    if not listed or not parts or not all(isinstance(part, pd.DataFrame) for part in parts):
        raise TypeError(
            "tables: take a table of load_curves, or the curves of train, or a list of them, not "
            f"{checks.kind_of(tables)}"
        )
    for part in parts:
        if missing := [column for column in _NEEDED if column not in part]:
            raise ValueError(
                f"tables: one has no column {missing[0]!r}; take those of load_curves, or the "
                "curves of train"
            )
    curves: pd.DataFrame = pd.concat(parts, ignore_index=True)
    if not len(curves):
        raise ValueError("tables: hold no curve")
    measures = sorted(curves["measure"].unique())
    if len(measures) > 1:
        raise ValueError(f"tables: measure {' and '.join(measures)}; draw each on axes of its own")
    if curves.duplicated([*CURVE_KEY, "sentences"]).any():
        raise ValueError(
            "tables: two curves have the same grammar, network and size; give train another name"
        )
    return curves


def _labels(curves: pd.DataFrame) -> list[str]:
    """A short name for each curve: as much of its key as tells it from the others."""
    keys = curves[CURVE_KEY].drop_duplicates()
    alone = [column for column in _TELLING if keys[column].nunique() == len(keys)]
    shown: list[str] = alone[:1]
    for column in () if alone else _TELLING:
        more = [*shown, column]
        before = len(keys[shown].drop_duplicates()) if shown else 0
        if len(keys[more].drop_duplicates()) > before:
            shown = more
    return [
        # what has no width, or sees whole sentences, has zero there
        ", ".join(_TELLING[column].format(key[column]) for column in shown if key[column] != 0)
        for key in keys.to_dict("records")
    ]
