"""A figure for each claim: what was measured beside what is predicted, and what decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .curves import CURVE_KEY, falls_to, rows_of
from .fields import CLAIM_TASKS, ClaimName
from .figures import GREY, MARKERS, MEASURE_LABELS, curve_labels
from .grammar import Parameters
from .tasks import Task
from .verdicts import AGREES, DISAGREES, UNDETERMINED

COLORS = {AGREES: "#0173b2", DISAGREES: "#d55e00", UNDETERMINED: "0.45"}
_LINES = ("-", "--", ":", "-.") * 9
_GROWTH = {"cnn": ":", "transformer": "--"}  # of each learner's thresholds
_FARTHEST = 3.0  # half-widths of a region that a row shows


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

    def of(self, task: Task) -> Tables:
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


def claim(name: ClaimName, decided: pd.DataFrame, tables: Tables) -> Figure:
    """The figure of a study's claim.

    Parameters
    ----------
    name
        Of the claim.
    decided
        ``claims.csv`` of the study.
    tables
        What was measured.
    """
    panels, tables = _PANELS[name], tables.of(CLAIM_TASKS[name])
    widths = [*(1.0 for _ in panels), 1.35]
    figure, axes = plt.subplots(
        1,
        len(widths),
        figsize=(3.6 * sum(widths), 3.4),
        squeeze=False,
        gridspec_kw={"width_ratios": widths},
    )
    for axis, panel in zip(axes[0], panels):
        panel(axis, tables)
        sns.despine(ax=axis)
    _criteria(axes[0, -1], decided)
    return figure


def _criteria(axis: Axes, decided: pd.DataFrame) -> None:
    """A row a criterion: its estimate and interval, on the scale of its region."""
    count = len(decided)
    for index, row in enumerate(decided.to_dict("records")):
        at = float(count - 1 - index)
        color = COLORS[str(row["verdict"])]
        told = [row[column] for column in ("estimate", "prediction", "rival")]
        scale = _scale(row["region_low"], row["region_high"], told)
        low, high = scale(row["region_low"]), scale(row["region_high"])
        axis.fill_between([low, high], at - 0.12, at + 0.12, color="0.9", linewidth=0)
        for value, marker in ((row["prediction"], "|"), (row["rival"], "x")):
            if np.isfinite(value):
                axis.plot(scale(value), at, marker, color=GREY, markersize=7)
        if np.isfinite(row["estimate"]):
            axis.plot(scale(row["estimate"]), at, "o", color=color, markersize=5)
            if np.isfinite(row["low"]):
                ends = [scale(row["low"]), scale(row["high"])]
                axis.plot(ends, [at, at], color=color, linewidth=1.4)
                for end, arrow in zip(ends, "<>"):
                    if abs(end) == _FARTHEST:  # goes on beyond
                        axis.plot(end, at, arrow, color=color, markersize=5, clip_on=False)
        text = _number(row["estimate"], row["low"], row["high"])
        axis.text(-_FARTHEST, at + 0.34, str(row["criterion"]), fontsize="small", va="center")
        axis.text(
            -_FARTHEST,
            at + 0.2,
            f"{text}: {row['verdict']}",
            fontsize="x-small",
            va="center",
            color=color,
        )
    axis.set(xlim=(-_FARTHEST, _FARTHEST), ylim=(-0.4, count - 0.4), xticks=[], yticks=[])
    axis.set_xlabel("region in grey, | predicted, x rival")
    sns.despine(ax=axis, left=True, bottom=True)


def _number(estimate: float, low: float, high: float) -> str:
    if not np.isfinite(estimate):
        return "no estimate"
    return f"{estimate:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite(low) else f"{estimate:.2f}"


def _scale(low: float, high: float, told: Iterable[float]) -> Callable[[float], float]:
    """Maps a region to (-1, 1); one with a single edge so that all that is told is seen.

    What is far off goes to the rim.
    """
    if np.isfinite(low) and np.isfinite(high):
        middle, half = (low + high) / 2, (high - low) / 2
    else:
        middle = low if np.isfinite(low) else high if np.isfinite(high) else 0.0
        half = max((abs(value - middle) for value in told if np.isfinite(value)), default=1.0) / 2
    half = half or 1.0
    return lambda value: float(np.clip((value - middle) / half, -_FARTHEST, _FARTHEST))


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
        sizes = shown["train_size"] / unit(grammar)
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
    """Exponents against a; with uniform rules, at the left edge."""
    for name, grammar, rows, color, marker in tables.each(tables.fits):
        rows = rows[np.isfinite(rows["exponent"])]
        given = [a for a in grammar.zipf if a is not None]
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
        sizes, means = rows["train_size"].to_numpy(float), rows["mean"].to_numpy(float)
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
                inside["train_size"] / threshold,
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


def invariance(table: pd.DataFrame, thresholds: pd.DataFrame, title: str) -> Figure:
    """Heat maps of one experiment: a row a curve, a panel a level, layers against sizes.

    `table` is ``invariance.csv``; the line marks the predicted threshold of the level above, which
    tells the synonyms, between the sizes.
    """
    labels = curve_labels(table)
    levels = sorted(table["level"].unique())
    figure, axes = plt.subplots(
        len(labels),
        len(levels),
        figsize=(0.8 + 3.2 * len(levels), 0.5 + 1.9 * len(labels)),
        squeeze=False,
    )
    for row, (key, label) in zip(axes, labels.items()):
        mine = rows_of(table, dict(zip(CURVE_KEY, key)))
        steps = _mine(thresholds, mine).set_index("level")["threshold"]
        for axis, level in zip(row, levels):
            cells = mine[mine["level"] == level].pivot_table(
                index="layer", columns="train_size", values="mean", sort=True
            )
            last = axis is row[-1]
            sns.heatmap(
                cells.iloc[::-1],
                ax=axis,
                vmin=0,
                vmax=1,
                cmap="viridis",
                cbar=last,
                cbar_kws={"label": "synonym / other"} if last else None,
            )
            sizes = np.log(cells.columns.to_numpy(dtype=float))
            if len(sizes) > 1 and (level + 1) in steps.index:
                at = np.interp(np.log(steps[level + 1]), sizes, np.arange(len(sizes)) + 0.5)
                axis.axvline(at, color="white", linestyle="--", linewidth=1.2)
            axis.set(title=f"{label}: synonyms of level {level}", xlabel="$P$", ylabel="layer")
            axis.tick_params(axis="y", rotation=0)
    figure.suptitle(title.replace("$", r"\$"), fontsize="medium")
    return figure


_PANELS: dict[ClaimName, tuple[Callable[[Axes, Tables], None], ...]] = {
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
