"""``theory``, ``predictions`` and ``correlations``: what is known of grammars before training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.sparse import SparseParameters, parameters_of
from ...study.artifacts import Product
from ...study.tables import Part, Plan
from ...theory.complexities import (
    Array,
    Learner,
    asymptotic_exponent,
    at_half,
    autoregressive_floor,
    classification_exponent,
    classification_thresholds,
    ensemble_complexities,
    ensemble_label_complexities,
    ranked_level,
    sample_complexities,
    told_ranks,
)
from ...theory.latents import (
    bare_latent_threshold,
    ensemble_latent_threshold,
    latent_thresholds,
    levels,
    token_thresholds,
)
from ...theory.measured_correlations import COLUMNS as CORRELATIONS
from ...theory.solve import CURVES, QUANTITIES
from ...theory.sparse import (
    ensemble_label_thresholds,
    papers_label_thresholds,
    spread_factor,
)
from ..files import read_grammar
from ..read_tables import read_table

KEY = ["study", "grammar", "task", "rule_seed"]
COLUMNS = [*KEY, *QUANTITIES]
CURVE_COLUMNS = [*KEY, *CURVES]
CORRELATION_COLUMNS = [*KEY, *CORRELATIONS]


def planned(plan: Plan) -> Part:
    """The theory of every grammar, task and rule draw."""
    what = {
        "grammars": plan.specifications(),
        "products": [
            {"files": known.files, "grammar": grammar, "task": task, "rule": rule}
            for (grammar, task, rule), known in plan.theory.items()
        ],
    }
    products: list[tuple[Product, tuple[str, ...]]] = [
        (known, ("quantities", "curves", "correlations")) for known in plan.theory.values()
    ]
    # thresholds of those that predict siblings are found from the rules themselves
    for name, curves in (("latent", plan.latent), ("by_tokens", plan.by_tokens)):
        asked = {(curve.grammar, curve.task) for curve in curves}
        drawn = {
            key: known.inputs["grammar"]
            for key, known in plan.theory.items()
            if key[:2] in asked and plan.parameters(key[0]).L > 1
        }
        what[name] = [
            {"file": rules.files["product"], "grammar": grammar, "task": task, "rule": rule}
            for (grammar, task, rule), rules in drawn.items()
        ]
        products += [(rules, ("product",)) for rules in drawn.values()]
    names = ("theory", "predictions", "correlations")
    outputs = [f"{name}.csv" for name in names if plan.curves]
    return Part(what, outputs, products=products)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """One row a number; `method` says how it was found."""
    quantities, curves, correlations = [], [], []
    for product in specification["products"]:
        key = {"grammar": product["grammar"], "task": product["task"], "rule_seed": product["rule"]}
        files = product["files"]
        quantities.append(read_table(root / files["quantities"]).assign(**key))
        parameters = parameters_of(specification["grammars"][product["grammar"]])
        if isinstance(parameters, SparseParameters) and product["task"] == "classification":
            # of the dense grammar: what sentences look like is no part of it
            quantities[-1] = _spread(quantities[-1], parameters)
            curves.append(pd.DataFrame(columns=CURVES))
            correlations.append(pd.DataFrame(columns=CORRELATIONS))
            continue
        curves.append(read_table(root / files["curves"]).assign(**key))
        correlations.append(read_table(root / files["correlations"]).assign(**key))
    for grammar, task in dict.fromkeys(
        (p["grammar"], p["task"]) for p in specification["products"]
    ):
        parameters = parameters_of(specification["grammars"][grammar])
        rows = pd.DataFrame(_closed_forms(parameters, task), columns=QUANTITIES)
        quantities.append(rows.assign(grammar=grammar, task=task))
    for name, task in dict.fromkeys((p["grammar"], p["task"]) for p in specification["latent"]):
        parameters = Parameters.from_specification(specification["grammars"][name])
        rows = pd.DataFrame(_latent_forms(parameters), columns=QUANTITIES)
        quantities.append(rows.assign(grammar=name, task=task))
    for name, quantity, thresholds in (
        ("latent", "latent_threshold", latent_thresholds),
        ("by_tokens", "token_threshold", token_thresholds),
    ):
        for product in specification[name]:
            at = thresholds(read_grammar(root / product["file"]))
            found = _latent(at, "correlations", quantity)
            rows = pd.DataFrame(found, columns=QUANTITIES)
            key = {name: product[name] for name in ("grammar", "task")}
            quantities.append(rows.assign(**key, rule_seed=product["rule"]))
    table = _together(quantities, COLUMNS, specification["study"])
    for column in ("rule_seed", "level", "index"):
        table[column] = table[column].astype("Int64")
    write_text(folder / "theory.csv", table.to_csv(index=False))
    predicted = _together(curves, CURVE_COLUMNS, specification["study"])
    write_text(folder / "predictions.csv", predicted.to_csv(index=False))
    correlated = _together(correlations, CORRELATION_COLUMNS, specification["study"])
    write_text(folder / "correlations.csv", correlated.to_csv(index=False))


def _spread(quantities: pd.DataFrame, parameters: SparseParameters) -> pd.DataFrame:
    """What theory says of the labels of a sparse grammar, from that of its dense grammar.

    Thresholds are each learner's own (`theory.sparse`); errors with some rules unknown are the
    same, since a tuple of no known rule tells as little wherever it stands.
    """
    names = quantities["quantity"]
    dense = quantities[names == "threshold"]
    own = [
        dense.assign(learner=kind, value=dense["value"] * spread_factor(parameters, kind))
        for kind in get_args(Learner)
    ]
    return pd.concat([quantities[names.isin(["shared_tuples", "error_by_rank"])], *own])


def _together(parts: list[pd.DataFrame], columns: list[str], study: str) -> pd.DataFrame:
    if not parts:  # of curves of which nothing is predicted
        return pd.DataFrame(columns=columns)
    # without empty parts, which would make pandas guess types
    whole = pd.concat([part.astype(object) for part in parts if len(part)] or parts[:1])
    return (
        whole.assign(study=study)
        .reindex(columns=columns)
        .sort_values(["grammar", "task", "rule_seed"], kind="stable")
    )


def _closed_forms(parameters: Parameters, task: str) -> Iterator[dict[str, Any]]:
    """What depends on the grammar's parameters alone; nothing is known of a grammar from a file."""
    closed = {"stderr": 0.0, "method": "closed form"}
    if isinstance(parameters, SparseParameters) and task == "classification":
        f = parameters.dense.probabilities(1)
        for kind in get_args(Learner):
            by_method = {
                "closed form": papers_label_thresholds(parameters, kind),
                "ensemble": ensemble_label_thresholds(parameters, kind),
            }
            for row in _ranked(by_method, f, {"learner": kind, "level": 1}):
                if row["quantity"] == "threshold":
                    yield row
    if parameters.file is not None:
        return
    if task == "autoregressive":
        value = autoregressive_floor(parameters)
        yield {"quantity": "entropy_rate", "value": value, **closed}
        return
    if task == "classification":
        yield from _ranked(
            {
                "closed form": classification_thresholds(parameters),
                "ensemble": ensemble_label_complexities(parameters),
            },
            parameters.probabilities(1),
            {"level": 1},
        )
        yield {
            "quantity": "exponent",
            "value": classification_exponent(parameters),
            **closed,
        }
        return
    for learner in get_args(Learner):
        for level in range(1, parameters.L + 1):
            yield from _ranked(
                {
                    "closed form": sample_complexities(parameters, level, learner),
                    "ensemble": ensemble_complexities(parameters, level, learner),
                },
                parameters.probabilities(ranked_level(level, learner)),
                {"learner": learner, "level": level},
            )
        value = asymptotic_exponent(parameters, learner)
        yield {"quantity": "exponent", "learner": learner, "value": value, **closed}


def _latent_forms(parameters: Parameters) -> Iterator[dict[str, Any]]:
    """Thresholds of latent prediction by level, of drawn grammars."""
    if parameters.file is None:
        known = levels(parameters)
        yield from _latent(
            (bare_latent_threshold(parameters, level) for level in known), "closed form"
        )
        yield from _latent(
            (ensemble_latent_threshold(parameters, level) for level in known), "ensemble"
        )


def _latent(
    thresholds: Iterable[float], method: str, quantity: str = "latent_threshold"
) -> Iterator[dict[str, Any]]:
    for level, value in enumerate(thresholds, 1):
        stderr = np.nan if method == "ensemble" else 0.0
        row = {"quantity": quantity, "level": level, "value": value}
        yield {**row, "stderr": stderr, "method": method}


def _ranked(
    by_method: dict[str, Array], f: Array, where: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for method, complexities in by_method.items():
        same = {**where, "stderr": 0.0 if method == "closed form" else np.nan, "method": method}
        for rank in told_ranks(len(complexities)):
            value = complexities[rank - 1]
            yield {"quantity": "sample_complexity", "index": rank, "value": value, **same}
        yield {"quantity": "threshold", "value": at_half(complexities, f), **same}
