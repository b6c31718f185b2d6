"""What the documents say, for tests that hold code and results against it."""

import re
from pathlib import Path

import pandas as pd

from rhm_scaling.steps.columns import tables

ROOT = Path(__file__).parents[2]


def text_of(page: str) -> str:
    """A document, by its path in the project."""
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """A document without its line breaks."""
    return " ".join(text_of(page).split())


def code(page: str, language: str) -> list[str]:
    """The blocks of code of a document."""
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def documented(table: str) -> list[str]:
    """Columns of a table in their order, as documents and ``datapackage.json`` say."""
    return tables()[table].columns


def own_network() -> str:
    """The network that CONTRIBUTING.md shows."""
    (shown,) = code("CONTRIBUTING.md", "python")
    return shown


def reference(table: str) -> pd.DataFrame:
    """A table of the reference results."""
    return pd.read_csv(ROOT / "results" / "reference" / f"{table}.csv")
