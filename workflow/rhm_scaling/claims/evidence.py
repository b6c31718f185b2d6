"""What verdicts are computed from: a learning curve by rule draw, with its theory beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.curves import CURVE_KEY, REPLICA_KEY, falls_to, rows_of, usable
from ..analysis.theory_columns import Known
from ..grammar.model import Parameters
from ..grammar.tasks import MEASURE
from ..theory.complexities import Learner
from .frozen import frozen

Array = NDArray[np.float64]

_MOST_CAPPED = 0.5  # of the replicas of a size


@dataclass(frozen=True)
class Evidence:
    """The learning curves of one network on the rule draws of one grammar.

    Attributes
    ----------
    key
        Values of `CURVE_KEY`.
    kind
        Of its architecture, as in a study's file.
    learner
        Whose thresholds the network is predicted to follow; None for latent prediction.
    parameters
        The grammar's.
    points
        A row a replica and number of sentences (`analysis.curves.points`); before anything is
        trained, without losses.
    known
        What theory says of its grammar and task.
    layers
        Rows of ``representations.csv``; empty if none were asked for.
    """

    key: Mapping[str, Any]
    kind: str
    learner: Learner | None
    parameters: Parameters
    points: pd.DataFrame
    known: Known
    layers: pd.DataFrame

    @property
    def measure(self) -> str:
        """The measured column."""
        return MEASURE[self.key["task"]]

    @property
    def trained(self) -> bool:
        """Whether anything was measured."""
        return self.measure in self.points

    @property
    def network(self) -> str:
        """The network's name for a reader, and the protocol where it is not the usual one."""
        protocol = self.key["protocol"]
        return f"{self.key['architecture']}{'' if protocol == 'finite' else ', ' + protocol}"

    @cached_property
    def draws(self) -> list[int]:
        """Rule seeds of which some replica did not fail."""
        good = usable(self.points) if "status" in self.points else self.points
        return sorted({*good["rule_seed"]} & {*self.known.draws})

    @property
    def failed(self) -> str:
        """How many rule draws are missing, as all of their replicas failed; empty if none."""
        drawn = self.points["rule_seed"].nunique()
        lost = drawn - len(self.draws)
        where = f"{self.key['grammar']} ({self.network})"
        return f"{lost} of {drawn} rule draws of {where}: all replicas failed" if lost else ""

    @cached_property
    def sizes(self) -> Array:
        """Numbers of training sentences at which training has seen little of the language."""
        sizes = np.unique(self.points["sentences"].to_numpy(dtype=float))
        most = np.log(frozen().language) + self.parameters.log_sentences()
        return np.asarray(sizes[np.log(sizes) <= most])

    @cached_property
    def losses(self) -> Array:
        """Excess or error, ``(draws, sizes)``: means over the replicas that did not fail.

        Sizes at which more than half of the replicas were ended by ``max_steps`` are missing: there
        the loss tells of that cap, not of the data. (An online training is ended by nothing else.)
        """
        good = usable(self.points)
        table = good.groupby(["rule_seed", "sentences"])[self.measure].mean().unstack()
        table = table.reindex(index=self.draws, columns=self.sizes)
        losses = table.to_numpy(dtype=float, copy=True)  # what pandas shares may be read-only
        if self.key["protocol"] == "finite":
            ended = (good["stop_reason"] == "max_steps").groupby(good["sentences"]).mean()
            losses[:, ended.reindex(self.sizes, fill_value=0.0).to_numpy() > _MOST_CAPPED] = np.nan
        return losses

    def crossed(self, heights: Mapping[int, float]) -> Array:
        """Logarithms of the sizes at which each draw falls to its height, ``(draws,)``.

        NaN if it starts below, infinite if it is not reached.
        """
        return np.array(
            [
                np.log(falls_to(self.sizes[seen], losses[seen], heights[draw]))
                for draw, losses in zip(self.draws, self.losses)
                for seen in [np.isfinite(losses)]
            ]
        )

    def thresholds(self, learner: Learner | None = None) -> dict[int, Array]:
        """``P_1 .. P_L`` by rule draw, of the network's own learner if none is named."""
        return self.known.thresholds(learner or self.learner)


Curves = list[Evidence]


def of_study(
    study: Mapping[str, Any], points: pd.DataFrame, theory: pd.DataFrame, layers: pd.DataFrame
) -> Curves:
    """All curves of networks of a study.

    Parameters
    ----------
    study
        Its `curves` (the key, kind and learner of each) and the specifications of its `grammars`.
    points, theory, layers
        `analysis.curves.points`, ``theory.csv``, ``representations.csv`` (empty if there is none).
    """
    curves = []
    for curve in study["curves"]:
        rows = rows_of(points, curve)
        parameters = Parameters.from_specification(study["grammars"][curve["grammar"]])
        evidence = Evidence(
            {column: curve[column] for column in CURVE_KEY},
            curve["kind"],
            curve["learner"],
            parameters,
            rows,
            Known.from_theory(theory, curve, rows["rule_seed"], parameters),
            rows_of(layers, curve) if len(layers) else layers,
        )
        curves.append(evidence)
    return curves


def replicas_of(points: pd.DataFrame) -> int:
    """Replicas behind some points."""
    return len(points[REPLICA_KEY].drop_duplicates())
