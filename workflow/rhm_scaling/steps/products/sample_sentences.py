"""Sample the sentences of one stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...grammar.sampling import Stream
from ..files import read_grammar


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write labels and tokens as one structured array."""
    stream = Stream(
        read_grammar(inputs["grammar"]),
        specification["rule_seed"],
        specification["sample_seed"],
        specification["stream"],
    )
    stream.write(outputs["product"], specification["size"])
