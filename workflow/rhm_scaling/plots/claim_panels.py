"""What was measured for a claim beside what is predicted: panels of its figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.curves import CURVE_KEY, rows_of
from ..claims.names import ClaimName
from ..grammar.model import Parameters
from ..grammar.tasks import Task
from .curves import MEASURE_LABELS, curve_labels
from .latent_panels import by_label_scale, by_rules
from .style import (
    GREY,
    MARKERS,
    amounts,
    density,
    dodged,
    errorbars,
    legend_above,
    looks,
    nothing,
    ordered,
    whole_numbers,
)
from .transition_panels import composed, crossings, steepness

_LINES = ("-", "--", ":", "-.") * 9
_SHADES = ("black", "0.4", "0.62") * 9  # of what is no single curve
_PREDICTED = {
    "predicted_same_fit": ("_", "predicted"),
    "predicted_smooth_fit": ("x", "predicted from the uniform curve"),
}
_GROWTH = {"cnn": ":", "transformer": "--"}  # of each learner's thresholds


@dataclass(frozen=True)
class Tables:
    """A study's tables, and its grammars by name."""

    curves: pd.DataFrame
    fits: pd.DataFrame
    crossings: pd.DataFrame
    thresholds: pd.DataFrame
    theory: pd.DataFrame
    invariance: pd.DataFrame
    grammars: Mapping[str, Parameters]
    transitions: pd.DataFrame = field(default_factory=pd.DataFrame)
    generated: pd.DataFrame = field(default_factory=pd.DataFrame)
    looking: pd.DataFrame | None = None  # curves of which these are some, and have the looks

    def for_task(self, task: Task) -> Tables:
        """Their rows on one task; a study may have others beside."""
        return self._rows("task", task)

    def by_protocol(self) -> dict[str, Tables]:
        """The rows of each protocol; a curve looks the same in all of them."""
        return {
            name: replace(self._rows("protocol", name), looking=self.curves.assign(protocol=name))
            for name in self.curves["protocol"].unique()
        }

    def _rows(self, column: str, value: str) -> Tables:
        names = ("curves", "fits", "crossings", "thresholds", "theory", "invariance")
        tables = {name: getattr(self, name) for name in names}
        # tables that nothing was measured for may have no columns
        return replace(self, **{n: t[t[column] == value] for n, t in tables.items() if column in t})

    def each(self, table: pd.DataFrame) -> list[tuple[str, Parameters, pd.DataFrame, Any, str]]:
        """The curves of a table: label, grammar, rows, colour, marker, the same in all panels."""
        parts = []
        for key, (label, color, marker) in self.named().items():
            rows = rows_of(table, dict(zip(CURVE_KEY, key)))
            if len(rows):
                parts.append((label, self.grammars[key[0]], rows, color, marker))
        return parts

    def named(self) -> dict[tuple[Any, ...], tuple[str, Any, str]]:
        """Label, colour and marker of every curve."""
        labels = curve_labels(self.curves if self.looking is None else self.looking)
        look = looks(len(labels))
        return {key: (label, *look[row]) for row, (key, label) in enumerate(labels.items())}


def _legend(axis: Axes, tables: Tables | None = None) -> None:
    """Name above the panel what is drawn, but for the curves of `tables`: they are named below."""
    curves = () if tables is None else {label for label, *_ in tables.named().values()}
    named = zip(*axis.get_legend_handles_labels())
    legend_above(axis, [handle for handle, label in named if label not in curves])


def _span(axis: Axes, values: pd.Series, log: bool = False) -> None:
    """Set the limits before points are dodged by a share of them."""
    low, high = values.min(), values.max()
    if log:
        beyond = max(high / low, 2.0) ** 0.06
        axis.set(xscale="log", xlim=(low / beyond, high * beyond))
    else:
        beyond = 0.12 * max(high - low, 1.0)
        axis.set_xlim(low - beyond, high + beyond)


def _curves(axis: Axes, tables: Tables, unit: Callable[[Parameters], float], label: str) -> None:
    guided = set(tables.curves["task"]) == {"classification"}
    parts = tables.each(tables.curves)
    units = [rows["sentences"] / unit(grammar) for _, grammar, rows, *_ in parts]
    _span(axis, pd.concat(units), log=True)
    dense = density(max(len(sizes) for sizes in units), len(parts))
    for index, (name, grammar, rows, color, marker) in enumerate(parts):
        shown = rows[rows["mean"] > 0]
        sizes = shown["sentences"] / unit(grammar)
        at = dodged(axis, sizes, index, len(parts))
        look = {"color": color, "marker": marker, "linestyle": "-", "linewidth": 0.6}
        errorbars(axis, at, shown, "mean", label=name, **look, **dense(index))
        axis.plot(sizes, shown["lookup"], ":", color=color, linewidth=0.9)
        for a in {a for a in grammar.zipf if a} if guided and len(shown) > 1 else ():
            guide = shown["mean"].iloc[-1] * (sizes / sizes.iloc[-1]) ** (-a / (1 + a))
            axis.plot(sizes[-3:], 0.8 * guide[-3:], "--", color=color, linewidth=0.9)
    for chance in tables.curves["chance"].unique():
        axis.axhline(chance, color=GREY, linewidth=0.6)
    axis.set(yscale="log", xlabel=label)
    axis.set_ylabel(MEASURE_LABELS[str(tables.curves["measure"].iloc[0])])
    for line, meaning, drawn in (
        ("--", "slope $-a/(1+a)$", guided and any(any(g.zipf) for g in tables.grammars.values())),
        (":", "table of seen sentences", tables.curves["lookup"].notna().any()),
        ("-", "chance", True),
    ):
        if drawn:
            axis.plot([], [], line, color=GREY, linewidth=0.9, label=meaning)


def _at_size(axis: Axes, tables: Tables) -> None:
    _curves(axis, tables, lambda grammar: 1.0, "training sentences $P$")
    _legend(axis, tables)


def _at_threshold(axis: Axes, tables: Tables) -> None:
    _curves(axis, tables, lambda g: g.n * float(np.prod(g.m)), "$P / (n m^L)$")
    axis.axvline(1.0, color=GREY, linestyle="-.", linewidth=0.9, label="threshold $n m^L$")
    _legend(axis, tables)


def _exponents(axis: Axes, tables: Tables) -> None:
    """Exponents against a; with uniform rules, at the left edge.

    Classification errors of uniform rules drop, and have no exponent.
    """
    known = [a for grammar in tables.grammars.values() for a in grammar.zipf if a is not None]
    _span(axis, pd.Series([0.0, *known]))
    parts = tables.each(tables.fits)
    for index, (name, grammar, rows, color, marker) in enumerate(parts):
        rows = rows[np.isfinite(rows["exponent"])]
        given = [a for a in grammar.zipf if a is not None]
        if rows.empty or (not given and {*rows["task"]} == {"classification"}):
            continue
        a = dodged(axis, pd.Series(given[0] if given else 0.0, index=rows.index), index, len(parts))
        errorbars(axis, a, rows, "exponent", color=color, marker=marker, label=name)
        for column, (shape, _) in _PREDICTED.items():
            axis.plot(a, rows[column], shape, color=color, markersize=5, zorder=4)
    span = np.linspace(0.0, axis.get_xlim()[1], 60)
    axis.plot(span, span / (1 + span), "--", color=GREY, linewidth=1, label="$a/(1+a)$")
    for column, (shape, meaning) in _PREDICTED.items():
        if tables.fits[column].notna().any():
            axis.plot([], [], shape, color=GREY, markersize=5, label=meaning)
    axis.set(xlabel="Zipf exponent $a$ (0: uniform)", ylabel="fitted exponent")
    axis.set_ylim(bottom=0)
    _legend(axis, tables)


def _networks(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of the same network and protocol, whose grammars differ, and their name."""
    labels = curve_labels(table.assign(grammar=""))
    for key, rows in table.groupby(CURVE_KEY[1:], sort=False):
        yield labels["", *key], rows


def _constants(axis: Axes, tables: Tables) -> None:
    """The constant of each tail, at its exponent a/(1+a), against depth, and the predicted one.

    Both are geometric means over the three largest sizes.
    """
    points = []
    several = tables.curves["architecture"].nunique() > 1
    for _, grammar, rows, _, _ in tables.each(tables.curves):
        a, shown = grammar.zipf[0], rows[rows["mean"] > 0].nlargest(3, "sentences")
        if a is None or shown.empty:
            continue
        powers = shown["sentences"] ** (a / (1 + a))
        constants = [np.exp(np.log(shown[c] * powers).mean()) for c in ("mean", "predicted_smooth")]
        label = f"$a = {a:g}$" + (f", {shown['architecture'].iloc[0]}" if several else "")
        points.append((label, grammar.L, *constants))
    columns = ["label", "L", "measured", "predicted"]
    found = pd.DataFrame(points, columns=columns).sort_values(["label", "L"])
    if found.empty:
        nothing(axis, "no curve with Zipf rules at level 1")
        return
    for (named, rows), marker, shade in zip(found.groupby("label"), MARKERS, _SHADES):
        axis.semilogy(rows["L"], rows["measured"], marker=marker, color=shade, label=named)
        axis.semilogy(rows["L"], rows["predicted"], "--", marker=marker, color=shade, linewidth=1)
    axis.plot([], [], "--", color=GREY, linewidth=1, label="predicted from the uniform curve")
    axis.set(xlabel="depth $L$", ylabel="error $\\times P^{a/(1+a)}$")
    whole_numbers(axis, found["L"])
    amounts(axis)
    _legend(axis)


def _collapse(axis: Axes, tables: Tables) -> None:
    """What is left of each level's step against the size over its predicted threshold.

    The panel beside it names the curves.
    """
    entropies = tables.theory[tables.theory["quantity"] == "entropy"]
    for _, _, rows, color, marker in tables.each(tables.curves):
        grammar = rows["grammar"].iloc[0]
        means = entropies[entropies["grammar"] == grammar].groupby("level")["value"].mean()
        excess = (means - means.iloc[-1]).to_numpy(dtype=float)
        steps = _mine(tables.thresholds, rows).set_index("level")["threshold"]
        for (level, threshold), line in zip(steps.items(), _LINES):
            top, bottom = excess[int(str(level)) - 1], excess[int(str(level))]
            inside = rows[(rows["mean"] < top) & (rows["mean"] > bottom)]
            left = (inside["mean"] - bottom) / (top - bottom)
            axis.semilogx(
                inside["sentences"] / threshold,
                left,
                line,
                color=color,
                marker=marker,
                markersize=2.5,
                linewidth=0.8,
            )
    for level, line in zip(sorted(tables.thresholds["level"].unique()), _LINES):
        axis.plot([], [], line, color=GREY, linewidth=0.8, label=f"level {level}")
    axis.axhline(0.5, color=GREY, linewidth=0.5)
    axis.xaxis.set_minor_formatter("")  # a narrow range would label them all
    axis.set(xlabel="$P / P_l$ (predicted)", ylabel="left of the step $H_{l-1}$ to $H_l$")
    _legend(axis, tables)


def _mine(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the same curve in another table."""
    return rows_of(table, dict(zip(CURVE_KEY, rows[CURVE_KEY].iloc[0])))


def _against_predicted(axis: Axes, tables: Tables) -> None:
    """Crossings of every rule draw and level against the predicted thresholds."""
    seen = tables.crossings[np.isfinite(tables.crossings["crossed_at"])]
    if seen.empty:
        nothing(axis, "no level is crossed between the sizes")
        return
    for name, _, rows, color, marker in tables.each(seen):
        axis.loglog(rows["threshold"], rows["crossed_at"], marker, color=color, label=name)
    ratio = np.exp(np.log(seen["crossed_at"] / seen["threshold"]).mean())
    span = np.array([seen["threshold"].min(), seen["threshold"].max()])
    axis.loglog(span, ratio * span, "--", color=GREY, linewidth=1, label=f"{ratio:.1f} $P_l$")
    axis.set(xlabel="predicted $P_l$", ylabel="$P$ at the middle of the step")
    amounts(axis)
    _legend(axis, tables)


def _by_level(axis: Axes, tables: Tables) -> None:
    """Crossings against the level, and how theory has them grow from level 2 on."""
    drawn, parts = False, tables.each(tables.thresholds)
    _span(axis, tables.thresholds["level"])
    for index, (name, _, rows, color, marker) in enumerate(parts):
        rows = rows[np.isfinite(rows["crossed_at"])].sort_values("level")
        if rows.empty:
            continue
        drawn = True
        at = dodged(axis, rows["level"], index, len(parts))
        look = {"color": color, "marker": marker, "linestyle": "-", "linewidth": 0.6}
        errorbars(axis, at, rows, "crossed_at", label=name, **look)
        later = rows[rows["level"] >= 2]
        if not later.empty and later["level"].iloc[0] == 2:
            _growth(axis, tables, at[later.index], later, color)
    if not drawn:
        nothing(axis, "no level is crossed by every rule draw")
        return
    axis.set_yscale("log")
    whole_numbers(axis, tables.thresholds["level"])
    amounts(axis)
    axis.set(xlabel="level $l$", ylabel="$P$ at the middle of the step")
    _learners(axis, tables)


def _by_rules(axis: Axes, tables: Tables) -> None:
    """Crossings of level 3, the first that tells learners apart, against the number of rules."""
    found = tables.thresholds
    found = found[(found["level"] == 3) & np.isfinite(found["crossed_at"])]
    seen: set[float] = set()
    for (network, rows), color, marker in zip(_networks(found), _SHADES, reversed(MARKERS)):
        rules = rows["grammar"].map(lambda name: np.prod(tables.grammars[name].m[:3]) ** (1 / 3))
        rows, rules = rows.loc[rules.sort_values().index], rules.sort_values()
        look = {"color": color, "marker": marker, "linestyle": "-", "linewidth": 0.6}
        errorbars(axis, rules, rows, "crossed_at", label=network, **look)
        _growth(axis, tables, rules, rows, color)
        seen |= {*rules}
    if found.empty:
        nothing(axis, "level 3 is not crossed by every rule draw")
        return
    axis.set(xscale="log", yscale="log", ylabel="$P$ at the middle of level 3")
    axis.set_xlabel("rules a symbol, geometric mean of levels 1 to 3")
    axis.set_xticks([], minor=True)
    amounts(axis)
    axis.set_xticks(sorted(seen), [f"{rules:.3g}" for rules in sorted(seen)])
    _learners(axis, None)


def _growth(axis: Axes, tables: Tables, x: pd.Series, rows: pd.DataFrame, color: object) -> None:
    """How a curve would grow as its predicted thresholds do.

    Beside an architecture that is the only one, also as those of the other learner.
    """
    alone = tables.thresholds["architecture"].nunique() == 1
    for learner, line in _GROWTH.items():
        predicted = rows[f"threshold_{learner}"]
        if alone or np.allclose(predicted, rows["threshold"]):
            grown = rows["crossed_at"].iloc[0] * predicted / predicted.iloc[0]
            axis.plot(x, grown, line, color=color, linewidth=1)


def _learners(axis: Axes, tables: Tables | None) -> None:
    for learner, line in _GROWTH.items():
        axis.plot([], [], line, color=GREY, label=f"growth of a {learner}'s thresholds")
    _legend(axis, tables)


def _invariance(axis: Axes, tables: Tables) -> None:
    """The deepest layer's answer to synonyms against the size over the level's threshold."""
    table = tables.invariance
    if table.empty:
        nothing(axis, "no representations were measured")
        return
    colors: dict[str, Any] = {}
    for (name, _, rows, _, marker), line in zip(tables.each(table), _LINES):
        deepest = rows[rows["layer"] == rows["layer"].max()]
        steps = _mine(tables.thresholds, rows).set_index("level")["threshold"]
        levels = [level for level in sorted(deepest["level"].unique()) if level + 1 in steps.index]
        for level, (color, _) in zip(levels, ordered(len(levels))):
            mine = deepest[deepest["level"] == level]
            axis.semilogx(
                mine["train_size"] / steps[level + 1],
                mine["mean"],
                line,
                color=color,
                marker=marker,
            )
            colors[f"level {level}"] = color
        axis.plot([], [], line, color=GREY, marker=marker, label=name)
    for label, color in colors.items():
        axis.plot([], [], color=color, label=label)
    axis.axhline(0.5, color=GREY, linewidth=0.5)
    axis.set(
        xlabel="$P / P_{l+1}$ (predicted), synonyms of level $l$",
        ylabel="change by a synonym /\nby another symbol",
        ylim=(0, None),
    )
    _legend(axis)


PANELS: dict[ClaimName, tuple[Callable[[Axes, Tables], None], ...]] = {
    "A1": (_at_threshold,),
    "A2": (_at_size, _exponents),
    "A3": (_at_size, _constants),
    "A4": (_at_size, _exponents),
    "B1": (_collapse, _against_predicted),
    "B2": (_by_level, _by_rules),
    "B3": (_by_level, _by_rules),
    "B4": (_invariance,),
    "B5": (_by_level, _by_rules),
    "C1": (by_label_scale,),
    "C2": (by_rules,),
    "D1": (crossings, steepness),
    "D2": (composed,),
}
