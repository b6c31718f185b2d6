"""Loading what a study made: for notebooks, no Snakemake needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

from ..analysis.curves import CURVE_KEY, REPLICA_KEY
from ..architecture.registry import adopt, kinds
from ..core.errors import UserError
from ..core.files import read_json
from ..grammar.model import Parameters
from ..grammar.tasks import window
from ..models import build
from ..models.layers import Pack, Shape
from ..run.records import check, read_record
from ..study.reading import split_scale


def load_runs(study: str, root: Path = Path()) -> pd.DataFrame:
    """``runs.csv`` of a study: a row a replica. `root` is the folder that holds ``results/``.

    Raises
    ------
    UserError
        If the study has not been run there, or the table is damaged.
    """
    path = root / "results" / study / "runs.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such study here; run it, or give its root")
    record = path.parent / "stages" / "gather_runs.record.json"
    if not record.is_file():
        raise UserError(f"{path}: has no record of this version; run the study again")
    check(record, path)
    return pd.read_csv(path)


def load_history(study: str, root: Path = Path(), **cell: Any) -> pd.DataFrame:
    """Training histories of a study's networks: loss against steps, sentences and operations.

    Parameters
    ----------
    study, root
        As for `load_runs`.
    cell
        Columns of ``runs.csv`` that single out replicas, such as ``architecture`` and ``width``.

    Returns
    -------
    DataFrame
        A row a replica and evaluation: the columns of ``runs.csv`` that identify the replica, then
        step, train_loss, validation_loss, validation_error, of online trainings test_loss,
        test_error and test_excess too, and the operations spent, by the convention of `cost`.

    Raises
    ------
    UserError
        If a column is not known, or a history is damaged.
    """
    runs = _matching(load_runs(study, root), cell)
    parts = []
    for product, rows in runs[runs["stop_reason"] != "counted"].groupby("product"):
        folder = root / "results" / "store" / "models" / str(product)
        path = folder / "history.csv"
        check(folder / "record.json", path)
        parts.append(rows[_IDENTIFYING].merge(pd.read_csv(path), on=["lr", *REPLICA_KEY]))
    empty = pd.DataFrame(columns=[*_IDENTIFYING, "step"])
    found = pd.concat(parts, ignore_index=True) if parts else empty
    # in the table those of a step, here what was spent until then
    return found.assign(operations=found["operations"] * found["step"])


_IDENTIFYING = [*CURVE_KEY, "parameters", "operations", "train_size", "lr", *REPLICA_KEY]


def _matching(runs: pd.DataFrame, cell: dict[str, Any]) -> pd.DataFrame:
    """Rows with the given values of some columns."""
    if unknown := sorted(set(cell) - set(runs.columns)):
        raise UserError(f"{unknown[0]}: not a column of runs.csv")
    return runs[(runs[list(cell)] == pd.Series(cell, dtype=object)).all(axis=1)]


def _own_file(resolved: Path, architecture: str, root: Path) -> Path:
    """The user's file that defines an architecture of a study that was run."""
    try:
        known = read_json(resolved)
        study, _ = split_scale(root / known["file"])
        return study.parent / str(known["study"]["architectures"][architecture]["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{resolved}: damaged ({error}); run the study again") from error


def load_network(study: str, root: Path = Path(), **cell: Any) -> Pack:
    """The trained network of one replica, at its best step, as a pack of one.

    Parameters
    ----------
    study
        Its name.
    root
        The folder that holds ``results/``.
    cell
        Columns of ``runs.csv`` that single out one row, such as ``grammar``, ``architecture``,
        ``task``, ``train_size``, ``rule_seed``; without ``lr``, the rate that curves take.

    Raises
    ------
    UserError
        If no row or several rows match, the weights are damaged, or the file of an architecture of
        the user's own, which is run, is not where it was.

    Examples
    --------
    >>> network = load_network("laptop", task="last_token", architecture="cnn",
    ...                        train_size=1024, rule_seed=0)  # doctest: +SKIP
    """
    runs = load_runs(study, root)
    rows = _matching(runs if "lr" in cell else runs[runs["chosen"]], cell)
    if len(rows) != 1:
        telling = [*CURVE_KEY, "lr", "train_size", *REPLICA_KEY]
        varying = [column for column in telling if rows[column].nunique() > 1]
        hint = f"; name also {', '.join(varying)}" if varying else ""
        raise UserError(f"{len(rows)} replicas of {study} match {cell}{hint}")
    row = rows.iloc[0]
    if row["stop_reason"] == "counted":
        raise UserError(f"{row['architecture']}: learns by counting, it has no network")
    folder = root / "results" / "store" / "models" / row["product"]
    specification = read_record(folder / "record.json")["specification"]
    replica = [int(row[key]) for key in ("rule_seed", "sample_seed", "init_seed")]
    rate = specification["learning_rates"].index(row["lr"])
    index = rate * len(specification["replicas"]) + specification["replicas"].index(replica)
    path = folder / "weights.safetensors"
    check(folder / "record.json", path)
    with safe_open(path, "pt") as file:
        names = file.keys()
        weights = {name: file.get_slice(name)[index : index + 1] for name in names}
    architecture = specification["architecture"]
    parameters = window(
        Parameters.from_specification(specification["grammar"]), specification.get("context", 0)
    )
    shape = Shape.from_parameters(parameters, specification["task"], architecture)
    if architecture["kind"] not in kinds():
        adopt(_own_file(root / "results" / study / "study.json", row["architecture"], root))
    network = build(architecture["kind"], shape, [0])
    network.load_state_dict(weights)
    return network.eval()
