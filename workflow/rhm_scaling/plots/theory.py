"""Figures of what is known before any training: predicted curves, thresholds, entropies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import (
    COLORS,
    GREY,
    heading,
    in_turn,
    legend_above,
    ranks_axis,
    same_curves,
    stacked,
    whole_numbers,
)

_LEARNERS = {"cnn": ("o", 0), "transformer": ("s", 1)}
_CLASSIFICATION = {
    "any_patch": ("any unknown patch fails", ":"),
    "marginalised": ("marginalised", "-"),
    "asymptotic": ("asymptotic power law", "--"),
    "lookup": ("lookup table", "-."),
}


def theory_figure(
    task: str,
    quantities: pd.DataFrame,
    curves: pd.DataFrame,
    survey: pd.DataFrame | None,
    title: str,
) -> Figure:
    """The theory of one grammar and task.

    Parameters
    ----------
    task
        One of the three.
    quantities, curves
        Rows of ``theory.csv`` and ``predictions.csv`` for this grammar and task.
    survey
        Thresholds of many rule draws, if rules are drawn.
    title
        Heading.
    """
    if task == "autoregressive":
        figure, (axis,) = stacked(2.0)
        _positions(axis, quantities)
    else:
        figure, (left, right) = stacked(2.2, 2.2, around=0.7)
        known = quantities[quantities["quantity"].isin(["threshold", "sample_complexity"])]
        known = known[np.isfinite(known["value"])]
        if not (len(known) and len(curves)):  # nothing is correlated, nothing can be learnt
            for axis in (left, right):
                axis.set_axis_off()
                axis.text(0.5, 0.5, "correlations vanish: no threshold", ha="center")
        elif task == "last_token":
            _staircases(left, quantities, curves)
            _levels(right, known, survey)
        else:
            _errors(left, quantities, curves)
            _ranks(right, known, survey)
    heading(figure, title)
    sns.despine(figure)
    return figure


def _mean(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean over rule draws, at the sizes that all draws have."""
    draws = curves["rule_seed"].nunique()
    table = curves.groupby("train_size")["value"].agg(["mean", "count"])
    return table[(table["count"] == draws) & (table["mean"] > 0)].reset_index()


def _staircases(axis: Axes, quantities: pd.DataFrame, curves: pd.DataFrame) -> None:
    """Excess of every draw as a staircase, and the mean power law through their middles."""
    exponents = quantities[quantities["quantity"] == "exponent"].set_index("learner")["value"]
    means = {}
    for learner, (_, number) in _LEARNERS.items():
        mine = curves[curves["learner"] == learner]
        stairs = mine[(mine["prediction"] == "staircase") & (mine["value"] > 0)]
        for _, draw in stairs.groupby("rule_seed"):
            axis.step(
                draw["train_size"],
                draw["value"],
                where="post",
                color=COLORS[number],
                linewidth=0.6,
                alpha=0.5,
            )
        means[learner] = _mean(mine[mine["prediction"] == "envelope"].dropna())
    # the learners' power laws may be one, and are told apart in grey too
    dashes = [in_turn(0, 1), in_turn(0, 1, 1.0, 1.0)]
    if len(same_curves({who: mean.to_numpy() for who, mean in means.items()})) == 1:
        dashes = [in_turn(index, 2) for index in range(2)]
    for (learner, mean), dash in zip(means.items(), dashes):
        known = exponents.get(learner, np.nan)
        label = f"{learner}" + (f", asymptotic exponent {known:.2f}" if np.isfinite(known) else "")
        color = COLORS[_LEARNERS[learner][1]]
        axis.plot(mean["train_size"], mean["mean"], color=color, linestyle=dash, label=label)
    lowest = min(mean["mean"].min() for mean in means.values())
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="training sentences $P$",
        ylabel="excess over the Bayes limit (nats)",
    )
    if np.isfinite(lowest):
        axis.set_ylim(bottom=lowest / 1.5)
    legend_above(axis, title="predicted staircases, power law through their steps")


def _levels(axis: Axes, known: pd.DataFrame, survey: pd.DataFrame | None) -> None:
    """Thresholds by level: many draws, the study's own, the ensemble and the papers' form."""
    known = known[known["quantity"] == "threshold"]
    for learner, (marker, color) in _LEARNERS.items():
        side = 0.12 if learner == "transformer" else -0.12
        mine = known[known["learner"] == learner]
        if survey is not None:
            drawn = survey[(survey["learner"] == learner) & np.isfinite(survey["threshold"])]
            # draws side by side, in a fixed order: a figure must not change by itself
            spread = side + 0.16 * (drawn["rule_seed"] / max(survey["rule_seed"].max(), 1) - 0.5)
            axis.plot(
                drawn["level"] + spread,
                drawn["threshold"],
                ".",
                color=COLORS[color],
                markersize=2.5,
                alpha=0.6,
            )
            # the ensemble's closed form averages squared correlations, that is 1/P_l
            rates = 1 / survey[survey["learner"] == learner].set_index("level")["threshold"]
            mean = 1 / rates.groupby("level").mean()
            axis.plot(
                mean.index + side,
                mean.where(np.isfinite(mean)),
                "D",
                color="white",
                markeredgecolor=COLORS[color],
                markersize=5,
                zorder=3,
                label=f"{learner}, harmonic mean of draws",
            )
        else:
            own = mine[mine["method"] == "correlations"]
            axis.plot(own["level"] + side, own["value"], marker, color=COLORS[color], label=learner)
        for method, line in {"ensemble": "-", "closed form": ":"}.items():
            rows = mine[mine["method"] == method].sort_values("level")
            if len(rows):
                name = "ensemble" if method == "ensemble" else "large $v$"
                axis.plot(
                    rows["level"].astype(float) + side,
                    rows["value"],
                    line,
                    marker=marker if line == "-" else "",
                    markersize=2.5,  # inside the diamonds
                    zorder=4,
                    linewidth=1,
                    color=COLORS[color],
                    label=f"{learner}, {name}",
                )
    axis.set(yscale="log", xlabel="level $l$", ylabel="threshold $P_l$ (sentences)")
    whole_numbers(axis, known["level"].astype(float))
    many = "" if survey is None else f", {survey['rule_seed'].nunique()} rule draws (dots)"
    legend_above(axis, title=f"exact correlations{many}")


def _errors(axis: Axes, quantities: pd.DataFrame, curves: pd.DataFrame) -> None:
    """Predicted classification errors, mean over rule draws."""
    for color, (prediction, (label, line)) in enumerate(_CLASSIFICATION.items()):
        mean = _mean(curves[curves["prediction"] == prediction].dropna(subset=["value"]))
        if len(mean):
            axis.plot(mean["train_size"], mean["mean"], line, color=COLORS[color], label=label)
    axis.set(xscale="log", yscale="log", xlabel="training sentences $P$", ylabel="error")
    shown = curves[curves["prediction"] != "lookup"]["value"]
    low = shown[shown > 0].min() if (shown > 0).any() else curves["value"].min()
    axis.set_ylim(max(float(low) / 3, 1e-6), 1.5)
    if not (curves["prediction"] == "marginalised").any():
        at = quantities[(quantities["quantity"] == "threshold")]["value"].mean()
        if math.isfinite(at):  # in some draw there may be nothing to see
            axis.axvline(at, color=GREY, linestyle="--", linewidth=1, label="predicted threshold")
        axis.set_ylim(0.1, 1.5)
        axis.yaxis.set_minor_formatter("")  # a narrow range would label them all
    legend_above(axis, title="predicted classification error")


def _ranks(axis: Axes, thresholds: pd.DataFrame, survey: pd.DataFrame | None) -> None:
    """Thresholds of the level-1 rules by rank."""
    color = COLORS[0]
    known = thresholds[thresholds["quantity"] == "sample_complexity"]
    ensemble = known[known["method"] == "ensemble"].sort_values("index")
    if survey is not None and len(ensemble) and np.ptp(ensemble["value"]) == 0:
        _histogram(axis, thresholds, survey)
        return
    own = known[known["method"] == "correlations"]
    many = ""
    for row, (_, draw) in enumerate(own.groupby("rule_seed")):
        axis.plot(
            draw["index"].astype(float),
            draw["value"],
            ".",
            color=color,
            markersize=3,
            label=None if row else "correlations of the study's draws",
        )
    if survey is not None and len(ensemble):
        # within a draw complexities are exactly proportional to 1/f_k: one ratio says it all
        ratios = survey["threshold"] / survey["ensemble"]
        seen = ratios[np.isfinite(ratios)]  # the others have no correlation
        if len(seen):
            low, high = seen.quantile([0.05, 0.95])
            ranks, values = ensemble["index"].astype(float), ensemble["value"]
            band = f"90% of {len(seen)} rule draws"
            axis.fill_between(
                ranks, low * values, high * values, color=color, alpha=0.25, linewidth=0, label=band
            )
        many = f", {len(survey)} rule draws"
    for method, line, label in (("ensemble", "-", "ensemble"), ("closed form", ":", "large $v$")):
        rows = known[known["method"] == method].sort_values("index")
        if len(rows):
            axis.plot(rows["index"].astype(float), rows["value"], line, color=GREY, label=label)
    axis.set(yscale="log", xlabel="rank $k$", ylabel="threshold $P_k$ (sentences)")
    ranks_axis(axis, known["index"].astype(float))
    legend_above(axis, title=f"exact correlations with the label{many}")


def _histogram(axis: Axes, thresholds: pd.DataFrame, survey: pd.DataFrame) -> None:
    """Thresholds of many rule draws with uniform rules, which all have the same."""
    color = COLORS[0]
    known = thresholds[thresholds["quantity"] == "threshold"].set_index("method")["value"]
    # rules that fill all tuples can leave the label without any correlation
    finite = survey["threshold"][np.isfinite(survey["threshold"])]
    without = len(survey) - len(finite)
    if len(finite):
        low, high = finite.min(), finite.max()
        if high - low < 1e-6 * high:  # the same in all draws, but for rounding
            low, high = 0.9 * low, 1.1 * high
        axis.hist(finite, bins=[*np.linspace(low, high, 17)], color=color, alpha=0.4)
    harmonic = 1 / (1 / survey["threshold"]).mean() if len(finite) else math.inf
    for value, line, label in (
        (harmonic, "--", "harmonic mean of draws"),
        (known["ensemble"], "-", "ensemble"),
        (known["closed form"], ":", "large $v$"),
    ):
        if math.isfinite(value):
            axis.axvline(value, color=GREY, linestyle=line, label=label)
    axis.set(xlabel="threshold $P^*$ (sentences)", ylabel="rule draws")
    draws = f"{len(survey)} rule draws"
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(
        axis,
        title=f"exact correlations: none in {without} of {draws}"
        if without
        else f"exact correlations with the label, {draws}",
    )


def _positions(axis: Axes, quantities: pd.DataFrame) -> None:
    """Entropy of every token given those before it."""
    color = COLORS[0]
    known = quantities[quantities["quantity"] == "position_entropy"].copy()
    known["position"] = known["index"].astype(int) + 1
    draws: Any = known.groupby("position")["value"]
    mean = draws.mean()
    for _, draw in known.groupby("rule_seed"):
        axis.plot(draw["position"], draw["value"], ".", color=color, markersize=3, alpha=0.6)
    axis.plot(mean.index, mean, color=color, linewidth=1, label="mean over rule draws")
    rates = quantities[quantities["quantity"] == "entropy_rate"]
    rate = rates[rates["rule_seed"].notna()]["value"].mean()
    axis.axhline(rate, color=GREY, linestyle="--", linewidth=1, label="mean: the floor")
    axis.set(xlabel="position", ylabel="entropy given all tokens before (nats)")
    whole_numbers(axis, known["position"])
    axis.set_ylim(0, float(known["value"].max()) * 1.05)
    legend_above(axis)
