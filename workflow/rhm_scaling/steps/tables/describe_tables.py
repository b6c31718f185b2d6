"""``datapackage.json``: the study's tables, with the meaning, type and unit of every column.

A Data Package of the Frictionless standard, https://datapackage.org/standard/data-package/.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...core.files import write_text
from ...core.hashing import identity
from ...study.tables import Part, Plan
from ..columns import field, source, tables


def planned(plan: Plan) -> Part:
    """What is said of columns; of which tables, all other steps decide."""
    return Part({"columns": identity(source())}, ["datapackage.json"], lists=True)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Describe the tables."""
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": specification["study"],
        "description": f"Tables of the study {specification['study']}",
        "resources": [_resource(name) for name in sorted(specification["tables"])],
    }
    text = json.dumps(package, indent=1, ensure_ascii=False) + "\n"
    write_text(folder / "datapackage.json", text)


def _resource(name: str) -> dict[str, Any]:
    table = tables()[name]
    schema: dict[str, Any] = {
        "fields": [field(name, column) for column in table.columns],
        "missingValues": [""],
    }
    if table.key:
        schema["primaryKey"] = [*table.key]
    return {
        "name": name.removesuffix(".csv"),
        "type": "table",
        "path": name,
        "description": table.about,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": schema,
    }
