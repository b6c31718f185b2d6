"""Types of a study's values: what a name, a size, a rate may be; each with a limit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)

from ..core import texts
from ..grammar.tasks import Task

# Limits far beyond any study: a slip or a hostile file must neither hang planning nor overflow it.
MOST_LISTED = 1000  # names, sizes or rates in one list, grammars of a study
MOST_NAME = 64  # characters of a user's name

StudyTask = Literal[Task, "masked"]
"""What an experiment asks of its learners; `masked` networks are products of their own."""

PositiveInt = Annotated[int, Field(ge=1, le=10**9)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    str,
    Field(pattern=rf"^[A-Za-z0-9][A-Za-z0-9_.-]{{0,{MOST_NAME - 1}}}$"),
    AfterValidator(_stays_text),
]
Line = Annotated[str, AfterValidator(_line)]
PythonFile = Annotated[str, Field(pattern=r"\.py$", max_length=4096), AfterValidator(_line)]


def user_file(given: str, key: str, info: ValidationInfo) -> Path:
    """Where a file lies that a study names, as seen from the study's folder.

    Raises
    ------
    ValueError
        If Snakemake could not read it; the message names the key.
    """
    path = Path((info.context or {}).get("folder", ""), given)
    if unable := sorted({*str(path)} & {*"<>{}"}):
        shown = f"{texts.line(str(path))}: holds {' '.join(unable)}"
        raise ValueError(f"{key}: {shown}, which Snakemake takes for its own; rename it")
    return path


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("holds a value twice; remove the repeat")
    return values


Some = Field(min_length=1, max_length=MOST_LISTED)
Sizes = Annotated[list[PositiveInt], Some, AfterValidator(_distinct)]
Names = Annotated[list[Name], Some, AfterValidator(_distinct)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_Rates = Annotated[
    Annotated[list[PositiveFloat], Some, AfterValidator(_distinct)],
    BeforeValidator(_as_list, json_schema_input_type=PositiveFloat | list[PositiveFloat]),
]


def _sizes_or_online(given: dict[Any, Any]) -> dict[Any, Any]:
    for size in given:
        if size != "online" and (type(size) is not int or not 1 <= size <= 10**9):
            raise ValueError(f"{texts.short(size)}: is no training size; name sizes, or online")
    return given


_by_size = Discriminator(lambda value: "by size" if isinstance(value, dict) else "one for all")
LearningRates = Annotated[
    Annotated[_Rates, Tag("one for all")]
    | Annotated[dict[Any, _Rates], Some, AfterValidator(_sizes_or_online), Tag("by size")],
    _by_size,
]
Width = Annotated[int, Field(ge=1, le=2**16)]
Depth = Annotated[int, Field(ge=1, le=1000)]
_by_level = Discriminator(lambda value: "by level" if isinstance(value, dict) else "one for all")
PerLevel = Annotated[
    Annotated[PositiveInt, Tag("one for all")]
    | Annotated[dict[PositiveInt, PositiveInt], Tag("by level")],
    _by_level,
]
Level = Annotated[int, Field(ge=0, le=10**9)]
Symbols = Annotated[int, Field(ge=2, le=2**16)]
Vocabulary = Annotated[
    Annotated[Symbols, Tag("one for all")] | Annotated[dict[Level, Symbols], Tag("by level")],
    _by_level,
]


def scanned(written: Any) -> BeforeValidator:
    """A key in which a study's file may have lists: what may be `written`, for the JSON schema.

    The lists themselves are taken apart before validation (`grammar_lists`).
    """
    return BeforeValidator(lambda value: value, json_schema_input_type=written)


def several(values: Any) -> Any:
    """A value, or a list of them."""
    return values | Annotated[list[values], Some]


class Model(BaseModel):
    """Base of all parts of a study: no unknown keys, no silent conversions, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _RangeConfig(Model):
    """What ranges of sizes have in common."""

    @model_validator(mode="after")
    def _grows(self) -> _RangeConfig:
        if self.largest < self.smallest:  # type: ignore[attr-defined]
            raise ValueError("largest: is less than smallest; swap the two")
        return self


class WidthRangeConfig(_RangeConfig):
    """Widths from `smallest` to `largest`, evenly spaced on a logarithm."""

    smallest: Width
    """The first width."""
    largest: Width
    """No width is larger."""
    points_per_octave: Annotated[int, Field(ge=1, le=16)] = 1
    """Widths per doubling."""
    multiple_of: Width = 1
    """Every width is rounded to a multiple of this, such as the number of heads."""

    def values(self) -> list[int]:
        """The widths, from the smallest up, without repeats."""
        octaves = math.log2(self.largest / self.smallest)
        spaced = (
            self.smallest * 2 ** (point / self.points_per_octave)
            for point in range(math.floor(octaves * self.points_per_octave + 1e-9) + 1)
        )
        unit = self.multiple_of
        rounded = {max(1, round(width / unit)) * unit for width in spaced}
        return sorted(width for width in rounded if width <= self.largest)

    @model_validator(mode="after")
    def _holds_one(self) -> WidthRangeConfig:
        if not self.values():
            raise ValueError("multiple_of: no multiple of it is so small; take largest larger")
        return self


class DepthRangeConfig(_RangeConfig):
    """Depths from `smallest` to `largest`."""

    smallest: Depth
    """The first depth."""
    largest: Depth
    """No depth is larger."""
    step: Depth = 1
    """From one depth to the next."""

    def values(self) -> list[int]:
        """The depths, from the smallest up."""
        return list(range(self.smallest, self.largest + 1, self.step))


def _kind_of_sizes(value: Any) -> str:
    return "range" if isinstance(value, dict | _RangeConfig) else "listed"


def _unless_range(value: Any) -> Any:
    return value if isinstance(value, dict) else _as_list(value)


# one size, a list, or the keys of a range
Widths = Annotated[
    Annotated[list[Width], Some, AfterValidator(_distinct), Tag("listed")]
    | Annotated[WidthRangeConfig, Tag("range")],
    Discriminator(_kind_of_sizes),
    BeforeValidator(_unless_range, json_schema_input_type=Width | list[Width] | WidthRangeConfig),
]
Depths = Annotated[
    Annotated[list[Depth], Some, AfterValidator(_distinct), Tag("listed")]
    | Annotated[DepthRangeConfig, Tag("range")],
    Discriminator(_kind_of_sizes),
    BeforeValidator(_unless_range, json_schema_input_type=Depth | list[Depth] | DepthRangeConfig),
]


def sizes(given: list[int] | WidthRangeConfig | DepthRangeConfig) -> list[int]:
    """All widths or depths, listed or in a range."""
    return given if isinstance(given, list) else given.values()
