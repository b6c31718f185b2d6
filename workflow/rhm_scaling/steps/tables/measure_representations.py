"""``representations.csv`` and ``invariance.csv``: what hidden layers distinguish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...analysis.curves import CURVE_KEY, REPLICA_KEY, cluster_means, identified, mean_and_interval
from ...core.errors import UserError
from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.derivations import Derivations
from ...grammar.model import Parameters
from ...study.plan import Plan
from ...study.tables import Part
from ..files import read_grammar

_SENTENCES = 2048
_POINT = ["train_size", "layer", "level"]


def planned(plan: Plan) -> Part:
    """Networks whose hidden layers are measured, with the grammars of their rule draws."""
    blocks, products = [], []
    for curve, block in plan.represented:
        grammars = plan.grammars_of(curve, block)
        blocks.append(
            {
                "weights": block.files["weights"],
                "specification": block.specification,
                "grammars": {rule: known.files["product"] for rule, known in grammars.items()},
                **curve.key(),
            }
        )
        products += [(block, ("weights",)), *((known, ("product",)) for known in grammars.values())]
    outputs = ["representations.csv", "invariance.csv"] if blocks else []
    return Part({"blocks": blocks}, outputs, after=("gather_runs",), products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Measure the networks of every block, and average over rule draws."""
    runs = pd.read_csv(folder / "runs.csv")
    runs = runs[runs["chosen"] & (runs["status"] == "ok")]
    parts = [
        identified(pd.DataFrame(_block(block, root)), specification["study"], block)
        for block in specification["blocks"]
    ]
    # several rates may have been tried
    same = [*CURVE_KEY, *REPLICA_KEY, "train_size", "lr"]
    table = pd.concat(parts).merge(
        runs.loc[runs["protocol"] == "finite", same].astype({"train_size": int}), on=same
    )
    write_text(folder / "representations.csv", table.to_csv(index=False))
    rows = []
    for keys, group in table.groupby([*CURVE_KEY, *_POINT], sort=False):
        ratio = group.assign(invariance=group["synonym"] / group["other"])
        told = dict(zip([*CURVE_KEY, *_POINT], keys))
        for measured, names in (
            ("invariance", ("mean", "low", "high")),
            ("probe", ("probe", "probe_low", "probe_high")),
        ):
            told |= dict(zip(names, mean_and_interval(cluster_means(ratio, measured))))
        draws = {"rule_draws": group["rule_seed"].nunique(), "replicas": len(group)}
        rows.append({"study": specification["study"], **told, **draws})
    write_text(folder / "invariance.csv", pd.DataFrame(rows).to_csv(index=False))


def _block(block: dict[str, Any], root: Path) -> Iterator[dict[str, Any]]:
    """Rows of all networks of a block."""
    import torch
    from safetensors.torch import load_file

    from ...models import build
    from ...models.layers import Shape
    from ...training.probes import measure, seen

    what = block["specification"]
    parameters = Parameters.from_specification(what["grammar"])
    grammars = {int(rule): read_grammar(root / path) for rule, path in block["grammars"].items()}
    members = [(*seeds, rate) for rate in what["learning_rates"] for seeds in what["replicas"]]
    shape = Shape.from_parameters(parameters, what["task"], what["architecture"])
    kind = what["architecture"]["kind"]
    network = build(kind, shape, range(len(members)))
    path = root / block["weights"]
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
    # the same sentences for every network of a grammar
    drawn = {
        rule: Derivations.draw(grammar, _SENTENCES, _source(what, rule, "derivations"))
        for rule, grammar in grammars.items()
    }
    torch.set_num_threads(1)
    rows = measure(
        seen(kind, network.hidden),
        [drawn[rule] for rule, *_ in members],
        parameters.v[0],
        _source(what, 0, "exchanges"),
    )
    for row in rows:
        *seeds, rate = members[row.pop("replica")]
        yield {"train_size": what["train_size"], **dict(zip(REPLICA_KEY, seeds)), "lr": rate, **row}


def _source(what: dict[str, Any], rule: int, purpose: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed_from(purpose, what["grammar"], rule)))
