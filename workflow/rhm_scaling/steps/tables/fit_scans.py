"""``scan_*.csv``: sizes at which many grammars are learnt, their law, all curves on one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import identified, rows_of
from ...analysis.scans import (
    COLLAPSE,
    DEVIATIONS,
    LAWS,
    NETWORK,
    Scanned,
    passed_at,
    scaled_curves,
    scan_collapse,
    scan_deviations,
    scan_laws,
    scan_points,
    way_left,
)
from ...analysis.sparsity import sparsity_law
from ...analysis.theory_columns import Known
from ...core.files import write_text
from ...grammar.sparse import parameters_of
from ...study.tables import Part, Plan
from ..read_tables import read_points

SUMMED = {
    "scan_laws": ["study", "experiment", "task", *NETWORK, *LAWS],
    "scan_collapse": ["study", "experiment", "task", *NETWORK, *COLLAPSE],
    "scan_deviations": ["study", "experiment", "task", *NETWORK, *DEVIATIONS],
}


def planned(plan: Plan) -> Part:
    """Curves of experiments that scan grammars, and which of them are points of laws."""
    asked = {name: one.scan for name, one in plan.study.experiments.items() if one.scan}
    what = {
        "curves": [
            {"experiment": curve.experiment, **curve.key(), "refused": why}
            for curve, why in plan.scanned.items()
        ],
        "scans": {
            name: {
                "level": scan.crossed(plan.study.experiments[name].task),
                "factor": scan.factor,
            }
            for name, scan in asked.items()
        },
        "grammars": plan.specifications(),
        "learners": plan.learners(),
        "latent": sorted({curve.architecture for curve in plan.latent}),
    }
    outputs = [f"{name}.csv" for name in ("scan_points", "scan_curves", *SUMMED) if asked]
    return Part(what, outputs, after=("gather_runs", "gather_histories", "tabulate_theory"))


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Find ``P*`` of every curve; then laws and collapse of every network of an experiment."""
    study, curves = specification["study"], specification["curves"]
    points = read_points(folder, curves)
    theory = pd.read_csv(folder / "theory.csv")
    groups: dict[tuple[Any, ...], list[tuple[dict[str, Any], Scanned]]] = {}
    each: dict[str, list[pd.DataFrame]] = {"scan_points": [], "scan_curves": []}
    for key in curves:
        level = specification["scans"][key["experiment"]]["level"]
        mine = rows_of(points, key)
        parameters = parameters_of(specification["grammars"][key["grammar"]])
        known = Known.from_theory(theory, key, mine["rule_seed"], parameters)
        learner = specification["learners"][key["architecture"]]
        way = way_left(known, key["task"], level)
        latent = key["architecture"] in specification["latent"]
        thresholds = known.thresholds(learner)
        usable = mine[mine["status"] == "ok"]
        draws = sorted(usable["rule_seed"].unique())
        one = Scanned(
            parameters,
            passed_at(mine, key["task"], way),
            np.array(
                [
                    known.latent_threshold[rule] if latent else thresholds[rule][level - 1]
                    for rule in draws
                ],
                dtype=float,
            ),
            known.bare_latent_threshold if latent else known.bare_threshold(learner, level),
            key["refused"],
            tuple(map(int, draws)),
        )
        network = (key["experiment"], key["task"], *(key[column] for column in NETWORK))
        groups.setdefault(network, []).append((key, one))
        scaled = scaled_curves(mine, key["task"], way, one)
        each["scan_curves"].append(
            identified(scaled.assign(experiment=key["experiment"]), study, key)
        )
    summed: dict[str, list[pd.DataFrame]] = {name: [] for name in SUMMED}
    for network, members in groups.items():
        known_as = {"study": study, **dict(zip(("experiment", "task", *NETWORK), network))}
        scan, ones = specification["scans"][network[0]], [one for _, one in members]
        table = scan_points(ones, scan["level"])
        for row, (key, _) in enumerate(members):
            mine = table.iloc[[row]].assign(experiment=key["experiment"])
            each["scan_points"].append(identified(mine, study, key))
        for name, found in (
            ("scan_laws", pd.concat([scan_laws(table), sparsity_law(ones)])),
            ("scan_collapse", scan_collapse(ones, scan["factor"])),
            ("scan_deviations", scan_deviations(table)),
        ):
            summed[name].append(found.assign(**known_as)[SUMMED[name]])
    for name, tables in {**each, **summed}.items():
        write_text(folder / f"{name}.csv", pd.concat(tables).to_csv(index=False))
