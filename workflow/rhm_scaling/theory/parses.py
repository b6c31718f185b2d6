"""The derivation of each sentence, where a grammar leaves no choice."""

from __future__ import annotations

import numpy as np

from .lookup import Integers, Lookup


def parses(lookup: Lookup, tokens: Integers) -> tuple[dict[int, Integers], dict[int, Integers]]:
    """Hidden symbols and ranks of rules of an unambiguous grammar's sentences ``(N, d)``.

    Returns
    -------
    symbols
        By level ``0..L``, those of all nodes, ``(N, s**(L-l))``; level 0 is the tokens.
    ranks
        By level ``1..L``, the rank of the rule taken at every node, from 1, the most probable.
    """
    grammar, s = lookup.grammar, lookup.grammar.parameters.s
    parts = [lookup.parse(tokens[block])[0] for block in lookup.blocks(len(tokens))]
    symbols = dict(enumerate(np.concatenate(level) for level in zip(*parts)))
    ranks = {}
    for level in range(1, grammar.parameters.L + 1):
        base = (grammar.parameters.v[level - 1],) * s
        ranked = np.zeros(grammar.parameters.tuples(level), dtype=np.int64)
        symbol, rank = np.nonzero(grammar.probabilities_of(level))
        rules = grammar.rules_of(level)[symbol, rank]
        ranked[np.ravel_multi_index(tuple(rules.T), base)] = rank + 1
        children = symbols[level - 1].reshape(*symbols[level].shape, s)
        ranks[level] = ranked[np.ravel_multi_index(tuple(np.moveaxis(children, -1, 0)), base)]
    return symbols, ranks
