"""Grammars small enough to enumerate, and their whole languages."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from rhm_scaling.grammar.json_file import from_json, to_json, user_grammar
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sparse import SparseParameters, draw

# shapes that differ in everything: n and v, also by level, s, per-level m, Zipf rules at any level
SHAPES = {
    "square": Parameters.from_keys(v=4, s=2, L=2, m=2),
    "wide": Parameters.from_keys(v=3, n=2, s=3, L=2, m={1: 2, 2: 3}),
    "zipf": Parameters.from_keys(v=4, n=3, s=2, L=2, m={1: 3, 2: 2}, zipf={1: 1.0, 2: 0.5}),
    "deep": Parameters.from_keys(v=3, n=2, s=2, L=3, m={1: 2, 2: 1, 3: 2}),
    "many tokens": Parameters.from_keys(v={0: 6, 1: 3}, n=2, s=2, L=3, m={1: 3, 2: 2, 3: 2}),
    "uneven": Parameters.from_keys(
        v={0: 3, 1: 4, 2: 5}, s=2, L=3, m={1: 2, 2: 3, 3: 2}, zipf={2: 1.0, 3: 0.5}
    ),
    "few tokens": Parameters.from_keys(v={0: 2, 1: 4}, n=3, s=3, L=2, m={1: 2, 2: 3}),
}


# shared tuples at two levels, symbols with different numbers of rules, an unequal root
AMBIGUOUS = """{
  "v": 3,
  "rules": {
    "1": [[[0, 1], [2, 2], [1, 1]], [[0, 1], [1, 0]], [[2, 0]]],
    "2": [[[0, 1], [1, 2]], [[0, 1], [2, 0], [2, 2]]],
    "3": [[[0, 0]], [[1, 0], [0, 1]], [[0, 0], [1, 1]]]
  },
  "probabilities": {
    "1": [[0.5, 0.3, 0.2], [0.9, 0.1], [1]],
    "2": [[0.25, 0.75], [0.1, 0.2, 0.7]]
  },
  "root": [0.5, 0.2, 0.3]
}"""
# the same at levels of different sizes, one of which is not filled up
AMBIGUOUS_BY_LEVEL = """{
  "v": {"0": 4, "1": 2, "2": 3},
  "rules": {
    "1": [[[0, 3], [2, 2], [3, 1]], [[0, 3], [1, 0]]],
    "2": [[[0, 1], [1, 1]], [[0, 1], [1, 0], [0, 0]]],
    "3": [[[0, 0]], [[1, 0], [0, 1]], [[0, 0], [1, 1]]]
  },
  "probabilities": {"2": [[0.25, 0.75], [0.1, 0.2, 0.7]]}
}"""
GRAMMARS = {name: Grammar.draw(shape, rule_seed=3) for name, shape in SHAPES.items()}
GRAMMARS["ambiguous"] = user_grammar(AMBIGUOUS)
GRAMMARS["ambiguous by level"] = user_grammar(AMBIGUOUS_BY_LEVEL)
# blanks at every level, also of different sizes, and Zipf rules: 512 sentences of 16 tokens
DENSE = Parameters.from_keys(v={0: 3, 1: 2}, n=2, s=2, L=2, m={1: 2, 2: 1}, zipf={1: 1.0})
# as steps read it
GRAMMARS["sparse"] = from_json(to_json(draw(SparseParameters.of(DENSE, 1), rule_seed=3)))


@dataclass(frozen=True)
class Language:
    """Every derivation of a tiny grammar: symbols by level, from the tokens to the root.

    `symbols[l]` has shape ``(derivations, nodes)``; `probability` is that of the derivation.
    """

    grammar: Grammar
    symbols: list[np.ndarray]
    probability: np.ndarray

    @property
    def tokens(self) -> np.ndarray:
        """Symbols of level 0."""
        return self.symbols[0]

    def given(self, row: int, known: np.ndarray) -> np.ndarray:
        """Probabilities of the derivations that agree with the known tokens of one of them."""
        agree = (self.tokens[:, known] == self.tokens[row, known]).all(axis=1)
        return np.where(agree, self.probability, 0.0) / self.probability[agree].sum()


def expand(grammar: Grammar, level: int, symbol: int) -> list[tuple[list[list[int]], float]]:
    """All (symbols by level, probability) that a symbol derives, by plain recursion."""
    if level == 0:
        return [([[symbol]], 1.0)]
    found = []
    rules, weights = grammar.rules_of(level)[symbol], grammar.probabilities_of(level)[symbol]
    for rule, f in zip(rules, weights, strict=True):
        if f == 0:
            continue
        parts = [expand(grammar, level - 1, int(child)) for child in rule]
        for choice in itertools.product(*parts):
            levels = zip(*(part for part, _ in choice), strict=True)
            below = [list(itertools.chain(*nodes)) for nodes in levels]
            found.append(([*below, [symbol]], f * float(np.prod([p for _, p in choice]))))
    return found


def enumerate_language(grammar: Grammar) -> Language:
    rows = [
        (symbols, p * grammar.root[label])
        for label in range(grammar.parameters.n)
        for symbols, p in expand(grammar, grammar.parameters.L, label)
    ]
    symbols, probability = zip(*rows, strict=True)
    by_level = [np.array(level) for level in zip(*symbols, strict=True)]
    return Language(grammar, by_level, np.array(probability))
