"""Loading what a study made: for notebooks, no Snakemake needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from safetensors import safe_open
from torch import Tensor

from ..analysis.curves import CURVE_KEY, REPLICA_KEY
from ..architecture.registry import adopt, kinds
from ..core.errors import UserError
from ..core.files import read_json
from ..grammar.model import Grammar, Parameters
from ..grammar.sparse import SparseParameters, draw, parameters_of
from ..grammar.tasks import window
from ..models import build
from ..models.layers import Pack, Shape
from ..run.records import check, read_record, record_path
from ..steps.files import read_grammar
from ..study.reading import split_scale


def load_runs(study: str, root: Path = Path()) -> pd.DataFrame:
    """``runs.csv`` of a study: a row a replica. `root` is the folder that holds ``results/``.

    Raises
    ------
    UserError
        If the study has not been run there, or the table is damaged.
    """
    return _table(study, root, "runs", "gather_runs")


def load_curves(study: str, root: Path = Path()) -> pd.DataFrame:
    """``curves.csv`` of a study: a row a curve and training size; errors as in `load_runs`."""
    return _table(study, root, "curves", "aggregate_curves")


def _table(study: str, root: Path, name: str, step: str) -> pd.DataFrame:
    path = root / "results" / study / f"{name}.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such study here; run it, or give its root")
    record = path.parent / "stages" / f"{step}.record.json"
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
    trained = runs[runs["stop_reason"] != "counted"]
    for (product, task), rows in trained.groupby(["product", "task"]):
        if _predicts_siblings(root, str(product)):
            continue
        kind = "denoisers" if task == "masked" else "models"
        path = root / "results" / "store" / kind / str(product) / "history.csv"
        check(path.parent / "record.json", path)
        parts.append(with_operations(rows, pd.read_csv(path)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=EVALUATED)


def with_operations(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The evaluations of a block's replicas, with what identifies these and what was spent."""
    found = runs[_IDENTIFYING].merge(history, on=["lr", *REPLICA_KEY])
    # in the table those of a step, here what was spent until then
    return found.assign(operations=found["operations"] * found["step"])


_IDENTIFYING = [*CURVE_KEY, "parameters", "operations", "train_size", "lr", *REPLICA_KEY]
EVALUATED = [*_IDENTIFYING, "step"]


class Replica(NamedTuple):
    """A trained replica of a study, in the store.

    Attributes
    ----------
    row
        Its row of ``runs.csv``.
    specification
        That of its block.
    folder
        Its block's.
    place
        Its place in the block.
    """

    row: pd.Series
    specification: dict[str, Any]
    folder: Path
    place: int


def _matching(runs: pd.DataFrame, cell: dict[str, Any]) -> pd.DataFrame:
    """Rows with the given values of some columns."""
    if unknown := sorted(set(cell) - set(runs.columns)):
        raise UserError(f"{unknown[0]}: not a column of runs.csv")
    return runs[(runs[list(cell)] == pd.Series(cell, dtype=object)).all(axis=1)]


def find_replica(study: str, root: Path = Path(), **cell: Any) -> Replica:
    """The one replica that `cell` singles out; arguments and errors as `load_network` has them."""
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
    if row["task"] == "masked":
        raise UserError(
            f"{row['architecture']}: is a denoiser, which is not read as a network; its weights "
            f"are results/store/denoisers/{row['product']}/weights.safetensors"
        )
    if _predicts_siblings(root, row["product"]):
        raise UserError(f"{row['architecture']}: predicts siblings, and its weights are not kept")
    folder = root / "results" / "store" / "models" / row["product"]
    specification = read_record(folder / "record.json")["specification"]
    replica = [int(row[key]) for key in ("rule_seed", "sample_seed", "init_seed")]
    rate = specification["learning_rates"].index(row["lr"])
    place = rate * len(specification["replicas"]) + specification["replicas"].index(replica)
    return Replica(row, specification, folder, place)


def _predicts_siblings(root: Path, product: str) -> bool:
    """Whether a block is one of networks that predict siblings: these keep rows alone."""
    return (root / "results" / "store" / "predictors" / product).is_dir()


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
    """
    return network_of(find_replica(study, root, **cell), root)


def network_of(replica: Replica, root: Path = Path()) -> Pack:
    """A replica's network as a pack of one; errors as in `load_network`."""
    row = replica.row
    if replica.specification["architecture"]["kind"] not in kinds():
        adopt(_own_file(root / "results" / row["study"] / "study.json", row["architecture"], root))
    path = replica.folder / "weights.safetensors"
    check(replica.folder / "record.json", path)
    one = slice(replica.place, replica.place + 1)
    with safe_open(path, "pt") as file:
        names = file.keys()
        weights = {name: file.get_slice(name)[one] for name in names}
    return restored(replica.specification, weights)


def restored(specification: dict[str, Any], weights: dict[str, Tensor]) -> Pack:
    """The pack of a block's `specification` with these `weights`, ``(R, ...)`` by name."""
    architecture = specification["architecture"]
    parameters = window(
        Parameters.from_specification(specification["grammar"]), specification.get("context", 0)
    )
    shape = Shape.from_parameters(parameters, specification["task"], architecture)
    count = len(next(iter(weights.values())))
    network = build(architecture["kind"], shape, [0] * count)
    network.load_state_dict(weights)
    return network.eval()


def grammar_of(replica: Replica, root: Path = Path()) -> Grammar:
    """The grammar that a replica was trained on: drawn again, or the user's own from the store.

    Raises
    ------
    UserError
        If the user's own is not there, or damaged.
    """
    parameters = parameters_of(replica.specification["grammar"])
    rule = int(replica.row["rule_seed"])
    if parameters.file is None or isinstance(parameters, SparseParameters):
        return draw(parameters, rule)
    folder = root / "results" / "store" / "grammars" / parameters.label()
    for path in sorted(folder.glob(f"r{rule:03d}-*.json")):
        if not path.name.endswith(".record.json"):
            check(record_path(path), path)
            return read_grammar(path)
    raise UserError(f"{folder}: holds no grammar of rule seed {rule}; run the study again")
