"""Put blanks between the symbols of a drawn grammar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.files import write_text
from ...grammar.json_file import to_json
from ...grammar.sparse import spread
from ..files import read_grammar


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write the rules of the sparse grammar as JSON."""
    dense = read_grammar(inputs["grammar"])
    sparse = spread(dense, specification["grammar"]["sparsity"])
    write_text(outputs["product"], to_json(sparse))
