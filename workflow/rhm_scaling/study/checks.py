"""What an experiment of a study cannot have: each mistake is a line that names the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core import texts
from ..grammar.sparse import SparseParameters
from ..grammar.tasks import PREDICTED, Task, levels_seen
from .controls import check_controls
from .counted import CountedConfig
from .denoising import check_masked
from .grammars import FileGrammarConfig
from .scans import check_scan

if TYPE_CHECKING:
    from .schema import ExperimentConfig, Study

# What is measured of trained networks, by the key that asks for it, and of which task
_MEASURED: dict[str, Task] = {
    **dict.fromkeys(("representations", "learning_times"), "last_token"),
    **dict.fromkeys(("rule_errors", "sensitivity"), "classification"),
}
_TRAINED = "are of networks that are trained on the task itself, and none here is"


def check_experiments(study: Study) -> None:
    """Refuse experiments that a study cannot have.

    Raises
    ------
    ValueError
        In one line that names the key.
    """
    seen: dict[tuple[str, str, str, int], str] = {}
    for name, experiment in study.experiments.items():
        here = f"experiments.{name}"
        _check_names(here, experiment, study)
        check_masked(here, experiment, study.grammars)
        if experiment.precision:
            _check_precision(here, experiment, study)
        if not (experiment.train_sizes or experiment.online):
            raise ValueError(f"{here}.train_sizes: is missing; give sizes, or set online: true")
        if experiment.online and not experiment.replacement:
            raise ValueError(
                f"{here}.replacement: false needs an end of the sentences, and an online "
                "training has none; set it to true, or online: false"
            )
        _check_measured(here, experiment, study)
        if experiment.memorisation:
            _check_memorisation(here, experiment, study)
        if experiment.context:
            _check_context(here, experiment, study)
        for architecture in experiment.architectures:
            _check_architecture(name, architecture, study)
            for grammar in experiment.grammars:
                context = experiment.window(study.grammars[grammar].parameters())
                curve = (grammar, experiment.task, architecture, context)
                if curve in seen:
                    raise ValueError(
                        f"{here}: grammar {grammar!r} with architecture {architecture!r} and "
                        f"this task is already in experiments.{seen[curve]}; merge the two, or "
                        "make two studies"
                    )
                seen[curve] = name
        if experiment.controls:
            check_controls(here, experiment, study.architectures)
        if experiment.scan:
            check_scan(here, experiment, study.architectures, study.grammars)
        _check_grammars(here, experiment, study)
    _check_rule_seeds(study)


def _check_names(here: str, experiment: ExperimentConfig, study: Study) -> None:
    for kind in ("grammars", "architectures"):
        for used in getattr(experiment, kind):
            if used not in getattr(study, kind):
                known = texts.cut(", ".join(getattr(study, kind)), 200)
                raise ValueError(f"{here}.{kind}: no {used!r} defined; known: {known}")


def _check_precision(here: str, experiment: ExperimentConfig, study: Study) -> None:
    first, side = experiment.replicas.rule_draws, study.block.rule_draws
    if study.claim:
        raise ValueError(
            f"{here}.precision: the design of a study with a claim is fixed beforehand; leave "
            "precision out, or the claim"
        )
    if first < 2:
        raise ValueError(
            f"{here}.replicas.rule_draws: {first} tells nothing of the scatter of rule draws, "
            "by which precision is judged; take at least 2"
        )
    crossing = experiment.precision.crossing  # type: ignore[union-attr]
    if crossing and experiment.task not in PREDICTED:
        raise ValueError(
            f"{here}.precision.crossing: no levels are told apart in the {experiment.task} "
            "task; give exponent"
        )
    if first % side:
        raise ValueError(
            f"{here}.replicas.rule_draws: {first} is no multiple of block.rule_draws = {side}, "
            "by which precision adds them; take one that is"
        )


def _only_count(experiment: ExperimentConfig, study: Study) -> bool:
    """Whether no network of an experiment is trained on its task: they count, or predict else."""
    known = [study.architectures.get(name) for name in experiment.architectures]
    return all(isinstance(one, CountedConfig) for one in known)


def _check_measured(here: str, experiment: ExperimentConfig, study: Study) -> None:
    for key, task in _MEASURED.items():
        if not getattr(experiment, key):
            continue
        if not experiment.train_sizes:
            raise ValueError(f"{here}.{key}: are measured at training sizes; give train_sizes")
        if experiment.task != task:
            raise ValueError(f"{here}.{key}: are measured for the task {task}; set it to false")
        if _only_count(experiment, study):
            raise ValueError(
                f"{here}.{key}: {_TRAINED}; add one, such as a cnn, or set it to false"
            )
    listed = experiment.train_sizes
    if experiment.learning_times and isinstance(listed, list) and len(listed) < 2:
        raise ValueError(
            f"{here}.learning_times: are found between training sizes, and there is one; give 2 "
            "or more, or set it to false"
        )
    sparse = [
        name
        for name in experiment.grammars
        if isinstance(study.grammars[name].parameters(), SparseParameters)
    ]
    if experiment.sensitivity and not sparse:
        raise ValueError(
            f"{here}.sensitivity: is of grammars with blanks, and none here has any; set "
            "it to false, or give a grammar sparsity: 1"
        )
    if experiment.rule_errors and sparse:
        raise ValueError(
            f"{here}.rule_errors: are not counted with blanks, and {sparse[0]!r} has "
            "sparsity; set it to false"
        )


def _check_memorisation(here: str, experiment: ExperimentConfig, study: Study) -> None:
    if not experiment.train_sizes:
        raise ValueError(
            f"{here}.memorisation: fresh sentences cannot be memorised; give train_sizes, or "
            "leave it out"
        )
    if _only_count(experiment, study):
        raise ValueError(
            f"{here}.memorisation: histories {_TRAINED}; add one, such as a cnn, or leave it out"
        )


def _check_context(here: str, experiment: ExperimentConfig, study: Study) -> None:
    if experiment.task != "last_token":
        raise ValueError(f"{here}.context: is one of the task last_token; leave it out")
    if study.claim:
        raise ValueError(
            f"{here}.context: the claims are about whole sentences; leave it out, or the claim"
        )
    for key, task in _MEASURED.items():
        if task == "last_token" and getattr(experiment, key):
            raise ValueError(
                f"{here}.context: {key.replace('_', ' ')} are measured in whole sentences; "
                f"leave it out, or set {key}: false"
            )
    for grammar in experiment.grammars:
        try:
            levels_seen(study.grammars[grammar].parameters(), experiment.context or 0)
        except ValueError as error:
            raise ValueError(f"{here}.context: {grammar!r}: {error}") from error


def _check_architecture(name: str, architecture: str, study: Study) -> None:
    experiment, config = study.experiments[name], study.architectures[architecture]
    here = f"experiments.{name}"
    if experiment.online and isinstance(config, CountedConfig):
        raise ValueError(
            f"{here}.online: {architecture!r} learns from a training set, and from no stream "
            "without end; take it out, or set online: false"
        )
    scheduled = getattr(config, "optimizer", None)
    if experiment.online and scheduled and scheduled.schedule != "constant":
        raise ValueError(
            f"{here}.online: a curve is read off one training, whose rate may not "
            f"depend on its end; give {architecture!r} schedule: constant, or set "
            "online: false"
        )
    if experiment.task not in config.tasks:
        raise ValueError(
            f"{here}.architectures: {architecture!r} cannot do the task "
            f"{experiment.task}; it can do {' and '.join(config.tasks)}"
        )
    for grammar in experiment.grammars:
        parameters = study.grammars[grammar].parameters()
        try:
            config.shapes(levels_seen(parameters, experiment.window(parameters)))
        except ValueError as error:
            raise ValueError(
                f"architectures.{architecture}.depth: {error} ({grammar!r}, in "
                f"experiments.{name}); leave depth out"
            ) from error


def _check_grammars(here: str, experiment: ExperimentConfig, study: Study) -> None:
    for grammar in experiment.grammars:
        if experiment.task == "classification" and study.grammars[grammar].parameters().n < 2:
            raise ValueError(
                f"{here}.grammars: {grammar!r} has one class, of which nothing is to be learnt; "
                "give it n: 2 or more, or take another task"
            )
        if not isinstance(study.grammars[grammar], FileGrammarConfig):
            continue
        if experiment.precision:
            raise ValueError(
                f"{here}.precision: grammar {grammar!r} comes from a file and is one rule "
                "draw, to which none can be added; leave precision out"
            )
        if experiment.rule_errors:
            raise ValueError(
                f"{here}.rule_errors: grammar {grammar!r} comes from a file, whose rules "
                "have no ranks; set it to false"
            )
        if experiment.replicas.rule_draws > 1:
            raise ValueError(
                f"{here}.replicas.rule_draws: grammar {grammar!r} comes from a file and is "
                "one rule draw; set rule_draws: 1 and raise samples"
            )


def _check_rule_seeds(study: Study) -> None:
    """Refuse curves that are compared draw by draw and have no draw in common."""
    known: dict[object, tuple[str, int]] = {}
    for name, experiment in study.experiments.items():
        first = experiment.replicas.rule_seeds.first
        here = f"experiments.{name}.replicas.rule_seeds.first"
        for grammar in experiment.grammars:
            if first and isinstance(study.grammars[grammar], FileGrammarConfig):
                raise ValueError(
                    f"{here}: grammar {grammar!r} comes from a file and is not drawn; leave "
                    "rule_seeds out"
                )
            together: object = "a claim" if study.claim else (grammar, experiment.task)
            other, begins = known.setdefault(together, (name, first))
            if begins != first:
                what = "all curves of a study with a claim"
                what = what if study.claim else f"curves of {grammar!r} and one task"
                raise ValueError(
                    f"{here}: is {first}, and {begins} in experiments.{other}; {what} are "
                    "compared draw by draw: give both the same, or make two studies"
                )
