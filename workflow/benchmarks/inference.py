"""Exact inference: sentences a second and memory, against a plain loop and against all rules."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory.bayes_errors import root_errors
from rhm_scaling.theory.inference import last_token_posteriors, root_posterior, token_posteriors
from rhm_scaling.theory.lookup import Lookup
from rhm_scaling.theory.messages import Tree, blocks, leaves

from . import rate

GRAMMARS = {
    "v=32 m=8 s=2 L=4": Parameters.from_keys(v=32, m=8, s=2, L=4),
    "the same, Zipf a=1 at every level": Parameters.from_keys(
        v=32, m=8, s=2, L=4, zipf=dict.fromkeys(range(1, 5), 1.0)
    ),
}
# with so many rules at level 1, of which a sentence uses a few
MANY_RULES = {
    16384: Parameters.from_keys(v=128, s=2, L=3, m={1: 128, 2: 2, 3: 2}),
    4096: Parameters.from_keys(v=64, s=2, L=3, m={1: 64, 2: 4, 3: 4}),
}
# and those of which only some patches are known
PARTLY_KNOWN = {
    "long sentences, v=4 m=2 s=2 L=12": Parameters.from_keys(v=4, m=2, s=2, L=12),
    "32768 rules at level 1, v=32 s=3 L=2": Parameters.from_keys(v=32, s=3, L=2, m={1: 1024, 2: 8}),
    "4096 rules at every level, v=64 s=2 L=3": Parameters.from_keys(v=64, m=64, s=2, L=3),
}
_FEW, _MANY = 512, 2**16  # sentences that messages through all rules, and lookups, are timed on
_LOOP = 200  # sentences of the plain loop
_WHOLE = 2**14
_PROCESSES = 2
_PARTLY = 4096  # sentences of which some patches are known
_NUMBERS = 32  # most numbers of them


def plain_last_token(grammar: Grammar, tokens: NDArray[np.integer]) -> NDArray[np.float64]:
    """Posteriors of the last token for every context, ``(L+1, N, v)``, one sentence at a time.

    The same algorithm as a researcher would write it down, a node and a sentence at a time.
    """
    parameters = grammar.parameters
    s, L = parameters.s, parameters.L
    found = np.zeros((L + 1, len(tokens), parameters.v[0]))
    for row, sentence in enumerate(tokens):
        messages = np.eye(parameters.v[0])[sentence]
        messages[-1] = 1.0
        branch = []  # by level: the rules' weights given the last node's first s-1 children
        for level in range(1, L + 1):
            rules, weights = grammar.rules_of(level), grammar.probabilities_of(level)
            nodes = []
            for start in range(0, len(messages), s):
                likelihood = weights.copy()
                for child in range(s):
                    if child == s - 1 and start + s == len(messages):
                        branch.append(likelihood.copy())
                    likelihood *= messages[start + child][rules[..., child]]
                nodes.append(likelihood.sum(axis=1))
            messages = np.array(nodes)
        for context in range(L + 1):
            belief: NDArray[Any] = grammar.last_marginal(context)
            for level in range(context, 0, -1):
                joint = belief[:, None] * branch[level - 1]
                last, v = grammar.rules_of(level)[..., -1], parameters.v[level - 1]
                belief = np.bincount(last.ravel(), joint.ravel(), v)
            found[context, row] = belief / belief.sum()
    return found


def errors_by_messages(
    grammar: Grammar,
    tokens: NDArray[np.integer],
    order: NDArray[np.integer],
    numbers: NDArray[np.integer],
) -> NDArray[np.float64]:
    """What `root_errors` gives, by messages through all rules for each number."""
    wrong = np.empty((len(numbers), len(tokens)))
    for block in blocks(grammar, len(tokens)):
        patches = Tree(grammar, leaves(grammar, tokens[block])).messages[1]
        for row, number in enumerate(numbers):
            # a patch that is not known says the same of every symbol
            messages = np.where((order[block] < number).T[:, None], patches, 1.0)
            wrong[row, block] = 1.0 - Tree(grammar, messages, below=1).root().max(axis=0)
    return wrong


def _share(label: str) -> None:
    """What each of two processes does."""
    grammar = Grammar.draw(GRAMMARS[label], 0)
    last_token_posteriors(grammar, Stream(grammar, 0, 0, "theory").take(_WHOLE)["tokens"])


def _peak(grammar: Grammar, tokens: NDArray[np.integer]) -> float:
    """Megabytes needed beside the result."""
    tracemalloc.start()
    result = last_token_posteriors(grammar, tokens)
    peak = tracemalloc.get_traced_memory()[1] - result.nbytes
    tracemalloc.stop()
    return float(peak / 2**20)


def measure() -> pd.DataFrame:
    """A row a grammar and work: sentences a second, and how many times the plain loop's."""
    rows: list[dict[str, Any]] = []
    for label, parameters in GRAMMARS.items():
        grammar = Grammar.draw(parameters, 0)
        tokens = Stream(grammar, 0, 0, "theory").take(_WHOLE)["tokens"]
        some = tokens[:_LOOP]
        plain, ours = plain_last_token(grammar, some), last_token_posteriors(grammar, some)
        if not np.allclose(plain, ours, atol=1e-10):
            raise AssertionError("the two ways disagree")
        loop = rate(lambda: plain_last_token(grammar, some), _LOOP)  # noqa: B023
        rates = {"plain loop, last token, all contexts": loop}
        for name, function in (
            ("last token, all contexts", last_token_posteriors),
            ("root", root_posterior),
            ("every token, left to right", token_posteriors),
        ):
            rates[name] = rate(lambda: function(grammar, tokens), _WHOLE)  # noqa: B023
        with ProcessPoolExecutor(_PROCESSES) as pool:
            list(pool.map(_share, [label] * _PROCESSES))  # start the processes first
            work = lambda: list(pool.map(_share, [label] * _PROCESSES))  # noqa: B023, E731
            name = f"last token, all contexts, {_PROCESSES} processes"
            rates[name] = rate(work, _PROCESSES * _WHOLE)
        rows += [
            {"grammar": label, "work": name, "sentences/s": round(speed), "ratio": speed / loop}
            for name, speed in rates.items()
        ]
        for size in (_WHOLE // 4, _WHOLE):
            name = f"memory beside the result, {size} sentences"
            rows.append({"grammar": label, "work": name, "MiB": _peak(grammar, tokens[:size])})
    return pd.DataFrame([*rows, *_by_lookup(), *_partly_known()])


def _by_lookup() -> Iterator[dict[str, Any]]:
    """Rows of grammars with many rules: looking tuples up, against messages through all rules."""
    for number, parameters in MANY_RULES.items():
        grammar = Grammar.draw(parameters, 0)
        tokens = Stream(grammar, 0, 0, "theory").take(_MANY)["tokens"]
        last = partial(last_token_posteriors, contexts=[parameters.L])
        for name, function, many in (
            ("last token", last, _MANY),
            ("root", root_posterior, _MANY),
            ("every token, left to right", token_posteriors, _MANY // 16),
        ):
            fast = rate(lambda: function(grammar, tokens[:many]), many)  # noqa: B023
            with patch.object(Lookup, "build", return_value=None):
                slow = rate(lambda: function(grammar, tokens[:_FEW]), _FEW)  # noqa: B023
            for how, speed in (("messages", slow), ("lookup", fast)):
                label = {"grammar": f"{number} rules at level 1", "work": f"{name}, by {how}"}
                yield {**label, "sentences/s": round(speed), "ratio": speed / slow}


def _partly_known() -> Iterator[dict[str, Any]]:
    """Rows of sentences of which some patches are known: kinds of messages, against messages."""
    for name, parameters in PARTLY_KNOWN.items():
        grammar = Grammar.draw(parameters, 0)
        tokens = Stream(grammar, 0, 0, "theory").take(_PARTLY)["tokens"]
        patches = parameters.d // parameters.s
        order = np.random.default_rng(0).random((_PARTLY, patches)).argsort(axis=1)
        numbers = np.linspace(0, patches, min(patches, _NUMBERS) + 1).astype(np.int64)
        plain = partial(errors_by_messages, grammar, tokens[:_FEW], order[:_FEW], numbers)
        slow = rate(plain, _FEW)
        fast = rate(lambda: root_errors(grammar, tokens, order, numbers), _PARTLY)  # noqa: B023
        for how, speed in (("messages", slow), ("kinds", fast)):
            work = f"root, {len(numbers)} numbers of known patches, by {how}"
            label = {"grammar": name, "work": work}
            yield {**label, "sentences/s": round(speed), "ratio": speed / slow}
