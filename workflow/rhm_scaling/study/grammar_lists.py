"""Lists in the grammars of a study: a grammar for each combination of their values.

A list may stand for a number of `v`, `n`, `L`, `m` or `sparsity`, or inside a mapping by level, as
in ``zipf: {1: [0.5, 1]}``. The grammars are named by what varies, ``NAME-m2``,
``NAME-zipf1_0.5``, in the order of the keys `v`, `n`, `L`, `m`, `zipf`, `sparsity`; an experiment
that names ``NAME`` has all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as cartesian
from typing import Any, NamedTuple

from ..core import texts
from ..core.errors import UserError
from .types import MOST_LISTED, MOST_NAME

_KEYS = ("v", "n", "L", "m", "zipf", "sparsity")
_LARGEST = 10**9  # of a value: more would not do for a name


class _Axis(NamedTuple):
    """A list, by its place: a key, and a level where the key holds a mapping."""

    key: str
    level: int | None
    values: list[Any]

    @property
    def place(self) -> str:
        return self.key if self.level is None else f"{self.key}.{self.level}"

    def named(self, value: float) -> str:
        """What a value adds to the name of a grammar."""
        short = (str(value) if isinstance(value, int) else f"{value:g}").replace("+", "")
        return f"-{self.key}{short}" if self.level is None else f"-{self.key}{self.level}_{short}"


def unroll(study: dict[Any, Any]) -> tuple[dict[Any, Any], dict[str, str]]:
    """A study, not yet validated, without lists in its grammars.

    What is no grammar with lists stays as it is, for validation to judge.

    Returns
    -------
    study
        With a grammar for each combination, and their names in the experiments.
    origins
        By name of such a grammar, the name under which the lists stand.

    Raises
    ------
    UserError
        In one line that names the key: if a list is empty, repeats a value or holds other than
        numbers, or if there are too many combinations, or names that are taken or too long.
    """
    grammars = study.get("grammars")
    if not isinstance(grammars, dict):
        return study, {}
    found: dict[Any, Any] = {}
    names: dict[str, list[str]] = {}
    for name, grammar in grammars.items():
        axes = _axes(grammar) if isinstance(name, str) else []
        if not axes:
            _add(found, name, name, grammar)
            continue
        _check(name, axes, MOST_LISTED - len(found))
        names[name] = []
        for values in cartesian(*(axis.values for axis in axes)):
            names[name].append(name + "".join(a.named(x) for a, x in zip(axes, values)))
            _add(found, name, names[name][-1], _with(grammar, axes, values))
    origins = {made: name for name, all_made in names.items() for made in all_made}
    return _named({**study, "grammars": found}, names) if names else study, origins


def _axes(grammar: Any) -> list[_Axis]:
    """The lists of a grammar, in the order of names."""
    found = []
    if isinstance(grammar, dict) and "file" not in grammar:
        for key in _KEYS:
            given = grammar.get(key)
            if isinstance(given, list) and key != "zipf":
                found.append(_Axis(key, None, given))
            elif isinstance(given, dict) and key in ("v", "m", "zipf"):
                levels = sorted(level for level in given if type(level) is int)
                found += [
                    _Axis(key, level, given[level])
                    for level in levels
                    if isinstance(given[level], list) and 0 <= level <= _LARGEST
                ]
    return found


def _check(name: str, axes: list[_Axis], room: int) -> None:
    """Raise `UserError` if the lists of a grammar cannot be unrolled."""
    count = 1
    for axis in axes:
        here = f"grammars.{_shown(name)}.{axis.place}"
        if not axis.values:
            raise UserError(f"{here}: is an empty list; give a number, or a list of them")
        for value in axis.values:
            # not a truth value, nor what is no number at all
            number = type(value) in (int, float) and value <= _LARGEST
            zero = axis.key == "sparsity"  # a grammar without blanks
            if not number or not (value >= 0 if zero else value > 0):
                lowest = "from 0" if zero else "above 0"
                raise UserError(
                    f"{here}: a list here makes a grammar of each value and holds numbers {lowest} "
                    f"and up to {_LARGEST}, not {texts.short(value)}"
                )
        if len(set(axis.values)) < len(axis.values):
            raise UserError(f"{here}: holds a value twice; remove the repeat")
        count *= len(axis.values)
        if count > room:
            raise UserError(
                f"{here}: the lists make more than {MOST_LISTED} grammars in all; take fewer values"
            )


def _add(found: dict[Any, Any], written: Any, name: Any, grammar: Any) -> None:
    if name in found:
        raise UserError(
            f"grammars.{_shown(written)}: another grammar is named {_shown(name)} too, which "
            "stands for one of a list; rename one, or take values that differ more"
        )
    if isinstance(name, str) and name != written and len(name) > MOST_NAME:
        raise UserError(
            f"grammars.{_shown(written)}: its lists make names of more than {MOST_NAME} "
            f"characters, such as {_shown(name)}; take a shorter name"
        )
    found[name] = grammar


def _with(grammar: dict[Any, Any], axes: list[_Axis], values: tuple[Any, ...]) -> dict[Any, Any]:
    """The grammar with one value in the place of each list."""
    made = dict(grammar)
    for axis, value in zip(axes, values):
        made[axis.key] = value if axis.level is None else {**made[axis.key], axis.level: value}
    return made


def _named(study: dict[Any, Any], names: dict[str, list[str]]) -> dict[Any, Any]:
    """The study that names, where it names one for several grammars, all of them."""
    named = dict(study)
    for section in ("experiments", "denoising"):
        asking = study.get(section)
        if not isinstance(asking, dict):
            continue
        named[section] = found = {}
        for key, one in asking.items():
            listed = one.get("grammars") if isinstance(one, dict) else None
            if isinstance(listed, list):
                one = {**one, "grammars": list(_all(listed, names))}
            found[key] = one
    return named


def _all(listed: list[Any], names: dict[str, list[str]]) -> Iterator[Any]:
    """Names, each list's in the place of its own; no more than validation needs to refuse them."""
    count = 0
    for name in listed:
        for made in names.get(name, [name]) if isinstance(name, str) else [name]:
            if count > MOST_LISTED:
                return
            count += 1
            yield made


def _shown(name: Any) -> str:
    return texts.short(name).strip("'")
