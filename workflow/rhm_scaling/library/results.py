"""What finished studies left: tables, training histories, trained networks."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.errors import UserError
from ..core.texts import short
from ..publish import loading
from . import checks
from .checks import public
from .grammars import Grammar
from .networks import OneReplica, TrainedNetwork


def _folder(study: Any, root: Any) -> Path:
    """The folder that holds the results of a study; `ValueError` if there are none."""
    if not isinstance(study, str):
        raise TypeError(f"study: take the name of a study, not {checks.kind_of(study)}")
    if not isinstance(root, str | Path):
        raise TypeError(f"root: take the path of a folder, not {checks.kind_of(root)}")
    results = Path(root, "results")
    known = sorted(path.parent.name for path in results.glob("*/runs.csv"))
    if study not in known:
        there = f"finished there: {', '.join(known)}" if known else "no study is finished there"
        raise UserError(f"study: no {short(study)} in {results}; {there}")
    return Path(root)


def _rows(table: pd.DataFrame, cell: dict[str, Any]) -> pd.DataFrame:
    """Rows with the given values of some columns.

    Raises
    ------
    UserError
        If there is no such column, or no row with such a value; the text says what there is.
    """
    for column, wanted in checks.plain(cell).items():
        if column not in table:
            close = difflib.get_close_matches(column, [*table.columns], n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"take {', '.join(table.columns)}"
            raise UserError(f"{column}: not a column of the study's table; {hint}")
        found = table[table[column] == wanted]
        if not len(found):
            known = ", ".join(map(str, sorted(table[column].dropna().unique(), key=str)))
            raise UserError(f"{column}: no row has {short(wanted)}; take {short(known, 300)}")
        table = found
    return table.reset_index(drop=True)


@public
def load_runs(study: str, root: str | Path = ".", **cell: Any) -> pd.DataFrame:
    """``runs.csv`` of a finished study: what became of every replica.

    Parameters
    ----------
    study
        Its name: that of its folder below ``results/``.
    root
        The folder that holds ``results/``.
    cell
        Columns and values that pick rows, such as ``architecture="cnn"``.

    Returns
    -------
    DataFrame
        A row a replica, of every learning rate that was tried (``chosen``: the one that curves
        take); results/README.md explains the columns. Losses are in nats.

    Raises
    ------
    ValueError
        If the study is not finished there, its table is damaged, or no row matches.
    TypeError
        If `study` or `root` is no name or path.

    Examples
    --------
    >>> import rhm_scaling as rhm  # after: make run STUDY=config/studies/tiny.yaml
    >>> runs = rhm.load_runs("tiny", architecture="cnn", task="last_token")
    >>> runs.groupby("train_size")["test_loss"].count().to_dict()
    {16: 2, 64: 2, 256: 2}
    """
    return _rows(loading.load_runs(study, _folder(study, root)), cell)


@public
def load_curves(study: str, root: str | Path = ".", **cell: Any) -> pd.DataFrame:
    """``curves.csv`` of a finished study: its learning curves, with intervals and predictions.

    Parameters
    ----------
    study, root, cell
        As for `load_runs`.

    Returns
    -------
    DataFrame
        A row a curve and training size: ``sentences``; ``mean``, ``low`` and ``high`` of the
        ``measure`` (excess over the exact loss in nats, or error) with its 95 % interval over rule
        draws; ``predicted``; results/README.md explains the others. `draw_curves` draws it.

    Raises
    ------
    ValueError
        If the study is not finished there, its table is damaged, or no row matches.
    TypeError
        If `study` or `root` is no name or path.

    Examples
    --------
    >>> import rhm_scaling as rhm  # after: make run STUDY=config/studies/tiny.yaml
    >>> rhm.load_curves("tiny", task="last_token", architecture="cnn")["measure"].unique().tolist()
    ['test_excess']
    """
    return _rows(loading.load_curves(study, _folder(study, root)), cell)


@public
def load_history(study: str, root: str | Path = ".", **cell: Any) -> pd.DataFrame:
    """How losses fell in the trainings of a finished study.

    Parameters
    ----------
    study, root, cell
        As for `load_runs`.

    Returns
    -------
    DataFrame
        A row a replica and evaluation: columns that identify the replica, ``step``,
        ``operations`` (of matrix products, spent until then), ``train_loss`` (mean since the last
        evaluation), ``validation_loss`` (nats), ``validation_error``; of online trainings also
        ``test_loss``, ``test_error`` and ``test_excess``.

    Raises
    ------
    ValueError
        If the study is not finished there, a file is damaged, or no row matches.
    TypeError
        If `study` or `root` is no name or path.

    Examples
    --------
    >>> import rhm_scaling as rhm  # after: make run STUDY=config/studies/tiny.yaml
    >>> history = rhm.load_history("tiny", task="last_token", architecture="cnn", train_size=256)
    >>> history.pivot_table(index="step", columns="rule_seed", values="validation_loss").shape
    (8, 2)
    """
    folder = _folder(study, root)
    _rows(loading.load_runs(study, folder), cell)  # that there are such rows
    return loading.load_history(study, folder, **checks.plain(cell))


@public
def load_network(study: str, root: str | Path = ".", **cell: Any) -> TrainedNetwork:
    """A trained replica of a finished study, at its best step: call it with sentences.

    Parameters
    ----------
    study, root
        As for `load_runs`.
    cell
        Columns and values that single out one row of ``runs.csv``, such as ``task``,
        ``architecture``, ``train_size`` and ``rule_seed``; of several learning rates that which
        curves take, unless ``lr`` is given.

    Returns
    -------
    TrainedNetwork
        ``network(sentences)`` answers with probabilities, in the shape of `posterior`;
        ``network.grammar`` is the rule draw that it was trained on, ``network.task`` what it does,
        and ``network.module`` a plain `torch.nn.Module` without a replica axis, from masked tokens
        to logits, which has a ``state_dict()``.

    Raises
    ------
    ValueError
        If no replica or several match (the text says what else to name), if it has no network, or
        if a file is damaged.
    TypeError
        If `study` or `root` is no name or path.

    Examples
    --------
    >>> import rhm_scaling as rhm  # after: make run STUDY=config/studies/tiny.yaml
    >>> cell = {"task": "last_token", "architecture": "cnn", "train_size": 256}
    >>> network = rhm.load_network("tiny", **cell, rule_seed=0)
    >>> network(rhm.sample(network.grammar, 100)).shape
    (100, 6)
    >>> network.module.state_dict()["filters.0"].shape
    torch.Size([12, 16])
    >>> rhm.load_network("tiny", **cell)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: 2 replicas of tiny match {...}; name also rule_seed
    """
    folder = _folder(study, root)
    _rows(loading.load_runs(study, folder), cell)  # that there are such rows
    found = loading.find_replica(study, folder, **checks.plain(cell))
    rule = int(found.row["rule_seed"])
    return TrainedNetwork(
        Grammar.of(loading.grammar_of(found, folder), rule),
        found.specification["task"],
        OneReplica(loading.network_of(found, folder)),
        found.specification.get("context", 0),
    )
