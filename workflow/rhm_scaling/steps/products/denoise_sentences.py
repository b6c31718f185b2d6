"""What corrupted sentences of one rule draw tell, and how they are restored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ...core.hashing import seed_from
from ...grammar.model import Grammar
from ...grammar.sampling import Stream
from ...theory import denoising
from ...theory.messages import blocks
from ...theory.population import critical_fraction, recursion
from ..files import read_grammar, write_rows

Row = dict[str, Any]


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row a quantity, fraction and level; NaN where it has none."""
    grammar = read_grammar(inputs["grammar"])
    kind, fractions = specification["corruption"], specification["fractions"]
    seed = seed_from("denoising", grammar.parameters.specification(), specification["rule_seed"])
    rows = [_row("critical", math.nan, math.nan, critical_fraction(grammar, kind, seed))]
    for fraction in fractions:
        values = islice(recursion(grammar, kind, fraction, seed), grammar.parameters.L)
        rows += [_row("recursion", fraction, depth, one) for depth, one in enumerate(values, 1)]
    rows += _by_depth(grammar, specification)
    rows += _restored(grammar, specification)
    write_rows(outputs["product"], rows)


def _row(quantity: str, fraction: float, level: float, value: float) -> Row:
    return {"quantity": quantity, "fraction": fraction, "level": level, "value": float(value)}


def _by_depth(grammar: Grammar, specification: dict[str, Any]) -> Iterator[Row]:
    """Posterior of the true root, of sentences of every depth with any root.

    Its mean over the root is that of the sum of squares, which scatters less.
    """
    for depth in range(1, grammar.parameters.L + 1):
        tree = denoising.lowest(grammar, depth)
        tokens = _tokens(tree, specification, specification["sentences"])
        for fraction, seen in _corrupted(tree, tokens, specification):
            found = denoising.root_posteriors(tree, seen, specification["corruption"], fraction)
            yield _row("root", fraction, depth, (found**2).sum(axis=1).mean())


def _tokens(tree: Grammar, specification: dict[str, Any], count: int) -> denoising.Symbols:
    stream = Stream(tree, specification["rule_seed"], 0, "theory")
    return stream.take(count)["tokens"].astype(np.int64)


def _corrupted(
    tree: Grammar, tokens: denoising.Symbols, specification: dict[str, Any]
) -> Iterator[tuple[float, denoising.Symbols]]:
    """Each fraction with sentences that are corrupted independently of those of others."""
    kind, v = specification["corruption"], tree.parameters.v[0]
    for fraction in specification["fractions"]:
        seed = seed_from("corruption", kind, fraction, tree.parameters.specification())
        source = np.random.Generator(np.random.Philox([seed, specification["rule_seed"]]))
        yield fraction, denoising.corrupt(tokens, kind, fraction, v, source)


def _restored(grammar: Grammar, specification: dict[str, Any]) -> Iterator[Row]:
    """Posteriors of every level given whole sentences, and sentences that are drawn from them."""
    parameters, kind = grammar.parameters, specification["corruption"]
    tokens = _tokens(grammar, specification, specification["resampled"])
    for number, (fraction, seen) in enumerate(_corrupted(grammar, tokens, specification)):
        source = np.random.Generator(np.random.Philox([specification["rule_seed"], number]))
        restored, alone = np.empty((2, *seen.shape), dtype=np.int64)
        symbols = np.zeros(parameters.L + 1)
        for block in blocks(grammar, len(seen)):
            leaves = denoising.evidence(seen[block], kind, fraction, parameters.v[0])
            messages = denoising.upward(grammar, leaves)
            posteriors = denoising.posteriors(grammar, messages)
            restored[block] = denoising.resample(grammar, messages, source)[0]
            alone[block] = denoising.choose(posteriors[0], source)
            share = leaves.shape[1] / len(seen)
            symbols += [(one**2).sum(axis=0).mean() * share for one in posteriors]
        correlation, susceptibility = denoising.correlations_of_changes(
            restored != tokens, parameters.s
        )
        yield _row("susceptibility", fraction, math.nan, susceptibility)
        for level, value in enumerate(symbols):
            yield _row("symbol", fraction, level, value)
        for quantity, values in (
            ("correlation", correlation),
            ("obeying", denoising.obeying(grammar, restored)),
            ("obeying_alone", denoising.obeying(grammar, alone)),
        ):
            for level, value in enumerate(values, 1):
                yield _row(quantity, fraction, level, value)
