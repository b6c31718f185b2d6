"""The one definition of a study: typed models and their validation.

`reading` turns a file into a study and pydantic's findings into lines for the user.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from ..claims.names import ClaimName
from ..grammar.model import Parameters
from .architectures import ArchitectureConfig, OwnConfig, check_own
from .checks import check_experiments
from .controls import ControlsConfig
from .denoising import DenoisingConfig, MaskedFractions, check_denoising
from .grammars import FileGrammarConfig, GrammarConfig
from .judged import check_claim, with_judged_seeds
from .precision import Precision
from .replicas import BlockConfig, ReplicasConfig
from .scans import Scan
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
    sentence once and is measured on the test set as it goes, up to `online_steps`. Sentence `i` is
    that of the training sets; nothing is stored, and only its last step ends it, or a failure."""
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
    only): the training sizes, of two or more, at which the context's own excess goes down from
    level to level."""
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
        check_experiments(self)
        for name, denoised in self.denoising.items():
            check_denoising(f"denoising.{name}", denoised, self.grammars)
        check_own(self.architectures)
        return self
