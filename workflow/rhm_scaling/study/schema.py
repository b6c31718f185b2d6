"""The one definition of a study: typed models and their validation.

`reading` turns a file into a study and pydantic's findings into lines for the user.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from ..claims.names import ClaimName
from ..core import texts
from ..grammar.model import Parameters
from ..grammar.sparse import SparseParameters
from ..grammar.tasks import PREDICTED, Task, levels_seen
from .architectures import ArchitectureConfig, OwnConfig, check_own
from .controls import ControlsConfig, check_controls
from .counted import CountedConfig
from .denoising import DenoisingConfig, MaskedFractions, check_denoising, check_masked
from .grammars import FileGrammarConfig, GrammarConfig
from .judged import check_claim, with_judged_seeds
from .precision import Precision
from .replicas import BlockConfig, ReplicasConfig
from .scans import Scan, check_scan
from .types import (
    MOST_LISTED,
    Fraction,
    Line,
    Model,
    Name,
    Names,
    PositiveInt,
    Sizes,
    Some,
    StudyTask,
)

# below results/, of no study
RESERVED = ("store", "rows", "logs", "reference", "claims", "batches", "locks")
# What is measured of trained networks, by the key that asks for it, and of which task
_MEASURED: dict[str, Task] = {
    **dict.fromkeys(("representations", "learning_times"), "last_token"),
    **dict.fromkeys(("rule_errors", "sensitivity"), "classification"),
}


class AutoSizesConfig(Model):
    """Training sizes chosen by theory for each grammar; `auto` stands for the defaults.

    They go from below the first predicted threshold to beyond the last one, of both kinds of
    learner, as far as the caps allow.
    """

    points_per_octave: Annotated[int, Field(ge=1, le=16)] = 1
    """Sizes per doubling."""
    largest: PositiveInt = 65536
    """No size is larger: the cap on cost."""
    language_fraction: Fraction = 0.25
    """No size exceeds this fraction of the grammar's sentences: beyond it, much is memorised."""
    below: Annotated[float, Field(ge=1, le=64)] = 2.0
    """The first size is the first threshold over this, or less."""
    beyond: Annotated[float, Field(ge=1, le=64)] = 8.0
    """The last size is the last threshold times this, or more, where no cap ends sizes before."""


TrainSizes = Annotated[
    Annotated[Sizes, Tag("listed")] | Annotated[AutoSizesConfig, Tag("chosen")],
    Discriminator(lambda value: "listed" if isinstance(value, list) else "chosen"),
    BeforeValidator(
        lambda value: {} if value == "auto" else value,
        json_schema_input_type=Sizes | AutoSizesConfig | Literal["auto"],
    ),
]


class ExperimentConfig(Model):
    """Learning curves of one figure: one task, every grammar with every architecture."""

    title: Annotated[Line, Field(max_length=100)] | None = None
    """Heading of its figures; the experiment's name if not given."""
    task: StudyTask
    """`classification` (sentence to root symbol), `last_token`, `autoregressive`, or `masked`."""
    grammars: Names
    """Names of grammars defined above."""
    architectures: Names
    """Names of architectures defined above."""
    train_sizes: TrainSizes = []
    """Numbers of training sentences `P`: a list, `auto`, or the keys of `train_sizes` below. May be
    left out only with `online: true`."""
    online: bool = False
    """Whether networks also have a curve of the online protocol: one training that sees every
    sentence once and is measured on the test set as it goes, up to `max_steps`. Sentence `i` is
    that of the training sets; nothing is stored, and only `max_steps` ends it, or a failure."""
    masked_fractions: MaskedFractions = []
    """Probabilities with which tokens are masked (task `masked`); a training sentence has one."""
    replacement: bool = True
    """Whether a sentence may come again. With `false`, as in the published code, training sentences
    are distinct, and the validation and test sets have others, distinct too: memorising cannot
    help. With Zipf rules, probable sentences then count no more than rare ones."""
    context: PositiveInt | None = None
    """Last tokens of a sentence that a learner sees (`last_token` only), the one that it predicts
    among them: a power of `s`; the whole sentence if not given. Networks then have the depth of
    that part of the tree, and losses are measured against the exact predictor of it."""
    representations: bool = False
    """Whether hidden layers of its networks are measured (`last_token` only): how far they change
    if a subtree is exchanged for a synonym's or another symbol's, and what a linear probe reads."""
    rule_errors: bool = False
    """Whether the test errors of its networks are counted by the rarest rule of level 1 that a
    sentence contains (`classification` only), of which theory says when it is learnt."""
    learning_times: bool = False
    """Whether it is measured when its networks learn each context of the test set (`last_token`
    only): the training sizes at which the context's own excess goes down from level to level."""
    memorisation: bool = False
    """Whether its trainings are followed step by step: when each level is learnt, when memorising
    begins, and, if it is `online` too, how many fresh sentences the repeated ones are worth."""
    sensitivity: bool = False
    """Whether it is measured how far synonyms, and blanks that move, change the hidden layers and
    the answer of its networks (`classification` only), for those of its grammars that have
    `sparsity`."""
    validation_size: PositiveInt = 2048
    """Sentences on which the best step is chosen."""
    test_size: PositiveInt = 8192
    """Sentences on which losses and errors are reported."""
    replicas: ReplicasConfig = ReplicasConfig()
    """How many replicas of every point."""
    precision: Precision | None = None
    """How narrow intervals have to be: rule draws are added until they are. None are if not
    given, and in a study with a `claim`, whose design is fixed beforehand."""
    controls: ControlsConfig | None = None
    """Whether its networks are also trained otherwise, to tell data from training."""
    scan: Scan = None
    """Whether its grammars are a scan, whose sizes `P*` have a law: `true`, or the keys below."""

    def window(self, parameters: Parameters) -> int:
        """Last tokens of a grammar's sentences that learners see; 0 for all of them."""
        return 0 if self.context in (None, parameters.d) else int(self.context or 0)

    @model_validator(mode="after")
    def _whole_blocks(self) -> ExperimentConfig:
        first = self.replicas.rule_draws
        if self.precision and self.precision.most_rule_draws < first:
            raise ValueError(
                f"precision.most_rule_draws: is {self.precision.most_rule_draws}, and every curve "
                f"begins with replicas.rule_draws = {first}; give at least that"
            )
        return self


class Study(Model):
    """A study: grammars, architectures, and the experiments that combine them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Names the folder under `results/`: lower-case letters, digits, `-` and `_`; not `store`,
    `logs`, `reference`, `claims` or `batches`."""
    scales: Annotated[dict[str, dict[str, Any]], Field(max_length=16)] = {}
    """The same study in other sizes, by name: the keys that a scale changes, merged into the study
    (`null` removes a key). `FILE:SCALE` chooses one; its results are those of `name-SCALE`."""
    title: Annotated[Line, Field(max_length=200)] | None = None
    """Heading of the report; the name if not given."""
    claim: ClaimName | None = None
    """The claim that the study decides, of those that the README lists: its verdict is computed,
    and before anything is trained, how likely the study is to reach one."""
    grammars: Annotated[dict[Name, GrammarConfig], Some]
    """Grammars by name."""
    architectures: Annotated[dict[Name, ArchitectureConfig], Field(max_length=MOST_LISTED)] = {}
    """Architectures by name; `kind` says which. Experiments need some."""
    experiments: Annotated[dict[Name, ExperimentConfig], Field(max_length=MOST_LISTED)] = {}
    """Experiments by name. May be left out only with another section: `denoising`."""
    denoising: Annotated[dict[Name, DenoisingConfig], Field(max_length=MOST_LISTED)] = {}
    """What corrupted sentences tell, with the exact denoiser and without training, by name."""
    block: BlockConfig = BlockConfig()
    """How replicas are packed into jobs."""

    @model_validator(mode="before")
    @classmethod
    def _judged_seeds(cls, given: Any) -> Any:
        """Rule draws that decide a claim begin where its criteria say, if not told otherwise."""
        return with_judged_seeds(given)

    @property
    def files(self) -> dict[str, Path]:
        """Files that it reads beside its own: as it names them, where they lie."""
        known = (*self.grammars.values(), *self.architectures.values())
        return {c.file: c.path for c in known if isinstance(c, FileGrammarConfig | OwnConfig)}

    def _check_precision(self, here: str, experiment: ExperimentConfig) -> None:
        first, side = experiment.replicas.rule_draws, self.block.rule_draws
        if self.claim:
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

    def _check_rule_seeds(self) -> None:
        """Refuse curves that are compared draw by draw and have no draw in common."""
        known: dict[object, tuple[str, int]] = {}
        for name, experiment in self.experiments.items():
            first = experiment.replicas.rule_seeds.first
            here = f"experiments.{name}.replicas.rule_seeds.first"
            for grammar in experiment.grammars:
                if first and isinstance(self.grammars[grammar], FileGrammarConfig):
                    raise ValueError(
                        f"{here}: grammar {grammar!r} comes from a file and is not drawn; leave "
                        "rule_seeds out"
                    )
                together: object = "a claim" if self.claim else (grammar, experiment.task)
                other, begins = known.setdefault(together, (name, first))
                if begins != first:
                    what = "all curves of a study with a claim"
                    what = what if self.claim else f"curves of {grammar!r} and one task"
                    raise ValueError(
                        f"{here}: is {first}, and {begins} in experiments.{other}; {what} are "
                        "compared draw by draw: give both the same, or make two studies"
                    )

    def _check_memorisation(self, here: str, experiment: ExperimentConfig) -> None:
        if not experiment.train_sizes:
            raise ValueError(
                f"{here}.memorisation: fresh sentences cannot be memorised; give train_sizes, or "
                "leave it out"
            )
        if all(isinstance(self.architectures[a], CountedConfig) for a in experiment.architectures):
            raise ValueError(
                f"{here}.memorisation: is of trainings, and these architectures only count; add a "
                "network, or leave it out"
            )

    def _check_context(self, here: str, experiment: ExperimentConfig) -> None:
        if experiment.task != "last_token":
            raise ValueError(f"{here}.context: is one of the task last_token; leave it out")
        if self.claim:
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
                levels_seen(self.grammars[grammar].parameters(), experiment.context or 0)
            except ValueError as error:
                raise ValueError(f"{here}.context: {grammar!r}: {error}") from error

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        if self.name in RESERVED:
            raise ValueError(f"name: results/{self.name}/ has another use; take another name")
        if not (self.experiments or self.denoising):
            raise ValueError("experiments: is missing; add one, or a section denoising")
        if self.experiments and not self.architectures:
            raise ValueError("architectures: is missing; add those that the experiments name")
        tasks = {known.task for known in self.experiments.values()}
        check_claim(self.claim, tasks, bool(self.denoising))
        seen: dict[tuple[str, str, str, int], str] = {}
        for name, experiment in self.experiments.items():
            here = f"experiments.{name}"
            for kind in ("grammars", "architectures"):
                for used in getattr(experiment, kind):
                    if used not in getattr(self, kind):
                        known = texts.cut(", ".join(getattr(self, kind)), 200)
                        raise ValueError(f"{here}.{kind}: no {used!r} defined; known: {known}")
            check_masked(here, experiment, self.grammars)
            if experiment.precision:
                self._check_precision(here, experiment)
            if not (experiment.train_sizes or experiment.online):
                raise ValueError(f"{here}.train_sizes: is missing; give sizes, or set online: true")
            if experiment.online and not experiment.replacement:
                raise ValueError(
                    f"{here}.replacement: false needs an end of the sentences, and an online "
                    "training has none; set it to true, or online: false"
                )
            for key, task in _MEASURED.items():
                if not getattr(experiment, key):
                    continue
                if not experiment.train_sizes:
                    raise ValueError(
                        f"{here}.{key}: are measured at training sizes; give train_sizes"
                    )
                if experiment.task != task:
                    raise ValueError(
                        f"{here}.{key}: are measured for the task {task}; set it to false"
                    )
                learners = [self.architectures.get(name) for name in experiment.architectures]
                if all(isinstance(learner, CountedConfig) for learner in learners):
                    raise ValueError(
                        f"{here}.{key}: are measured of networks, and these architectures only "
                        "count; add a network, or set it to false"
                    )
            if experiment.memorisation:
                self._check_memorisation(here, experiment)
            if experiment.context:
                self._check_context(here, experiment)
            for architecture in experiment.architectures:
                config = self.architectures[architecture]
                if experiment.online and isinstance(config, CountedConfig):
                    raise ValueError(
                        f"{here}.online: {architecture!r} counts in a training set and learns from "
                        "no endless stream; take it out, or set online: false"
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
                    parameters = self.grammars[grammar].parameters()
                    context = experiment.window(parameters)
                    try:
                        config.shapes(levels_seen(parameters, context))
                    except ValueError as error:
                        raise ValueError(
                            f"architectures.{architecture}.depth: {error} ({grammar!r}, in "
                            f"experiments.{name}); leave depth out"
                        ) from error
                    curve = (grammar, experiment.task, architecture, context)
                    if curve in seen:
                        raise ValueError(
                            f"{here}: grammar {grammar!r} with architecture {architecture!r} and "
                            f"this task is already in experiments.{seen[curve]}; merge the two, or "
                            "make two studies"
                        )
                    seen[curve] = name
            if experiment.sensitivity and not any(
                isinstance(self.grammars[grammar].parameters(), SparseParameters)
                for grammar in experiment.grammars
            ):
                raise ValueError(
                    f"{here}.sensitivity: is of grammars with blanks, and none here has any; set "
                    "it to false, or give a grammar sparsity: 1"
                )
            if experiment.controls:
                check_controls(here, experiment, self.architectures)
            if experiment.scan:
                check_scan(here, experiment, self.architectures, self.grammars)
            for grammar in experiment.grammars:
                from_file = isinstance(self.grammars[grammar], FileGrammarConfig)
                if from_file and experiment.precision:
                    raise ValueError(
                        f"{here}.precision: grammar {grammar!r} comes from a file and is one rule "
                        "draw, to which none can be added; leave precision out"
                    )
                sparse = isinstance(self.grammars[grammar].parameters(), SparseParameters)
                if sparse and experiment.rule_errors:
                    raise ValueError(
                        f"{here}.rule_errors: are not counted with blanks, and {grammar!r} has "
                        "sparsity; set it to false"
                    )
                if from_file and experiment.rule_errors:
                    raise ValueError(
                        f"{here}.rule_errors: grammar {grammar!r} comes from a file, whose rules "
                        "have no ranks; set it to false"
                    )
                if from_file and experiment.replicas.rule_draws > 1:
                    raise ValueError(
                        f"{here}.replicas.rule_draws: grammar {grammar!r} comes from a file and is "
                        "one rule draw; set rule_draws: 1 and raise samples"
                    )
        for name, denoised in self.denoising.items():
            check_denoising(f"denoising.{name}", denoised, self.grammars)
        self._check_rule_seeds()
        check_own(self.architectures)
        return self
