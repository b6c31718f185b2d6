"""Tables held against their description, ``datapackage.json``."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

# what a package has to have by the standard and what ours have beside; nothing else
PACKAGE = {
    "type": "object",
    "required": ["$schema", "name", "description", "resources"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://datapackage.org/profiles/2.0/datapackage.json"},
        "name": {"type": "string", "pattern": "^[a-z0-9][-a-z0-9_.]*$"},
        "description": {"type": "string", "minLength": 1},
        "resources": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "type", "path", "description", "schema", "encoding"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z][a-z_]*$"},
                    "type": {"const": "table"},
                    "path": {"type": "string", "pattern": "^[a-z][a-z_]*[.]csv$"},
                    "description": {"type": "string", "minLength": 1},
                    "mediatype": {"const": "text/csv"},
                    "schema": {
                        "type": "object",
                        "required": ["fields", "missingValues"],
                        "additionalProperties": False,
                        "properties": {
                            "missingValues": {"const": [""]},
                            "primaryKey": {"type": "array", "items": {"type": "string"}},
                            "fields": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "object",
                                    "required": ["name", "type", "description"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "name": {"type": "string", "minLength": 1},
                                        "type": {
                                            "enum": ["string", "number", "integer", "boolean"]
                                        },
                                        "description": {"type": "string", "minLength": 3},
                                        "unit": {"type": "string", "minLength": 1},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
READS = {
    "string": str,
    "number": float,
    "integer": int,
    "boolean": lambda text: {"True": True, "False": False}[text],
}


def problems(folder: Path) -> Iterator[str]:
    """What of a study's tables is not as its ``datapackage.json``, which has to be one, says."""
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(PACKAGE).validate(package)
    described = {resource["path"]: resource["schema"] for resource in package["resources"]}
    there = {path.name for path in folder.glob("*.csv")}
    assert {*described} == there
    for name, schema in described.items():
        with (folder / name).open(encoding="utf-8", newline="") as file:
            yield from (f"{name}: {problem}" for problem in _of_table(schema, csv.reader(file)))


def _of_table(schema: dict[str, Any], lines: Iterator[list[str]]) -> Iterator[str]:
    names = [field["name"] for field in schema["fields"]]
    if (header := next(lines)) != names:
        yield f"has columns {header}, not {names}"
        return
    kinds = [READS[field["type"]] for field in schema["fields"]]
    rows = [[read(cell) if cell else None for read, cell in zip(kinds, line)] for line in lines]
    if key := [names.index(name) for name in schema.get("primaryKey", ())]:
        told = [tuple(row[place] for place in key) for row in rows]
        if len(set(told)) < len(told):
            yield f"rows have one {schema['primaryKey']}"
    for column, cells in zip(schema["fields"], zip(*rows)):
        counted = column.get("unit", "nats") != "nats"  # an excess may come out negative
        if counted and any(cell is not None and cell < 0 for cell in cells):
            yield f"{column['name']}: negative {column['unit']}"
        texts = [cell for cell in cells if isinstance(cell, str)]
        if column["type"] == "number" and any(math.isnan(cell) for cell in cells if cell):
            yield f"{column['name']}: a number that is none"
        if any(re.search(r"[\r\n]", text) for text in texts):
            yield f"{column['name']}: text of several lines"
