"""What the verdicts are computed from: a learning curve by rule draw, with its theory beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .crossings import THRESHOLDS, crossings
from .curves import CURVE_KEY, falls_to, learning_curve, rows_of, usable
from .expectations import entropies, expected, heights, of_curve, thresholds
from .fitting import fit_power_law, fitting_window
from .grammar import Parameters
from .predictions import lookup_error, predicted_excess
from .tasks import MEASURE
from .theory import Learner

Array = NDArray[np.float64]

_START = (1.0,)  # the fit is convex; its many starts check that, where exponents are tabulated


@dataclass(frozen=True)
class Evidence:
    """One learning curve, by rule draw.

    Attributes
    ----------
    key
        Grammar, task, architecture, width and depth.
    kind, learner
        The architecture's kind, and whose thresholds it is predicted to follow.
    parameters
        The grammar's.
    runs
        Rows of its replicas.
    known
        Rows of ``theory.csv`` on its grammar and task.
    test_size
        Sentences that its losses are measured on.
    layers
        Rows of ``representations.csv``; empty if none were asked for.
    """

    key: Mapping[str, Any]
    kind: str
    learner: Learner | None
    parameters: Parameters
    runs: pd.DataFrame
    known: pd.DataFrame
    test_size: int
    layers: pd.DataFrame

    @cached_property
    def measure(self) -> str:
        """The measured column."""
        return MEASURE[self.key["task"]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The curve of all rule draws, with what a window needs, and the lookup table."""
        table = learning_curve(self.runs, self.measure)
        sizes = table["train_size"].to_numpy(dtype=float)
        beside = expected(
            self.parameters, self.key["task"], self.learner, self.known, sizes, self.test_size
        )
        lookup = lookup_error(self.parameters.n, table["overlap"].to_numpy(dtype=float))
        return table.assign(**beside, lookup=lookup)

    @cached_property
    def sizes(self) -> Array:
        """Training sizes ``P``."""
        return self.table["train_size"].to_numpy(dtype=float)

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Excess or error, a row a rule draw, a column a size."""
        good = usable(self.runs)
        losses = good.groupby(["rule_seed", "train_size"])[self.measure].mean().unstack()
        return losses.reindex(columns=self.table["train_size"])

    @cached_property
    def window(self) -> NDArray[np.bool_]:
        """Which sizes enter a fit, by the rule of all fits."""
        return fitting_window(self.table).inside

    @cached_property
    def crossed(self) -> pd.DataFrame:
        """Crossings of the levels that every rule draw crosses between the sizes.

        Levels that some draws do not reach would leave a choice of the fastest draws.
        """
        found = crossings(
            self.runs,
            self.measure,
            heights(self.key["task"], self.known),
            {
                column: thresholds(self.known, who or self.learner)
                for column, who in THRESHOLDS.items()
            },
        )
        complete = found.groupby("level")["crossed_at"].transform(
            lambda at: np.isfinite(at).all() and len(at) == len(self.losses)
        )
        return found[complete.astype(bool)]

    def mean(self, draws: Sequence[int]) -> Array:
        """The curve of some rule draws, ``(sizes,)``."""
        return self.losses.loc[list(draws)].mean().to_numpy(dtype=float)

    def exponent(self, draws: Sequence[int], inside: NDArray[np.bool_] | None = None) -> float:
        """Exponent of the fit to the curve of some rule draws, inside a window."""
        inside = self.window if inside is None else inside
        return fit_power_law(self.sizes[inside], self.mean(draws)[inside], _START).exponent

    def expected_exponent(self, draws: Sequence[int], learner: Learner) -> float:
        """The same fit to the staircase predicted for a learner.

        Its position is predicted up to a factor only, which is taken from the curve's own
        crossings, so that both are fitted over the same steps.
        """
        corners, levels = thresholds(self.known, learner), entropies(self.known)
        rows = self.crossed[self.crossed["rule_seed"].isin(draws)]
        ratios = np.log(rows["crossed_at"] / rows[f"threshold_{learner}"])
        shift = float(np.exp(ratios[np.isfinite(ratios)].mean()))
        if not np.isfinite(shift):
            return np.nan
        curves = [predicted_excess(corners[r] * shift, levels[r], self.sizes) for r in draws]
        return fit_power_law(
            self.sizes[self.window], np.mean(curves, axis=0)[self.window], _START
        ).exponent

    def size_at(self, draws: Sequence[int], share: float) -> float:
        """The size at which the curve of some rule draws falls to a share of chance."""
        height = share * float(self.table["chance"].iloc[0])
        return falls_to(self.sizes, self.mean(draws), height)


def of_study(
    stage: Mapping[str, Any], runs: pd.DataFrame, theory: pd.DataFrame, layers: pd.DataFrame | None
) -> list[Evidence]:
    """All curves of a study.

    Parameters
    ----------
    stage
        Its `curves` (the key, kind, learner and test_size of each) and the specifications of its
        `grammars`.
    runs, theory, layers
        ``runs.csv`` at the chosen rates, ``theory.csv``, ``representations.csv`` if there is one.
    """
    return [
        Evidence(
            {column: curve[column] for column in CURVE_KEY},
            curve["kind"],
            curve["learner"],
            Parameters.from_specification(stage["grammars"][curve["grammar"]]),
            rows_of(runs, curve),
            of_curve(theory, curve),
            curve["test_size"],
            pd.DataFrame() if layers is None else rows_of(layers, curve),
        )
        for curve in stage["curves"]
    ]


def common_draws(curves: Iterable[Evidence]) -> list[int]:
    """Rule draws that every curve has."""
    sets = [set(curve.losses.dropna().index) for curve in curves]
    return sorted(set.intersection(*sets)) if sets else []
