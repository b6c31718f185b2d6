"""Draw a grammar, or read a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...core.files import write_text
from ...grammar.json_file import to_json, user_grammar
from ...grammar.model import Grammar, Parameters


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write the rules and their probabilities as JSON."""
    parameters = Parameters.from_specification(specification["grammar"])
    if "file" in inputs:
        grammar = user_grammar(inputs["file"].read_text(encoding="utf-8-sig"))
        if grammar.parameters != parameters:
            raise UserError(
                f"{inputs['file']}: changed after this run was planned; start the run again"
            )
    else:
        grammar = Grammar.draw(parameters, specification["rule_seed"])
    write_text(outputs["product"], to_json(grammar))
