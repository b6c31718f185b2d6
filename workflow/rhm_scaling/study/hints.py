"""What a study's author may have meant: told beside a mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import Tag

from ..core import texts
from .schema import Study
from .types import Model

# Sections of what has a name of the user's, with an example
_NAMED = ("grammars", "architectures", "experiments", "denoising")
# What to write, by key, or by the last two where one is not enough
_EXAMPLES = {
    "grammars": "{deep: {v: 8, s: 2, L: 3, m: 4}}",
    "architectures": "{cnn: {kind: cnn, width: 64}}",
    "experiments": "{last: {task: last_token, ...}}",
    "zipf": "{1: 1.0}, an exponent for each level that has one",
    "m": "4, or {1: 4, 2: 8}, a number for each level",
    "optimizer": "{kind: adam, lr: 0.01}",
    "training": "{max_steps: 1000}",
    "masked_fractions": "[0.1, 0.5, 0.9]",
    "train_sizes": "[256, 1024], or auto",
    "controls": "{train_sizes: [1024, 4096]}",
    "controls.train_sizes": "[1024, 4096]",
    "fractions": "[0.2, 0.4, 0.6]",
    "lr": "0.01",
    "width": "64",
    "depth": "4",
    "precision": "0.1, or {crossing: 0.1}",
    "replicas": "{rule_draws: 4}",
    "rule_seeds": "{first: 1000}",
    "block": "{rule_draws: 4}",
    "denoising": "{masked: {corruption: mask, ...}}",
    "scan": "true, or {factor: 1.25}",
}


def shape(keys: Sequence[str], given: Any, wanted: str) -> str:
    """What to write where something of another shape is wanted: a mapping or a list."""
    shown = texts.short(given)
    if wanted == "list" and isinstance(given, str | int | float):
        return f"needs a list, such as [{shown.strip(chr(39))}], not {shown}"
    if len(keys) == 2 and keys[0] in _NAMED and keys[1] in _fields(keys[0]):
        return f"is a key of what has a name; write {keys[0]}: {_EXAMPLES[keys[0]]}"
    other = "a list" if wanted == "list" else "keys and their values"
    return f"write {example(keys) or other}; not {shown}"


def example(keys: Sequence[str]) -> str:
    """What to write at a place; nothing if that is not known."""
    if len(keys) == 2 and keys[0] in _NAMED:
        return _EXAMPLES[keys[0]].partition(": ")[2].removesuffix("}")
    if len(keys) > 1 and keys[-1] in _NAMED:
        name = _EXAMPLES[keys[-1]][1:].partition(":")[0]
        return f"some names of {keys[-1]}, as in [{name}]"
    return _EXAMPLES.get(".".join(keys[-2:])) or _EXAMPLES.get(keys[-1] if keys else "", "")


def kinds(where: Sequence[str]) -> list[str]:
    """The kinds of what can stand at a place, as `unknown` has it."""
    found = [_kind(model) or "FILE.py" for model in _models_at(where, every=True)]
    return list(dict.fromkeys(found))


def unknown(where: Sequence[str]) -> str:
    """What an unknown key may have been meant for.

    Parameters
    ----------
    where
        Keys, and pydantic's names of the kinds of what they lead to.
    """
    *path, key = where
    models = _models_at(path)
    known = sorted({name for model in models for name in model.model_fields})
    others = [model.model_fields for model in models if key not in model.model_fields]
    if key in known and others:  # of another kind of what stands here, which has no key `kind`
        only = [name for fields in others for name in fields]
        return f"it does not go with {' or '.join(only)}; leave one of them out"
    for model in models:
        for name, field in model.model_fields.items():
            if any(key in below.model_fields for below in _models(field.annotation)):
                inside = f"{{{key}: ...}}"
                inside = f"{{NAME: {inside}}}" if not path and name in _NAMED else inside
                return f"it belongs into {name}: {inside}"
    beside = _models_at(path, every=True)
    if others_have := sorted({_kind(one) for one in beside if key in one.model_fields} - {""}):
        return f"it is for kind: {' or '.join(others_have)}"
    if close := difflib.get_close_matches(key, known, n=1):
        return f"did you mean {close[0]!r}?"
    elsewhere = [name for name in _NAMED if path and key in _fields(name)]
    of = f"it is a key of {' and '.join(elsewhere)}; " if elsewhere else ""
    return f"{of}the keys here are {texts.cut(', '.join(known), 400)}"


def _fields(section: str) -> set[str]:
    """Keys of what stands in a section under a user's own name."""
    return {name for model in _models_at([section], every=True) for name in model.model_fields}


def _models_at(path: Sequence[str], every: bool = False) -> list[type[Model]]:
    """The models that a place can hold; of `every` kind, or of the one that is given there."""
    models: list[type[Model]] = [Study]
    for part in path:
        below = [
            inner
            for model in models
            if part in model.model_fields
            for inner in _models(model.model_fields[part].annotation)
        ]
        if below:
            models = below
        elif not every:  # a kind, or a user's own name
            models = [model for model in models if _kind(model) == part] or models
    return models


def _models(annotation: Any) -> Iterator[type[Model]]:
    """Models in a type, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def tags(annotation: Any) -> Iterator[str]:
    """What pydantic calls the members of the unions in a type, however deep."""
    if isinstance(annotation, Tag):
        yield str(annotation.tag)
    elif isinstance(annotation, type) and issubclass(annotation, Model):
        yield from filter(None, [_kind(annotation)])
        for field in annotation.model_fields.values():
            yield from tags(field.annotation)
    for part in get_args(annotation):
        yield from tags(part)


def _kind(model: type[Model]) -> str:
    """The value of a model's key `kind`, if it has one."""
    kind = model.model_fields.get("kind")
    return str(get_args(kind.annotation)[0]) if kind and get_args(kind.annotation) else ""
