"""Learners of a study that are no networks: they count."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..grammar.tasks import Task
from ..theory.complexities import Learner
from .types import Model


class CountedConfig(Model):
    """What learners without a network have in common: they count."""

    tasks: ClassVar[tuple[Task, ...]] = ("classification", "last_token")

    def shapes(self, L: int) -> list[tuple[int, int]]:
        """One shape: no width, the grammar's depth."""
        return [(0, L)]


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

    kind: Literal["latent"]
    """Always `latent`."""


class NgramConfig(CountedConfig):
    """Counts n-grams of tokens, with back-off to shorter ones."""

    learner: ClassVar[None] = None
    label: ClassVar[str] = "ngram"

    kind: Literal["ngram"]
    """Always `ngram`."""
