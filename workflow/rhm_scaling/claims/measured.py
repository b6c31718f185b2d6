"""What the verdicts are computed from: a learning curve by rule draw, with its theory beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.curves import CURVE_KEY, falls_to, learning_curve, rows_of, usable
from ..analysis.power_law import fit_power_law, fitting_window
from ..analysis.theory_columns import Known, predicted_columns
from ..analysis.thresholds import THRESHOLDS, crossings
from ..grammar.model import Parameters
from ..grammar.tasks import MEASURE
from ..theory.complexities import Learner
from ..theory.predicted_curves import lookup_error

Array = NDArray[np.float64]

_MOST_CAPPED = 0.5
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
        What theory says of its grammar and task.
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
    known: Known
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
        sizes = table["sentences"].to_numpy(dtype=float)
        beside = predicted_columns(
            self.parameters, self.key["task"], self.learner, self.known, sizes, self.test_size
        )
        lookup = lookup_error(self.parameters.n, table["overlap"].to_numpy(dtype=float))
        return table.assign(**beside, lookup=lookup)

    @cached_property
    def sizes(self) -> Array:
        """Training sizes ``P``."""
        return self.table["sentences"].to_numpy(dtype=float)

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Excess or error, a row a rule draw, a column a size."""
        good = usable(self.runs)
        losses = good.groupby(["rule_seed", "sentences"])[self.measure].mean().unstack()
        return losses.reindex(columns=self.table["sentences"])

    @cached_property
    def window(self) -> NDArray[np.bool_]:
        """Which sizes enter a fit: by the rule of all fits, where trainings ended by themselves.

        Where half of them were ended by ``max_steps``, the loss tells of the cap, not of the data.
        """
        inside = fitting_window(self.table).inside
        if "stop_reason" not in self.runs:  # never trained
            return inside
        good = usable(self.runs)
        capped = (good["stop_reason"] == "max_steps").groupby(good["sentences"]).mean()
        left_alone = capped.reindex(self.table["sentences"], fill_value=0.0) < _MOST_CAPPED
        return np.asarray(inside & left_alone.to_numpy())

    @cached_property
    def crossed(self) -> pd.DataFrame:
        """Crossings of the levels that every rule draw crosses between the sizes.

        Levels that some draws do not reach would leave a choice of the fastest draws.
        """
        found = crossings(
            self.runs,
            self.measure,
            self.known.heights(self.key["task"]),
            {
                column: self.known.thresholds(who or self.learner)
                for column, who in THRESHOLDS.items()
            },
        )
        complete = found.groupby("level")["crossed_at"].transform(
            lambda at: np.isfinite(at).all() and len(at) == len(self.losses)
        )
        return pd.DataFrame(found[complete.astype(bool)])

    @cached_property
    def logarithms(self) -> pd.DataFrame:
        """The logarithms of `crossed`, and where they lie between the learners' predictions.

        Columns rule_seed, level, crossed_at, threshold, who (the network), and y against x, which
        has slope 0 for crossings that grow as the CNN's thresholds, 1 as the transformer's.
        """
        rows = self.crossed[["rule_seed", "level"]].copy()
        for column in ("crossed_at", *THRESHOLDS):
            rows[column] = np.log(self.crossed[column].to_numpy(dtype=float))
        return rows.assign(
            who="{architecture} {width} {depth}".format(**self.key),
            x=rows["threshold_transformer"] - rows["threshold_cnn"],
            y=rows["crossed_at"] - rows["threshold_cnn"],
        )

    @cached_property
    def half_invariant(self) -> pd.DataFrame:
        """When the deepest hidden layer becomes invariant: columns rule_seed, level, x, y.

        For synonyms of level ``l - 1``: y is the logarithm of the size at which exchanging them
        changes the layer half as much as another symbol does, x that of the loss's crossing of
        level ``l``. Of the levels for which every rule draw has both.
        """
        deepest = self.layers[self.layers["layer"] == self.layers["layer"].max()]
        means = deepest.groupby(["rule_seed", "level", "train_size"])[["synonym", "other"]].mean()
        ratio = (means["synonym"] / means["other"]).unstack("train_size")
        sizes = ratio.columns.to_numpy(dtype=float)
        invariant = np.array([falls_to(sizes, curve, 0.5) for curve in ratio.to_numpy(dtype=float)])
        table = ratio.index.to_frame(index=False).assign(y=np.log(invariant))
        loss = self.logarithms[["rule_seed", "level", "crossed_at"]].rename(
            columns={"crossed_at": "x"}
        )
        loss = loss.assign(level=loss["level"] - 1)
        table = table.merge(loss)
        whole = table.groupby("level")["y"].transform(
            lambda at: np.isfinite(at).all() and len(at) == len(self.losses)
        )
        return pd.DataFrame(table[whole.astype(bool)])

    def mean(self, draws: Sequence[int]) -> Array:
        """The curve of some rule draws, ``(sizes,)``."""
        return self.losses.loc[list(draws)].mean().to_numpy(dtype=float)

    def exponent(self, draws: Sequence[int], inside: NDArray[np.bool_] | None = None) -> float:
        """Exponent of the fit to the curve of some rule draws, inside a window."""
        inside = self.window if inside is None else inside
        return fitted_exponent(self.sizes, self.mean(draws), inside)

    def size_at(self, draws: Sequence[int], share: float) -> float:
        """The size at which the curve of some rule draws falls to a share of chance."""
        height = share * float(self.table["chance"].iloc[0])
        return falls_to(self.sizes, self.mean(draws), height)


Curves = Sequence[Evidence]
Draws = Sequence[int]  # rule seeds


def fitted_exponent(sizes: Array, losses: Array, inside: NDArray[np.bool_]) -> float:
    """Exponent of the power law that fits losses, ``(sizes,)``, inside a window."""
    return fit_power_law(sizes[inside], losses[inside], _START).exponent


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
    curves = []
    for curve in stage["curves"]:
        rows = rows_of(runs, curve)
        parameters = Parameters.from_specification(stage["grammars"][curve["grammar"]])
        evidence = Evidence(
            {column: curve[column] for column in CURVE_KEY},
            curve["kind"],
            curve["learner"],
            parameters,
            rows,
            Known.from_theory(theory, curve, rows["rule_seed"], parameters),
            curve["test_size"],
            pd.DataFrame() if layers is None else rows_of(layers, curve),
        )
        curves.append(evidence)
    return curves


def common_draws(curves: Iterable[Evidence]) -> list[int]:
    """Rule draws that every curve has."""
    sets = [set(curve.losses.dropna().index) for curve in curves]
    return sorted(set.intersection(*sets)) if sets else []


def of_kinds(curves: Iterable[Evidence], *kinds: str) -> list[Evidence]:
    """The curves of networks of some kinds of architecture."""
    return [curve for curve in curves if curve.kind in kinds]
