"""``masked.csv`` and ``generation.csv``: what denoisers know and make; their means and levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY, identified, rows_of
from ...analysis.denoisers import GENERATION, MASKED, averaged, composed_at
from ...core.files import write_text
from ...grammar.model import Parameters
from ...study.tables import Part, Plan
from ..read_tables import read_table

_KNOWN = {"masked": MASKED, "generation": GENERATION}
_AVERAGED = ("masked_curves", "composed_at")


def planned(plan: Plan) -> Part:
    """All blocks of denoisers."""
    blocks = [
        {**{name: block.files[name] for name in _KNOWN}, **curve.key()}
        for curve, block in plan.denoisers
    ]
    what = {"blocks": blocks, "grammars": plan.specifications()}
    outputs = [f"{name}.csv" for name in (*_KNOWN, *_AVERAGED) if blocks]
    products = [(block, tuple(_KNOWN)) for _, block in plan.denoisers]
    return Part(what, outputs, after=("gather_runs",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the rows of all replicas, and average those at the rates that curves take."""
    runs = pd.read_csv(folder / "runs.csv")
    same = [*CURVE_KEY, "lr", "train_size", *REPLICA_KEY]
    good = runs[runs["chosen"] & (runs["status"] == "ok")][same]
    tables = {name: _gathered(specification, name, root) for name in _KNOWN}
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
    used = {name: table.merge(good, on=same) for name, table in tables.items()}
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in _AVERAGED}
    for key in _curves(specification["blocks"]):
        masked, generation = (rows_of(used[name], key) for name in _KNOWN)
        grammar = Parameters.from_specification(specification["grammars"][key["grammar"]])
        found = averaged(masked, generation), composed_at(generation, _guessed(grammar))
        for name, table in zip(_AVERAGED, found):
            parts[name].append(identified(table, specification["study"], key))
    for name, found_tables in parts.items():
        write_text(folder / f"{name}.csv", pd.concat(found_tables).to_csv(index=False))


def _curves(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    keys = [{column: block[column] for column in CURVE_KEY} for block in blocks]
    return [key for number, key in enumerate(keys) if key not in keys[:number]]


def _gathered(specification: dict[str, Any], name: str, root: Path) -> pd.DataFrame:
    """A table of all blocks; `UserError` if one is damaged."""
    parts = []
    for block in specification["blocks"]:
        rows = read_table(root / block[name], _KNOWN[name])
        parts.append(identified(rows[_KNOWN[name]], specification["study"], block))
    return pd.concat(parts)


def _guessed(grammar: Parameters) -> dict[int, float]:
    """By level, the fraction of tuples of symbols below that some symbol produces."""
    return {
        level: grammar.symbols(level) * grammar.m[level - 1] / grammar.tuples(level)
        for level in range(1, grammar.L + 1)
    }
