"""Experiments that scan grammars: which curves are points of a law, and why others are not.

Lists in grammars (`grammar_lists`) make the grammars; here it is asked of each whether the size at
which it is learnt can be measured at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from ..grammar.model import Parameters
from ..grammar.sparse import SparseParameters, dense_of
from ..grammar.tasks import PREDICTED
from ..theory.complexities import Learner, at_half, threshold
from ..theory.latents import largest_latent_threshold
from ..theory.sparse import ensemble_label_thresholds
from .grammars import FileGrammarConfig
from .types import Fraction, Model, PositiveInt, StudyTask

FEWEST = 3  # points of a law


class ScanConfig(Model):
    """Sizes `P*` at which many grammars are learnt: their law, and all their curves on one.

    `true` stands for the defaults. `P*` is where the error falls below half of chance, or, for the
    last token, the excess below the middle of a level's entropies.
    """

    level: PositiveInt | None = None
    """The level whose crossing is `P*` (`last_token` only); 2 if not given."""
    language_fraction: Fraction = 0.03
    """A grammar is no point of a law if its predicted `P*` exceeds this fraction of its sentences:
    networks may memorise so many. It is trained, and listed with the reason."""
    factor: Annotated[float, Field(gt=1, le=100)] = 1.25
    """Tables count the curves that lie on the common one within this factor of size."""

    def crossed(self, task: StudyTask) -> int:
        """The level in ``crossings.csv`` whose crossing is `P*`."""
        return 1 if task == "classification" else self.level or 2


Scan = Annotated[
    ScanConfig | None,
    BeforeValidator(
        lambda value: {} if value is True else None if value is False else value,
        json_schema_input_type=bool | ScanConfig | None,
    ),
]


def why_no_point(
    scan: ScanConfig,
    parameters: Parameters,
    task: StudyTask,
    learner: Learner | None,
    latent: bool = False,
) -> str:
    """Why a grammar is no point of a law; empty if it is one.

    The threshold is that of the ensemble with all its factors, so that a plan knows it; of latent
    prediction it is the largest over levels.
    """
    level = scan.crossed(task)
    dense, sparsity = dense_of(parameters)
    if latent:
        predicted, grows = largest_latent_threshold(parameters), 2
    elif task == "classification":
        # that of a dense grammar is the same for all learners
        complexities = ensemble_label_thresholds(parameters, learner or "cnn")
        predicted = at_half(complexities, dense.probabilities(1))
        grows = dense.L
    else:
        assert learner is not None  # noqa: S101 (`check_scan` refuses it)
        predicted = threshold(parameters, level, learner)
        grows = level + 1 if learner == "cnn" or level == 1 else 2 * level - 1
    if not np.isfinite(predicted):
        return "its correlations vanish (f = 1), so there is no threshold"
    sentences = parameters.log_sentences()
    share = math.exp(math.log(predicted) - sentences)
    if share <= scan.language_fraction:
        return ""
    # the language grows as m to the number of nodes, the threshold as m to `grows`
    nodes = sum(dense.s**above for above in range(dense.L))
    remedy = "a larger L"
    if nodes > grows:
        more = (math.log(share) - math.log(scan.language_fraction)) / (nodes - grows)
        enough = math.ceil(math.exp(min(float(np.mean(np.log(dense.m))) + more, 700.0)))
        least = math.ceil(round(enough ** (1 / (dense.s - 1)), 6))  # v that has so many rules
        larger_v = f", with v of {least:.12g} or more" if least > min(dense.v) else ""
        remedy = f"m of about {enough:.12g}{larger_v}, or a larger L"
        remedy += " or sparsity" if sparsity else ""
    return (
        f"its predicted P* of {round(predicted):.12g} is {share:.2g} of its "
        f"{round(math.exp(sentences)):.12g} sentences, the most is "
        f"{scan.language_fraction:g}; that takes {remedy}"
    )


def check_scan(
    here: str, experiment: Any, architectures: Mapping[str, Any], grammars: Mapping[str, Any]
) -> None:
    """Refuse a scan that an experiment (`schema.ExperimentConfig`) cannot have.

    Raises
    ------
    ValueError
        In one line that names the key, below `here`.
    """
    asked, here = experiment.scan, f"{here}.scan"
    if experiment.task not in PREDICTED:
        raise ValueError(
            f"{here}: no thresholds are predicted for the {experiment.task} task; leave scan out"
        )
    if experiment.context:
        raise ValueError(f"{here}: is of whole sentences; leave it out, or context")
    if len(experiment.grammars) < FEWEST:
        raise ValueError(
            f"{here}: a law takes {FEWEST} grammars or more, and the experiment has "
            f"{len(experiment.grammars)}; give lists of v, m or L, or leave scan out"
        )
    if asked.level and experiment.task == "classification":
        raise ValueError(
            f"{here}.level: classes are learnt at once, where the error is half of chance; leave "
            "level out"
        )
    blanks = False
    for name in experiment.grammars:
        if isinstance(grammars[name], FileGrammarConfig):
            raise ValueError(
                f"{here}: grammar {name!r} comes from a file, and laws are of drawn ones; take it "
                "out"
            )
        sparse = isinstance(grammars[name].parameters(), SparseParameters)
        if sparse and experiment.task != "classification":
            raise ValueError(
                f"{here}: grammar {name!r} has sparsity, of which theory has thresholds of labels "
                "alone; take it out, or scan classification"
            )
        blanks = blanks or sparse
        if asked.crossed(experiment.task) > (L := grammars[name].parameters().L):
            raise ValueError(
                f"{here}.level: {asked.crossed(experiment.task)} is no level of {name!r}, which "
                f"has L = {L}; give a level that all grammars have"
            )
    for name in experiment.architectures:
        if len(getattr(architectures[name], "depths", [])) > 1:
            raise ValueError(
                f"{here}: {name!r} has several depths, and a law is of one network; give one, or "
                "none, which is the grammar's"
            )
        if (experiment.task == "last_token" or blanks) and architectures[name].learner is None:
            raise ValueError(
                f"{here}: theory says nothing of {name!r}, so nothing is predicted of its sizes; "
                "take it out"
            )
