"""Loss against network size: ``sizes``, ``scaling``, ``compute``, ``frontier``, ``levels``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import of_runs, usable
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
from ...analysis.theory_columns import Known
from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.model import Parameters
from ...study.tables import Part, Plan
from ...theory.complexities import Learner, parameters_needed

_NEEDED: dict[Learner, str] = {"cnn": "needed_shared", "transformer": "needed_unshared"}
_LEVELS = [*LEVEL_COLUMNS, *_NEEDED.values()]
_EMPTY = {
    **{"scaling": FIT_COLUMNS, "compute": COMPUTE_COLUMNS},
    **{"frontier": FRONTIER_COLUMNS, "levels": _LEVELS},
}


def planned(plan: Plan) -> Part:
    """Families of networks, and whether they are trained online too."""
    sized = plan.sized
    families = {curve.family: curve for curve in sized}
    what = {
        "families": [family.key() for family in families.values()],
        "online": any(curve.protocol == "online" for curve in sized),
        "grammars": plan.specifications(),
    }
    outputs = [f"{name}.csv" for name in ("sizes", *_EMPTY) if sized]
    return Part(what, outputs, after=("gather_runs", "gather_histories", "tabulate_theory"))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Compare the networks of every family."""
    runs = at_chosen_rate(pd.read_csv(folder / "runs.csv"))
    histories = pd.read_csv(folder / "histories.csv") if specification["online"] else pd.DataFrame()
    theory = pd.read_csv(folder / "theory.csv")
    tables: dict[str, list[pd.DataFrame]] = {"sizes": [], **{name: [] for name in _EMPTY}}
    for key in specification["families"]:
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        mine = family(runs, key)
        known = Known.from_theory(theory, key, mine["rule_seed"], parameters).rows
        chance = _chance(parameters, key["task"], known)
        table = sizes_table(mine, chance)
        named = {name: key[name] for name in FAMILY if name != "context" or key[name]}
        seed = seed_from("bootstrap", named)
        found = {"sizes": table, "scaling": family_fits(mine, table, seed)}
        if len(seen := of_runs(histories, mine) if len(histories) else histories):
            online = Histories(usable(seen), _networks(mine, seen), chance)
            fits, found["frontier"] = online.fits(seed)
            found["scaling"] = pd.concat([found["scaling"], fits], ignore_index=True)
            found["compute"] = online.table()
        if key["task"] == "last_token":
            found["levels"] = _levels(mine, table, known, parameters)
        for name, part in found.items():
            columns = {"study": specification["study"], **{name: key[name] for name in FAMILY}}
            tables[name].append(part.assign(**columns)[[*columns, *part.columns]])
    for name, parts in tables.items():
        empty = pd.DataFrame(columns=["study", *FAMILY, *_EMPTY.get(name, [])])
        whole = pd.concat([part for part in parts if len(part)] or [empty])
        write_text(folder / f"{name}.csv", whole.to_csv(index=False))


def _chance(parameters: Parameters, task: str, theory: pd.DataFrame) -> float:
    """Excess of an untrained network, which knows the marginal distribution of its targets."""
    if task == "classification":
        return float(np.log(parameters.n))
    values = theory[theory["rule_seed"].notna()]
    if task == "autoregressive":
        rate = values.loc[values["quantity"] == "entropy_rate", "value"].mean()
        return float(np.log(parameters.v[0]) - rate)
    by_level = values[values["quantity"] == "entropy"].groupby("level")["value"].mean()
    return float(by_level.iloc[0] - by_level.iloc[-1])


def _networks(runs: pd.DataFrame, histories: pd.DataFrame) -> pd.DataFrame:
    """A row a size with online trainings."""
    shape = ["width", "depth"]
    sizes = runs[[*shape, "parameters", "operations"]].drop_duplicates()
    first = histories.groupby(shape, as_index=False).first()
    return sizes.merge(
        first.assign(batch_size=first["sentences"] // first["step"])[[*shape, "batch_size"]]
    )


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
