"""The JSON schema and the reference of all keys, generated from the models of a study."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .architectures import ARCHITECTURES, AdamConfig, SgdConfig, TrainingConfig
from .controls import ControlsConfig
from .denoising import DenoisingConfig
from .grammars import DrawnGrammarConfig, FileGrammarConfig
from .precision import PrecisionConfig
from .replicas import BlockConfig, ReplicasConfig, RuleSeedsConfig
from .scans import ScanConfig
from .schema import AutoSizesConfig, ExperimentConfig, Study
from .types import DepthRangeConfig, Model, WidthRangeConfig

BEGIN, END = "<!-- generated: make schema -->", "<!-- end of the generated part -->"

SECTIONS: dict[type[Model], str] = {
    Study: "Study (top level)",
    DrawnGrammarConfig: "`grammars.NAME`",
    FileGrammarConfig: "`grammars.NAME` with `file`",
    **{model: f"`architectures.NAME` with `kind: {tag}`" for tag, model in ARCHITECTURES.items()},
    WidthRangeConfig: "`architectures.NAME.width`, if it is a range",
    DepthRangeConfig: "`architectures.NAME.depth`, if it is a range",
    SgdConfig: "`architectures.NAME.optimizer` with `kind: sgd`",
    AdamConfig: "`architectures.NAME.optimizer` with `kind: adam`",
    TrainingConfig: "`architectures.NAME.training`",
    ExperimentConfig: "`experiments.NAME`",
    AutoSizesConfig: "`experiments.NAME.train_sizes`, if it is no list",
    ReplicasConfig: "`experiments.NAME.replicas`",
    RuleSeedsConfig: "`experiments.NAME.replicas.rule_seeds`",
    PrecisionConfig: "`experiments.NAME.precision`, if it is no number",
    ControlsConfig: "`experiments.NAME.controls`",
    ScanConfig: "`experiments.NAME.scan`, if it is no truth value",
    DenoisingConfig: "`denoising.NAME`",
    BlockConfig: "`block`",
}


def _default(model: type[Model], key: str) -> str:
    field = model.model_fields[key]
    if field.is_required():
        return "required"
    default = field.get_default()
    if isinstance(default, Model):
        given = ", ".join(f"{k}: {v}" for k, v in default.model_dump().items() if k == "kind")
        return f"`{{{given}}}`" if given else "see below"
    return "none" if default is None else f"`{default}`"


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What each key means: its description, or the text that stands below it in the source.

    Pydantic can read these texts, but does so at every import, a tenth of the time of planning.
    """
    texts: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        in_source = vars(inspect.getmodule(owner)).get(owner.__name__) is owner
        if in_source and issubclass(owner, BaseModel) and owner is not BaseModel:
            texts |= _texts(inspect.getsource(owner))
    fields = model.model_fields.items()
    return {key: field.description or texts.get(key, "") for key, field in fields}


def _texts(source: str) -> dict[str, str]:
    return {
        key.target.id: inspect.cleandoc(text.value.value)
        for key, text in pairwise(ast.walk(ast.parse(source)))
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def reference() -> str:
    """The reference of all keys, as Markdown tables."""
    parts = []
    for model, heading in SECTIONS.items():
        summary = " ".join((model.__doc__ or "").split())
        rows = [f"### {heading}", "", summary, "", "| key | default | meaning |"]
        rows.append("| --- | --- | --- |")
        for key, text in meanings(model).items():
            rows.append(f"| `{key}` | {_default(model, key)} | {' '.join(text.split())} |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def json_schema() -> str:
    """The JSON schema of a study, for editors."""
    return json.dumps(schema_of(Study, SECTIONS), indent=2) + "\n"


def schema_of(model: type[BaseModel], parts: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The JSON schema of a model, with what the keys of its parts mean."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="validation"),
    }
    for part in parts:
        keys = schema["$defs"].get(part.__name__, schema)["properties"]
        for key, text in meanings(part).items():
            keys[key] = dict(sorted({**keys[key], "description": text}.items()))
    return schema


def generated(folder: Path) -> dict[Path, str]:
    """Files of `folder` generated wholly or in part, with the content they should have."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        folder / "schema.json": json_schema(),
        readme: f"{before}{BEGIN}\n\n{reference()}\n{END}{after}",
    }
