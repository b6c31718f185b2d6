"""What every column of every table means, of which type it is, and in which unit: one source.

``columns.yaml`` beside this module; ``datapackage.json`` and the tables of results/README.md are
made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..analysis.curves import CURVE_KEY

_FILE = Path(__file__).with_name("columns.yaml")
EXPLAINED = Path("results", "README.md")  # whose tables are written


@dataclass(frozen=True)
class Row:
    """Columns that are explained together.

    Attributes
    ----------
    names
        Of the columns.
    means
        What is said of them here.
    alike
        The table whose columns of these names they are like, if there is one.
    given
        ``type`` and ``unit``, where they are not those of the name.
    """

    names: tuple[str, ...]
    means: str
    alike: str | None
    given: Mapping[str, str]

    @property
    def text(self) -> str:
        """Their meaning, for a reader of all tables."""
        alike = f"as in `{self.alike}`" if self.alike else ""
        return "; ".join(filter(None, (alike, self.means)))


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    about
        What it holds.
    rows
        Its columns, in their order.
    key
        Columns that tell its rows apart; none if that is not said.
    """

    about: str
    rows: tuple[Row, ...]
    key: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in their order."""
        return [name for row in self.rows for name in row.names]


def source() -> str:
    """The text that all of this is read from."""
    return _FILE.read_text(encoding="utf-8")


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(source())
    return content


@cache
def tables() -> dict[str, Table]:
    """All tables by name."""
    return {
        name: Table(
            table["about"],
            tuple(_row(*pair) for part in table["columns"] for pair in part.items()),
            tuple(_names(_content()["keys"].get(name, ""))),
        )
        for name, table in _content()["tables"].items()
    }


def _row(names: str, said: str | Mapping[str, str]) -> Row:
    known = {"means": said} if isinstance(said, str) else dict(said)
    means, alike = known.pop("means", ""), known.pop("as", None)
    return Row(tuple(names.split(", ")), means, alike, known)


def _names(text: str) -> list[str]:
    """Columns of a list, the name of a curve written out."""
    names = text.split(", ") if text else []
    return [name for one in names for name in (["study", *CURVE_KEY] if one == "curve" else [one])]


@cache
def _of_name(what: str, column: str) -> str | None:
    """Type or unit of a column by its name alone."""
    for name, columns in _content()[what].items():
        lines = [columns] if isinstance(columns, str) else columns
        if any(column in line.split(", ") for line in lines):
            return str(name)
    return None


def field(table: str, column: str) -> dict[str, str]:
    """A column as a field of a Table Schema: name, type, description, and unit if it has one.

    Raises
    ------
    KeyError
        If the table or the column is not described.
    """
    row = _row_of(table, column)
    kind = row.given.get("type") or _of_name("types", column) or "number"
    unit = row.given.get("unit") or _of_name("units", column)
    found = {"name": column, "type": kind, "description": _described(table, column)}
    return {**found, "unit": unit} if unit and kind in ("number", "integer") else found


def _row_of(table: str, column: str) -> Row:
    """The row that explains a column."""
    for row in tables()[table].rows:
        if column in row.names:
            return row
    raise KeyError(f"{table}: {column}")


def _described(table: str, column: str) -> str:
    """What a column means, for a reader of this table alone."""
    row = _row_of(table, column)
    if row.alike:
        return "; ".join(filter(None, (_described(row.alike, column), row.means)))
    meaning = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", row.means)
    return f"{', '.join(row.names)}: {meaning}" if len(row.names) > 1 else meaning


def explained(text: str) -> str:
    """The text of results/README.md, with what it says of tables and columns as it is here."""
    for name, table in tables().items():
        text, found = re.subn(
            rf"^  {re.escape(name)} .*$", f"  {name:<22} {table.about}", text, flags=re.MULTILINE
        )
        rows = [f"| {', '.join(f'`{n}`' for n in row.names)} | {row.text} |" for row in table.rows]
        lines = "\n".join(["| column | meaning |", "| --- | --- |", *rows])
        heading = rf"^### `{re.escape(name)}`\n(?:(?!##|\| column).*\n)*"
        tabled = re.search(rf"({heading})((?:\|.*\n)+)", text, flags=re.MULTILINE)
        if found != 1 or tabled is None:
            raise ValueError(f"{EXPLAINED}: needs a line and a section with a table for {name}")
        text = f"{text[: tabled.start(2)]}{lines}\n{text[tabled.end(2) :]}"
    return text
