"""Grammars of a study: drawn from parameters, or read from a user's file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import Discriminator, Field, PrivateAttr, Tag, ValidationInfo, model_validator

from ..core import texts
from ..grammar.json_file import user_grammar
from ..grammar.model import Grammar, Parameters
from ..grammar.sparse import SparseParameters
from .types import (
    Level,
    Line,
    Model,
    PerLevel,
    PositiveInt,
    Symbols,
    Vocabulary,
    scanned,
    several,
    user_file,
)

# Limits far beyond any study: a slip must neither hang planning nor overflow it
_MOST_TOKENS = 16  # log2, of a sentence
_MOST_TUPLES = 256  # log2, of all `v**s`: powers of it have to stay within floating point
_MOST_RULES = 2**26  # numbers in the rules of a level
_MOST_LABEL = 200  # characters of the name of a grammar's folder in the store
_MOST_FILE = 2**25  # bytes of a grammar's file


_Classes = Annotated[int, Field(ge=1, le=2**16)]
_Exponent = Annotated[float, Field(gt=0, le=20)]
_Blanks = Annotated[int, Field(ge=0, le=2**8)]


class DrawnGrammarConfig(Model):
    """A random hierarchy model: a probabilistic grammar on a regular tree, drawn at random.

    A list of values for `v`, `n`, `L`, `m` or `sparsity`, or inside a mapping by level, as in
    `zipf: {1: [0.5, 1]}`, makes a grammar of each combination, named by what varies (`NAME-m2`,
    `NAME-v0_128`, `NAME-zipf1_0.5`; `NAME-L3-m2` in the order of the keys here). An experiment that
    names `NAME` has all of them; it may also name one.
    """

    v: Annotated[Vocabulary, scanned(several(Symbols) | dict[Level, several(Symbols)])]
    """Vocabulary size: one number for all levels below the root, or by level, as in
    `{0: 128, 1: 8}`. Level 0 is the tokens and has to be there; a level not named has as many
    symbols as the nearest named one below it; the root has `n`."""
    n: Annotated[_Classes | None, scanned(several(_Classes) | None)] = None
    """Number of root symbols (class labels), of which classification needs two; that of level `L-1`
    if not given."""
    s: Annotated[int, Field(ge=2, le=2**16)] = 2
    """Branching: every symbol expands into `s` symbols of the level below."""
    L: Annotated[PositiveInt, scanned(several(PositiveInt))]
    """Depth; a sentence has `s**L` tokens."""
    m: Annotated[PerLevel, scanned(several(PositiveInt) | dict[PositiveInt, several(PositiveInt)])]
    """Production rules per symbol: one number for all levels, or a number for each level `1..L`
    (level `L` is the root). Needs `v*m <= v**s` below the root and `n*m <= v**s` at the root, where
    `v**s` counts the tuples of the level below."""
    zipf: Annotated[
        dict[PositiveInt, _Exponent], scanned(dict[PositiveInt, several(_Exponent)])
    ] = {}
    """Zipf exponent `a` by level: rule `k` has probability proportional to `k**-(1+a)`. Levels not
    named have uniform rules."""
    sparsity: Annotated[_Blanks, scanned(several(_Blanks))] = 0
    """Blanks `s0` beside every symbol of a tuple, as in arXiv:2404.10727: a tuple takes up
    `s*(s0+1)` places, in `(s0+1)**s` ways that are equally likely, and a sentence has
    `(s*(s0+1))**L` tokens, of which `s**L` are no blanks. `v` counts no blanks. Grammars that
    differ in this key alone have the same rules."""

    @model_validator(mode="after")
    def _possible(self) -> DrawnGrammarConfig:
        if self.L * math.log2(self.s) > _MOST_TOKENS:  # never the power itself: it may have no end
            raise ValueError(
                f"L: sentences of s**L = {self.s}**{self.L} tokens, the most is 2**{_MOST_TOKENS}; "
                "take L smaller"
            )
        most = max(self.v.values(), default=1) if isinstance(self.v, dict) else self.v
        if self.s * math.log2(most) > _MOST_TUPLES:
            raise ValueError(
                f"s: v**s = {most}**{self.s} tuples, the most is 2**{_MOST_TUPLES}; "
                "take v or s smaller"
            )
        places = self.s * (self.sparsity + 1)
        if self.L * math.log2(places) > _MOST_TOKENS:
            tokens = f"(s*(sparsity+1))**L = {places}**{self.L}"
            raise ValueError(
                f"sparsity: sentences of {tokens} tokens, the most is 2**{_MOST_TOKENS}; "
                "take it or L smaller"
            )
        if self.sparsity and places * math.log2(most + 1) > _MOST_TUPLES:
            raise ValueError(
                f"sparsity: (v+1)**(s*(sparsity+1)) = {most + 1}**{places} tuples, the most is "
                f"2**{_MOST_TUPLES}; take it or v smaller"
            )
        parameters = self.parameters()
        for level, m in enumerate(parameters.m, 1):
            symbols = parameters.symbols(level)
            if symbols * m * parameters.s > _MOST_RULES:
                raise ValueError(
                    f"m: level {level} has {symbols}*{m} = {symbols * m} rules, the most is "
                    f"{_MOST_RULES // parameters.s}; take m smaller"
                    + (", or sparsity" if self.sparsity else "")
                )
        if len(parameters.label()) > _MOST_LABEL:  # as the name of a folder
            key = "zipf" if self.zipf else "m"
            raise ValueError(
                f"{key}: too many digits in all for the name of a folder; round them, or name "
                "fewer levels"
            )
        return self

    def parameters(self) -> Parameters:
        """The grammar's parameters."""
        dense = Parameters.from_keys(
            v=self.v, n=self.n, s=self.s, L=self.L, m=self.m, zipf=self.zipf
        )
        return SparseParameters.of(dense, self.sparsity) if self.sparsity else dense


class FileGrammarConfig(Model):
    """Your own grammar, read from a JSON file; it is a single rule draw."""

    file: Annotated[Line, Field(min_length=1, max_length=4096)]
    """Path of the file, seen from the folder of the study."""
    _path: Path = PrivateAttr()
    _grammar: Grammar = PrivateAttr()

    @model_validator(mode="after")
    def _readable(self, info: ValidationInfo) -> FileGrammarConfig:
        path = user_file(self.file, "file", info)
        try:
            self._grammar = user_grammar(texts.read(path, _MOST_FILE))
        except (ValueError, OverflowError) as error:  # it may quote what the file holds
            reason = texts.cut(texts.line(str(error)), 300)
            raise ValueError(f"file: {texts.line(str(path))}: {reason}") from error
        self._path = path
        return self

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    @property
    def grammar(self) -> Grammar:
        """The grammar in the file."""
        return self._grammar

    def parameters(self) -> Parameters:
        """The grammar's shape, and the identity of its content."""
        return self._grammar.parameters


GrammarConfig = Annotated[
    Annotated[DrawnGrammarConfig, Tag("drawn")] | Annotated[FileGrammarConfig, Tag("from a file")],
    Discriminator(
        lambda value: (
            "from a file"
            if isinstance(value, FileGrammarConfig) or (isinstance(value, dict) and "file" in value)
            else "drawn"
        )
    ),
]
