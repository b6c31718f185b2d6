"""A study from its file: one YAML document, read alone; every problem is a line naming the key."""

from __future__ import annotations

import contextlib
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..core import texts
from ..core.errors import UserError
from . import grammar_lists, hints
from .schema import Study
from .types import Model

_Part = TypeVar("_Part", bound=Model)
_BOOL, _DATE = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
_MISREAD = re.compile(r"^[-+]?0[0-9]|[0-9]:[0-9]")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which values are what they look like.

    It refuses repeated keys, and numbers that YAML 1.1 reads in base 8 or 60; `1e-3` is a number,
    `no` and `2026-01-01` are text.
    """

    # without dates, and without yes and no, which are added again below as true and false alone
    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's)
        first: [(tag, pattern) for tag, pattern in known if tag not in (_BOOL, _DATE)]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_data(self) -> Any:
        """The document, unless aliases make little text stand for a value without end."""
        node = self.get_single_node()
        if node is not None and _written_out(node, {}) > _MOST_WRITTEN:
            raise UserError(f"aliases stand for more than {_MOST_WRITTEN} characters; use fewer")
        return None if node is None else self.construct_document(node)

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """A scalar, if it is not a plain one that is read as another number than it looks."""
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if node.style is None and _MISREAD.search(node.value):
            raise UserError(
                f"{texts.short(node.value)} (line {node.start_mark.line + 1}): YAML reads a number "
                "with a leading zero or a colon in another base; write it without, put a space "
                "after the colon of a key, or quotes around a text"
            )
        return node


MOST_BYTES = 2**18  # of a study's file
_MOST_WRITTEN = 2**20  # characters of a study without aliases
_LONGEST_NAME = 100  # of a grammar, in a message
_MOST_LINES = 20  # of problems that are told at once


def _written_out(node: yaml.Node, known: dict[int, float]) -> float:
    """Characters of a value with every alias written out; no end if it holds itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        if isinstance(node, yaml.ScalarNode):
            known[id(node)] = len(node.value) + 1
        else:
            parts = chain(*node.value) if isinstance(node, yaml.MappingNode) else node.value
            known[id(node)] = 1 + sum(_written_out(part, known) for part in parts)
    return known[id(node)]


_Loader.add_implicit_resolver(_BOOL, re.compile("^(true|True|TRUE|false|False|FALSE)$"), [*"tTfF"])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    # the keys of this mapping; those that `<<` merges into it may be given here again
    own = {id(key) for key, _ in node.value}
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    given = set()
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            twice = key in given
        except TypeError as error:
            shown = texts.short(key)
            raise UserError(f"{shown}: cannot be a key; use a name or a number") from error
        if twice:
            line = key_node.start_mark.line + 1
            raise UserError(f"{texts.short(key)}: is given twice (line {line}); remove one")
        if id(key_node) in own:
            given.add(key)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_keys(text: str, source: str, keys: str) -> dict[Any, Any]:
    """The mapping in a YAML text, which should have such `keys`.

    Raises
    ------
    UserError
        If it is not a mapping, in one line.
    """
    try:
        value = yaml.load(text, _Loader)  # noqa: S506 (a subclass of the safe loader)
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    except (TypeError, LookupError, AttributeError) as error:  # PyYAML, at `!!int ''` and its like
        raise UserError(f"{source}: not valid YAML: a value does not fit its tag") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = texts.cut(texts.line(" ".join(str(error).split())), 300)
        raise UserError(f"{source}: not valid YAML: {reason}") from error
    if not isinstance(value, dict):
        raise UserError(f"{source}: must hold keys such as {keys}")
    return value


def split_scale(path: Path) -> tuple[Path, str]:
    """A study's file and scale, from ``FILE`` or ``FILE:SCALE``; no scale is the file as it stands.

    A file of that very name is no scale of another.
    """
    name, colon, scale = path.name.rpartition(":")
    return (path.with_name(name), scale) if colon and name and not path.is_file() else (path, "")


def scales(path: Path) -> list[str]:
    """All scales of a study's file, the file as it stands first."""
    value = parse_keys(_read(path), texts.line(str(path)), _KEYS)
    patches = value.get("scales")
    return ["", *map(str, patches)] if isinstance(patches, dict) else [""]


def _scaled(value: dict[Any, Any], scale: str) -> dict[Any, Any]:
    """A study at one of its scales, whose name is added to the study's own."""
    patches = value.get("scales", {})
    if not isinstance(patches, dict) or not all(isinstance(p, dict) for p in patches.values()):
        raise UserError("scales: needs names, and the keys that each of them changes")
    study = {key: part for key, part in value.items() if key != "scales"}
    if not scale:
        return study
    if scale not in patches:
        known = ", ".join(texts.short(name) for name in patches) or "none"
        raise UserError(f"scales: no {texts.short(scale)} defined; known: {known}")
    if "name" in study:
        study["name"] = f"{study['name']}-{scale}"
    return _patched(study, patches[scale])


def _patched(value: Any, patch: dict[Any, Any]) -> dict[Any, Any]:
    """A value with a merge patch (RFC 7396): mappings merge, null removes, all else replaces."""
    merged = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = _patched(merged.get(key), part) if isinstance(part, dict) else part
    return merged


_KEYS = "name, grammars and experiments"


def parse_study(text: str, source: str, folder: Path = Path(), scale: str = "") -> Study:
    """A validated study from YAML text; it names files as seen from `folder`.

    Parameters
    ----------
    text, source
        The text, and what messages call it.
    folder
        From which files are seen.
    scale
        One of the study's `scales`; the study as it stands if empty.

    Raises
    ------
    UserError
        One line for each problem: the source, the key, and what to do.
    """
    value = parse_keys(text, source, _KEYS)
    try:
        value, origins = grammar_lists.unroll(_scaled(value, scale))
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    return validated(Study, value, f"{source}: ", folder, origins)


def validated(
    model: type[_Part],
    value: Any,
    source: str = "",
    folder: Path = Path(),
    origins: Mapping[str, str] | None = None,
) -> _Part:
    """A study, or a part of one, from its keys.

    Parameters
    ----------
    model, value
        What it is, and its keys.
    source
        What every line begins with.
    folder
        From which files are seen.
    origins
        By grammar that a list stands for, the name that the list has in the study.

    Raises
    ------
    UserError
        One line for each problem: the source, the key, and what to do.
    """
    try:
        return model.model_validate(value, context={"folder": folder})
    except ValidationError as error:
        told = islice(_problems(error, value, origins or {}), _MOST_LINES)
        problems = [f"{source}{problem}" for problem in told]
        if error.error_count() > _MOST_LINES:
            problems.append(f"{source}{error.error_count() - _MOST_LINES} more problems")
        raise UserError("\n".join(problems)) from error


def load_study(path: Path) -> Study:
    """`parse_study` of ``FILE`` or ``FILE:SCALE``."""
    file, scale = split_scale(path)
    return parse_study(_read(file), texts.line(str(path)), file.parent, scale)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Name a study's file where something is wrong with what it asks for."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{texts.line(str(path))}: {error}") from error


def _read(path: Path) -> str:
    try:
        return texts.read(path, MOST_BYTES)
    except ValueError as error:
        raise UserError(f"{texts.line(str(path))}: {error}; give study=FILE") from error


_SHAPES = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "mapping"),
    **dict.fromkeys(("list_type", "tuple_type"), "list"),
}
_TAGS = {"[key]", *hints.tags(Study)}


def _problems(error: ValidationError, value: Any, origins: Mapping[str, str]) -> Iterator[str]:
    """One line a problem with a value: the dotted key, what is wrong, what to do.

    A grammar that stands for a list's value has the name of its origin, and comes at the end.
    """
    found = error.errors(include_url=False)
    # of a key that is misspelt, and so is missing too, the former is told first
    for problem in sorted(found, key=lambda one: one["type"] != "extra_forbidden"):
        loc = _written(problem["loc"], value)
        where = [part if isinstance(part, str) else texts.short(part) for part in loc]
        one = ""
        if where[:1] == ["grammars"] and len(where) > 1 and where[1] in origins:
            one = f" (in {texts.cut(texts.line(where[1]), _LONGEST_NAME)})"
            where[1] = origins[where[1]]
        # pydantic adds the tag of a union's member after the key: it is no key of the study
        keys = [k for i, k in enumerate(where) if not (i and k in _TAGS and _is_tag(where, i))]
        # a key may hold anything; the message must stay one readable line
        keys = [
            key if re.fullmatch(r"[\w.-]{1,64}", key, re.ASCII) else texts.short(key)
            for key in keys
        ]
        kind, given = problem["type"], texts.short(problem["input"])
        if kind == "value_error":  # raised by the validators above; starts with the key it is about
            message = str(problem["ctx"]["error"])
            first, separator, _ = message.partition(": ")
            inner = separator and re.fullmatch(r"[\w.-]+", first)
            place = ".".join(keys) + ("." if keys and inner else ": " if keys else "")
            yield f"{place}{message}{one}"
            continue
        if kind == "extra_forbidden":
            message = f"unknown key; {hints.unknown(where)}"
        elif problem["input"] is None and kind != "missing":
            message = f"has no value; {_wanted(problem, keys)}"
        elif kind in _SHAPES:
            message = hints.shape(keys, problem["input"], _SHAPES[kind])
        elif kind == "missing":
            message = "is missing; add it (config/README.md says what it holds)"
        elif kind in ("union_tag_not_found", "union_tag_invalid"):
            known = hints.kinds(where)
            message = f"needs kind: {', '.join(map(repr, known))}"
            if (tag := problem["ctx"].get("tag", "None")) != "None":
                close = difflib.get_close_matches(tag, known, n=1)
                meant = f"; did you mean {close[0]!r}?" if close else ""
                message += f"; not {texts.short(tag)}{meant}"
        elif kind == "too_short":
            least = problem["ctx"]["min_length"]
            message = f"needs {least} value{'s' * (least > 1)} or more, not {given}"
            if not problem["input"]:
                message = f"is empty; {_wanted(problem, keys)}"
        elif kind == "too_long":
            what = "characters" if isinstance(problem["input"], str) else "values"
            message = f"holds more than {problem['ctx']['max_length']} {what}; take fewer"
        elif kind == "bool_type":
            message = f"write true or false, not {given}"
        elif kind == "string_pattern_mismatch":
            message = f"use letters, digits, - and _ only (lower case in name:), not {given}"
        else:
            message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}, not {given}"
        yield f"{'.'.join(keys) or given}: {message}{one}"  # no place where a key is no text at all


def _wanted(problem: ErrorDetails, keys: list[str]) -> str:
    """What to write where there is nothing."""
    if written := hints.example(keys):
        return f"write {written}"
    said = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
    return {"bool_type": "write true or false", "too_short": "give one or more"}.get(
        problem["type"], said
    )


def _written(loc: tuple[int | str, ...], value: Any) -> tuple[int | str, ...]:
    """A location in a value, without the place in a list that stands for one value alone."""
    for part in loc[:-1]:  # names of unions' members are no part of it
        if _holds(value, part):
            value = value[part]
    return loc if not loc or isinstance(loc[-1], str) or _holds(value, loc[-1]) else loc[:-1]


def _holds(value: Any, part: int | str) -> bool:
    """Whether there is such a key, or such a place of a list."""
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _is_tag(where: list[str], index: int) -> bool:
    """Whether part `index` of a location is a union's tag, not a key or a user's name."""
    before = where[index - 1]
    unions = ("v", "m", "lr", "optimizer", "train_sizes", "width", "depth")
    return before in unions or where[index] == "[key]" or index == 2
