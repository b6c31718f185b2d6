"""Architectures of a study, networks and learners that count: shape, optimizer, stopping rule."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from ..grammar.tasks import TASKS, Task
from ..theory.complexities import Learner
from .types import DepthRangeConfig, Depths, LearningRates, Model, PositiveInt, Width, Widths, sizes


class _OptimizerConfig(Model):
    """What optimizers have in common; defaults enter no identity."""

    schedule: Literal["constant", "cosine"] = "constant"
    """After the warm-up the rate stays, or it falls as half a cosine to zero at `max_steps`,
    however early a training ends."""
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Every step also takes this share of `lr` off all weights (decoupled from the gradient, as in
    AdamW), whatever the width."""

    @model_validator(mode="after")
    def _shrinks(self) -> _OptimizerConfig:
        most = max(self.lr)  # type: ignore[attr-defined]
        if most * self.weight_decay >= 1:
            raise ValueError(
                f"weight_decay: {self.weight_decay:g} times lr {most:g} would turn weights over at "
                "every step; take it below 1 / lr"
            )
        return self

    def settings(self) -> dict[str, Any]:
        """All but the rates, and of the common keys those that are set."""
        known = self.model_dump(exclude={"lr"})
        unset = {
            name
            for name, field in _OptimizerConfig.model_fields.items()
            if known[name] == field.default
        }
        return {name: value for name, value in known.items() if name not in unset}


class SgdConfig(_OptimizerConfig):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    """Always `sgd`."""
    lr: LearningRates = [0.5]
    """Learning rate, or several to try: every point of a curve then takes the one of least
    validation loss. In a `cnn`, `lcn` or `fcn`, and with `base_width`, it is scaled so that it
    suits all widths."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum."""
    warmup_steps: PositiveInt = 1
    """Steps over which the rate rises linearly to `lr`; 1 for none."""


class AdamConfig(_OptimizerConfig):
    """Adam with its usual moments (0.9, 0.999)."""

    kind: Literal["adam"]
    """Always `adam`."""
    lr: LearningRates = [1e-3]
    """Learning rate, or several to try: every point of a curve then takes the one of least
    validation loss. In a `cnn`, `lcn` or `fcn`, and with `base_width`, it is scaled so that it
    suits all widths."""
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
    """Channels of every hidden layer: a number, or a list or a range to sweep."""
    training: TrainingConfig = TrainingConfig()
    """When to evaluate and to stop."""

    @property
    def widths(self) -> list[int]:
        """All widths."""
        return sizes(self.width)

    @property
    def depths(self) -> list[int]:
        """All depths; none where the grammar decides."""
        depth: list[int] | DepthRangeConfig | None = getattr(self, "depth", None)
        return [] if depth is None else sizes(depth)

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """Widths and depths to train on a grammar of depth `L`.

        Raises
        ------
        ValueError
            If a depth does not fit the grammar.
        """
        return [(width, depth) for width in self.widths for depth in self.depths or [L]]


class _MeanField(_Architecture):
    """What networks in mean-field parametrization have in common."""

    tasks: ClassVar[tuple[Task, ...]] = ("classification", "last_token")

    optimizer: OptimizerConfig = SgdConfig(kind="sgd")
    """How weights are changed."""


class _Hierarchical(_MeanField):
    """What networks with a layer a level have in common."""

    depth: Depths | None = None
    """Layers; can only be the grammar's `L`, which it is if not given."""

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """Widths, at the grammar's depth."""
        if wrong := [depth for depth in self.depths if depth != L]:
            raise ValueError(f"depth {wrong[0]} does not fit a grammar with L = {L}")
        return super().shapes(L)


class CnnConfig(_Hierarchical):
    """Hierarchical convolutional network: patch size and stride `s`, one layer a level."""

    learner: ClassVar[Learner] = "cnn"

    kind: Literal["cnn"]
    """Always `cnn`."""


class LcnConfig(_Hierarchical):
    """Locally connected network: a `cnn` whose filters differ by position (no weight sharing)."""

    learner: ClassVar[Learner] = "transformer"

    kind: Literal["lcn"]
    """Always `lcn`."""


class FcnConfig(_MeanField):
    """Fully connected network: every layer sees all of the layer below (no locality either)."""

    learner: ClassVar[Learner] = "transformer"

    kind: Literal["fcn"]
    """Always `fcn`."""
    depth: Depths | None = None
    """Layers: a number, or a list or a range to sweep; the grammar's `L` if not given."""


class _AttentionBased(_Architecture):
    """What transformers and attention-only networks have in common."""

    learner: ClassVar[Learner] = "transformer"

    depth: Depths | None = None
    """Blocks: a number, or a list or a range to sweep; the grammar's `L` if not given."""
    heads: PositiveInt = 2
    """Attention heads; must divide the width."""
    base_width: Width | None = None
    """If given, networks are in maximal-update parametrization (arXiv:2203.03466): at this width
    they equal those in standard parametrization, and their learning rate suits all widths. If not,
    they are in standard parametrization."""
    optimizer: OptimizerConfig = AdamConfig(kind="adam")
    """How weights are changed."""

    @model_validator(mode="after")
    def _divisible(self) -> _AttentionBased:
        for width in self.widths:
            if width % self.heads:
                raise ValueError(
                    f"heads: {self.heads} does not divide the width {width}; "
                    "take a width that is a multiple of it"
                )
        return self


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
    CnnConfig
    | LcnConfig
    | FcnConfig
    | TransformerConfig
    | AttentionConfig
    | CountingConfig
    | NgramConfig,
    Field(discriminator="kind"),
]


def kinds() -> tuple[str, ...]:
    """Names of all network architectures."""
    union = get_args(get_args(ArchitectureConfig)[0])
    networks = [model for model in union if issubclass(model, _Architecture)]
    return tuple(get_args(model.model_fields["kind"].annotation)[0] for model in networks)
