"""Draw a grammar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..grammar import Grammar, Parameters
from ..provenance import write_text


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write the rules as JSON."""
    parameters = Parameters.from_specification(specification["grammar"])
    grammar = Grammar.draw(parameters, specification["rule_seed"])
    write_text(outputs["product"], grammar.to_json())
