"""Thresholds of many rule draws, beside the ensemble's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ...core.files import write_text
from ...grammar.model import Grammar, Parameters
from ...theory import complexities, correlations
from ...theory.complexities import Learner

_DRAWS = 64
COLUMNS = ["rule_seed", "learner", "level", "threshold", "ensemble"]


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row a rule draw, learner and level (of the tuples' rules in classification)."""
    parameters = Parameters.from_specification(specification["grammar"])
    rows: list[tuple[Any, ...]] = []
    for rule_seed in range(_DRAWS):
        grammar = Grammar.draw(parameters, rule_seed)
        if specification["task"] == "classification":
            f = parameters.probabilities(1)
            own = complexities.at_half(correlations.label_complexities(grammar), f)
            expected = complexities.at_half(complexities.ensemble_label_complexities(parameters), f)
            rows.append((rule_seed, None, 1, own, expected))
            continue
        for learner in get_args(Learner):
            for level in range(1, parameters.L + 1):
                own = correlations.threshold(grammar, level, learner)
                expected = complexities.threshold(parameters, level, learner)
                rows.append((rule_seed, learner, level, own, expected))
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_text(outputs["product"], table.to_csv(index=False))
