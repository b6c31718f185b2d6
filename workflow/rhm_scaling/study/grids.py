"""Training sizes of a grammar: those that an experiment lists, or those around its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from ..core.errors import UserError
from ..grammar.model import Grammar, Parameters
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
    kinds = [study.architectures[known] for known in experiment.architectures]
    latent = all(map(predicts_codes, kinds))
    parameters = study.grammars[grammar].parameters()
    seen = levels_seen(parameters, experiment.window(parameters))
    scan, task = experiment.scan, experiment.task
    assert task != "masked"  # noqa: S101 (whose sizes are listed)
    levels = [scan.crossed(task)] if scan else range(1, seen + 1)
    given = known_or_drawn(study, name, grammar, latent, _MOST_SUMMED)
    if given is None:
        raise UserError(
            f"experiments.{name}.train_sizes: the thresholds of so large a grammar as "
            f"{grammar!r} take too long to compute; give a list of sizes"
        )
    try:
        return choose(
            thresholds(given, task, levels, learners(study, name), latent),
            given.log_sentences(),
            **chosen.model_dump(),
        )
    except ValueError as error:
        raise UserError(
            f"experiments.{name}.train_sizes: grammar {grammar!r}: {error}; give a list of "
            "sizes, or other caps"
        ) from error


def known_or_drawn(
    study: Study, name: str, grammar: str, latent: bool, most: float
) -> Parameters | Grammar | None:
    """What thresholds of a grammar are computed of in the experiment `name`.

    Parameters where there are closed forms, else the rules: of a file, or the first draw's. Nothing
    if that takes more than `most` multiplications.
    """
    config, experiment = study.grammars[grammar], study.experiments[name]
    parameters = config.parameters()
    given = config if isinstance(config, FileGrammarConfig) else None
    sparse = isinstance(parameters, SparseParameters)
    if not given and not (sparse and (experiment.task != "classification" or latent)):
        return parameters
    if parameters.d * max(parameters.v) ** 3 * (max(parameters.m) if sparse else 1) > most:
        return None
    return given.grammar if given else draw(parameters, experiment.replicas.rule_seeds.first)


def learners(study: Study, name: str) -> Sequence[Learner]:
    """Kinds of learner in an experiment: labels of sparse grammars have a threshold for each."""
    known = {study.architectures[one].learner for one in study.experiments[name].architectures}
    return [kind for kind in get_args(Learner) if kind in known] or get_args(Learner)
