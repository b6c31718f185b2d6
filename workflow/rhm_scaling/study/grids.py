"""Training sizes of a grammar: those that an experiment lists, or those around its thresholds."""

from __future__ import annotations

from typing import get_args

from ..core.errors import UserError
from ..grammar.model import Grammar
from ..grammar.sparse import SparseParameters, draw
from ..grammar.tasks import levels_seen
from ..theory.complexities import Learner
from ..theory.training_sizes import Grid, choose, thresholds
from .counted import predicts_codes
from .grammars import FileGrammarConfig
from .schema import AutoSizesConfig, Study

_MOST_SUMMED = 10**11  # multiplications for the thresholds of a grammar without closed forms


def grid(study: Study, name: str, grammar: str) -> Grid:
    """Training sizes of a grammar in the experiment `name`, and what decided them.

    Raises
    ------
    UserError
        If none are left, or would take too long to find; it names the key.
    """
    experiment = study.experiments[name]
    chosen = experiment.train_sizes
    if not isinstance(chosen, AutoSizesConfig):
        return Grid(tuple(sorted(chosen)), None, None, "listed")
    config = study.grammars[grammar]
    given = config.grammar if isinstance(config, FileGrammarConfig) else config.parameters()
    parameters = config.parameters()
    kinds = [study.architectures[known] for known in experiment.architectures]
    latent = all(map(predicts_codes, kinds))
    sparse = isinstance(parameters, SparseParameters)
    without_closed_form = sparse and (experiment.task != "classification" or latent)
    summed = parameters.d * max(parameters.v) ** 3 * (max(parameters.m) if sparse else 1)
    if (without_closed_form or isinstance(given, Grammar)) and summed > _MOST_SUMMED:
        raise UserError(
            f"experiments.{name}.train_sizes: the thresholds of so large a grammar as "
            f"{grammar!r} take too long to compute; give a list of sizes"
        )
    if without_closed_form:
        given = draw(parameters, experiment.replicas.rule_seeds.first)
    # the labels of sparse grammars are learnt at sizes of each learner's own
    known = {kind.learner for kind in kinds}
    learners = [kind for kind in get_args(Learner) if kind in known] or get_args(Learner)
    seen = levels_seen(parameters, experiment.window(parameters))
    scan = experiment.scan
    levels = [scan.crossed(experiment.task)] if scan else range(1, seen + 1)
    try:
        return choose(
            thresholds(given, experiment.task, levels, learners, latent),
            given.log_sentences(),
            **chosen.model_dump(),
        )
    except ValueError as error:
        raise UserError(
            f"experiments.{name}.train_sizes: grammar {grammar!r}: {error}; give a list of "
            "sizes, or other caps"
        ) from error
