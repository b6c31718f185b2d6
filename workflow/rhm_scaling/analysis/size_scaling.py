"""How the excess falls with network size, with data and with compute: tables in, tables out.

A *family* is an architecture on a grammar and task, at all its widths and depths. Its networks are
compared by their number of parameters ``N`` and by the excess over the exact floor, in nats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..theory.predicted_curves import middles
from . import loss_surface
from .curves import (
    REPLICA_KEY,
    falls_to,
    geometric_mean,
    learning_curve,
    mean_and_interval,
    usable,
)

Array = NDArray[np.float64]

FAMILY = ["grammar", "task", "architecture", "context"]
MEASURE = "test_excess"
FIT_COLUMNS = [
    *("fit", "train_size", "floor", "quantity", "estimate", "low", "high"),
    *("cells", "rule_draws", "replicas", "converged"),
]
FRONTIER_COLUMNS = [
    *("budget", "best_parameters", "best_excess", "inside"),
    *("fitted_parameters", "low", "high", "fitted_excess"),
    *("parabola_parameters", "parabola_bias"),
]
LEVEL_COLUMNS = ["train_size", "level", "rule_draws", "draws", "reached", "low", "high"]
COMPUTE_COLUMNS = [
    *("width", "depth", "parameters", "step", "sentences", "operations"),
    *("replicas", "mean", "low", "high"),
]
_BUDGETS_PER_OCTAVE = 1
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
        curve = learning_curve(rows, MEASURE, over="train_size")
        parts.append(curve.assign(**same)[[*same, *curve.columns]])
    table = pd.concat(parts).sort_values(["parameters", "train_size"], ignore_index=True)
    return table.assign(fitted=(table["mean"] > 0) & (table["mean"] <= chance / 2))


def _matrix(runs: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """A row a replica, a column a cell, in the order of `cells`; NaN where it failed."""
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


_FLOORS = {"exact": False, "free": True}  # whether it is left free


def _fitted(
    sizes: Array, data: Array | None, replicas: pd.DataFrame, seed: int, same: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Rows of a fit with the exact floor and of one with a free floor; none if there is no fit."""
    for floor, free in _FLOORS.items():
        fit, found, _ = loss_surface.surface_with_intervals(sizes, data, replicas, seed, free)
        yield from _rows(fit, found, replicas, {**same, "floor": floor})


def _rows(
    fit: loss_surface.Surface,
    found: Mapping[str, loss_surface.Interval],
    replicas: pd.DataFrame,
    same: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    if not np.isfinite(fit.size_exponent):
        return
    known = {
        **same,
        "cells": replicas.shape[1],
        "rule_draws": replicas.index.get_level_values("rule_seed").nunique(),
        "replicas": len(replicas),
        "converged": fit.converged,
    }
    for name, (estimate, low, high) in found.items():
        yield {**known, "quantity": name, "estimate": estimate, "low": low, "high": high}


def surface_of(fits: pd.DataFrame, fit: str, floor: str = "exact") -> loss_surface.Surface:
    """The surface whose quantities `family_fits` or `Histories.fits` found; `NO_FIT` if none."""
    rows = fits[(fits["fit"] == fit) & (fits["floor"] == floor)].set_index("quantity")
    if not len(rows):
        return loss_surface.NO_FIT
    names = ("floor", "size_amplitude", "size_exponent", "data_amplitude", "data_exponent")
    known = {name: float(rows["estimate"].get(name, 0.0)) for name in names}
    return loss_surface.Surface(**known, converged=bool(rows["converged"].iloc[0]))


class Histories:
    """Online trainings of one family: what a network of some size has reached after some effort.

    Parameters
    ----------
    rows
        Rows of ``histories.csv``: width, depth, the seeds, step, test_excess.
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
        self.effort = loss_surface.Effort.fit(self.sizes, self._operations / batch)
        self._tables = []
        for _, network in self._networks.iterrows():
            mine = rows[(rows["width"] == network["width"]) & (rows["depth"] == network["depth"])]
            table = mine.pivot_table(
                index=REPLICA_KEY, columns="step", values=MEASURE, dropna=False
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

    def _cells(self) -> tuple[Array, Array, pd.DataFrame]:
        """Sizes, sentences seen, and the replicas' excess (a column a cell) that enter the fits.

        Only what is below half of chance, evenly spaced on a logarithm.
        """
        columns, sizes, data = [], [], []
        for size, batch, table, (steps, excess) in zip(
            self.sizes, self._batch, self._tables, self.means()
        ):
            for step in _spaced(steps[(excess > 0) & (excess <= self._chance / 2)]):
                columns.append(table[int(step)])
                sizes.append(size)
                data.append(step * batch)
        index = self._tables[0].index
        replicas = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
        replicas.columns = range(len(columns))
        return np.array(sizes), np.array(data), replicas

    @cached_property
    def budgets(self) -> Array:
        """Operations at which sizes are compared, from the cheapest evaluation to the dearest."""
        each = [steps * once for once, (steps, _) in zip(self._operations, self.means())]
        spent: Array = np.log2(np.concatenate(each))
        if not len(spent):  # everything diverged
            return spent
        return np.exp2(np.arange(spent.min(), spent.max(), 1 / _BUDGETS_PER_OCTAVE))

    def fits(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The law in size and in sentences seen, and the best size for each budget.

        The rate is constant, so every evaluation is the end of a shorter training.

        Returns
        -------
        fits
            With columns `FIT_COLUMNS`, as `family_fits` (``fit: online``).
        frontier
            With columns `FRONTIER_COLUMNS`: the best of the swept sizes; the optimum of the law
            with the exact floor; and that of a parabola through the losses of one budget, with the
            error that this method makes on the law itself.
        """
        sizes, data, replicas = self._cells()
        rows: list[dict[str, Any]] = []
        frontier = pd.DataFrame(columns=FRONTIER_COLUMNS)
        for floor, free in _FLOORS.items():
            fit, found, optima = loss_surface.surface_with_intervals(
                sizes, data, replicas, seed, free, self.effort, self.budgets.tolist()
            )
            same = {"fit": "online", "train_size": np.inf, "floor": floor}
            rows += _rows(fit, found, replicas, same)
            if not free:
                frontier = self._frontier(fit, optima)
        return pd.DataFrame(rows, columns=FIT_COLUMNS), frontier

    def _frontier(
        self, fit: loss_surface.Surface, optima: Sequence[loss_surface.Interval]
    ) -> pd.DataFrame:
        curves = [
            (steps * operations, excess)
            for operations, (steps, excess) in zip(self._operations, self.means())
        ]
        losses = np.array([loss_surface.loss_at_budget(*curve, self.budgets) for curve in curves])
        best = loss_surface.envelope(self.sizes, losses)
        begun = best.losses <= self._chance / 2  # before, no law is expected
        losses = np.where(losses <= self._chance / 2, losses, np.nan)
        rows = []
        for index, (budget, (optimum, low, high)) in enumerate(zip(self.budgets, optima)):
            known = np.isfinite(losses[:, index])
            sentences = budget / self.effort.at(np.array([optimum]))
            rows.append(
                {
                    "budget": budget,
                    "best_parameters": best.sizes[index] if begun[index] else np.nan,
                    "best_excess": best.losses[index] if begun[index] else np.nan,
                    "inside": bool(best.inside[index] and begun[index]),
                    **{"fitted_parameters": optimum, "low": low, "high": high},
                    "fitted_excess": float(fit.at(np.array([optimum]), sentences)[0]),
                    "parabola_parameters": loss_surface.parabola_optimum(
                        self.sizes, losses[:, index]
                    ),
                    "parabola_bias": loss_surface.parabola_bias(
                        fit, self.effort, self.sizes[known], budget
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

    A level ``l`` is reached where the excess of a rule draw falls below the middle of its
    ``H_(l-1)`` and ``H_l``, between sizes on both logarithms.

    Parameters
    ----------
    runs, table
        Of one family, at the chosen rates; what `sizes_table` makes of them.
    entropies
        ``H_0 .. H_L`` by rule draw.

    Returns
    -------
    DataFrame
        A row a level: train_size, level, rule_draws, draws (that reach it between the sizes),
        reached (parameters, geometric mean over rule draws; infinite if the largest size is too
        small for one, NaN if the smallest is large enough for one), low, high (Student's interval).
    """
    largest = table["train_size"].max()
    here = usable(runs[runs["train_size"] == largest])
    reached = []
    for rule, group in here.groupby("rule_seed"):
        by_size = group.groupby("parameters")[MEASURE].mean()
        sizes, excess = by_size.index.to_numpy(float), by_size.to_numpy(float)
        reached.append(
            [falls_to(sizes, excess, middle) for middle in middles(entropies[int(str(rule))])]
        )
    rows = []
    for level, at in enumerate(np.array(reached).T, 1):
        ends = dict(zip(("reached", "low", "high"), geometric_mean(at)))
        draws = {"rule_draws": len(at), "draws": int(np.isfinite(at).sum())}
        rows.append({"train_size": largest, "level": level, **draws, **ends})
    return pd.DataFrame(rows, columns=LEVEL_COLUMNS)


def family(table: pd.DataFrame, key: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one family; `key` holds `FAMILY`, and may hold more."""
    return table[(table[FAMILY] == pd.Series({name: key[name] for name in FAMILY})).all(axis=1)]
