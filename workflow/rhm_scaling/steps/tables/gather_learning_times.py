"""``learning_times``, ``learning_spectrum``, ``rebuilt_curves``: when contexts are learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...analysis.curves import CURVE_KEY, REPLICA_KEY, identified, rows_of
from ...analysis.learning_times import (
    CURVES,
    SPECTRUM,
    TIMES,
    learning_spectrum,
    learning_times,
    rebuilt_curve,
    rebuilt_curves,
)
from ...analysis.theory_columns import Known
from ...core.files import write_text
from ...grammar.model import Parameters
from ...study.tables import Part, Plan
from ...theory.predicted_curves import staircase
from ..files import read_arrays
from ..read_tables import measured_runs

Array = NDArray[np.float64]

_COLUMNS = {
    "learning_times": [*REPLICA_KEY, *TIMES],
    "learning_spectrum": SPECTRUM,
    "rebuilt_curves": CURVES,
}


def planned(plan: Plan) -> Part:
    """What was measured of the contexts, and the curves that it belongs to."""
    blocks = [{"measured": known.files["product"], **curve.key()} for curve, known in plan.timed]
    what = {
        "blocks": blocks,
        "timed": [curve.key() for curve in dict.fromkeys(curve for curve, _ in plan.timed)],
        "grammars": plan.specifications(),
        "learners": plan.learners(),
    }
    products = [(known, ("product",)) for _, known in plan.timed]
    outputs = [f"{name}.csv" for name in _COLUMNS if blocks]
    return Part(what, outputs, after=("gather_runs", "tabulate_theory"), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Read off each network's learning times, and rebuild its curve from them."""
    study = specification["study"]
    runs, theory = measured_runs(folder), pd.read_csv(folder / "theory.csv")
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in _COLUMNS}
    for key in specification["timed"]:
        blocks = [b for b in specification["blocks"] if all(b[c] == key[c] for c in CURVE_KEY)]
        times, each = [], []
        for seeds, (sizes, excess, levels) in _networks(root, blocks, rows_of(runs, key)).items():
            named = dict(zip(REPLICA_KEY, seeds))
            found = learning_times(sizes, excess, levels)
            each.append(rebuilt_curve(sizes, excess, levels, found).assign(**named))
            times.append(found.assign(**named)[_COLUMNS["learning_times"]])
        if not times:  # all trainings failed
            continue
        replicas = pd.concat(times)
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        known = Known.from_theory(theory, key, replicas["rule_seed"], parameters)
        corners = known.thresholds(specification["learners"][key["architecture"]])
        sizes = np.unique(pd.concat(each)["train_size"])
        stairs = [staircase(corners[r], known.entropies[r], sizes) for r in corners]
        predicted = dict(zip(sizes.astype(int), np.mean(stairs, axis=0))) if stairs else {}
        made = {
            "learning_times": replicas,
            "learning_spectrum": learning_spectrum(replicas, known.entropies, corners),
            "rebuilt_curves": rebuilt_curves(pd.concat(each), predicted),
        }
        for name, table in made.items():
            tables[name].append(identified(table, study, key))
    for name, parts in tables.items():
        none = pd.DataFrame(columns=["study", *CURVE_KEY, *_COLUMNS[name]])
        write_text(folder / f"{name}.csv", pd.concat(parts or [none]).to_csv(index=False))


def _networks(
    root: Path, blocks: Sequence[Mapping[str, Any]], runs: pd.DataFrame
) -> dict[tuple[int, ...], tuple[Array, Array, Array]]:
    """By seeds, the growing sizes of a curve, the excess at each, and the levels, by context.

    At the rates that the curve takes, of trainings that did not fail (`runs`).
    """
    names = ["train_size", *REPLICA_KEY]
    chosen = runs.set_index(names)["lr"].to_dict()
    found: dict[tuple[int, ...], dict[float, Array]] = {}
    levels: dict[tuple[int, ...], Array] = {}
    for block in blocks:
        arrays = read_arrays(root / block["measured"])
        size = float(arrays["train_size"])
        for row, (seeds, rate) in enumerate(zip(arrays["seeds"].tolist(), arrays["lr"].tolist())):
            if np.isclose(chosen.get((size, *seeds), np.nan), rate):
                found.setdefault(tuple(seeds), {})[size] = arrays["divergence"][row].astype(float)
                levels[tuple(seeds)] = arrays["levels"][arrays["source"][row]].astype(float)
    return {
        seeds: (
            np.array(sorted(by_size)),
            np.stack([by_size[s] for s in sorted(by_size)]),
            levels[seeds],
        )
        for seeds, by_size in found.items()
    }
