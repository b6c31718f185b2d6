"""What the documents say, for tests that hold code and results against it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def documented(table: str) -> list[str]:
    """Columns in the order of the table's section of results/README.md."""
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    section = text.split(f"### `{table}`", 1)[1].split("\n### ", 1)[0]
    cells = re.findall(r"^\| (.+?) \|", section, flags=re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def own_network() -> str:
    """The network that CONTRIBUTING.md shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return str(shown)
