"""Learners of a study that are no networks of `models`: they count, or predict siblings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..grammar.tasks import Task
from ..theory.complexities import Learner
from .types import Model, PositiveFloat, PositiveInt, Width


class CountedConfig(Model):
    """What learners have in common that are trained in no pack, and not on the task itself."""

    tasks: ClassVar[tuple[Task, ...]] = ("classification", "last_token")
    product: ClassVar[str] = "counts"  # the kind of what it makes
    initialised: ClassVar[bool] = False  # whether it begins with random numbers

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """One shape: no width, the grammar's depth."""
        return [(0, L)]

    def packs(self, size: int | str, side: int) -> list[list[float]]:
        """One block at every size, without learning rates."""
        return [[]]


class CountingConfig(CountedConfig):
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


class LatentConfig(CountedConfig):
    """Clusters synonyms by their siblings' codes, level by level (arXiv:2605.27734).

    Latent prediction: labels are counted below the root alone.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("classification",)
    learner: ClassVar[None] = None
    label: ClassVar[str] = "latent"
    product: ClassVar[str] = "latents"

    kind: Literal["latent"]
    """Always `latent`."""


class LatentNetworkConfig(CountedConfig):
    """A network that learns the code of every tuple from the tuple's sibling, level by level.

    Labels are read from the codes below the root, and change none of them.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("classification",)
    learner: ClassVar[None] = None
    product: ClassVar[str] = "predictors"
    initialised: ClassVar[bool] = True

    kind: Literal["latent_network"]
    """Always `latent_network`."""
    predicts: Literal["codes", "tokens"] = "codes"
    """What the code of a tuple has to predict of its sibling: the code that the moving average of
    the encoder gives to it (latent prediction), or its tokens."""
    width: Width = 64
    """Hidden units of every level."""
    codes: Annotated[int, Field(ge=2, le=2**12)] = 12
    """Numbers in a code, of every level: fewer than there are symbols, as what siblings do not tell
    fills the others with noise."""
    lr: PositiveFloat = 0.03
    """Learning rate of Adam, which rises over the first steps, and falls as half a cosine to zero
    at the last."""
    steps: PositiveInt = 1000
    """Steps."""
    batch_size: PositiveInt = 64
    """Sentences in a batch; all, if there are fewer."""
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """What the moving average keeps of itself at a step."""
    spread: Annotated[float, Field(ge=0, le=100)] = 0.1
    """Weight of the penalty that keeps codes apart: their covariance is to be the identity. At 0
    nothing does, and they collapse."""

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """Its width, and a module a level."""
        return [(self.width, L)]

    @property
    def label(self) -> str:
        """A readable name for paths."""
        return f"latent_network-{self.predicts}-w{self.width}"


class NgramConfig(CountedConfig):
    """Counts n-grams of tokens, with back-off to shorter ones."""

    learner: ClassVar[None] = None
    label: ClassVar[str] = "ngram"

    kind: Literal["ngram"]
    """Always `ngram`."""


def recovers(config: object) -> bool:
    """Whether a learner finds hidden symbols, level by level."""
    return isinstance(config, CountingConfig | LatentConfig | LatentNetworkConfig)


def predicts_codes(config: object) -> bool:
    """Whether a learner has the thresholds of latent prediction."""
    network = isinstance(config, LatentNetworkConfig) and config.predicts == "codes"
    return network or isinstance(config, LatentConfig)


def predicts_tokens(config: object) -> bool:
    """Whether a network predicts the tokens of siblings."""
    return isinstance(config, LatentNetworkConfig) and config.predicts == "tokens"
