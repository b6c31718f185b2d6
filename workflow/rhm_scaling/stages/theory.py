"""Exact quantities of one grammar, from sentences sampled for the purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..inference import classification_errors_by_rank, ngram_entropies
from ..provenance import write_text
from ..sampling import Stream
from .files import read_grammar

_CONTEXTS = 2**14  # exact posteriors are averaged over this many sampled contexts
_CLASSIFIED = 2**12  # and the Bayes error over this many sentences, once a rank


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write the n-gram entropies, or for classification the Bayes errors by known rank."""
    grammar = read_grammar(inputs["grammar"])
    stream = Stream(grammar, specification["rule_seed"], 0, "theory")
    if specification["task"] == "classification":
        tokens = stream.take(_CLASSIFIED)["tokens"]
        found = {"bayes_error": classification_errors_by_rank(grammar, tokens).tolist()}
    else:
        mean, stderr = ngram_entropies(grammar, stream.take(_CONTEXTS)["tokens"])
        found = {"entropy": mean.tolist(), "stderr": stderr.tolist()}
    write_text(outputs["product"], json.dumps(found))
