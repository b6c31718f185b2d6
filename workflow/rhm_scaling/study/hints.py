"""What a study's author may have meant: told beside a mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import Tag

from ..core import texts
from .schema import Study
from .types import Model

# what stands where something of another shape was found
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
    "replicas": "{rule_draws: 4}",
    "rule_seeds": "{first: 1000}",
    "block": "{rule_draws: 4}",
    "denoising": "{masked: {corruption: mask, ...}}",
    "scan": "true, or {factor: 1.25}",
}


def shape(keys: Sequence[str], given: str, wanted: str) -> str:
    """What to write where something of another shape is wanted: a mapping or a list."""
    if wanted == "list":
        return f"needs a list, such as [{given.strip(chr(39))}], not {given}"
    example = _EXAMPLES.get(keys[-1] if keys else "")
    if example is None and len(keys) == 2:  # the value of a user's own name
        example = _EXAMPLES.get(keys[0], "").partition(": ")[2].removesuffix("}")
    return f"write {example or 'keys and their values'}; not {given}"


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
    if close := difflib.get_close_matches(key, known, n=1):
        return f"did you mean {close[0]!r}?"
    for model in models:
        for name, field in model.model_fields.items():
            if any(key in below.model_fields for below in _models(field.annotation)):
                return f"it belongs into {name}: {{{key}: ...}}"
    beside = _models_at(path, every=True)
    kinds = sorted({_kind(model) for model in beside if key in model.model_fields} - {""})
    if kinds:
        return f"it is for kind: {' or '.join(kinds)}"
    return f"the keys here are {texts.cut(', '.join(known), 200)}"


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
