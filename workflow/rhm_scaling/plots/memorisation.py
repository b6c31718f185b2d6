"""Figures of trainings step by step: losses, when memorising begins, what repetition is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..analysis.curves import CURVE_KEY, REPLICA_KEY, cluster_means, geometric_mean, rows_of
from .curves import curve_labels
from .numbers import size, with_interval
from .style import (
    EDGE,
    GREY,
    amounts,
    errorbars,
    handle,
    heading,
    legend_above,
    legend_of,
    nothing_to_draw,
    ordered,
    sizes_axis,
    stacked,
)

_PANEL = 1.9  # inches high
_BEYOND = 1.3  # of an axis, beyond what lies at its ends
_GUIDE: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "zorder": 0}
_EVENTS = {
    "memorised": ("memorising begins", "o", "black"),
    "least_loss": ("least validation loss", "s", "0.5"),
}
_LEVELS = "^vD<>P*"  # markers of learnt levels


def training_losses(histories: pd.DataFrame, onsets: pd.DataFrame, title: str) -> Figure:
    """Training and validation loss against steps, a panel a network, a colour a size.

    Parameters
    ----------
    histories, onsets
        ``training_histories.csv`` and ``onsets.csv``, of one experiment.
    title
        Of the experiment.
    """
    labels = _networks(histories)
    if not labels:
        return nothing_to_draw(title)
    figure, axes = stacked(*[_PANEL] * len(labels), around=1.0)
    looks = _looks(histories)
    for axis, (key, label) in zip(axes, labels.items()):
        mine, found = (_of(table, key) for table in (histories, onsets))
        axis.set(xscale="log", xlabel="step", ylabel="loss (nats)")
        for train_size, rows in mine[mine["step"] > 0].groupby("train_size"):
            whole = rows.groupby("step").agg(
                training=("train_loss", "mean"), validation=("validation_loss", "mean")
            )
            count = rows.groupby("step").size()
            whole = whole[count == count.max()]  # steps that all have reached
            color = looks[float(str(train_size))][0]
            axis.plot(whole.index, whole["training"], color=color, linestyle="--", linewidth=0.8)
            axis.plot(whole.index, whole["validation"], color=color)
            at = _mean_step(found, float(str(train_size)), "memorised", 0)["mean"]
            if np.isfinite(at):
                height = np.interp(np.log(at), np.log(whole.index), whole["validation"])
                axis.plot([at], [height], **_point((color, "o")))
        axis.set_xlim(mine.loc[mine["step"] > 0, "step"].min(), mine["step"].max())
        amounts(axis, "x")
        axis.set_ylim(bottom=-0.04 * axis.get_ylim()[1])
        if len(labels) > 1:
            legend_above(axis, [], label)
    lines = [
        handle("validation", linewidth=1.0),
        handle("training", linestyle="--", linewidth=0.8),
        handle("memorising begins", marker="o", linestyle="none"),
    ]
    told = [handle(_told(P), color=color, linewidth=2.0) for P, (color, _) in looks.items()]
    legend_of(figure, [*told, *lines])
    heading(figure, title)
    return figure


def onsets(found: pd.DataFrame, laws: pd.DataFrame, title: str) -> Figure:
    """Steps at which levels are learnt and memorising begins against ``P``, a panel a network.

    Parameters
    ----------
    found, laws
        ``onsets.csv`` and ``onset_laws.csv``, of one experiment.
    title
        Of the experiment.
    """
    finite = found[np.isfinite(found["train_size"])]
    labels = _networks(finite)
    if not labels:
        return nothing_to_draw(title)
    figure, axes = stacked(*[_PANEL] * len(labels), around=1.0)
    seen: dict[str, Any] = {}
    for axis, (key, label) in zip(axes, labels.items()):
        mine, fitted = _of(finite, key), _of(laws, key)
        axis.set(yscale="log", ylabel="step")
        sizes_axis(axis, mine["train_size"])
        said = "too few sizes for a law"
        for (event, number), rows in mine.groupby(["event", "level"], sort=False):
            level = int(str(number))
            name, marker, color = _EVENTS.get(
                str(event),
                (f"level {level} learnt", _LEVELS[(level - 1) % len(_LEVELS)], GREY),
            )
            table = pd.DataFrame(
                _mean_step(rows, P, str(event), level) | {"P": P}
                for P in sorted(rows["train_size"].unique())
            )
            table = table[np.isfinite(table["mean"])]
            if table.empty:
                continue
            face = "white" if event == "learnt" else color
            look = {"color": color, "marker": marker, "markerfacecolor": face}
            errorbars(axis, table["P"], table, "mean", **look)
            seen[name] = handle(name, linestyle="none", **look)
            of_event = fitted[(fitted["event"] == event) & (fitted["level"] == level)]
            known_laws = of_event[np.isfinite(of_event["exponent"])]
            if known_laws.empty:
                continue
            law = known_laws.iloc[-1]  # once level 1 is learnt, if there are sizes enough
            ends = np.array([law["smallest"], law["largest"]])
            middle = np.log(table.loc[table["P"].between(*ends), ["P", "mean"]]).mean()
            about = np.log(ends) - middle["P"]
            line = np.exp(middle["mean"] + law["exponent"] * about)
            axis.plot(ends, line, color=color, linewidth=0.8)
            if event == "memorised":
                said = f"exponent {with_interval(law['exponent'], law['low'], law['high'])}"
                axis.plot(ends, np.exp(middle["mean"] + about), **_GUIDE, linestyle=":")
                seen["in proportion to $P$"] = handle("in proportion to $P$", linestyle=":")
        amounts(axis)
        name = f"{label}: " if len(labels) > 1 else ""
        legend_above(axis, [], f"{name}memorising begins, {said}")
    legend_of(figure, [*seen.values()])
    heading(figure, title)
    return figure


def repetition(values: pd.DataFrame, laws: pd.DataFrame, title: str) -> Figure:
    """Effective over unique sentences against epochs, a panel a network, a colour a size.

    Parameters
    ----------
    values, laws
        ``repetition.csv`` and ``repetition_laws.csv``, of one experiment.
    title
        Of the experiment.
    """
    labels = _networks(values)
    if not labels:
        return nothing_to_draw(title)
    figure, axes = stacked(*[_PANEL] * len(labels), around=1.2)
    looks = _looks(values)
    for axis, (key, label) in zip(axes, labels.items()):
        mine, fitted = _of(values, key), _of(laws, key)
        axis.set(xscale="log", yscale="log", xlabel="epochs")
        axis.set_ylabel("effective / unique sentences")
        known = mine[np.isfinite(mine["effective"])]
        for train_size, rows in known.groupby("train_size"):
            P = float(str(train_size))
            axis.plot(rows["epochs"], rows["effective"] / P, **_point(looks[P]))
            axis.plot(rows["epochs"], rows["fitted"] / P, color=looks[P][0])
        if len(known):
            ends = np.array([known["epochs"].min(), known["epochs"].max()])
            top = (known["effective"] / known["train_size"]).max() * _BEYOND * 1.3
            axis.plot(ends, ends, **_GUIDE, linestyle="--")
            axis.set(xlim=(ends[0] / _BEYOND, ends[1] * _BEYOND), ylim=(ends[0] / _BEYOND, top))
            amounts(axis, "y", "{:g}".format)
            amounts(axis, "x", "{:g}".format)
        whole = fitted[fitted["train_size"].isna()].iloc[0]
        told = with_interval(whole["estimate"], whole["low"], whole["high"])
        name = f"{label}: " if len(labels) > 1 else ""
        legend_above(axis, [], f"{name}one $R^*$ for all sizes: {told}")
    worth = {}
    if len(labels) == 1:
        worth = laws.dropna(subset="train_size").set_index("train_size")["estimate"].to_dict()
    told_sizes = [
        handle(
            _told(P) + (f", $R^*$ = {size(worth[P])}" if np.isfinite(worth.get(P, np.nan)) else ""),
            **{**_point(look), "linestyle": "-", "color": look[0]},
        )
        for P, look in looks.items()
    ]
    as_good = handle("as good as fresh sentences", linestyle="--", linewidth=0.7)
    legend_of(figure, [*told_sizes, as_good])
    heading(figure, title)
    return figure


def _networks(table: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """Names of the curves of finite training sets."""
    return curve_labels(table[table["protocol"] == "finite"])


def _of(table: pd.DataFrame, key: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of one network, of finite training sets and of fresh sentences."""
    named = dict(zip(CURVE_KEY, key))
    parts = [rows_of(table, {**named, "protocol": protocol}) for protocol in ("finite", "online")]
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _looks(table: pd.DataFrame) -> dict[float, tuple[Any, str]]:
    """A colour and a marker for each size, black for fresh sentences."""
    sizes = sorted(table["train_size"].unique())
    finite = [P for P in sizes if np.isfinite(P)]
    return dict(zip(finite, ordered(len(finite)))) | {
        P: ("black", "x") for P in sizes if not np.isfinite(P)
    }


def _point(look: tuple[Any, str]) -> dict[str, Any]:
    """How a point of that look is drawn."""
    return {"color": look[0], "marker": look[1], "markersize": 3.0, "linestyle": "none", **EDGE}


def _told(train_size: float) -> str:
    return f"$P$ = {train_size:.0f}" if np.isfinite(train_size) else "fresh sentences"


def _mean_step(found: pd.DataFrame, train_size: float, event: str, level: int) -> dict[str, float]:
    """Geometric mean and interval of an event's step over rule draws; none if one has none or 0."""
    mine = found[(found["train_size"] == train_size) & (found["event"] == event)]
    mine = mine[mine["level"] == level].drop_duplicates(REPLICA_KEY)
    with np.errstate(divide="ignore"):
        logs = cluster_means(mine.assign(log=np.log(mine["at_step"])), "log")
    told = len(logs) and np.isfinite(logs).all()
    known = geometric_mean(np.exp(logs)) if told else (np.nan,) * 3
    return dict(zip(("mean", "low", "high"), known))
