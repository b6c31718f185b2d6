"""``training_histories``, ``onsets`` and ``onset_laws``: when trainings learn and memorise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY, identified, rows_of, usable
from ...analysis.learning_rates import at_chosen_rate
from ...analysis.memorisation import events, onset_laws
from ...analysis.theory_columns import Known
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.sampling import ONLINE
from ...grammar.tasks import outputs
from ...study.artifacts import Product
from ...study.tables import Curve, Part, Plan
from ..read_tables import read_table

_LOSSES = ["train_loss", "validation_loss", "validation_error"]
_REPLICA = [*CURVE_KEY, "train_size", *REPLICA_KEY, "lr"]
COLUMNS = ["study", *_REPLICA, "step", "sentences", "epochs", *_LOSSES]


def followed(plan: Plan) -> list[tuple[Curve, Product]]:
    """Blocks of experiments that ask for it, each with its curve."""
    return [
        (curve, block)
        for curve, block in plan.blocks
        if plan.study.experiments[curve.experiment].memorisation and block.kind == "models"
    ]


def planned(plan: Plan) -> Part:
    """The histories of all blocks that are followed."""
    blocks = [
        {
            "history": block.files["history"],
            "batch_size": block.specification["settings"]["batch_size"],
            "train_size": block.specification["train_size"],
            **curve.key(),
        }
        for curve, block in followed(plan)
    ]
    what = {
        "blocks": blocks,
        "followed": [curve.key() for curve in dict.fromkeys(c for c, _ in followed(plan))],
        "grammars": plan.specifications(),
    }
    names = ("training_histories", "onsets", "onset_laws")
    return Part(
        what,
        [f"{name}.csv" for name in names if blocks],
        after=("gather_runs", "tabulate_theory"),
        products=[(block, ("history",)) for _, block in followed(plan)],
    )


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Gather the evaluations; find what happened in every training, and its law in ``P``."""
    study = specification["study"]
    runs = usable(at_chosen_rate(pd.read_csv(folder / "runs.csv")))
    histories = _gathered(specification["blocks"], runs, root).assign(study=study)[COLUMNS]
    theory = pd.read_csv(folder / "theory.csv")
    found, laws = [], []
    for key in specification["followed"]:
        mine = rows_of(histories, key)
        parameters = Parameters.from_specification(specification["grammars"][key["grammar"]])
        known = Known.from_theory(theory, key, mine["rule_seed"], parameters)
        task = key["task"]
        heights = known.heights(task)
        if task == "last_token":  # of the loss itself, not of its excess over the floor
            heights = {rule: known.entropies[rule][-1] + own for rule, own in heights.items()}
        measure = "validation_error" if task == "classification" else "validation_loss"
        guess = float(np.log(outputs(task, parameters)))
        happened = events(mine, guess, heights, measure)
        found.append(identified(happened, study, key))
        if key["protocol"] == "finite":
            laws.append(identified(onset_laws(happened), study, key))
    for name, table in {
        "training_histories": histories,
        "onsets": pd.concat(found),
        "onset_laws": pd.concat(laws),
    }.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))


def _gathered(blocks: Sequence[Mapping[str, Any]], runs: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Evaluations of the replicas in `runs`, from before the first step on."""
    parts = []
    for block in blocks:
        rows = read_table(root / block["history"], ("step", *_LOSSES))
        key = {column: block[column] for column in CURVE_KEY}
        size = np.inf if block["train_size"] == ONLINE else float(block["train_size"])
        seen = rows["step"] * block["batch_size"]
        epochs = seen / size if np.isfinite(size) else np.nan
        parts.append(rows.assign(**key, train_size=size, sentences=seen, epochs=epochs))
    return pd.concat(parts, ignore_index=True).merge(runs[_REPLICA], on=_REPLICA)
