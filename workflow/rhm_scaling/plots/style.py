"""How all figures look: one column of a journal wide, readable in print and in grey.

Every curve has a colour that colour-blind readers can tell, and a marker of its own. Legends stand
outside the axes, so that they cover no data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from ..core.files import write_aside
from .numbers import size

COLUMN = 85 / 25.4  # inches: the width of every figure
TEXT, SMALL, SMALLEST = 7.0, 6.0, 5.5  # points
MARKERS = "osD^vP*Xd<>"
# of seaborn's colour-blind palette, but for those too light for paper
COLORS = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#949494", "#56b4e9"),
    "0",
)
GREY = "0.35"
# of markers, so that the lightest is seen
EDGE: dict[str, Any] = {"markeredgecolor": GREY, "markeredgewidth": 0.3}
_MOST_TICKS = 5  # of long numbers side by side
_FEW_DECADES = 60  # an axis that goes less far, or has one power of ten, has names between them
_MANY = 60  # points in a panel
_DODGE = 0.011  # of an axis, from one curve to the next
_WIDEST = 0.06  # of an axis, from the first to the last
_BESIDE_AXES = 0.6  # inches: what labels and ticks take of the width


def style() -> None:
    """Begin from the look of all figures, whatever a user's own settings are.

    From here on no display is needed, or asked for.
    """
    matplotlib.use("Agg")
    matplotlib.rcdefaults()
    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "savefig.dpi": 300,
            "pdf.fonttype": 42,  # text stays text, in TrueType fonts
            **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize"), TEXT),
            "figure.titlesize": TEXT + 0.5,
            **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
            "legend.title_fontsize": SMALL,
            "legend.frameon": False,
            "legend.borderpad": 0.2,
            "legend.labelspacing": 0.3,
            "legend.columnspacing": 1.0,
            "legend.handlelength": 1.6,
            "legend.handletextpad": 0.5,
            **{"axes.linewidth": 0.6, "axes.labelpad": 2.0, "axes.titlepad": 3.0},
            **{"lines.linewidth": 1.0, "lines.markersize": 3.2, "lines.markeredgewidth": 0.8},
            **dict.fromkeys(("xtick.major.width", "ytick.major.width"), 0.6),
            **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), 0.4),
            **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
            **dict.fromkeys(("xtick.minor.size", "ytick.minor.size"), 1.5),
            **dict.fromkeys(("xtick.major.pad", "ytick.major.pad"), 2.0),
        }
    )


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as PDF and PNG into a folder; equal figures make equal files."""
    for suffix, metadata in {"pdf": {"CreationDate": None}, "png": {"Software": None}}.items():
        path = folder / f"{name}.{suffix}"
        write_aside(path, partial(figure.savefig, metadata=metadata))
        figure.set_layout_engine("none")  # it is laid out now
    plt.close(figure)


def stacked(*heights: float, around: float = 0.5, **how: Any) -> tuple[Figure, list[Axes]]:
    """Panels one above the other, so high in inches each; and room for a title and a legend."""
    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(COLUMN, sum(heights) + around),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
        **how,
    )
    return figure, [*axes[:, 0]]


def heading(figure: Figure, title: str) -> None:
    """A title, which is no formula."""
    figure.suptitle(title.replace("$", r"\$"))


def nothing(axis: Axes, why: str) -> None:
    """Say in a panel why there is nothing to see."""
    place: dict[str, Any] = {"ha": "center", "va": "center", "transform": axis.transAxes}
    axis.text(0.5, 0.5, why, color=GREY, wrap=True, **place)
    axis.set(xticks=[], yticks=[])


def nothing_to_draw(title: str, why: str = "all trainings failed") -> Figure:
    """A figure that says why it shows nothing."""
    figure, (axis,) = stacked(0.5)
    axis.text(0.5, 0.5, why, ha="center", va="center")
    axis.set_axis_off()
    heading(figure, title)
    return figure


def looks(count: int) -> list[tuple[Any, str]]:
    """A colour and a marker for each of so many curves, no two the same up to 99."""
    return [(COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]) for i in range(count)]


def ordered(count: int) -> list[tuple[Any, str]]:
    """Likewise for what is ordered, from light to dark; none too light for paper."""
    colors = sns.color_palette("viridis_r", count + 1)[1:]
    return [(color, MARKERS[i % len(MARKERS)]) for i, color in enumerate(colors)]


def evenly(values: pd.Series, most: int) -> list[float]:
    """Values from the least to the greatest; where there are more than `most`, evenly some."""
    known = sorted(float(value) for value in values.dropna().unique())
    at = np.linspace(0, len(known) - 1, min(most, len(known)))
    return [known[round(place)] for place in at]


def handle(label: str, **look: Any) -> Line2D:
    """A line for a legend."""
    return Line2D([], [], **{"color": GREY, "label": label, **look})


def legend_of(figure: Figure, handles: Sequence[Artist], title: str = "") -> Legend | None:
    """A legend below all panels, in as many columns as there is room for."""
    room = 0.96 * COLUMN * figure.dpi  # text is wider at some resolutions
    return _fitting(figure, figure, handles, room, title=title or None, loc="outside lower center")


def legend_above(
    axis: Axes, handles: Sequence[Artist] | None = None, title: str = "", beside: int = 1
) -> Legend | None:
    """A legend above a panel, under a title, in as many columns as there is room for.

    Without `handles`, of all that has a label. `beside`: how many panels stand side by side.
    """
    if handles is None:
        handles = list(axis.get_legend_handles_labels()[0])
    figure = cast("Figure", axis.get_figure(root=True))
    if not handles:
        axis.set_title(title, loc="left")
        return None
    where = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.1}
    room = (COLUMN / beside - _BESIDE_AXES) * figure.dpi
    legend = _fitting(axis, figure, handles, room, title=title or None, alignment="left", **where)
    if legend is not None:
        legend.get_title().set_fontsize(TEXT)
    return legend


def _fitting(
    owner: Axes | Figure, figure: Figure, handles: Sequence[Artist], room: float, **how: Any
) -> Legend | None:
    if not handles:
        return None
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for columns in range(min(4, len(handles)), 0, -1):
        legend = owner.legend(handles=list(handles), ncols=columns, **how)
        if columns == 1 or legend.get_window_extent(renderer).width <= room:
            return legend
        legend.remove()
    return None


def dodged(axis: Axes, x: Any, index: int, count: int) -> Any:
    """Where curve `index` of `count` has its points, so that none hides that of another.

    The scale of the axis and its limits must be known.
    """
    by = min(_DODGE, _WIDEST / count) * (index - (count - 1) / 2)
    low, high = axis.get_xlim()
    if axis.get_xscale() == "log":
        return x * (high / low) ** by
    return x + by * (high - low)


def errorbars(axis: Axes, x: Any, table: pd.DataFrame, column: str, **look: Any) -> None:
    """Points with the intervals of their rows, which may be missing; the points stay."""
    spread = np.nan_to_num([table[column] - table["low"], table["high"] - table[column]])
    how = {"linestyle": "none", "elinewidth": 0.7, "capsize": 1.3, "capthick": 0.7, "zorder": 3}
    axis.errorbar(x, table[column], yerr=np.maximum(spread, 0.0), **{**how, **look})


def density(sizes: int, curves: int) -> Callable[[int], dict[str, Any]]:
    """How points of each of some curves look, which are small if there are many.

    Then only every third has its interval, so that points are to be seen.
    """
    if sizes * curves <= _MANY:
        return lambda index: {}
    return lambda index: {
        **{"markersize": 2.0, "markeredgewidth": 0.4, "capsize": 0.8},
        "errorevery": (index % 3 if sizes > 3 else 0, 3),
    }


def in_turn(index: int, count: int, on: float = 3.0, off: float = 1.5) -> tuple[float, Any]:
    """Dashes of line `index` of `count` that coincide, each to be seen between the others."""
    return index * (on + off), (on, off + (count - 1) * (on + off))


def same_curves(values: Mapping[Any, np.ndarray]) -> list[list[Any]]:
    """The keys of `values`, those of equal values together."""
    groups: list[list[Any]] = []
    for key, mine in values.items():
        for group in groups:
            other = values[group[0]]
            if mine.shape == other.shape and np.allclose(mine, other, rtol=1e-6, equal_nan=True):
                group.append(key)
                break
        else:
            groups.append([key])
    return groups


def sizes_axis(axis: Axes, known: pd.Series, label: str = "training sentences $P$") -> None:
    """A logarithmic axis of sizes that names those known, or powers of two if there are many."""
    sizes = sorted(known.unique())
    octaves = range(math.ceil(math.log2(sizes[0])), math.floor(math.log2(sizes[-1])) + 1)
    low, high = sizes[0], sizes[-1]
    if len(sizes) > _MOST_TICKS and len(octaves) > 2:
        sizes = [2.0**octave for octave in octaves]
    sizes = sizes[:: -(-len(sizes) // _MOST_TICKS)]
    axis.set(xscale="log", xlabel=label)
    axis.xaxis.set_major_locator(FixedLocator(sizes))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    beyond = (high / low) ** 0.05 if high > low else 1.5
    axis.set_xlim(low / beyond, high * beyond)


def whole_numbers(axis: Axes, values: Any, along: str = "x") -> None:
    """Name the whole numbers that occur, such as levels, in full."""
    known = sorted({int(value) for value in values})
    known = known[:: -(-len(known) // 10)] if known else []
    of = axis.xaxis if along == "x" else axis.yaxis
    of.set_major_locator(FixedLocator(known))
    of.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    of.set_minor_locator(NullLocator())


def amounts(axis: Axes, along: str = "y", told: Callable[[float], str] = size) -> None:
    """A logarithmic axis of sizes, in few digits; its limits must be known."""
    low, high = axis.get_xlim() if along == "x" else axis.get_ylim()
    of = axis.xaxis if along == "x" else axis.yaxis
    named = FuncFormatter(lambda value, _: told(value))
    of.set_major_formatter(named)
    of.set_minor_locator(LogLocator(subs=(2, 5)))
    powers = math.floor(math.log10(high)) - math.ceil(math.log10(low)) + 1
    few = high < _FEW_DECADES * low or powers < 2
    of.set_minor_formatter(named if few else NullFormatter())


def ranks_axis(axis: Axes, ranks: pd.Series) -> None:
    """A logarithmic axis of ranks: 1, 2, 3, and then what has room."""
    most = int(ranks.max())
    steps = [1, 2, 3, 5, *(a * 10**b for b in range(1, 7) for a in (1, 2, 5))]
    axis.set_xscale("log")
    whole_numbers(axis, [step for step in steps if step <= most])


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Places of labels in the order of their values, at least `gap` from one to the next."""
    order = np.argsort(values)
    places = np.array(values, dtype=float)
    for _ in range(100):
        moved = False
        for low, high in pairwise(order):
            short = gap - (places[high] - places[low])
            if short > 1e-9:
                places[low] -= short / 2
                places[high] += short / 2
                moved = True
        if not moved:
            break
    return [*places]
