"""Studies that were never trained: curves of a known law, with scatter, in the columns of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhm_scaling.analysis.theory_columns import Known
from rhm_scaling.architecture.registry import about
from rhm_scaling.claims.contrasts import steps
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.tasks import MEASURE, Task
from rhm_scaling.theory.complexities import Learner
from rhm_scaling.theory.solve import solve

Array = NDArray[np.float64]
# losses of one rule draw at some sizes, from what theory knows of it
Law = Callable[[Evidence, int, Array], Array]


@cache
def theory(parameters: Parameters, task: Task, draws: int) -> Known:
    """``theory.csv`` of some rule draws."""
    solved = [solve(Grammar.draw(parameters, r), task, r).quantities for r in range(draws)]
    return Known(pd.concat([rows.assign(rule_seed=rule) for rule, rows in enumerate(solved)]))


def design(
    parameters: Parameters,
    task: Task,
    kind: str,
    sizes: Array,
    draws: int = 6,
    protocol: str = "online",
) -> Evidence:
    """A curve before it is trained."""
    rows = pd.DataFrame({"rule_seed": range(draws), "sample_seed": 0, "init_seed": 0})
    rows = rows.merge(pd.DataFrame({"sentences": sizes}), how="cross")
    key = {"grammar": parameters.label(), "task": task, "architecture": kind}
    key |= {"width": 64, "depth": parameters.L, "protocol": protocol, "context": 0}
    known = theory(parameters, task, draws)
    return Evidence(key, kind, about(kind).learner, parameters, rows, known, pd.DataFrame())


def trained(
    curve: Evidence, law: Law, seed: int, of_draws: float = 0.2, of_points: float = 0.05
) -> Evidence:
    """The same with losses of some law: each draw's sizes and each loss get a random factor."""
    generator = np.random.default_rng(
        [seed, *curve.network.encode(), *curve.key["grammar"].encode()]
    )
    parts = []
    for rule, rows in curve.points.groupby("rule_seed"):
        sizes = rows["sentences"].to_numpy(dtype=float)
        moved = sizes * np.exp(of_draws * generator.standard_normal())
        factors = np.exp(of_points * generator.standard_normal(len(sizes)))
        losses = law(curve, int(str(rule)), moved) * factors
        parts.append(rows.assign(**{curve.measure: losses}))
    points = pd.concat(parts).assign(status="ok", stop_reason="patience")
    fields = (curve.key, curve.kind, curve.learner, curve.parameters)
    return Evidence(*fields, points, curve.known, curve.layers)


def staircase(learner: Learner | None = None, factor: float = 4, sharpness: float = 2) -> Law:
    """The last token's excess of a learner; of the network's own, if None."""

    def law(curve: Evidence, rule: int, sizes: Array) -> Array:
        levels = curve.known.entropies[rule]
        corners = factor * curve.thresholds(learner)[rule]
        return steps(corners, levels - levels[-1], sizes, sharpness)

    return law


def power_law(exponent: float, factor: float = 4) -> Law:
    """The excess as a power law that knows of no level, from the first threshold on."""

    def law(curve: Evidence, rule: int, sizes: Array) -> Array:
        levels = curve.known.entropies[rule]
        start = factor * curve.thresholds()[rule][0]
        return np.asarray((levels[0] - levels[-1]) * np.minimum(1, (sizes / start) ** -exponent))

    return law


def represented(
    curve: Evidence, seed: int, at_once: bool = False, layer: int = 3, scatter: float = 0.1
) -> Evidence:
    """The same with a hidden layer that becomes half invariant as the levels above are learnt.

    Or, the rival, to all levels at once; each rule draw's sizes get a random factor, and so does
    each level's.
    """
    generator = np.random.default_rng([seed, *curve.key["grammar"].encode()])
    parts = []
    for rule in curve.draws:
        at = 4 * curve.thresholds()[rule][1:]
        at = np.full(len(at), np.exp(np.log(at).mean())) if at_once else at
        at = at * np.exp(scatter * generator.standard_normal())
        at = at * np.exp(scatter * generator.standard_normal(len(at)))
        rows = pd.DataFrame({"level": np.arange(len(at)) + 1, "half_at": at})
        rows = rows.merge(pd.DataFrame({"train_size": curve.sizes}), how="cross")
        rows["synonym"] = 1 / (1 + (rows["train_size"] / rows["half_at"]) ** 2)
        parts.append(rows.assign(rule_seed=rule, layer=layer, other=1.0))
    return replace(curve, layers=pd.concat(parts))


def measured(curve: Evidence, losses: pd.DataFrame) -> pd.DataFrame:
    """Its points with the losses of another curve."""
    return curve.points.assign(**{MEASURE[curve.key["task"]]: losses})
