"""Checks of arguments, in the words in which mistakes in a study's file are told."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from ..core.errors import UserError
from ..core.texts import short
from ..grammar.tasks import Task

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

Seed = Annotated[int, Field(ge=0, le=10**9)]
Count = Annotated[int, Field(ge=1, le=10**9)]


def public(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A promised function: what a user can mend is a `ValueError`, in one line."""

    @functools.wraps(function)
    def checked(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        try:
            return function(*arguments, **named)
        except UserError as error:
            raise ValueError(str(error)) from None

    return checked


def value(name: str, kind: Any, given: Any) -> Any:
    """An argument of some kind: a type, with pydantic's limits.

    Raises
    ------
    ValueError
        If it is of another; the text names the argument and says what it may be.
    """
    adapter = TypeAdapter(kind, config=ConfigDict(strict=True))
    try:
        return adapter.validate_python(plain(given))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        what = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
        raise ValueError(f"{name}: {what}, not {short(problem['input'])}") from None


def task(given: Any) -> Task:
    """One of the three tasks; `ValueError` if it is none."""
    known: Task = value("task", Task, given)
    return known


def plain(given: Any) -> Any:
    """Numbers and arrays of numpy as those of Python, however deep they lie."""
    if isinstance(given, np.generic | np.ndarray):
        return given.tolist()
    if isinstance(given, Mapping):
        return {plain(key): plain(part) for key, part in given.items()}
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return [plain(part) for part in given]
    return given


def kind_of(given: Any) -> str:
    """What something is, in a line."""
    return f"{type(given).__name__} {short(given)}"
