"""The Bayes-optimal predictor on a set of test sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.files import write_aside
from ...theory.inference import exact_predictor
from ..files import read_grammar, read_sentences


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write each sentence's exact loss, and its posterior where the task has one target."""
    grammar, sentences = read_grammar(inputs["grammar"]), read_sentences(inputs["sentences"])
    context = specification.get("context", 0)
    arrays = exact_predictor(specification["task"], grammar, sentences, context)
    write_aside(outputs["product"], lambda aside: np.savez(aside, allow_pickle=False, **arrays))
