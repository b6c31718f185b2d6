"""Sections of a study that ask what corrupted sentences tell, with the exact denoiser."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from ..core import texts
from ..grammar.sparse import SparseParameters
from ..theory.denoising import Corruption
from .grammars import FileGrammarConfig
from .replicas import RuleSeedsConfig
from .types import MOST_LISTED, Line, Model, Names

if TYPE_CHECKING:
    from .schema import ExperimentConfig

_MOST_TOKENS = 2**30  # of all sentences of a rule draw: ten minutes where rules are few
_MOST_NUMBERS = 2**28  # of the posteriors of a test set: 2 GiB
_MOST_FRACTIONS = 32  # at which test sentences are masked
_FEWEST = 2  # sentences of which changes can be correlated


def _growing(values: list[float]) -> list[float]:
    if any(a >= b for a, b in pairwise(values)):
        raise ValueError("must grow from one to the next; sort it, and remove repeats")
    return values


Fractions = Annotated[
    list[Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]],
    Field(min_length=3, max_length=MOST_LISTED),
    AfterValidator(_growing),
]

MaskedFractions = Annotated[
    list[Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]],
    Field(max_length=_MOST_FRACTIONS),
    AfterValidator(_growing),
]


class DenoisingConfig(Model):
    """What corrupted sentences tell of every level of their trees, and how they are restored.

    Nothing is trained. Posteriors are exact, and means are over sentences and rule draws.
    """

    title: Annotated[Line, Field(max_length=100)] | None = None
    """Heading of its figures; its name if not given."""
    grammars: Names
    """Names of grammars defined above, drawn ones with `n = v` and one `v` for all levels."""
    corruption: Corruption
    """`mask`, or `noise`: a token is replaced by any, by itself too, with equal probabilities."""
    fractions: Fractions
    """Probabilities with which each token is corrupted, growing; a curve has a point for each.
    The crossing of curves is looked for between them."""
    sentences: Annotated[int, Field(ge=_FEWEST, le=2**20)] = 256
    """Corrupted sentences of every depth from 1 to `L`, for every fraction and rule draw."""
    resampled: Annotated[int, Field(ge=_FEWEST, le=2**20)] = 64
    """Sentences of depth `L` that are restored: drawn anew from the posterior of all tokens."""
    rule_draws: Annotated[int, Field(ge=1, le=10**4)] = 8
    """Grammars drawn from the same parameters; intervals are over them, and there are none with
    one."""
    rule_seeds: RuleSeedsConfig = RuleSeedsConfig()
    """From which seeds they are drawn."""

    def rules(self) -> range:
        """Seeds of the rule draws."""
        return range(self.rule_seeds.first, self.rule_seeds.first + self.rule_draws)


def check_denoising(here: str, config: DenoisingConfig, grammars: Mapping[str, Any]) -> None:
    """Refuse grammars whose recursion of messages has no end.

    Raises
    ------
    ValueError
        In one line that names the key, below `here`.
    """
    for name in config.grammars:
        if name not in grammars:
            known = texts.cut(", ".join(grammars), 200)
            raise ValueError(f"{here}.grammars: no {name!r} defined; known: {known}")
        if isinstance(grammars[name], FileGrammarConfig):
            raise ValueError(
                f"{here}.grammars: {name!r} comes from a file, and what is asked is of drawn "
                "ones; take it out"
            )
        parameters = grammars[name].parameters()
        if isinstance(parameters, SparseParameters):
            raise ValueError(
                f"{here}.grammars: {name!r} has sparsity, and messages are of grammars without "
                "blanks; take it out"
            )
        if len({*parameters.v, parameters.n}) > 1:
            raise ValueError(
                f"{here}.grammars: {name!r} has {parameters.n} root symbols and levels of "
                f"{', '.join(map(str, sorted({*parameters.v})))}; messages that go on above the "
                "root take one number for all, so give v one number and leave n out"
            )
        if parameters.L < 2:
            raise ValueError(
                f"{here}.grammars: {name!r} has L = 1, and curves of depths take 2 or more; "
                "take it out"
            )
        tokens = parameters.d * len(config.fractions) * (2 * config.sentences + config.resampled)
        if tokens > _MOST_TOKENS:
            raise ValueError(
                f"{here}.sentences: {tokens:.3g} tokens of {name!r} to a rule draw, the most is "
                f"{_MOST_TOKENS}; take fewer sentences or fractions, or a smaller L"
            )


# Keys of an experiment that the masked task does not take, and why
_REFUSED = {
    "memorisation": "trainings of denoisers are not followed for memorising; set it to false",
    "precision": "no rule draws are added to curves of the task masked; leave it out",
    "controls": "denoisers have no controls; leave it out",
}


def check_masked(here: str, experiment: ExperimentConfig, grammars: Mapping[str, Any]) -> None:
    """Refuse masked fractions without the task, the task without them, and what it does not take.

    Raises
    ------
    ValueError
        In one line that names the key, below `here`.
    """
    if experiment.task != "masked":
        if experiment.masked_fractions:
            raise ValueError(
                f"{here}.masked_fractions: are of the task masked; leave it out, or take that"
            )
        return
    if not experiment.masked_fractions:
        raise ValueError(
            f"{here}.masked_fractions: is missing; give fractions, as in [0.1, 0.5, 0.9]"
        )
    for key, why in _REFUSED.items():
        if getattr(experiment, key):
            raise ValueError(f"{here}.{key}: {why}")
    if experiment.train_sizes and not isinstance(experiment.train_sizes, list):
        raise ValueError(
            f"{here}.train_sizes: no thresholds are predicted for the task masked, around which "
            "sizes would be chosen; give a list of sizes"
        )
    for name in experiment.grammars:
        parameters = grammars[name].parameters()
        if isinstance(parameters, SparseParameters):
            raise ValueError(
                f"{here}.grammars: {name!r} has sparsity, and posteriors of masked tokens are of "
                "grammars without blanks; take it out"
            )
        numbers = experiment.test_size * len(experiment.masked_fractions) * parameters.d
        if numbers * parameters.v[0] > _MOST_NUMBERS:
            raise ValueError(
                f"{here}.test_size: {numbers * parameters.v[0]:.3g} numbers of posteriors of "
                f"{name!r}, the most is {_MOST_NUMBERS}; take a smaller test_size or fewer "
                "masked_fractions"
            )
