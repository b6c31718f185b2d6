"""Types of a study's values: what a name, a size, a rate may be; each with a limit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from . import texts

# Limits far beyond any study: a slip or a hostile file must neither hang planning nor overflow it.
_MOST_LISTED = 1000  # names, sizes or rates in one list

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
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"), AfterValidator(_stays_text)
]
Line = Annotated[str, AfterValidator(_line)]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("holds a value twice; remove the repeat")
    return values


Some = Field(min_length=1, max_length=_MOST_LISTED)
Sizes = Annotated[list[PositiveInt], Some, AfterValidator(_distinct)]
Names = Annotated[list[Name], Some, AfterValidator(_distinct)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Rates = Annotated[
    Annotated[list[PositiveFloat], Some, AfterValidator(_distinct)],
    BeforeValidator(_as_list, json_schema_input_type=PositiveFloat | list[PositiveFloat]),
]
Width = Annotated[int, Field(ge=1, le=2**16)]
Widths = Annotated[
    Annotated[list[Width], Some, AfterValidator(_distinct)],
    BeforeValidator(_as_list, json_schema_input_type=Width | list[Width]),
]
Depth = Annotated[int, Field(ge=1, le=1000)]
Depths = Annotated[
    Annotated[list[Depth], Some, AfterValidator(_distinct)],
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
