"""``denoising.csv``, ``transition.csv`` and ``transitions.csv``: what corrupted sentences tell.

And where it is lost, on average over rule draws and on each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.denoising import AVERAGED, TRANSITION, averaged, transition
from ...analysis.transitions import TRANSITIONS, by_draw
from ...core.files import write_text
from ...core.hashing import seed_from
from ...study.tables import Part, Plan
from ..read_tables import read_table

KEY = ["denoising", "grammar", "corruption"]


def planned(plan: Plan) -> Part:
    """What is denoised of every section, grammar and rule draw."""
    blocks = [
        {
            **dict(zip(KEY, (name, grammar, known.specification["corruption"]))),
            "rule_seed": known.specification["rule_seed"],
            "chance": 1 / plan.parameters(grammar).n,
            "file": known.files["product"],
        }
        for name, grammar, known in plan.denoised
    ]
    products = [(known, ("product",)) for _, _, known in plan.denoised]
    outputs = ["denoising.csv", "transition.csv", "transitions.csv"] if blocks else []
    return Part({"blocks": blocks}, outputs, products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Average over the rule draws of each grammar of a section."""
    groups: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    chances: dict[tuple[str, ...], float] = {}
    for block in specification["blocks"]:
        rows = read_table(root / block["file"]).assign(rule_seed=block["rule_seed"])
        names = tuple(block[name] for name in KEY)
        groups.setdefault(names, []).append(rows)
        chances[names] = block["chance"]
    tables: dict[str, list[pd.DataFrame]] = {"denoising": [], "transition": [], "transitions": []}
    for names, parts in groups.items():
        key = {"study": specification["study"], **dict(zip(KEY, names))}
        together = pd.concat(parts)
        found = averaged(together).assign(**key)[[*key, *AVERAGED]]
        tables["denoising"].append(found)
        crossings = transition(together, seed_from("transition", *names))
        tables["transition"].append(crossings.assign(**key)[[*key, *TRANSITION]])
        each = by_draw(together, chances[names])
        tables["transitions"].append(each.assign(**key)[[*key, *TRANSITIONS]])
    for name, found_tables in tables.items():
        write_text(folder / f"{name}.csv", pd.concat(found_tables).to_csv(index=False))
