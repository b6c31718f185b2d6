"""The sentences that the networks of a study see, by grammar draw and split, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..grammar.distinct import DistinctStream
from ..grammar.model import Grammar
from ..grammar.sampling import ONLINE, Stream, unsigned_type
from ..grammar.sparse import draw
from ..study.grammars import FileGrammarConfig
from ..study.plan import Plan
from ..theory.lookup import Lookup
from ..theory.parses import parses

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes
    ----------
    name
        Its name.
    kind
        Type of a number.
    width
        Numbers a sentence, in an array; none where it is one number alone.
    meaning
        What they are.
    """

    name: str
    kind: np.dtype[np.unsignedinteger]
    width: int | None
    meaning: str


@dataclass(frozen=True)
class Shard:
    """A file of sentences.

    Attributes
    ----------
    path
        Below the data set's folder.
    split
        Which of `SPLITS`.
    rows
        Sentences.
    bytes, sha256
        Of the file.
    """

    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Configuration:
    """The data sets of one grammar draw and sample.

    Attributes
    ----------
    of
        Name of the grammar in the study.
    grammar
        The grammar.
    rule_seed, sample_seed
        Which draw of its rules, and which sample.
    sizes
        Number of sentences by split.
    replacement
        Whether sentences may repeat; if not, no sentence of a split is in another one.
    """

    of: str
    grammar: Grammar
    rule_seed: int
    sample_seed: int
    sizes: dict[str, int]
    replacement: bool

    @property
    def name(self) -> str:
        """What tells it from the others; part of paths."""
        name = f"{self.of}-r{self.rule_seed:03d}-s{self.sample_seed:03d}"
        # what is held out decides which other sentences there are
        held_out = f"{self.sizes['validation']}-{self.sizes['test']}"
        return name if self.replacement else f"{name}-distinct-{held_out}"

    @cached_property
    def derived(self) -> bool:
        """Whether a sentence tells its derivation, so that this stands beside it."""
        return Lookup.build(self.grammar) is not None  # not kept: its tables may be large

    @cached_property
    def columns(self) -> list[Column]:
        """The columns of its tables."""
        parameters = self.grammar.parameters
        L = parameters.L
        nodes = [parameters.s ** (L - level) for level in range(L + 1)]
        found = [
            Column("label", unsigned_type(parameters.n), None, "root symbol, the class"),
            Column("tokens", unsigned_type(parameters.v[0]), nodes[0], "the sentence"),
        ]
        if not self.derived:
            return found
        found += [
            Column(
                f"symbols_{level}",
                unsigned_type(parameters.symbols(level)),
                nodes[level],
                f"hidden symbols of level {level}, from left to right",
            )
            for level in range(1, L)
        ]
        return found + [
            Column(
                f"ranks_{level}",
                unsigned_type(parameters.m[level - 1] + 1),
                nodes[level],
                f"ranks of the rules that the symbols of level {level} took, "
                "from 1, the most probable one",
            )
            for level in range(1, L + 1)
        ]

    @property
    def row_bytes(self) -> int:
        """Bytes of a sentence before compression."""
        return sum(column.kind.itemsize * (column.width or 1) for column in self.columns)

    @property
    def bytes(self) -> int:
        """Bytes of all sentences before compression."""
        return self.row_bytes * sum(self.sizes.values())

    def tables(self, split: str, rows: int) -> Iterator[pl.DataFrame]:
        """The sentences of a split in their order, so many rows at a time."""
        lookup = Lookup.build(self.grammar)
        parts, there = list[NDArray[np.void]](), 0
        for part in self._drawn(split):
            while there + len(part) >= rows:
                parts.append(part[: rows - there])
                part, there = part[rows - there :], 0
                yield self._table(np.concatenate(parts), lookup)
                parts = []
            parts.append(part)
            there += len(part)
        if there:
            yield self._table(np.concatenate(parts), lookup)

    def _drawn(self, split: str) -> Iterator[NDArray[np.void]]:
        stream = Stream(self.grammar, self.rule_seed, self.sample_seed, split)
        if self.replacement:
            return stream.chunks(self.sizes[split])
        # as `study.products` has it
        held_out = tuple((name, self.sizes[name]) for name in ("test", "validation"))
        others = {"test": (), "validation": held_out[:1], "train": held_out}
        return DistinctStream(stream, others[split]).chunks(self.sizes[split])

    def _table(self, sentences: NDArray[np.void], lookup: Lookup | None) -> pl.DataFrame:
        known = {"label": sentences["label"], "tokens": sentences["tokens"]}
        if lookup:
            symbols, ranks = parses(lookup, sentences["tokens"])
            known |= {f"symbols_{level}": found for level, found in symbols.items()}
            known |= {f"ranks_{level}": found for level, found in ranks.items()}
        return pl.DataFrame(
            [
                pl.Series(column.name, np.ascontiguousarray(known[column.name], column.kind))
                for column in self.columns
            ]
        )


def configurations(plan: Plan, rule_draws: int | None = None) -> list[Configuration]:
    """All data sets of a study, as large as its largest training takes them.

    Parameters
    ----------
    plan
        Of the study.
    rule_draws
        So many rule draws of each grammar, the first ones; all if not given.
    """
    sizes: dict[tuple[str, int, int, tuple[int, int] | None], dict[str, int]] = {}
    trained = [*plan.blocks, *((curve, block) for curve, _, block in plan.controls)]
    for curve, block in trained:
        experiment = plan.study.experiments[curve.experiment]
        held_out = experiment.validation_size, experiment.test_size
        wanted = block.specification["train_size"]
        if wanted == ONLINE:
            settings = block.specification["settings"]
            wanted = settings["max_steps"] * settings["batch_size"]
        here = dict(zip(SPLITS, (wanted, *held_out)))
        for rule, sample in {(rule, sample) for rule, sample, _ in block.specification["replicas"]}:
            key = curve.grammar, rule, sample, None if experiment.replacement else held_out
            known = sizes.setdefault(key, dict.fromkeys(SPLITS, 0))
            known |= {split: max(known[split], size) for split, size in here.items()}
    kept = {
        name: sorted({rule for of, rule, *_ in sizes if of == name})[:rule_draws]
        for name in plan.study.grammars
    }
    found = []
    for (name, rule, sample, apart), amounts in sizes.items():
        if rule in kept[name]:
            config = plan.study.grammars[name]
            given = config.grammar if isinstance(config, FileGrammarConfig) else None
            grammar = given or draw(plan.parameters(name), rule)
            found.append(Configuration(name, grammar, rule, sample, amounts, apart is None))
    return sorted(found, key=lambda one: (list(kept).index(one.of), one.name))
