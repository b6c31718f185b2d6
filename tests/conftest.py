"""What several tests share: tiny grammars small enough to enumerate."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from rhm_scaling.grammar import Grammar, Parameters

# shapes that differ in everything: n and v, s, per-level m, Zipf rules at either level
SHAPES = {
    "square": Parameters.make(v=4, s=2, L=2, m=2),
    "wide": Parameters.make(v=3, n=2, s=3, L=2, m={1: 2, 2: 3}),
    "zipf": Parameters.make(v=4, n=3, s=2, L=2, m={1: 3, 2: 2}, zipf={1: 1.0, 2: 0.5}),
    "deep": Parameters.make(v=3, n=2, s=2, L=3, m={1: 2, 2: 1, 3: 2}),
}


@dataclass(frozen=True)
class Language:
    """Every sentence of a tiny grammar by its leftmost derivation, with label and probability."""

    grammar: Grammar
    tokens: np.ndarray
    labels: np.ndarray
    probability: np.ndarray


def expand(grammar: Grammar, level: int, symbol: int) -> list[tuple[tuple[int, ...], float]]:
    """All (tokens, probability) that a symbol derives, by plain recursion."""
    if level == 0:
        return [((symbol,), 1.0)]
    found = []
    for rule, f in zip(
        grammar.rules_of(level)[symbol], grammar.parameters.probabilities(level), strict=True
    ):
        parts = [expand(grammar, level - 1, int(child)) for child in rule]
        for choice in itertools.product(*parts):
            tokens = tuple(token for part, _ in choice for token in part)
            found.append((tokens, f * float(np.prod([p for _, p in choice]))))
    return found


@pytest.fixture(params=list(SHAPES))
def language(request: pytest.FixtureRequest) -> Language:
    grammar = Grammar.draw(SHAPES[request.param], rule_seed=3)
    rows = [
        (tokens, label, p / grammar.parameters.n)
        for label in range(grammar.parameters.n)
        for tokens, p in expand(grammar, grammar.parameters.L, label)
    ]
    tokens, labels, probability = zip(*rows, strict=True)
    return Language(grammar, np.array(tokens), np.array(labels), np.array(probability))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
