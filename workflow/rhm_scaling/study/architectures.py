"""Architectures of a study, networks and learners that count: shape, optimizer, stopping rule.

What a network's `kind` decides stands in its module in `models`, or in a file of the user's own.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    create_model,
    model_validator,
)

from ..architecture.about import Architecture
from ..architecture.registry import about, kinds, name_of, network_code, summary
from ..core import texts
from ..grammar.sampling import ONLINE
from ..theory.complexities import Learner
from .counted import CountingConfig, LatentConfig, LatentNetworkConfig, NgramConfig
from .types import (
    Depths,
    LearningRates,
    Model,
    PositiveInt,
    PythonFile,
    StudyTask,
    Width,
    Widths,
    sizes,
    user_file,
)


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
        most = self.all_rates[-1]
        if most * self.weight_decay >= 1:
            raise ValueError(
                f"weight_decay: {self.weight_decay:g} times lr {most:g} would turn weights over at "
                "every step; take it below 1 / lr"
            )
        return self

    @property
    def all_rates(self) -> list[float]:
        """Learning rates at any training size."""
        lr = self.lr  # type: ignore[attr-defined]
        return sorted({*chain(*lr.values())} if isinstance(lr, dict) else lr)

    def rates(self, size: int | str) -> list[float]:
        """Learning rates at a training size, or ``online``."""
        lr = self.lr  # type: ignore[attr-defined]
        if not isinstance(lr, dict):
            return sorted(lr)
        if size in lr:
            return sorted(lr[size])
        named = sorted(known for known in lr if known != ONLINE)
        below = [known for known in named if size == ONLINE or known < size]
        return sorted(lr[[ONLINE, *named[:1], *below][-1]])

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
    validation loss. Or by training size, as in `{512: 0.02, 4096: 0.01, online: 0.003}`: a size
    that is not named, and `online`, take what the nearest named size below has, or the least one.
    Where a `kind` says so, and with `base_width`, rates are scaled so that they suit all widths."""
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
    validation loss. Or by training size, as in `{512: 0.02, 4096: 0.01, online: 0.003}`: a size
    that is not named, and `online`, take what the nearest named size below has, or the least one.
    Where a `kind` says so, and with `base_width`, rates are scaled so that they suit all widths."""
    warmup_steps: PositiveInt = 100
    """Steps over which the rate rises linearly to `lr`; 1 for none."""


OptimizerConfig = Annotated[SgdConfig | AdamConfig, Field(discriminator="kind")]


class TrainingConfig(Model):
    """When a network is evaluated and when it stops; each replica stops by itself."""

    batch_size: PositiveInt = 128
    """Sentences in a batch of one replica."""
    max_steps: PositiveInt = 20000
    """Cap on the steps."""
    online_steps: PositiveInt | None = None
    """Steps of a training of the online protocol; `max_steps` if not given."""
    min_steps: PositiveInt = 500
    """Patience does not end a replica before this step."""
    patience: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 3.0
    """A replica stops once the step reaches this multiple of its best step, that is, when the
    validation loss has not improved over that stretch of log-steps."""
    train_loss: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001
    """A replica stops once its training loss (nats, mean since the last evaluation) falls below."""
    evaluations_per_octave: Annotated[int, Field(ge=1, le=100)] = 4
    """Evaluations on the validation set per doubling of the step."""

    def settings(self, online: bool) -> dict[str, Any]:
        """What a training of the protocol is told (`training.Settings`)."""
        known = self.model_dump(exclude={"online_steps"})
        if not online:
            return known
        # a curve that is read off one training has all its replicas at every step
        stops = {"min_steps", "patience", "train_loss"}
        read_off = {name: value for name, value in known.items() if name not in stops}
        return {**read_off, "max_steps": self.online_steps or self.max_steps}


class NetworkConfig(Model):
    """What all networks have in common."""

    kind: str
    width: Widths
    """Channels of every hidden layer: a number, or a list or a range to sweep."""
    depth: Depths | None = None
    """Layers or blocks: a number, or a list or a range to sweep; the grammar's `L` if not given."""
    optimizer: OptimizerConfig
    """How weights are changed."""
    training: TrainingConfig = TrainingConfig()
    """When to evaluate and to stop."""
    _folder: str | Path = PrivateAttr("")  # the study's, from which a user's file is seen

    @model_validator(mode="after")
    def _placed(self, info: ValidationInfo) -> Self:
        self._folder = (info.context or {}).get("folder", "")
        return self

    @property
    def about(self) -> Architecture:
        """What the architecture says of itself."""
        return about(self.kind)

    @property
    def name(self) -> str:
        """The architecture's, in products."""
        return self.kind

    @property
    def path(self) -> Path | None:
        """The user's file that defines it; none if this package does."""
        return None

    def with_keys(self, **given: Any) -> Self:
        """The same with other values of some keys, checked as those of a study are.

        Raises
        ------
        ValidationError
            If a value leaves what a study may hold.
        """
        known = self.model_dump()
        for key in {*_KEYS} - {*self.about.takes}:
            known.pop(key, None)
        return type(self).model_validate(known | given, context={"folder": self._folder})

    @property
    def reads(self) -> dict[str, str]:
        """Files of the user that its networks are made from, by role."""
        return {"architecture": str(self.path)} if self.path else {}

    @property
    def code(self) -> str:
        """What stands for its code in a product's identity."""
        return network_code(self.name, self.path)

    @property
    def tasks(self) -> tuple[StudyTask, ...]:
        """Tasks that it can do."""
        known = self.about
        return (*known.tasks, "masked") if known.denoises else known.tasks

    @property
    def learner(self) -> Learner | None:
        """The kind of learner whose thresholds it has; none if theory says nothing of it."""
        return self.about.learner

    @property
    def widths(self) -> list[int]:
        """All widths."""
        return sizes(self.width)

    @property
    def depths(self) -> list[int]:
        """All depths; none where the grammar decides."""
        return [] if self.depth is None else sizes(self.depth)

    def packs(self, size: int | str, side: int) -> list[list[float]]:
        """Learning rates at a training size, as many in a block as `side` says."""
        rates = self.optimizer.rates(size)
        return [rates[start : start + side] for start in range(0, len(rates), side)]

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """Widths and depths to train on a grammar of depth `L`.

        Raises
        ------
        ValueError
            If a depth does not fit the grammar.
        """
        wrong = [depth for depth in self.depths if depth != L]
        if self.about.layer_a_level and wrong:
            raise ValueError(f"depth {wrong[0]} does not fit a grammar with L = {L}")
        return [(width, depth) for width in self.widths for depth in self.depths or [L]]

    @model_validator(mode="after")
    def _divisible(self) -> NetworkConfig:
        heads = getattr(self, "heads", 1)
        for width in self.widths:
            if width % heads:
                raise ValueError(
                    f"heads: {heads} does not divide the width {width}; "
                    "take a width that is a multiple of it"
                )
        return self


_OPTIMIZERS = {"sgd": SgdConfig(kind="sgd"), "adam": AdamConfig(kind="adam")}
_HEADS = "Attention heads; must divide the width."
_BASE_WIDTH = (
    "If given, networks are in maximal-update parametrization (arXiv:2203.03466): at this width "
    "they equal those in standard parametrization, and their learning rate suits all widths. If "
    "not, they are in standard parametrization."
)
# by key, of those that an architecture may take
_KEYS: dict[str, Any] = {
    "heads": (PositiveInt, Field(2, description=_HEADS)),
    "base_width": (Width | None, Field(None, description=_BASE_WIDTH)),
}


def _config(kind: str) -> type[NetworkConfig]:
    """The model of an architecture of this package."""
    known = about(kind)
    *tasks, last = (f"`{task}`" for task in (*known.tasks, *["masked"] * known.denoises))
    can = f"{', '.join(tasks)} and {last}" if tasks else last
    given = f"predicted as for a `{known.learner}`" if known.learner else "not predicted"
    told = [f"{summary(kind)} It can do {can}; its thresholds are {given}."]
    told += ["It has a layer a level: `depth` can only be `L`."] if known.layer_a_level else []
    told += ["Its learning rate suits all widths."] if known.any_width else []
    changed = Field(_OPTIMIZERS[known.optimizer], description="How weights are changed.")
    keys: dict[str, Any] = {
        "kind": (Literal[kind], Field(description=f"Always `{kind}`.")),
        "optimizer": (OptimizerConfig, changed),
        **{key: _KEYS[key] for key in known.takes},
    }
    name = f"{kind.title()}Config"
    return create_model(name, __base__=NetworkConfig, __doc__=" ".join(told), **keys)


NETWORKS = {kind: _config(kind) for kind in kinds()}


class OwnConfig(NetworkConfig):
    """Your own architecture, from a Python file; CONTRIBUTING.md shows one.

    It is code: its declaration is run when the study is read, the rest when networks are trained.
    The file says whether there are `heads` and `base_width`.
    """

    kind: PythonFile
    """Path of the file, seen from the folder of the study, as in `./mynet.py`."""
    optimizer: Annotated[OptimizerConfig, Field(default=None)]
    """How weights are changed; as the file says if not given."""
    heads: PositiveInt = 1
    """Attention heads; must divide the width."""
    base_width: Width | None = None
    """As for a `transformer`."""

    @model_validator(mode="before")
    @classmethod
    def _readable(cls, given: Any, info: ValidationInfo) -> Any:
        """What the file says stands for what is not given."""
        if not isinstance(given, dict):  # validated before
            return given
        path = user_file(str(given["kind"]), "kind", info)
        try:
            known = about(name_of(path), str(path))
        except ValueError as error:
            raise ValueError(f"kind: {texts.line(str(path))}: {error}") from error
        if wrong := [key for key in _KEYS if key in given and key not in known.takes]:
            raise ValueError(f"{wrong[0]}: {texts.line(str(path))} takes none; leave it out")
        defaults: dict[str, Any] = {key: _KEYS[key][1].default for key in known.takes}
        return {"optimizer": _OPTIMIZERS[known.optimizer], **defaults, **given}

    @property
    def file(self) -> str:
        """The file, as the study names it."""
        return self.kind

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return Path(self._folder, self.kind)

    @property
    def about(self) -> Architecture:
        """What the file says of it."""
        return about(self.name, str(self.path))

    @property
    def name(self) -> str:
        """That of the file."""
        return name_of(self.path)


def check_own(architectures: Mapping[str, object]) -> None:
    """Refuse two files of one name, by which products are named.

    Raises
    ------
    ValueError
        Naming the key.
    """
    known: dict[str, Path] = {}
    for name, config in architectures.items():
        if not isinstance(config, OwnConfig):
            continue
        first = known.setdefault(config.name, config.path)
        if first.resolve() != config.path.resolve():
            raise ValueError(
                f"architectures.{name}.kind: {first} has the name of this file; rename one of them"
            )


ARCHITECTURES: dict[str, type[Model]] = {
    **NETWORKS,
    "FILE.py": OwnConfig,
    "counting": CountingConfig,
    "latent": LatentConfig,
    "latent_network": LatentNetworkConfig,
    "ngram": NgramConfig,
}


def _tag(value: Any) -> str | None:
    """Which of the models a value is of; None if it does not say."""
    if not isinstance(value, dict | Model):
        return "counting"  # no mapping: any of them says so
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    if not isinstance(kind, str):
        return None if kind is None else texts.short(kind)
    return "FILE.py" if kind.endswith(".py") else kind


if TYPE_CHECKING:
    ArchitectureConfig = (
        NetworkConfig | CountingConfig | LatentConfig | LatentNetworkConfig | NgramConfig
    )
else:
    _TAGGED = [Annotated[model, Tag(tag)] for tag, model in ARCHITECTURES.items()]
    ArchitectureConfig = Annotated[reduce(operator.or_, _TAGGED), Discriminator(_tag)]
