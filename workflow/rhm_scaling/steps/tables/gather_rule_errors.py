"""``rule_errors``, ``rule_error_curves`` and ``rule_collapse``: errors by the rarest rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import identified, rows_of
from ...analysis.rule_errors import (
    COLLAPSE,
    NETWORK,
    collapse,
    error_of_one_rule,
    rule_error_curves,
    with_thresholds,
)
from ...analysis.theory_columns import Known, measured_rule_curve, twin_of
from ...core.files import write_text
from ...core.hashing import canonical_json
from ...grammar.model import Parameters
from ...study.tables import Part, Plan
from ..read_tables import read_measured

COLLAPSE_COLUMNS = ["study", *NETWORK, "L", "grammars", *COLLAPSE]


def planned(plan: Plan) -> Part:
    """What was counted of networks' errors, and the curves that may show how one rule is learnt."""
    blocks = [{"measured": known.files["product"], **curve.key()} for curve, known in plan.ranked]
    what = {
        "blocks": blocks,
        "ranked": [curve.key() for curve in dict.fromkeys(curve for curve, _ in plan.ranked)],
        **plan.described(),
    }
    products = [(known, ("product",)) for _, known in plan.ranked]
    names = ("rule_errors", "rule_error_curves", "rule_collapse")
    outputs = [f"{name}.csv" for name in names if blocks]
    after = ("gather_runs", "tabulate_theory", "aggregate_curves")
    return Part(what, outputs, after=after, products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the rows of every block, average over rule draws, and see how far ranks agree."""
    study, grammars = specification["study"], specification["grammars"]
    rows = read_measured(folder, root, study, specification["blocks"])
    runs, theory, curves = (
        pd.read_csv(folder / f"{name}.csv") for name in ("runs", "theory", "curves")
    )
    counted, averaged = [], []
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, key in enumerate(specification["ranked"]):
        parameters = Parameters.from_specification(grammars[key["grammar"]])
        mine = rows_of(rows, key)
        known = Known.from_theory(theory, key, mine["rule_seed"], parameters)
        counted.append(with_thresholds(mine, known, float(parameters.probabilities(1)[0])))
        table = rule_error_curves(counted[-1])
        table = table.assign(zipf=parameters.zipf[0], chance=1 - 1 / parameters.n)
        twin = twin_of(specification["curves"], grammars, key)
        if twin is not None and len(table):
            uniform = specification["curves"][twin]
            draws = rows_of(runs, uniform)["rule_seed"]
            measured = rows_of(curves, uniform)[["sentences", "mean"]].dropna()
            if len(measured) > 1:
                learnt = measured_rule_curve(
                    Known.from_theory(theory, uniform, draws, parameters),
                    *measured.to_numpy(dtype=float).T,
                )
                patches = np.mean([*known.errors_by_patches.values()], axis=0)
                ratios = (table["train_size"] / table["threshold"]).to_numpy(dtype=float)
                table["predicted"] = error_of_one_rule(learnt, patches, ratios)
        averaged.append(identified(table, study, key))
        if parameters.zipf[0] is not None:
            groups.setdefault(_alike(key, parameters), []).append(number)
    write_text(folder / "rule_errors.csv", pd.concat(counted).to_csv(index=False))
    write_text(folder / "rule_error_curves.csv", pd.concat(averaged).to_csv(index=False))
    found = []
    for (architecture, width, depth, L, _), members in groups.items():
        names = " ".join(specification["ranked"][number]["grammar"] for number in members)
        network = {"study": study, **dict(zip(NETWORK, (architecture, width, depth)))}
        together = collapse(pd.concat([averaged[number] for number in members]))
        found.append({**network, "L": L, "grammars": names, **together})
    collapsed = pd.DataFrame(found, columns=COLLAPSE_COLUMNS)
    write_text(folder / "rule_collapse.csv", collapsed.to_csv(index=False))


def _alike(key: Mapping[str, Any], parameters: Parameters) -> tuple[Any, ...]:
    """What curves share that should be one: the network, and the grammar but for its ``a``."""
    shape = parameters.specification()
    shape["zipf"] = shape["zipf"][1:]
    return *(key[column] for column in NETWORK), parameters.L, canonical_json(shape)
