"""Loss against network size: ``sizes``, ``scaling``, ``compute``, ``frontier``, ``levels``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY
from ...analysis.learning_rates import at_chosen_rate
from ...analysis.size_scaling import (
    COMPUTE_COLUMNS,
    FAMILY,
    FIT_COLUMNS,
    FRONTIER_COLUMNS,
    LEVEL_COLUMNS,
    Histories,
    family,
    family_fits,
    levels_reached,
    sizes_table,
)
from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.model import Parameters
from ...grammar.sampling import ONLINE
from ...study.plan import Plan
from ...study.tables import Part
from ...theory.complexities import Learner, parameters_needed
from ..read_tables import read_table

_NEEDED: dict[Learner, str] = {"cnn": "needed_shared", "transformer": "needed_unshared"}
_LEVELS = [*LEVEL_COLUMNS, *_NEEDED.values()]
_EMPTY = {
    **{"scaling": FIT_COLUMNS, "compute": COMPUTE_COLUMNS},
    **{"frontier": FRONTIER_COLUMNS, "levels": _LEVELS},
}


def planned(plan: Plan) -> Part:
    """Families of networks, and the histories of their trainings on fresh sentences."""
    sized = set(plan.sized)
    online = [
        (curve, block)
        for curve, block in plan.blocks
        if curve in sized and block.specification["train_size"] == ONLINE
    ]
    families = {(c.grammar, c.task, c.architecture): c for c in plan.sized}
    what = {
        "families": [family.key() for family in families.values()],
        "histories": [
            {
                "history": block.files["history"],
                "batch_size": block.specification["settings"]["batch_size"],
                **curve.key(),
            }
            for curve, block in online
        ],
        "grammars": plan.specifications(),
    }
    outputs = [f"{name}.csv" for name in ("sizes", *_EMPTY) if sized]
    products = [(block, ("history",)) for _, block in online]
    return Part(what, outputs, after=("gather_runs", "tabulate_theory"), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Compare the networks of every family."""
    runs = at_chosen_rate(pd.read_csv(folder / "runs.csv"))
    theory = pd.read_csv(folder / "theory.csv")
    tables: dict[str, list[pd.DataFrame]] = {"sizes": [], **{name: [] for name in _EMPTY}}
    for key in specification["families"]:
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        mine = family(runs, key)
        known = theory.query("grammar == @key['grammar'] and task == @key['task']")
        chance = _chance(parameters, key["task"], known)
        table = sizes_table(mine, chance)
        seed = seed_from("bootstrap", {name: key[name] for name in FAMILY})
        found = {"sizes": table, "scaling": family_fits(mine, table, seed)}
        blocks = [block for block in specification["histories"] if _same_family(block, key)]
        if blocks:
            histories = Histories(_histories(blocks, mine, root), _networks(blocks, table), chance)
            online, found["frontier"] = histories.fits(seed)
            found["scaling"] = pd.concat([found["scaling"], online], ignore_index=True)
            found["compute"] = histories.table()
        if key["task"] == "last_token":
            found["levels"] = _levels(mine, table, known, parameters)
        for name, part in found.items():
            columns = {"study": specification["study"], **{name: key[name] for name in FAMILY}}
            tables[name].append(part.assign(**columns)[[*columns, *part.columns]])
    for name, parts in tables.items():
        empty = pd.DataFrame(columns=["study", *FAMILY, *_EMPTY.get(name, [])])
        whole = pd.concat([part for part in parts if len(part)] or [empty])
        write_text(folder / f"{name}.csv", whole.to_csv(index=False))


def _same_family(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in FAMILY)


def _chance(parameters: Parameters, task: str, theory: pd.DataFrame) -> float:
    """Excess of an untrained network, which knows the marginal distribution of its targets."""
    if task == "classification":
        return float(np.log(parameters.n))
    values = theory[theory["rule_seed"].notna()]
    if task == "autoregressive":
        rate = values.loc[values["quantity"] == "entropy_rate", "value"].mean()
        return float(np.log(parameters.v) - rate)
    by_level = values[values["quantity"] == "entropy"].groupby("level")["value"].mean()
    return float(by_level.iloc[0] - by_level.iloc[-1])


def _histories(blocks: list[dict[str, Any]], runs: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Evaluations of the online trainings at the rates that were chosen."""
    parts = [
        read_table(root / block["history"]).assign(**{name: block[name] for name in CURVE_KEY})
        for block in blocks
    ]
    chosen = runs[np.isinf(runs["train_size"]) & (runs["status"] == "ok")]
    return pd.concat(parts).merge(chosen[[*CURVE_KEY, *REPLICA_KEY, "lr"]])


def _networks(blocks: list[dict[str, Any]], table: pd.DataFrame) -> pd.DataFrame:
    """A row a size with online trainings."""
    shape = ["width", "depth"]
    batches = pd.DataFrame(blocks)[[*shape, "batch_size"]].drop_duplicates()
    sizes = table[[*shape, "parameters", "operations"]].drop_duplicates()
    return sizes.merge(batches)


def _levels(
    runs: pd.DataFrame, table: pd.DataFrame, theory: pd.DataFrame, parameters: Parameters
) -> pd.DataFrame:
    """Where each level is reached, beside the sizes that counting rules asks for."""
    known = theory[theory["quantity"] == "entropy"]
    table_of = known.pivot_table(index="rule_seed", columns="level", values="value")
    entropies = {int(rule): row for rule, row in zip(table_of.index, table_of.to_numpy(float))}
    found = levels_reached(runs, table, entropies)
    if parameters.file is None:
        for learner, name in _NEEDED.items():
            needed = [parameters_needed(parameters, level, learner) for level in found["level"]]
            found[name] = needed
    return found.reindex(columns=_LEVELS)
