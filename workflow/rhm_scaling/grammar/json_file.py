"""Grammars as JSON: the format of our own files and of a user's own grammar.

The keys are ``v``: how many symbols every level below the root has, or how many by level, as in
``{"0": 32, "1": 4}`` (level 0 is the tokens; a level not given has as many as the nearest given one
below it); ``rules``: by level ``"1"`` to ``"L"``, a list for each symbol of its ``s``-tuples,
naming symbols of the level below; ``probabilities``: the same shape, a number for each tuple (a
level not given has uniform rules); ``root``: probabilities of the root symbols (uniform if not
given). Symbols may share tuples (an ambiguous grammar) and have different numbers of rules; levels
may list fewer symbols than ``v`` says. ``parameters`` is what our own files add.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.hashing import identity
from ..core.texts import short
from .model import Grammar, Parameters, vocabulary

_MOST = 2**16  # symbols of a level, tokens of a sentence
_MOST_NUMBERS = 2**25  # in the rules of a level, which is as long as its longest list


def to_json(grammar: Grammar) -> str:
    """The grammar as JSON, in the format that `from_json` reads."""
    content = _content(grammar)
    return json.dumps({"parameters": grammar.parameters.specification(), **content})


def _content(grammar: Grammar) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    probabilities: dict[str, Any] = {}
    for level, (table, weights) in enumerate(zip(grammar.rules, grammar.probabilities), 1):
        rows = [(t[w > 0].tolist(), w[w > 0]) for t, w in zip(table, weights)]
        while not rows[-1][0]:  # symbols that only fill up the level
            rows.pop()
        rules[str(level)] = [tuples for tuples, _ in rows]
        if not all((f == 1.0 / len(f)).all() for _, f in rows):
            probabilities[str(level)] = [f.tolist() for _, f in rows]
    by_level = grammar.parameters.v
    v = {str(level): symbols for level, symbols in enumerate(by_level)}
    content = {
        "v": by_level[0] if len(set(by_level)) == 1 else v,
        "rules": rules,
        "probabilities": probabilities,
    }
    uniform = (grammar.root == 1.0 / len(grammar.root)).all()
    return content if uniform else {**content, "root": grammar.root.tolist()}


def from_json(text: str) -> Grammar:
    """The inverse of `to_json`.

    Raises
    ------
    ValueError
        If the text is not a whole grammar; the message names the place.
    """
    value = _parsed(text)
    grammar = _grammar(value)
    parameters = Parameters.from_specification(value.get("parameters", {}))
    shape = replace(parameters, zipf=grammar.parameters.zipf, file=grammar.parameters.file)
    if shape != grammar.parameters:
        raise ValueError("parameters: do not fit the rules")
    return replace(grammar, parameters=parameters)


def user_grammar(text: str) -> Grammar:
    """A user's own grammar; its `Parameters` carry the identity of its content.

    Raises
    ------
    ValueError
        If the text is not a whole grammar on a regular tree; the message names the place.
    """
    grammar = _grammar(_parsed(text))
    return replace(
        grammar, parameters=replace(grammar.parameters, file=identity(_content(grammar)))
    )


def _parsed(text: str) -> dict[str, Any]:
    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner in pairs:
            if key in found:
                raise ValueError(f"{short(key)}: is given twice; remove one")
            found[key] = inner
        return found

    try:
        value = json.loads(text, object_pairs_hook=distinct)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1].strip()
        where = f"line {error.lineno}, column {error.colno}: {short(line, 40)}"
        raise ValueError(f"not valid JSON ({error.msg}), {where}") from error
    known = {"parameters", "v", "rules", "probabilities", "root"}
    if not isinstance(value, dict) or (unknown := sorted(set(value) - known)):
        what = f"{short(unknown[0])}: unknown key" if isinstance(value, dict) else "not an object"
        raise ValueError(f"{what}; the keys are v, rules, probabilities and root")
    return value


def _grammar(value: dict[str, Any]) -> Grammar:
    """The grammar of a file, as if it came from a user."""
    given, tables = value.get("v"), value.get("rules")
    given = given if isinstance(given, dict) else {"0": given}
    if any(type(v) is not int or not 2 <= v <= _MOST for v in given.values()):
        raise ValueError(f"v: must be a whole number from 2 to {_MOST}, or one for each level")
    if not isinstance(tables, dict) or not tables:
        raise ValueError('rules: must hold the levels "1", "2", ...')
    levels = [str(level) for level in range(1, len(tables) + 1)]
    if set(tables) != set(levels):
        raise ValueError(f'rules: levels must be "1", "2", ..., not {short(list(tables))}')
    tables = {level: tables[level] for level in levels}
    if 2 ** min(len(tables), _MOST) > _MOST:  # before anything is as long as a level
        raise ValueError(f"rules: sentences of at least 2**{len(tables)} tokens; take fewer levels")
    v = _vocabulary(given, len(tables))
    rules, probabilities = _read_rules(v, tables, value.get("probabilities", {}))
    n, s, L = len(rules[-1]), rules[0].shape[2], len(rules)
    if s**L > _MOST:
        raise ValueError(f"rules: sentences of s**L = {s}**{L} tokens; take fewer levels")
    root = _distribution(value.get("root", [1.0 / n] * n), n, "root")
    m = tuple(table.shape[1] for table in rules)
    return Grammar(Parameters(v, n, s, L, m, (None,) * L, file=""), rules, probabilities, root)


def _vocabulary(given: dict[str, int], L: int) -> tuple[int, ...]:
    """Symbols of the levels below the root, of which some are given."""
    known = {str(level): level for level in range(L)}
    if not set(given) <= set(known):
        raise ValueError(f'v: levels below the root are "0" to "{L - 1}", not {short([*given])}')
    return vocabulary({known[level]: v for level, v in given.items()}, L)


def _distribution(given: Any, length: int, place: str) -> NDArray[np.float64]:
    """Probabilities, checked."""
    numbers = isinstance(given, list) and all(
        isinstance(p, (int, float)) and not isinstance(p, bool) for p in given
    )
    if not numbers or len(given) != length:
        raise ValueError(f"{place}: needs {length} probabilities")
    found = np.array(given, dtype=float)
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError(f"{place}: a probability must be a number from 0 to 1")
    if abs(found.sum() - 1) > 1e-9:
        raise ValueError(f"{place}: probabilities sum to {found.sum():.10g}, not 1")
    return found


def _read_rules(
    v: tuple[int, ...], tables: dict[str, Any], probabilities: Any
) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.float64], ...]]:
    """Rectangular tables of rules and probabilities from a file's lists."""
    if not isinstance(probabilities, dict) or not set(probabilities) <= set(tables):
        raise ValueError("probabilities: must be an object keyed by levels of the rules")
    s: int | None = None
    below = v[0]
    rules, weights = [], []
    for level, symbols in tables.items():
        place = f"rules, level {level}"
        most = None if int(level) == len(tables) else v[int(level)]  # the root has no limit
        if not isinstance(symbols, list) or not symbols or (most and len(symbols) > most):
            limit = f"one list a symbol, for 1 to {most} symbols" if most else "one list a symbol"
            raise ValueError(f"{place}: needs {limit}")
        given = probabilities.get(level, [None] * len(symbols))
        if not isinstance(given, list) or len(given) != len(symbols):
            raise ValueError(f"probabilities, level {level}: needs {len(symbols)} lists")
        rows = []
        for symbol, tuples in enumerate(symbols):
            here = f"{place}, symbol {symbol}"
            if not isinstance(tuples, list) or not tuples:
                raise ValueError(f"{here}: needs a list of tuples, at least one")
            for rank, children in enumerate(tuples):
                s = s or (len(children) if isinstance(children, list) else None)
                right = isinstance(children, list) and len(children) == s and s > 1
                if not right or any(type(child) is not int for child in children):
                    size = s if s and s > 1 else "at least 2"
                    raise ValueError(f"{here}, rule {rank}: must be a list of {size} symbols")
                if min(children) < 0 or max(children) >= below:
                    raise ValueError(
                        f"{here}, rule {rank}: names a symbol outside 0..{below - 1}, "
                        "the symbols of the level below"
                    )
            f = given[symbol] if given[symbol] is not None else [1.0 / len(tuples)] * len(tuples)
            f = _distribution(f, len(tuples), f"probabilities, level {level}, symbol {symbol}")
            rows.append((np.array(tuples, dtype=np.int64)[f > 0], f[f > 0]))
        height, width = most or len(rows), max(len(f) for _, f in rows)
        if height * width * (s or 0) > _MOST_NUMBERS:
            raise ValueError(f"{place}: {height}*{width} rules; take v or the longest list smaller")
        table, weight = np.zeros((height, width, s or 0), np.int64), np.zeros((height, width))
        for symbol, (tuples, f) in enumerate(rows):
            # most probable first: rank k means the same in every grammar
            order = np.argsort(-f, kind="stable")
            table[symbol, : len(f)], weight[symbol, : len(f)] = tuples[order], f[order]
        rules.append(table)
        weights.append(weight)
        below = len(symbols)
    return tuple(rules), tuple(weights)
