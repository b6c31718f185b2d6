"""How loss falls with network size, with data and with compute: tables of replicas in, tables out.

A *family* is an architecture on a grammar and task, at all its widths and depths. Its networks are
compared by their number of parameters ``N`` and by the excess over the exact floor, in nats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import surfaces
from .curves import REPLICA_KEY, crossing, learning_curve, mean_and_interval, usable

Array = NDArray[np.float64]

FAMILY = ["grammar", "task", "architecture"]
MEASURE = "test_excess"
FIT_COLUMNS = [
    *("fit", "train_size", "floor", "quantity", "value", "low", "high"),
    *("cells", "rule_draws", "replicas", "converged"),
]
FRONTIER_COLUMNS = [
    *("budget", "best_parameters", "best_excess", "inside"),
    *("fitted_parameters", "fitted_excess", "parabola_parameters", "parabola_bias"),
]
COMPUTE_COLUMNS = [
    *("width", "depth", "parameters", "step", "sentences", "operations"),
    *("replicas", "mean", "low", "high"),
]
_BUDGETS_PER_OCTAVE = 1
_FEWEST_SIZES = 3  # that a budget has to have been spent on
_MOST_STEPS = 24  # of a history that enter a surface, evenly spaced on a logarithm


def sizes_table(runs: pd.DataFrame, chance: float) -> pd.DataFrame:
    """A row a network size and training size of one family, from replicas at the chosen rates.

    Columns: width, depth, parameters, body_parameters, operations (of a training step of one
    network), then those of `curves.learning_curve` for the excess, and ``fitted``: whether the mean
    is below half of `chance`, that of an untrained network. Above, no power law is expected.
    """
    parts = []
    for (width, depth), rows in runs.groupby(["width", "depth"]):
        same: dict[str, Any] = {"width": width, "depth": depth}
        for name in ("parameters", "body_parameters", "operations"):
            same[name] = rows[name].iloc[0]
        curve = learning_curve(rows, MEASURE)
        parts.append(curve.assign(**same)[[*same, *curve.columns]])
    table = pd.concat(parts).sort_values(["parameters", "train_size"], ignore_index=True)
    return table.assign(fitted=(table["mean"] > 0) & (table["mean"] <= chance / 2))


def _matrix(runs: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """A row a replica, a column a cell, in the order of `cells`; NaN where it diverged."""
    key = ["width", "depth", "train_size"]
    table = usable(runs).pivot_table(index=REPLICA_KEY, columns=key, values=MEASURE)
    return table.reindex(columns=pd.MultiIndex.from_frame(cells[key]))


def family_fits(runs: pd.DataFrame, table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Fits of one family, with columns `FIT_COLUMNS`: a row a quantity.

    ``fit: size`` is the law in ``N`` at one training size, ``fit: joint`` that in both. Each is
    made with the floor at the exact one, and with a floor left free.
    """
    inside = table[table["fitted"]]
    rows: list[dict[str, Any]] = []
    for size, cells in inside.groupby("train_size"):
        sizes, same = cells["parameters"].to_numpy(float), {"fit": "size", "train_size": size}
        rows += _fitted(sizes, None, _matrix(runs, cells), seed, same)
    sizes, data = (inside[name].to_numpy(float) for name in ("parameters", "train_size"))
    rows += _fitted(sizes, data, _matrix(runs, inside), seed, {"fit": "joint"})
    return pd.DataFrame(rows, columns=FIT_COLUMNS)


def _fitted(
    sizes: Array,
    data: Array | None,
    replicas: pd.DataFrame,
    seed: int,
    same: Mapping[str, Any],
    effort: surfaces.Effort | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of a fit with the exact floor and of one with a free floor; none if there is no fit."""
    for floor, free in (("exact", False), ("free", True)):
        surface, found = surfaces.surface_with_intervals(
            sizes, data, replicas, seed, free, effort=effort
        )
        if not np.isfinite(surface.size_exponent):
            continue
        amplitudes = {"size_amplitude": surface.size_amplitude}
        if data is not None:
            amplitudes["data_amplitude"] = surface.data_amplitude
        known = {
            **same,
            "floor": floor,
            "cells": len(sizes),
            "rule_draws": replicas.index.get_level_values("rule_seed").nunique(),
            "replicas": len(replicas),
            "converged": surface.converged,
        }
        for name, (value, low, high) in found.items():
            yield {**known, "quantity": name, "value": value, "low": low, "high": high}
        for name, value in amplitudes.items():
            yield {**known, "quantity": name, "value": value, "low": np.nan, "high": np.nan}


def surface_of(fits: pd.DataFrame, fit: str, floor: str = "exact") -> surfaces.Surface:
    """The surface whose quantities `family_fits` or `online_fits` wrote; `NO_FIT` if none did."""
    rows = fits[(fits["fit"] == fit) & (fits["floor"] == floor)].set_index("quantity")
    if not len(rows):
        return surfaces.NO_FIT
    names = ("floor", "size_amplitude", "size_exponent", "data_amplitude", "data_exponent")
    known = {name: float(rows["value"].get(name, 0.0)) for name in names}
    return surfaces.Surface(**known, converged=bool(rows["converged"].iloc[0]))


class Histories:
    """Online trainings of one family: what a network of some size has reached after some effort.

    Parameters
    ----------
    rows
        A row a replica and evaluation, at the chosen rates: width, depth, the seeds, step,
        validation_excess.
    networks
        A row a size: width, depth, parameters, operations (of a training step of one network),
        batch_size.
    chance
        Excess of an untrained network.
    """

    def __init__(self, rows: pd.DataFrame, networks: pd.DataFrame, chance: float) -> None:
        self._networks = networks.sort_values("parameters", ignore_index=True)
        self.sizes = self._networks["parameters"].to_numpy(float)
        self._operations = self._networks["operations"].to_numpy(float)
        batch = self._networks["batch_size"].to_numpy(float)
        self._batch, self._chance = batch, chance
        self.effort = surfaces.Effort.fit(self.sizes, self._operations / batch)
        self._tables = []
        for _, network in self._networks.iterrows():
            mine = rows[(rows["width"] == network["width"]) & (rows["depth"] == network["depth"])]
            mine = mine[mine["step"] > 0]
            table = mine.pivot_table(
                index=REPLICA_KEY, columns="step", values="validation_excess", dropna=False
            )
            self._tables.append(table)

    def means(self) -> Iterator[tuple[Array, Array]]:
        """By size: steps, and the mean excess over rule draws where all replicas are under way."""
        for table in self._tables:
            by_draw = table.groupby(level="rule_seed").mean().mean()
            whole = by_draw.where(table.notna().all())
            yield whole.index.to_numpy(float), whole.to_numpy(float)

    def table(self) -> pd.DataFrame:
        """Loss against compute, with columns `COMPUTE_COLUMNS`: a row a size and evaluation.

        The mean over rule draws with its interval, while all replicas are under way.
        """
        rows = []
        for (_, network), table in zip(self._networks.iterrows(), self._tables):
            same = {name: network[name] for name in ("width", "depth", "parameters")}
            for step, excess in table.loc[:, table.notna().all()].items():
                steps = int(str(step))
                by_draw = excess.groupby(level="rule_seed").mean().to_numpy(float)
                values = by_draw if len(by_draw) > 1 else excess.to_numpy(float)
                mean, low, high = mean_and_interval(values)
                rows.append(
                    {
                        **same,
                        "step": steps,
                        "sentences": steps * network["batch_size"],
                        "operations": steps * network["operations"],
                        **{"replicas": len(excess), "mean": mean, "low": low, "high": high},
                    }
                )
        whole = ["width", "depth", "parameters", "step", "sentences"]
        return pd.DataFrame(rows, columns=COMPUTE_COLUMNS).astype(dict.fromkeys(whole, np.int64))

    def fits(self, seed: int) -> pd.DataFrame:
        """The law in size and in sentences seen, with columns `FIT_COLUMNS` (``fit: online``).

        The rate is constant, so every evaluation is the end of a shorter training. Only those below
        half of chance enter, spaced evenly on a logarithm.
        """
        columns, sizes, data = [], [], []
        for size, batch, table, (steps, excess) in zip(
            self.sizes, self._batch, self._tables, self.means()
        ):
            good = steps[(excess > 0) & (excess <= self._chance / 2)]
            for step in _spaced(good):
                columns.append(table[int(step)])
                sizes.append(size)
                data.append(step * batch)
        if not columns:
            return pd.DataFrame(columns=FIT_COLUMNS)
        replicas = pd.concat(columns, axis=1)
        replicas.columns = range(len(columns))
        same = {"fit": "online", "train_size": np.inf}
        arrays = np.array(sizes), np.array(data)
        rows = _fitted(*arrays, replicas, seed, same, self.effort)
        return pd.DataFrame(list(rows), columns=FIT_COLUMNS)

    def frontier(self, surface: surfaces.Surface) -> pd.DataFrame:
        """The best size for each budget of operations, with columns `FRONTIER_COLUMNS`.

        Measured among the swept sizes; from the fitted `surface`; and by a parabola through the
        losses of one budget, with the error that this method makes on the surface itself.
        """
        curves = [
            (steps * operations, excess)
            for operations, (steps, excess) in zip(self._operations, self.means())
        ]
        low = min(spent[0] for spent, _ in curves if len(spent))
        high = max(spent[-1] for spent, _ in curves if len(spent))
        octaves = np.arange(np.log2(low), np.log2(high), 1 / _BUDGETS_PER_OCTAVE)
        budgets = np.exp2(octaves)
        losses = np.array([surfaces.loss_at_budget(*curve, budgets) for curve in curves])
        losses = np.where(losses <= self._chance / 2, losses, np.nan)
        kept = np.isfinite(losses).sum(axis=0) >= _FEWEST_SIZES
        budgets, losses = budgets[kept], losses[:, kept]
        best = surfaces.envelope(self.sizes, losses)
        rows = []
        for index, budget in enumerate(budgets):
            known = np.isfinite(losses[:, index])
            optimum = surfaces.optimal_size(surface, self.effort, budget)
            sentences = budget / self.effort.at(np.array([optimum]))
            rows.append(
                {
                    "budget": budget,
                    "best_parameters": best.sizes[index],
                    "best_excess": best.losses[index],
                    "inside": bool(best.inside[index]),
                    "fitted_parameters": optimum,
                    "fitted_excess": float(surface.at(np.array([optimum]), sentences)[0]),
                    "parabola_parameters": surfaces.parabola_optimum(self.sizes, losses[:, index]),
                    "parabola_bias": surfaces.parabola_bias(
                        surface, self.effort, self.sizes[known], budget
                    ),
                }
            )
        return pd.DataFrame(rows, columns=FRONTIER_COLUMNS)


def _spaced(steps: Array) -> Array:
    """At most `_MOST_STEPS` of some growing steps, evenly spaced on a logarithm."""
    if len(steps) <= _MOST_STEPS:
        return steps
    wanted = np.geomspace(steps[0], steps[-1], _MOST_STEPS)
    return np.unique(steps[np.abs(np.log(steps[:, None] / wanted)).argmin(axis=0)])


def levels_reached(
    runs: pd.DataFrame, table: pd.DataFrame, entropies: Mapping[int, Array]
) -> pd.DataFrame:
    """The size at which each level is learnt, of one family at its largest amount of data.

    A level ``l`` is reached where the excess falls below the middle of ``H_(l-1)`` and ``H_l``,
    between sizes on both logarithms.

    Parameters
    ----------
    runs, table
        Of one family, at the chosen rates; what `sizes_table` makes of them.
    entropies
        ``H_0 .. H_L`` by rule draw.

    Returns
    -------
    DataFrame
        A row a rule draw and level: train_size, rule_seed, level, reached (parameters; NaN if the
        smallest size has it, infinite if the largest has not).
    """
    largest = table["train_size"].max()
    here = usable(runs[runs["train_size"] == largest])
    rows = []
    for rule, group in here.groupby("rule_seed"):
        by_size = group.groupby("parameters")[MEASURE].mean()
        sizes = by_size.index.to_numpy(float)
        learnt = -np.log(by_size.to_numpy(float))
        excess = entropies[int(str(rule))] - entropies[int(str(rule))][-1]
        for level, middle in enumerate((excess[:-1] + excess[1:]) / 2, 1):
            at = crossing(sizes, learnt, -np.log(middle)) if middle > 0 else np.inf
            rows.append({"train_size": largest, "rule_seed": rule, "level": level, "reached": at})
    return pd.DataFrame(rows, columns=["train_size", "rule_seed", "level", "reached"])


def family(table: pd.DataFrame, key: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one family; `key` holds `FAMILY`, and may hold more."""
    return table[(table[FAMILY] == pd.Series({name: key[name] for name in FAMILY})).all(axis=1)]
