"""How precise curves are, and whether that is what a study asks for: rule draws are added if not.

Nothing here is measured: a row of ``precision.csv`` says how precise a curve of some rule draws
was, and belongs to the trained blocks that it was measured on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, model_validator

from ..core.hashing import identity
from .artifacts import Product
from .types import Model, PositiveFloat, PositiveInt

QUANTITIES = ("exponent", "crossing")


class PrecisionConfig(Model):
    """How narrow 95 % intervals have to be; a number stands for `exponent`.

    After a run, curves whose intervals are wider get another `block` of rule draws, at the sizes
    that tell something; the next run trains them, and `make run` goes on until nothing is left.
    """

    exponent: PositiveFloat | None = None
    """Half-width of the interval of every fitted exponent."""
    crossing: PositiveFloat | None = None
    """Half-width of the interval of the logarithm of every size at which a level is learnt, of
    those that every rule draw crosses between the sizes: 0.1 is a tenth of the size."""
    most_rule_draws: PositiveInt = 24
    """No curve gets more."""

    @model_validator(mode="after")
    def _of_something(self) -> PrecisionConfig:
        if self.exponent is None and self.crossing is None:
            raise ValueError("exponent: is missing; give it, or crossing, or both")
        return self


Precision = Annotated[
    PrecisionConfig,
    BeforeValidator(
        lambda value: value if isinstance(value, dict | PrecisionConfig) else {"exponent": value},
        json_schema_input_type=PositiveFloat | PrecisionConfig,
    ),
]


@dataclass(frozen=True)
class Measured:
    """How precise a curve of some rule draws is.

    Attributes
    ----------
    half_widths
        Of the 95 % intervals by name (`QUANTITIES`); NaN where there is no interval.
    smallest, largest
        The sizes that tell something of them, in sentences, with two beyond at either end.
    """

    half_widths: Mapping[str, float]
    smallest: float
    largest: float

    def wider(self, asked: PrecisionConfig) -> dict[str, float]:
        """What is asked of those whose interval is wider; where is none, draws would not help."""
        wanted = {name: getattr(asked, name) for name in QUANTITIES}
        return {
            name: most
            for name, most in wanted.items()
            if most is not None and self.half_widths[name] > most
        }

    def telling(self, sizes: Iterable[int]) -> list[int]:
        """Those of some sizes that are worth training."""
        return [size for size in sizes if self.smallest <= size <= self.largest]


@dataclass(frozen=True)
class Design:
    """A curve of so many rule draws.

    Attributes
    ----------
    rule_draws
        How many.
    blocks
        Identity of its trained blocks.
    measured
        How precise it is; None if that is not known yet.
    """

    rule_draws: int
    blocks: str
    measured: Measured | None

    @classmethod
    def of_blocks(
        cls, rule_draws: int, blocks: Sequence[Product], known: Mapping[str, Measured]
    ) -> Design:
        """A design, measured if it is among the designs that are `known` by their blocks."""
        mine = identity(sorted(block.name for block in blocks))
        return cls(rule_draws, mine, known.get(mine))


def measured_rows(rows: Iterable[Mapping[str, str]]) -> dict[str, Measured]:
    """The rows of ``precision.csv`` by their blocks; numbers as text, nothing for NaN.

    Raises
    ------
    KeyError, ValueError
        If a column is missing or no number.
    """
    return {
        row["blocks"]: Measured(
            {name: float(row[name] or math.nan) for name in QUANTITIES},
            float(row["smallest"]),
            float(row["largest"]),
        )
        for row in rows
    }
