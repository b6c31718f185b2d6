"""Replicas of every point of a curve, and the blocks in which they are trained."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .types import Model, PositiveInt


class RuleSeedsConfig(Model):
    """Seeds of the rule draws: draw `i` of an experiment, from 0, has the seed `first + i`."""

    first: Annotated[int, Field(ge=0, le=10**9)] = 0
    """The first one. A study that only differs in it, by more than it has rule draws, is an
    independent replication: no grammar and no sentence is shared. `rule_seed` in tables is the
    seed itself. In a study with a `claim`, if not given, it is the one that is derived from the
    criteria, so that a changed criterion judges rule draws that nobody has seen."""


class ReplicasConfig(Model):
    """Replicas of every point: rule draws x samples x initialisations."""

    rule_draws: PositiveInt = 4
    """Grammars drawn from the same parameters; intervals resample them first. With one, they are
    over its replicas, if there are any."""
    rule_seeds: RuleSeedsConfig = RuleSeedsConfig()
    """From which seeds they are drawn."""
    samples: PositiveInt = 1
    """Training, validation and test sets drawn from each grammar."""
    initialisations: PositiveInt = 1
    """Initial weights and batch orders tried on each sample."""

    def rules(self, start: int = 0, stop: int | None = None) -> range:
        """Seeds of the rule draws, of all or of those numbered `start` to ``stop - 1``."""
        first = self.rule_seeds.first
        return range(first + start, first + (self.rule_draws if stop is None else stop))


class BlockConfig(Model):
    """Replicas at fixed places that are trained as one batched computation and kept as one product.

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
