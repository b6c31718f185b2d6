"""Grammars: drawn at random, or one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core import texts
from ..core.errors import UserError
from ..grammar import model
from ..grammar.json_file import user_grammar
from ..study.grammars import DrawnGrammarConfig
from ..study.reading import validated
from . import checks
from .checks import public

_MOST_FILE = 2**25  # bytes


@dataclass(frozen=True, eq=False, repr=False)
class Grammar(model.Grammar):
    """Production rules with their probabilities, and the seed that they were drawn with.

    Attributes
    ----------
    rule_seed
        Of the draw; 0 for one's own grammar. With the parameters it also decides which sentences
        `sample` draws.
    """

    rule_seed: int = 0

    def __repr__(self) -> str:
        known = self.parameters
        shown: dict[str, Any] = {"v": list(known.v), "n": known.n, "s": known.s, "L": known.L}
        shown["m"] = list(known.m)
        for name in ("v", "m"):
            if len(set(shown[name])) == 1:
                shown[name] = shown[name][0]
        zipf = {level: a for level, a in enumerate(known.zipf, 1) if a is not None}
        shown |= {"zipf": zipf} if zipf else {}
        shown |= {"rule_seed": self.rule_seed} if self.drawn else {"own": known.file}
        return f"Grammar({', '.join(f'{name}={part!r}' for name, part in shown.items())})"

    @property
    def drawn(self) -> bool:
        """Whether it was drawn at random, so that others can be drawn like it."""
        return self.parameters.file is None

    @classmethod
    def of(cls, known: model.Grammar, rule_seed: int = 0) -> Grammar:
        """A grammar with the seed of its draw."""
        return cls(known.parameters, known.rules, known.probabilities, known.root, rule_seed)


def checked(given: Any) -> Grammar:
    """A grammar of the library; `TypeError` if it is anything else."""
    if not isinstance(given, Grammar):
        what = checks.kind_of(given)
        raise TypeError(f"grammar: take one from draw_grammar or read_grammar, not {what}")
    return given


@public
def draw_grammar(
    *,
    v: int | Mapping[int, int],
    L: int,
    m: int | Mapping[int, int],
    s: int = 2,
    n: int | None = None,
    zipf: Mapping[int, float] | None = None,
    rule_seed: int = 0,
) -> Grammar:
    """A random hierarchy model: production rules drawn without replacement (arXiv:2307.02129).

    No tuple of a level has two parents, so the grammar is unambiguous. Equal arguments give equal
    grammars, those of a study with the same keys.

    Parameters
    ----------
    v
        Vocabulary size: one number for all levels below the root, or by level, as in
        ``{0: 128, 1: 8}``; level 0 is the tokens.
    L
        Depth; level ``L`` is the root, a sentence has ``d = s**L`` tokens.
    m
        Production rules per symbol: one number, or a number for each level ``1..L``.
    s
        Branching: every symbol expands into ``s`` symbols of the level below.
    n
        Root symbols (class labels); as many as level ``L-1`` has, if not given.
    zipf
        Zipf exponent ``a`` by level, as in ``{1: 1.0}``: rule ``k`` has a probability proportional
        to ``k**-(1 + a)``. Levels not named have uniform rules.
    rule_seed
        Of the draw.

    Returns
    -------
    Grammar
        With ``parameters``, ``rules`` (by level, ``(symbols, m_l, s)``, level 1 first),
        ``probabilities`` (``(symbols, m_l)``), ``root`` (``(n,)``) and ``rule_seed``.

    Raises
    ------
    ValueError
        If an argument is out of range or no unambiguous grammar has these; it names the argument.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2, zipf={1: 1.0})
    >>> grammar
    Grammar(v=8, n=8, s=2, L=3, m=2, zipf={1: 1.0}, rule_seed=0)
    >>> grammar.rules[0].shape
    (8, 2, 2)
    >>> rhm.draw_grammar(v=8, s=2, L=3, m=9)
    Traceback (most recent call last):
    ValueError: m: level 1 needs v*m = 8*9 = 72 distinct tuples, but v**s = 64; take m at most 8
    """
    seed = checks.value("rule_seed", checks.Seed, rule_seed)
    keys = {"v": v, "n": n, "s": s, "L": L, "m": m, "zipf": {} if zipf is None else zipf}
    parameters = validated(DrawnGrammarConfig, checks.plain(keys)).parameters()
    return Grammar.of(model.Grammar.draw(parameters, seed), seed)


@public
def read_grammar(source: str | Path | Mapping[Any, Any]) -> Grammar:
    """One's own grammar: from JSON, or from tables of rules.

    It may be ambiguous, have symbols with different numbers of rules and levels of different sizes;
    everything about it stays exact. It is a single rule draw.

    Parameters
    ----------
    source
        The path of a JSON file; or what such a file holds, a mapping with the keys ``v`` and
        ``rules`` and perhaps ``probabilities`` and ``root`` (docs/theory.md has an example); or
        tables of rules by level, ``{level: array (symbols, m, s)}``, with equally likely rules.
        Levels of tables are ``1..L``, where level 1 makes the tokens and ``L`` is the root, or, as
        in the published code of the random hierarchy model, ``0..L-1``, where 0 is the root and
        ``L-1`` makes the tokens. Arrays may be tensors.

    Returns
    -------
    Grammar
        As `draw_grammar` returns it; rules of a symbol stand from the most probable to the least,
        and where it has fewer than ``m_l``, probabilities of zero fill up its row.

    Raises
    ------
    ValueError
        If the file cannot be read, or it is no whole grammar on a regular tree; the text names the
        place.
    TypeError
        If `source` is neither a path nor a mapping.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> tables = {1: [[[0, 1], [1, 0]], [[0, 0], [1, 1]]], 2: [[[0, 0]], [[1, 1]]]}
    >>> rhm.read_grammar(tables).parameters.m
    (2, 1)
    >>> rhm.read_grammar({"v": 2, "rules": {"1": [[[0, 2]]]}})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: rules, level 1, symbol 0, rule 0: names a symbol outside 0..1, ...
    """
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            return Grammar.of(user_grammar(texts.read(path, _MOST_FILE)))
        except (ValueError, OverflowError) as error:
            raise UserError(f"{texts.line(str(path))}: {texts.line(str(error))}") from error
    if not isinstance(source, Mapping):
        raise TypeError(
            f"source: take the path of a JSON file, or a mapping, not {checks.kind_of(source)}"
        )
    content = dict(source) if all(isinstance(key, str) for key in source) else _of_tables(source)
    return Grammar.of(user_grammar(json.dumps(checks.plain(content))))


def _of_tables(tables: Mapping[Any, ArrayLike]) -> dict[str, Any]:
    """The content of a JSON file from tables of rules by level."""
    L = len(tables)
    if set(tables) not in ({*range(1, L + 1)}, {*range(L)}):
        raise ValueError(
            f"source: levels must be 1..{L} (L is the root) or 0..{L - 1} (0 is the root), not "
            f"{texts.short([*tables])}"
        )
    known = {level: np.asarray(table) for level, table in tables.items()}
    if 0 in known:
        known = {L - level: table for level, table in known.items()}
    for level, table in known.items():
        if table.ndim != 3 or table.dtype.kind not in "iu" or not table.size:
            raise ValueError(
                f"source: level {level}, counted from the tokens: needs whole numbers of shape "
                f"(symbols, m, s), not {table.dtype} of shape {table.shape}"
            )
    # one vocabulary below the root, unless the tables say otherwise
    v = {str(level): len(known[level]) for level in range(1, L)}
    v["0"] = max(2, int(known[1].max()) + 1, v.get("1", 0))
    return {"v": v, "rules": {str(level): known[level].tolist() for level in range(1, L + 1)}}
