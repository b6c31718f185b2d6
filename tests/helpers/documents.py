"""What the documents say, for tests that hold code and results against it."""

import re
from pathlib import Path

from rhm_scaling.steps.columns import tables

ROOT = Path(__file__).parents[2]


def documented(table: str) -> list[str]:
    """Columns of a table in their order, as documents and ``datapackage.json`` say."""
    return tables()[table].columns


def own_network() -> str:
    """The network that CONTRIBUTING.md shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return str(shown)
