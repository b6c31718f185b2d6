"""The whole theory of one grammar and task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.files import write_text
from ...theory.measured_correlations import measured_correlations
from ...theory.solve import solve
from ..files import read_grammar


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write exact quantities and predicted curves, a row a number, and measured correlations."""
    grammar = read_grammar(inputs["grammar"])
    told = (grammar, specification["task"], specification["rule_seed"])
    solution = solve(*told)
    write_text(outputs["quantities"], solution.quantities.to_csv(index=False))
    write_text(outputs["curves"], solution.curves.to_csv(index=False))
    write_text(outputs["correlations"], measured_correlations(*told).to_csv(index=False))
