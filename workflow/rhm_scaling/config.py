"""The one definition of a study: typed models and their validation.

`reading` turns a file into a study and pydantic's findings into lines for the user.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    model_validator,
)

from . import texts
from .grammar import Grammar, Parameters
from .grammar_files import user_grammar
from .tasks import TASKS, Task
from .theory import Learner

# Limits far beyond any study: a slip or a hostile file must neither hang planning nor overflow it.
_MOST_LISTED = 1000  # names, sizes or rates in one list
_MOST_TOKENS = 16  # log2, of a sentence
_MOST_TUPLES = 256  # log2, of all `v**s`: powers of it have to stay within floating point
_MOST_RULES = 2**26  # numbers in the rules of a level
_MOST_LABEL = 200  # characters of the name of a grammar's folder in the store
_MOST_FILE = 2**25  # bytes of a grammar's file

PositiveInt = Annotated[int, Field(ge=1, le=10**9)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FOLDERS = ("store", "logs", "reference")  # below results/, of no study


def _stays_text(name: str) -> str:
    """Refuse names that a table would read back as a number, a truth value or nothing."""
    try:
        float(name)
    except ValueError:
        if name.lower() not in ("na", "null", "none", "true", "false"):
            return name
    raise ValueError("reads as a number, a truth value or nothing in a table; take another name")


def _line(text: str) -> str:
    if not texts.is_line(text):
        raise ValueError("holds a line break or another control character; take it out")
    return text


Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"), AfterValidator(_stays_text)
]
Line = Annotated[str, AfterValidator(_line)]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("holds a value twice; remove the repeat")
    return values


_Some = Field(min_length=1, max_length=_MOST_LISTED)
Sizes = Annotated[list[PositiveInt], _Some, AfterValidator(_distinct)]
Names = Annotated[list[Name], _Some, AfterValidator(_distinct)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Rates = Annotated[
    Annotated[list[PositiveFloat], _Some, AfterValidator(_distinct)],
    BeforeValidator(_as_list, json_schema_input_type=PositiveFloat | list[PositiveFloat]),
]
Width = Annotated[int, Field(ge=1, le=2**16)]
Widths = Annotated[
    Annotated[list[Width], _Some, AfterValidator(_distinct)],
    BeforeValidator(_as_list, json_schema_input_type=Width | list[Width]),
]
Depth = Annotated[int, Field(ge=1, le=1000)]
Depths = Annotated[
    Annotated[list[Depth], _Some, AfterValidator(_distinct)],
    BeforeValidator(_as_list, json_schema_input_type=Depth | list[Depth]),
]
PerLevel = Annotated[
    Annotated[PositiveInt, Tag("one for all")]
    | Annotated[dict[PositiveInt, PositiveInt], Tag("by level")],
    Discriminator(lambda value: "by level" if isinstance(value, dict) else "one for all"),
]


class Model(BaseModel):
    """Base of all parts of a study: no unknown keys, no silent conversions, immutable."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class DrawnGrammarConfig(Model):
    """A random hierarchy model: a probabilistic grammar on a regular tree, drawn at random."""

    v: Annotated[int, Field(ge=2, le=2**16)]
    """Vocabulary size of each level below the root."""
    n: Annotated[int, Field(ge=1, le=2**16)] | None = None
    """Number of root symbols (class labels); `v` if not given."""
    s: Annotated[int, Field(ge=2, le=2**16)] = 2
    """Branching: every symbol expands into `s` symbols of the level below."""
    L: PositiveInt
    """Depth; a sentence has `s**L` tokens."""
    m: PerLevel
    """Production rules per symbol: one number for all levels, or a number for each level `1..L`
    (level `L` is the root). Needs `v*m <= v**s` below the root and `n*m <= v**s` at the root."""
    zipf: dict[PositiveInt, Annotated[float, Field(gt=0, le=20)]] = {}
    """Zipf exponent `a` by level: rule `k` has probability proportional to `k**-(1+a)`. Levels not
    named have uniform rules."""

    @model_validator(mode="after")
    def _possible(self) -> DrawnGrammarConfig:
        if self.L * math.log2(self.s) > _MOST_TOKENS:  # never the power itself: it may have no end
            raise ValueError(f"L: sentences of s**L = {self.s}**{self.L} tokens; take L smaller")
        if self.s * math.log2(self.v) > _MOST_TUPLES:
            raise ValueError(f"s: v**s = {self.v}**{self.s} tuples; take v or s smaller")
        parameters = self.parameters()
        for level, m in enumerate(parameters.m, 1):
            symbols = parameters.symbols(level)
            if symbols * m * self.s > _MOST_RULES:
                raise ValueError(
                    f"m: level {level} has {symbols}*{m} = {symbols * m} rules; take m smaller"
                )
        if len(parameters.label()) > _MOST_LABEL:  # as the name of a folder
            raise ValueError(
                "zipf: too many digits in all for the name of a folder; round them, or name fewer "
                "levels"
            )
        return self

    def parameters(self) -> Parameters:
        """The grammar's parameters."""
        return Parameters.make(v=self.v, n=self.n, s=self.s, L=self.L, m=self.m, zipf=self.zipf)


class FileGrammarConfig(Model):
    """Your own grammar, read from a JSON file; it is a single rule draw."""

    file: Annotated[Line, Field(min_length=1, max_length=4096)]
    """Path of the file, seen from the folder of the study."""
    _path: Path = PrivateAttr()
    _grammar: Grammar = PrivateAttr()

    @model_validator(mode="after")
    def _readable(self, info: ValidationInfo) -> FileGrammarConfig:
        path = Path((info.context or {}).get("folder", ""), self.file)
        if unable := sorted({*str(path)} & {*"<>{}"}):
            shown = f"{texts.line(str(path))}: holds {' '.join(unable)}"
            raise ValueError(f"file: {shown}, which Snakemake takes for its own; rename it")
        try:
            self._grammar = user_grammar(texts.read(path, _MOST_FILE))
        except (ValueError, OverflowError) as error:  # it may quote what the file holds
            reason = texts.cut(texts.line(str(error)), 300)
            raise ValueError(f"file: {texts.line(str(path))}: {reason}") from error
        self._path = path
        return self

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    @property
    def grammar(self) -> Grammar:
        """The grammar in the file."""
        return self._grammar

    def parameters(self) -> Parameters:
        """The grammar's shape, and the identity of its content."""
        return self._grammar.parameters


GrammarConfig = Annotated[
    Annotated[DrawnGrammarConfig, Tag("drawn")] | Annotated[FileGrammarConfig, Tag("from a file")],
    Discriminator(
        lambda value: (
            "from a file"
            if isinstance(value, FileGrammarConfig) or (isinstance(value, dict) and "file" in value)
            else "drawn"
        )
    ),
]


class SgdConfig(Model):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    """Always `sgd`."""
    lr: Rates = [0.5]
    """Learning rate, or several to try: every point of a curve then takes the one of least
    validation loss. In a `cnn` it is multiplied by the width (mean-field parametrization)."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum."""
    warmup_steps: PositiveInt = 1
    """Steps over which the rate rises linearly to `lr`; 1 for none."""


class AdamConfig(Model):
    """Adam with its usual moments (0.9, 0.999)."""

    kind: Literal["adam"]
    """Always `adam`."""
    lr: Rates = [1e-3]
    """Learning rate, or several to try: every point of a curve then takes the one of least
    validation loss."""
    warmup_steps: PositiveInt = 100
    """Steps over which the rate rises linearly to `lr`; 1 for none."""


OptimizerConfig = Annotated[SgdConfig | AdamConfig, Field(discriminator="kind")]


class TrainingConfig(Model):
    """When a network is evaluated and when it stops; each replica stops by itself."""

    batch_size: PositiveInt = 128
    """Sentences in a batch of one replica."""
    max_steps: PositiveInt = 20000
    """Cap on the steps."""
    min_steps: PositiveInt = 500
    """Patience does not end a replica before this step."""
    patience: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 3.0
    """A replica stops once the step reaches this multiple of its best step, that is, when the
    validation loss has not improved over that stretch of log-steps."""
    train_loss: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001
    """A replica stops once its training loss (nats, mean since the last evaluation) falls below."""
    evaluations_per_octave: Annotated[int, Field(ge=1, le=100)] = 4
    """Evaluations on the validation set per doubling of the step."""


class _Architecture(Model):
    """What all architectures have in common."""

    tasks: ClassVar[tuple[Task, ...]] = TASKS
    learner: ClassVar[Learner]

    width: Widths
    """Channels of every hidden layer: a number, or a list to sweep."""
    training: TrainingConfig = TrainingConfig()
    """When to evaluate and to stop."""

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """Widths and depths to train on a grammar of depth `L`."""
        return [(width, L) for width in self.width]


class CnnConfig(_Architecture):
    """Hierarchical convolutional network: patch size and stride `s`, one layer a level."""

    tasks: ClassVar[tuple[Task, ...]] = ("classification", "last_token")
    learner: ClassVar[Learner] = "cnn"

    kind: Literal["cnn"]
    """Always `cnn`."""
    optimizer: OptimizerConfig = SgdConfig(kind="sgd")
    """How weights are changed."""


class _AttentionBased(_Architecture):
    """What transformers and attention-only networks have in common."""

    learner: ClassVar[Learner] = "transformer"

    depth: Depths | None = None
    """Blocks: a number, or a list to sweep; the grammar's `L` if not given."""
    heads: PositiveInt = 2
    """Attention heads; must divide the width."""
    optimizer: OptimizerConfig = AdamConfig(kind="adam")
    """How weights are changed."""

    @model_validator(mode="after")
    def _divisible(self) -> _AttentionBased:
        for width in self.width:
            if width % self.heads:
                raise ValueError(
                    f"heads: {self.heads} does not divide the width {width}; "
                    "take a width that is a multiple of it"
                )
        return self

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """Widths and depths to train on a grammar of depth `L`."""
        return [(width, depth) for width in self.width for depth in self.depth or [L]]


class TransformerConfig(_AttentionBased):
    """Pre-norm transformer with learned positions."""

    kind: Literal["transformer"]
    """Always `transformer`."""


class AttentionConfig(_AttentionBased):
    """Attention-only network: a transformer without perceptrons."""

    kind: Literal["attention"]
    """Always `attention`."""


class _Baseline(Model):
    """What learners without a network have in common: they count."""

    tasks: ClassVar[tuple[Task, ...]] = ("classification", "last_token")

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """One shape: no width, the grammar's depth."""
        return [(0, L)]


class CountingConfig(_Baseline):
    """Clusters synonyms by their counted correlations, level by level, and predicts by counting."""

    kind: Literal["counting"]
    """Always `counting`."""
    sharing: bool = True
    """Whether what is found at one position serves all, as in a `cnn`; if not, every position has
    to find its own, as in a `transformer`."""

    @property
    def label(self) -> str:
        """A readable name for paths."""
        return "counting-shared" if self.sharing else "counting-unshared"

    @property
    def learner(self) -> Learner:
        """The kind of network that has the same thresholds."""
        return "cnn" if self.sharing else "transformer"


class NgramConfig(_Baseline):
    """Counts n-grams of tokens, with back-off to shorter ones."""

    learner: ClassVar[None] = None
    label: ClassVar[str] = "ngram"

    kind: Literal["ngram"]
    """Always `ngram`."""


ArchitectureConfig = Annotated[
    CnnConfig | TransformerConfig | AttentionConfig | CountingConfig | NgramConfig,
    Field(discriminator="kind"),
]


class ReplicasConfig(Model):
    """Replicas of every point: rule draws x samples x initialisations."""

    rule_draws: PositiveInt = 4
    """Grammars drawn from the same parameters; intervals resample them first."""
    samples: PositiveInt = 1
    """Training, validation and test sets drawn from each grammar."""
    initialisations: PositiveInt = 1
    """Initial weights and batch orders tried on each sample."""


class BlockConfig(Model):
    """Fixed tile of replicas that is trained as one batched computation and kept as one product.

    Replicas grown by whole blocks train only the new blocks. Results do not depend on it.
    """

    rule_draws: PositiveInt = 4
    """Rule draws in a block."""
    samples: PositiveInt = 1
    """Samples in a block."""
    initialisations: PositiveInt = 1
    """Initialisations in a block."""
    learning_rates: PositiveInt = 8
    """Learning rates, in growing order, in a block of networks."""


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
    task: Task
    """`classification` (sentence to root symbol), `last_token`, or `autoregressive`."""
    grammars: Names
    """Names of grammars defined above."""
    architectures: Names
    """Names of architectures defined above."""
    train_sizes: TrainSizes
    """Numbers of training sentences `P`: a list, `auto`, or the keys of `train_sizes` below."""
    validation_size: PositiveInt = 2048
    """Sentences on which the best step is chosen."""
    test_size: PositiveInt = 8192
    """Sentences on which losses and errors are reported."""
    replicas: ReplicasConfig = ReplicasConfig()
    """How many replicas of every point."""


class Study(Model):
    """A study: grammars, architectures, and the experiments that combine them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Names the folder under `results/`: lower-case letters, digits, `-` and `_`; not `store`,
    `logs` or `reference`."""
    title: Annotated[Line, Field(max_length=200)] | None = None
    """Heading of the report; the name if not given."""
    grammars: Annotated[dict[Name, GrammarConfig], _Some]
    """Grammars by name."""
    architectures: Annotated[dict[Name, ArchitectureConfig], _Some]
    """Architectures by name; `kind` says which."""
    experiments: Annotated[dict[Name, ExperimentConfig], _Some]
    """Experiments by name."""
    block: BlockConfig = BlockConfig()
    """How replicas are packed into jobs."""

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        if self.name in FOLDERS:
            raise ValueError(f"name: results/{self.name}/ has another use; take another name")
        seen: dict[tuple[str, str, str], str] = {}
        for name, experiment in self.experiments.items():
            here = f"experiments.{name}"
            for kind in ("grammars", "architectures"):
                for used in getattr(experiment, kind):
                    if used not in getattr(self, kind):
                        known = ", ".join(getattr(self, kind))
                        raise ValueError(f"{here}.{kind}: no {used!r} defined; known: {known}")
            for architecture in experiment.architectures:
                able = self.architectures[architecture].tasks
                if experiment.task not in able:
                    raise ValueError(
                        f"{here}.architectures: {architecture!r} cannot do the task "
                        f"{experiment.task}; it can do {' and '.join(able)}"
                    )
                for grammar in experiment.grammars:
                    curve = (grammar, experiment.task, architecture)
                    if curve in seen:
                        raise ValueError(
                            f"{here}: grammar {grammar!r} with architecture {architecture!r} and "
                            f"this task is already in experiments.{seen[curve]}; merge the two"
                        )
                    seen[curve] = name
            for grammar in experiment.grammars:
                from_file = isinstance(self.grammars[grammar], FileGrammarConfig)
                if from_file and experiment.replicas.rule_draws > 1:
                    raise ValueError(
                        f"{here}.replicas.rule_draws: grammar {grammar!r} comes from a file and is "
                        "one rule draw; set rule_draws: 1 and raise samples"
                    )
        return self


def kinds() -> tuple[str, ...]:
    """Names of all network architectures."""
    union = get_args(get_args(ArchitectureConfig)[0])
    networks = [model for model in union if issubclass(model, _Architecture)]
    return tuple(get_args(model.model_fields["kind"].annotation)[0] for model in networks)
