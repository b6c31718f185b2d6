"""Sample the sentences of one stream, or the distinct ones that other sets do not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...grammar.distinct import DistinctStream
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
    if (apart_from := specification.get("apart_from")) is None:
        stream.write(outputs["product"], specification["size"])
        return
    others = tuple((name, size) for name, size in apart_from)
    try:
        DistinctStream(stream, others).write(outputs["product"], specification["size"])
    except ValueError as error:
        raise UserError(f"replacement: false: {error}; take smaller train_sizes") from error
