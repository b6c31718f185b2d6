"""What repeated sentences are worth: the number of fresh ones that teach a network as much.

After ``e`` epochs over ``P`` sentences a network has some loss; the same network on fresh sentences
has it after some number of them, the *effective* one. Both are measured on the same validation
set, and at equal steps both have seen equally many sentences, so in the first epoch the two numbers
are one but for the scatter of trainings. The law is that of Muennighoff et al. 2023
(arXiv:2305.16264): each repetition is worth less than the one before by a constant factor, so that

    effective = P (1 + R* (1 - exp(-(e - 1)/R*)))

and all repetitions together are worth ``R*`` times the training set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import falls_to, geometric_mean

Array = NDArray[np.float64]

RESOLVED = 0.01  # of the loss at the start: nearer to the end of its curve, losses tell no size
FEWEST = 5  # evaluations of a fit
VALUES = [
    *("train_size", "step", "sentences", "epochs", "rule_draws", "loss", "fresh_loss"),
    *("effective", "low", "high", "fitted"),
]
LAWS = [
    *("train_size", "points", "rule_draws", "largest_epochs", "estimate", "low", "high"),
    *("spread", "spread_fresh"),
]
# of the values of R* that are looked for: beyond the larger, nothing of an end is seen
_LEAST, _MOST = 1e-3, 1e4


def effective_over_unique(epochs: Array, worth: float) -> Array:
    """Effective over unique sentences after some epochs, if all repetitions are worth so much.

    Up to the first epoch all sentences are fresh. `worth` is ``R*``; infinite if repeating is as
    good as fresh sentences.
    """
    repeated = np.maximum(epochs - 1, 0.0)
    gained = repeated if np.isinf(worth) else -worth * np.expm1(-repeated / worth)
    return np.asarray(np.minimum(epochs, 1.0) + gained)


def worth_of_repeating(epochs: Array, ratios: Array) -> float:
    """``R*``, by least squares on the logarithm of effective over unique sentences.

    Infinite if no end of the gain is seen.
    """
    from scipy import optimize

    def squares(log: float) -> float:
        told = effective_over_unique(epochs, float(np.exp(log)))
        return float(((np.log(ratios) - np.log(told)) ** 2).sum())

    bounds = (np.log(_LEAST), np.log(_MOST))
    found = optimize.minimize_scalar(squares, bounds=bounds, method="bounded")
    worth = float(np.exp(found.x))
    return np.inf if worth > 0.9 * _MOST else worth


def effective_sentences(histories: pd.DataFrame) -> pd.DataFrame:
    """Effective sentences of every rule draw, a row a size of the training set and evaluation.

    Parameters
    ----------
    histories
        Evaluations of one network's replicas (``training_histories.csv``), of finite training sets
        and online, whose ``train_size`` is infinite.

    Returns
    -------
    DataFrame
        Columns rule_seed, train_size, step, sentences, epochs, loss, fresh_loss, effective. Losses
        are the least of the validation so far, since a training keeps its best step; means over
        the replicas of a rule draw, at steps that all of them have reached. ``effective`` is NaN
        where the loss is nearer than `RESOLVED` to the end of the curve of fresh sentences, or
        below it.
    """
    best = histories[histories["step"] > 0].sort_values("step")
    replica = ["rule_seed", "train_size", "sample_seed", "init_seed"]
    best = best.assign(loss=best.groupby(replica)["validation_loss"].cummin())
    starts = histories[histories["step"] == 0].groupby("rule_seed")["validation_loss"].mean()
    parts = []
    for draw, group in best.groupby("rule_seed"):
        by_size = {
            float(str(size)): rows.pivot_table(
                index=["step", "sentences"], columns=replica[2:], values="loss"
            )
            .dropna()
            .mean(axis=1)
            for size, rows in group.groupby("train_size")
        }
        if np.inf not in by_size:
            continue
        fresh = by_size.pop(np.inf)
        seen, losses = fresh.index.get_level_values("sentences").to_numpy(float), fresh.to_numpy()
        told = losses[-1] + RESOLVED * starts.loc[draw]
        for size, curve in by_size.items():
            table = curve.rename("loss").reset_index()
            table["effective"] = [
                falls_to(seen, losses, loss) if loss > told else np.nan for loss in table["loss"]
            ]
            same = fresh.rename("fresh_loss").reset_index("sentences", drop=True)
            table = table.join(same, on="step")
            known = {"rule_seed": draw, "train_size": size}
            parts.append(table.assign(**known, epochs=table["sentences"] / size))
    columns = ["rule_seed", *VALUES[:4], *VALUES[5:8]]
    whole = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns, dtype=float)
    )
    return whole[columns]


def _fits(effective: pd.DataFrame) -> tuple[list[float], Array, int]:
    """``R*`` of every rule draw with enough points; residuals of all; points beyond one epoch."""
    known = effective[np.isfinite(effective["effective"]) & (effective["epochs"] > 1)]
    found: list[float] = []
    residuals = []
    for _, rows in known.groupby("rule_seed"):
        if len(rows) < FEWEST:
            continue
        epochs = rows["epochs"].to_numpy(dtype=float)
        ratios = (rows["effective"] / rows["train_size"]).to_numpy(dtype=float)
        found.append(worth_of_repeating(epochs, ratios))
        told = [effective_over_unique(epochs, worth) for worth in (found[-1], np.inf)]
        residuals.append([np.log(ratios) - np.log(one) for one in told])
    joined = np.concatenate(residuals, axis=1) if residuals else np.empty((2, 0))
    return found, joined, len(known)


def repetition_laws(effective: pd.DataFrame) -> pd.DataFrame:
    """``R*`` of one network, a row a training size and one for all, columns `LAWS`.

    Fitted for every rule draw beyond the first epoch; geometric mean and Student's interval over
    draws. ``spread`` is the typical factor between points and law, ``spread_fresh`` that if
    repeated sentences were as good as fresh ones. The row of all sizes, one ``R*`` for all, has
    no ``train_size``.
    """
    rows = []
    parts: list[tuple[float, pd.DataFrame]] = [
        (float(str(size)), group) for size, group in effective.groupby("train_size")
    ]
    for size, group in [*parts, (np.nan, effective)]:
        found, residuals, points = _fits(group)
        row: dict[str, Any] = {"train_size": size, "points": points, "rule_draws": len(found)}
        row["largest_epochs"] = group["epochs"].max()
        row |= dict.fromkeys(LAWS[4:], np.nan)
        if found:
            worth = geometric_mean(np.array(found))
            row |= dict(zip(("estimate", "low", "high"), worth))
            typical = np.exp(np.sqrt((residuals**2).mean(axis=1)))
            row |= dict(zip(("spread", "spread_fresh"), typical))
        rows.append(row)
    return pd.DataFrame(rows, columns=LAWS)


def repetition_values(effective: pd.DataFrame, laws: pd.DataFrame) -> pd.DataFrame:
    """Means over rule draws beside the law of their size, columns `VALUES`.

    ``effective`` is the geometric mean over draws, where all tell it, with Student's interval.
    """
    worth = dict(zip(laws["train_size"], laws["estimate"]))
    rows = []
    for (size, _), group in effective.groupby(["train_size", "step"]):
        first = group.iloc[0]
        row = {name: first[name] for name in ("train_size", "step", "sentences", "epochs")}
        row["rule_draws"] = len(group)
        row |= {name: group[name].mean() for name in ("loss", "fresh_loss")}
        mean = geometric_mean(group["effective"].to_numpy(dtype=float))
        row |= dict(zip(("effective", "low", "high"), mean))
        of_size = float(worth[size])
        told = effective_over_unique(np.array([first["epochs"]]), of_size)[0] * size
        rows.append({**row, "fitted": told})
    return pd.DataFrame(rows, columns=VALUES)
