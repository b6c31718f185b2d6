"""The sampler: tokens a second and memory, against a plain loop."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from rhm_scaling.grammar.model import Grammar
from rhm_scaling.grammar.sampling import CHUNK, Stream

from . import rate
from .inference import GRAMMARS

_LOOP = 2000  # sentences of the plain loop
_CHUNKS = 256
_PROCESSES = 2


def plain_sentences(grammar: Grammar, generator: np.random.Generator, size: int) -> list[list[int]]:
    """Sentences drawn as a researcher would write it down: a symbol at a time."""
    sentences = []
    for _ in range(size):
        symbols = [int(generator.choice(grammar.parameters.n, p=grammar.root))]
        for level in range(grammar.parameters.L, 0, -1):
            rules, weights = grammar.rules_of(level), grammar.probabilities_of(level)
            symbols = [
                int(child)
                for symbol in symbols
                for child in rules[symbol, generator.choice(rules.shape[1], p=weights[symbol])]
            ]
        sentences.append(symbols)
    return sentences


def _share(label: str) -> None:
    """What each of two processes does."""
    stream = Stream(Grammar.draw(GRAMMARS[label], 0), 0, 0, "train")
    for _ in stream.chunks(_CHUNKS * CHUNK):
        pass


def measure() -> pd.DataFrame:
    """A row a grammar and work: millions of tokens a second, and the ratio to the plain loop."""
    rows: list[dict[str, Any]] = []
    for label, parameters in GRAMMARS.items():
        grammar = Grammar.draw(parameters, 0)
        d, size = parameters.d, _CHUNKS * CHUNK
        generator = np.random.default_rng(0)
        loop = rate(lambda: plain_sentences(grammar, generator, _LOOP), _LOOP * d)  # noqa: B023
        speeds = {"plain loop": loop, "sampler": rate(lambda: _share(label), size * d)}  # noqa: B023
        with ProcessPoolExecutor(_PROCESSES) as pool:
            list(pool.map(_share, [label] * _PROCESSES))  # start the processes first
            work = lambda: list(pool.map(_share, [label] * _PROCESSES))  # noqa: B023, E731
            speeds[f"sampler, {_PROCESSES} processes"] = rate(work, _PROCESSES * size * d)
        rows += [
            {"grammar": label, "work": name, "Mtokens/s": speed / 1e6, "ratio": speed / loop}
            for name, speed in speeds.items()
        ]
        tracemalloc.start()
        result = Stream(grammar, 0, 0, "train").take(size)
        above = tracemalloc.get_traced_memory()[1] - result.nbytes
        tracemalloc.stop()
        name = "memory above the output, bytes a token"
        rows.append({"grammar": label, "work": name, "B/token": above / (size * d)})
    return pd.DataFrame(rows)
