"""When a training learns and when it memorises: steps, sentences seen, and their laws in ``P``.

The claim is that of arXiv:2505.16959: the time at which a network begins to memorise its ``P``
training sentences grows in proportion to ``P``, and the time to learn does not depend on it.

A network begins to memorise where its training loss falls below its validation loss: there the two
part, while until then they fall as one, as they would on fresh sentences. This *gap* is the
definition that counts (event ``memorised``), because it does not ask whether the validation loss
still falls, as it may while sentences are memorised. The step of the least validation loss
(``least_loss``), where memorising begins to cost more than learning gains, stands beside it: what
is still learnt then moves it, so it has another law.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import REPLICA_KEY, crossing, falls_to, mean_and_interval
from .power_law import FEWEST_POINTS

Array = NDArray[np.float64]

MARGIN = 0.1  # of a guess's loss, by which the training loss lies below the validation loss
REPLICA = ["train_size", *REPLICA_KEY]
EVENTS = [*REPLICA, "event", "level", "at_step", "at_sentences", "at_epochs"]
LAWS = [
    *("event", "level", "window", "points", "smallest", "largest", "rule_draws"),
    *("exponent", "low", "high", "claimed", "at_step", "spread"),
]
_CLEAR = 0.5  # share of the steps until memorising in which level 1 has been learnt
# exponents in P of arXiv:2505.16959
_CLAIMED = {"learnt": 0.0, "memorised": 1.0, "least_loss": 1.0}


def gap_opens(steps: Array, training: Array, validation: Array, margin: float) -> float:
    """The step at which the training loss first lies below the validation loss by a margin.

    Parameters
    ----------
    steps
        Of the evaluations, ``(evaluations,)``, growing from 0.
    training
        Mean training loss since the evaluation before, in nats.
    validation
        At the evaluation.
    margin
        In nats.

    Returns
    -------
    float
        Between evaluations on the logarithm of the step; infinite if the gap does not open for two
        evaluations in a row (of few batches a training loss is noisy), NaN if it is open from the
        first on. A training loss is that of an interval, in the middle of which the network was
        better than at its begin and worse than at its end; so it is held against the mean of the
        validation losses at the two, and stands for the geometric middle.
    """
    middle = np.sqrt(steps[1:-1] * steps[2:])  # the first interval begins at 0
    gap = (validation[1:-1] + validation[2:]) / 2 - training[2:]
    return crossing(middle[:-1], np.minimum(gap[:-1], gap[1:]), margin)


def events(
    histories: pd.DataFrame, guess: float, heights: Mapping[int, Array], measure: str
) -> pd.DataFrame:
    """What happened in each training of one curve, a row a replica and event, columns `EVENTS`.

    Parameters
    ----------
    histories
        Evaluations of the curve's replicas (``training_histories.csv``).
    guess
        Loss of a guess, in nats; `MARGIN` is a part of it.
    heights
        What is to be crossed by rule draw and level, ``(levels,)`` from level 1 on.
    measure
        Column that crosses it, ``validation_loss`` or ``validation_error``.

    Returns
    -------
    DataFrame
        ``event`` is ``learnt`` with its ``level``, ``memorised`` or ``least_loss``; ``at_step``,
        ``at_sentences`` (seen, repeated ones too) and ``at_epochs`` tell when, infinite if never,
        as ``least_loss`` at the last evaluation is. Fresh sentences cannot be memorised.
    """
    rows: list[dict[str, Any]] = []
    for key, group in histories.groupby(REPLICA):
        mine = group.sort_values("step")
        steps, training, validation = (
            mine[name].to_numpy(dtype=float) for name in ("step", "train_loss", "validation_loss")
        )
        replica: dict[str, Any] = dict(zip(REPLICA, key))
        draw, size = int(replica["rule_seed"]), float(replica["train_size"])
        batch = float(mine["sentences"].iloc[-1] / steps[-1])
        found: list[tuple[str, int, float]] = [
            ("learnt", level, falls_to(steps[1:], mine[measure].to_numpy(dtype=float)[1:], height))
            for level, height in enumerate(heights.get(draw, ()), 1)
        ]
        if np.isfinite(size):
            opens = gap_opens(steps, training, validation, MARGIN * guess)
            least = int(validation.argmin())
            ends = float(steps[least]) if least < len(steps) - 1 else np.inf
            found += [("memorised", 0, opens), ("least_loss", 0, ends)]
        for event, level, step in found:
            when = {"at_step": step, "at_sentences": step * batch}
            when["at_epochs"] = step * batch / size if np.isfinite(size) else np.nan
            rows.append({**replica, "event": event, "level": level, **when})
    table = pd.DataFrame(rows, columns=EVENTS, dtype=None if rows else float)
    return table.astype(dict.fromkeys(["level", *REPLICA_KEY], int))


def onset_laws(found: pd.DataFrame) -> pd.DataFrame:
    """Steps of each event as a power of ``P``, a row an event, level and window; columns `LAWS`.

    Least squares on logarithms for every rule draw; the exponent is the mean over draws with
    Student's interval, of replicas if there is one draw. Only sizes at which the event happened in
    every replica enter; with fewer than three there is no fit. Of memorising there are two windows:
    ``all`` of these sizes, and those with ``level 1 before``: every replica had learnt level 1 in
    at most `_CLEAR` of the steps. Before it has, a network leaves its initial plateau, which takes
    a time that does not depend on ``P``; where memorising follows at once, that time is measured.
    ``at_step`` is the geometric mean over draws at the largest of the sizes, ``spread`` the typical
    factor between a point and its line.
    """
    rows = []
    finite = found[np.isfinite(found["train_size"])]
    first = finite[(finite["event"] == "learnt") & (finite["level"] == 1)]
    for (event, level), group in finite.groupby(["event", "level"], sort=False):
        rows.append(_law(group, str(event), level, "all"))
        if event != "learnt" and len(first):
            both = group.merge(first[[*REPLICA, "at_step"]], on=REPLICA, suffixes=("", "_first"))
            # a level that is never learnt is not before anything
            late = both["at_step_first"] <= _CLEAR * both["at_step"].replace(np.inf, np.nan)
            told = late.groupby(both["train_size"]).transform("all")
            rows.append(_law(both[told], str(event), level, "level 1 before"))
    return pd.DataFrame(rows, columns=LAWS)


def _law(group: pd.DataFrame, event: str, level: int, window: str) -> dict[str, Any]:
    """A row of `onset_laws`."""
    unit = ["rule_seed"] if group["rule_seed"].nunique() > 1 else REPLICA_KEY
    with np.errstate(divide="ignore"):  # an event at step 0 has no power
        logs = group.assign(log=np.log(group["at_step"]))
    table = logs.groupby([*unit, "train_size"])["log"].mean().unstack("train_size")
    steps = table.to_numpy(dtype=float)
    happened = np.isfinite(steps).all(axis=0)
    sizes, steps = table.columns.to_numpy(dtype=float)[happened], steps[:, happened]
    row: dict[str, Any] = dict.fromkeys(LAWS, np.nan)
    row |= {"event": event, "level": level, "window": window, "claimed": _CLAIMED[event]}
    row |= {"points": len(sizes), "rule_draws": group["rule_seed"].nunique()}
    if len(sizes):
        row |= {"smallest": sizes[0], "largest": sizes[-1]}
        row["at_step"] = float(np.exp(steps[:, -1].mean()))
    if len(sizes) >= FEWEST_POINTS:
        x = np.log(sizes) - np.log(sizes).mean()
        slopes = steps @ x / (x @ x)
        left = steps - steps.mean(axis=1)[:, None] - np.outer(slopes, x)
        row |= zip(("exponent", "low", "high"), mean_and_interval(slopes, least=-np.inf))
        freedom = len(slopes) * (len(sizes) - 2)
        row["spread"] = float(np.exp(np.sqrt((left**2).sum() / freedom)))
    return row
