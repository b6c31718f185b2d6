"""What was measured for a claim beside what is predicted: panels of its figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from ..analysis.curves import CURVE_KEY, falls_to, rows_of
from ..claims.names import ClaimName
from ..grammar.model import Parameters
from ..grammar.tasks import Task
from .curves import MEASURE_LABELS, curve_labels
from .style import GREY, MARKERS

_LINES = ("-", "--", ":", "-.") * 9
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

    def for_task(self, task: Task) -> Tables:
        """Their rows on one task; a study may have others beside."""
        names = ("curves", "fits", "crossings", "thresholds", "theory", "invariance")
        tables = {name: getattr(self, name) for name in names}
        # tables that nothing was measured for may have no columns
        return replace(self, **{n: t[t["task"] == task] for n, t in tables.items() if "task" in t})

    def each(self, table: pd.DataFrame) -> list[tuple[str, Parameters, pd.DataFrame, Any, str]]:
        """The curves of a table: label, grammar, rows, colour, marker."""
        labels = curve_labels(table)
        colors = sns.color_palette("colorblind", len(labels))
        parts = []
        for (key, label), color, marker in zip(labels.items(), colors, MARKERS * 9):
            rows = rows_of(table, dict(zip(CURVE_KEY, key)))
            parts.append((label, self.grammars[key[0]], rows, color, marker))
        return parts


def _nothing(axis: Axes, why: str) -> None:
    axis.text(0.5, 0.5, why, ha="center", va="center", transform=axis.transAxes, wrap=True)
    axis.set(xticks=[], yticks=[])


def _legend(axis: Axes) -> None:
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize="x-small")


def _curves(axis: Axes, tables: Tables, unit: Callable[[Parameters], float], label: str) -> None:
    guided = set(tables.curves["task"]) == {"classification"}
    for name, grammar, rows, color, marker in tables.each(tables.curves):
        shown = rows[rows["mean"] > 0]
        sizes = shown["sentences"] / unit(grammar)
        _bars(axis, sizes, shown, "mean", color=color, marker=marker, label=name)
        axis.plot(sizes, shown["lookup"], ":", color=color, linewidth=0.9)
        for a in {a for a in grammar.zipf if a} if guided and len(shown) > 1 else ():
            guide = shown["mean"].iloc[-1] * (sizes / sizes.iloc[-1]) ** (-a / (1 + a))
            axis.plot(sizes[-3:], 0.8 * guide[-3:], "--", color=color, linewidth=0.9)
    for chance in tables.curves["chance"].unique():
        axis.axhline(chance, color=GREY, linewidth=0.6)
    axis.set(xscale="log", yscale="log", xlabel=label)
    axis.set_ylabel(MEASURE_LABELS[str(tables.curves["measure"].iloc[0])])
    for line, meaning, drawn in (
        ("--", "slope $-a/(1+a)$", guided and any(any(g.zipf) for g in tables.grammars.values())),
        (":", "table of seen sentences", tables.curves["lookup"].notna().any()),
        ("-", "chance", True),
    ):
        if drawn:
            axis.plot([], [], line, color=GREY, linewidth=0.9, label=meaning)
    _legend(axis)


def _bars(axis: Axes, x: pd.Series, rows: pd.DataFrame, column: str, **how: Any) -> None:
    """Points with the intervals of their rows, which may be missing."""
    spread = np.nan_to_num([rows[column] - rows["low"], rows["high"] - rows[column]])
    axis.errorbar(x, rows[column], yerr=np.maximum(spread, 0.0), markersize=4, capsize=2, **how)


def _at_size(axis: Axes, tables: Tables) -> None:
    _curves(axis, tables, lambda grammar: 1.0, "training sentences $P$")


def _at_threshold(axis: Axes, tables: Tables) -> None:
    _curves(axis, tables, lambda g: g.n * float(np.prod(g.m)), "$P / n m^L$")
    axis.axvline(1.0, color=GREY, linestyle="--", linewidth=0.9)


def _exponents(axis: Axes, tables: Tables) -> None:
    """Exponents against a; with uniform rules, at the left edge.

    Classification errors of uniform rules drop, and have no exponent.
    """
    for name, grammar, rows, color, marker in tables.each(tables.fits):
        rows = rows[np.isfinite(rows["exponent"])]
        given = [a for a in grammar.zipf if a is not None]
        if not given and {*rows["task"]} == {"classification"}:
            continue
        a = pd.Series(given[0] if given else 0.0, index=rows.index)
        if rows.empty:
            continue
        _bars(axis, a, rows, "exponent", color=color, marker=marker, linestyle="", label=name)
        for column, shape in (("predicted_same_fit", "_"), ("predicted_smooth_fit", "x")):
            axis.plot(a, rows[column], shape, color=color, markersize=9)
    span = np.linspace(0.0, max(2.2, axis.get_xlim()[1]), 60)
    axis.plot(span, span / (1 + span), "--", color=GREY, linewidth=1, label="$a/(1+a)$")
    axis.set(xlabel="Zipf exponent $a$ (0: uniform)", ylabel="fitted exponent (-, x: predicted)")
    axis.set_ylim(bottom=0)
    _legend(axis)


def _depths(axis: Axes, tables: Tables) -> None:
    """The size at a quarter of chance against depth, and its predicted growth."""
    points = []
    for _, grammar, rows, _, _ in tables.each(tables.curves):
        sizes, means = rows["sentences"].to_numpy(float), rows["mean"].to_numpy(float)
        at = falls_to(sizes, means, float(rows["chance"].iloc[0]) / 4)
        points.append((grammar.zipf[0], grammar.L, at, float(np.mean(np.log(grammar.m[1:])))))
    found = pd.DataFrame(points, columns=["a", "L", "at", "growth"]).sort_values(["a", "L"])
    found = found[np.isfinite(found["at"])]
    for (a, rows), marker in zip(found.groupby("a", dropna=False), MARKERS):
        label = "uniform" if pd.isna(a) else f"$a = {a:g}$"
        axis.semilogy(rows["L"], rows["at"], marker=marker, label=label)
        predicted = rows["at"].iloc[0] * np.exp(rows["growth"] * (rows["L"] - rows["L"].iloc[0]))
        axis.semilogy(rows["L"], predicted, "--", color=GREY, linewidth=1, label="growth by $m$")
    axis.set(xlabel="depth $L$", ylabel="$P$ at a quarter of chance")
    axis.set_xticks(sorted(found["L"].unique()))
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
                markersize=4,
                linewidth=0.8,
            )
    for level, line in zip(sorted(tables.thresholds["level"].unique()), _LINES):
        axis.plot([], [], line, color=GREY, linewidth=0.8, label=f"level {level}")
    axis.axhline(0.5, color=GREY, linestyle="--", linewidth=0.9)
    axis.xaxis.set_minor_formatter("")  # a narrow range would label them all
    axis.set(
        xlabel="$P / P_l$ (predicted)", ylabel="share of the step from $H_{l-1}$ to $H_l$ left"
    )
    _legend(axis)


def _mine(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the same curve in another table."""
    return rows_of(table, dict(zip(CURVE_KEY, rows[CURVE_KEY].iloc[0])))


def _against_predicted(axis: Axes, tables: Tables) -> None:
    """Crossings of every rule draw and level against the predicted thresholds."""
    seen = tables.crossings[np.isfinite(tables.crossings["crossed_at"])]
    if seen.empty:
        _nothing(axis, "no level is crossed between the sizes")
        return
    for name, _, rows, color, marker in tables.each(seen):
        axis.loglog(
            rows["threshold"], rows["crossed_at"], marker, color=color, markersize=4, label=name
        )
    ratio = np.exp(np.log(seen["crossed_at"] / seen["threshold"]).mean())
    span = np.array([seen["threshold"].min(), seen["threshold"].max()])
    axis.loglog(span, ratio * span, "--", color=GREY, linewidth=1, label=f"{ratio:.1f} $P_l$")
    axis.set(xlabel="predicted $P_l$", ylabel="size at the middle of the step")
    _legend(axis)


def _by_level(axis: Axes, tables: Tables) -> None:
    """Crossings against the level, and how theory has them grow from level 2 on."""
    drawn = False
    for name, _, rows, color, marker in tables.each(tables.thresholds):
        rows = rows[np.isfinite(rows["crossed_at"])].sort_values("level")
        if rows.empty:
            continue
        drawn = True
        _bars(axis, rows["level"], rows, "crossed_at", color=color, marker=marker, label=name)
        later = rows[rows["level"] >= 2]
        if not later.empty and later["level"].iloc[0] == 2:
            _growth(axis, tables, later["level"], later, color)
    if not drawn:
        _nothing(axis, "no level is crossed by every rule draw")
        return
    axis.set_yscale("log")
    axis.set_xticks(sorted(tables.thresholds["level"].unique()))
    axis.set(xlabel="level $l$", ylabel="size at the middle of the step")
    _learners(axis)


def _by_rules(axis: Axes, tables: Tables) -> None:
    """Crossings of level 3, the first that tells learners apart, against the number of rules."""
    found = tables.thresholds
    found = found[(found["level"] == 3) & np.isfinite(found["crossed_at"])]
    seen: set[float] = set()
    for (kind, rows), color, marker in zip(
        found.groupby("architecture", sort=False), sns.color_palette("colorblind"), MARKERS
    ):
        rules = rows["grammar"].map(lambda name: np.prod(tables.grammars[name].m[:3]) ** (1 / 3))
        rows, rules = rows.loc[rules.sort_values().index], rules.sort_values()
        _bars(axis, rules, rows, "crossed_at", color=color, marker=marker, label=kind)
        _growth(axis, tables, rules, rows, color)
        seen |= {*rules}
    if found.empty:
        _nothing(axis, "level 3 is not crossed by every rule draw")
        return
    axis.set(xscale="log", yscale="log", ylabel="size at the middle of level 3's step")
    axis.set_xlabel("rules a symbol, geometric mean of levels 1 to 3")
    axis.set_xticks([], minor=True)
    axis.set_xticks(sorted(seen), [f"{rules:.3g}" for rules in sorted(seen)])
    _learners(axis)


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


def _learners(axis: Axes) -> None:
    for learner, line in _GROWTH.items():
        axis.plot([], [], line, color=GREY, label=f"grows as of a {learner}")
    _legend(axis)


def _invariance(axis: Axes, tables: Tables) -> None:
    """The deepest layer's answer to synonyms against the size over the level's threshold."""
    table = tables.invariance
    if table.empty:
        _nothing(axis, "no representations were measured")
        return
    colors: dict[str, Any] = {}
    for (name, _, rows, _, marker), line in zip(tables.each(table), _LINES):
        deepest = rows[rows["layer"] == rows["layer"].max()]
        steps = _mine(tables.thresholds, rows).set_index("level")["threshold"]
        levels = [level for level in sorted(deepest["level"].unique()) if level + 1 in steps.index]
        for level, color in zip(levels, sns.color_palette("viridis", len(levels))):
            mine = deepest[deepest["level"] == level]
            axis.semilogx(
                mine["train_size"] / steps[level + 1],
                mine["mean"],
                line,
                color=color,
                marker=marker,
                markersize=3,
            )
            colors[f"level {level}"] = color
        axis.plot([], [], line, color=GREY, marker=marker, markersize=3, label=name)
    for label, color in colors.items():
        axis.plot([], [], color=color, label=label)
    axis.axhline(0.5, color=GREY, linestyle="--", linewidth=0.9)
    axis.set(
        xlabel="$P / P_{l}$ (predicted), synonyms of level $l-1$",
        ylabel="change by a synonym / by another symbol",
        ylim=(0, None),
    )
    _legend(axis)


PANELS: dict[ClaimName, tuple[Callable[[Axes, Tables], None], ...]] = {
    "A1": (_at_threshold,),
    "A2": (_at_size, _exponents),
    "A3": (_at_size, _depths),
    "A4": (_at_size, _exponents),
    "B1": (_collapse, _against_predicted),
    "B2": (_by_level, _by_rules),
    "B3": (_by_level, _by_rules),
    "B4": (_invariance,),
    "B5": (_by_level, _by_rules),
}
