"""When each context of a test set is learnt, and the learning curve as the sum of these times.

Theory lets a network learn the levels of the grammar one after the other (arXiv:2505.07070). A
learner of ``l`` levels is from the exact posterior of one context as far as these levels leave it
(`theory.inference.level_divergences`): a staircase of its own for every context, whose mean is that
of the learning curve, ``H_l - H_L``. Here the measured excess of each context is read as such a
staircase. The sizes at which it goes down are the spectrum of learning times.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.hashing import seed_from
from .curves import (
    REPLICA_KEY,
    cluster_means,
    crossing,
    geometric_mean,
    mean_and_interval,
)
from .power_law import BOOTSTRAPS, half_width

Array = NDArray[np.float64]

WHOLE = 0  # stands for all levels together, in the place of one
TIMES = ["level", "learnt_from", "weight"]
SPECTRUM = [
    *("level", "rule_draws", "replicas", "weight", "weight_predicted", "learnt"),
    *("half_at", "low", "high", "spread", "threshold"),
]
CURVES = [
    *("train_size", "rule_draws", "replicas", "mean", "low", "high", "rebuilt", "rebuilt_whole"),
    *("predicted", "beyond", "misfit", "misfit_shuffled"),
]
_PARTS = (0.25, 0.5, 0.75)


def learnt_levels(excess: Array, levels: Array) -> NDArray[np.int64]:
    """How many levels are learnt at each size and context.

    The staircase down `levels` that is nearest to the excess: of all that go no level back with
    growing size, that of the least absolute distance. A level is so learnt where the excess passes
    the middle between two levels; where it does so several times, where the rest agrees best.

    Parameters
    ----------
    excess
        Of a network at growing sizes, ``(S, N)``.
    levels
        What each level leaves of it, ``(K+1, N)``.

    Returns
    -------
    array
        Numbers from 0 to ``K``, ``(S, N)``, which never fall along the first axis.
    """
    numbers = np.arange(len(levels))[:, None]
    total, choices = np.abs(excess[0] - levels), []
    for here in excess[1:]:
        least = np.minimum.accumulate(total, axis=0)
        # for each level now, the best before: not above it
        choices.append(np.maximum.accumulate(np.where(total <= least, numbers, 0), axis=0))
        total = least + np.abs(here - levels)
    path = [total.argmin(axis=0)]
    for chosen in reversed(choices):
        path.append(np.take_along_axis(chosen, path[-1][None], axis=0)[0])
    return np.stack(path[::-1])


def learning_times(sizes: Array, excess: Array, levels: Array) -> pd.DataFrame:
    """The spectrum of one network: how much excess goes at each size, by the level that tells it.

    Parameters
    ----------
    sizes
        Growing training sizes, ``(S,)``.
    excess, levels
        As in `learnt_levels`, ``(S, N)`` and ``(L+1, N)``.

    Returns
    -------
    DataFrame
        Columns `TIMES`, a row a level and size. weight: by how much the mean excess falls as
        contexts learn the level, in nats: over all sizes ``H_(l-1) - H_l`` of these contexts;
        learnt_from: the size from which on they know it, infinite for those that do not at the
        largest. Level `WHOLE`: a single step from ``l = 0`` to ``L``, which is half-way down where
        the excess falls below half of that at level 0.
    """
    rows = []
    for first, rungs in ((1, levels), (WHOLE, levels[[0, -1]])):
        known = learnt_levels(excess, rungs)
        steps = -np.diff(rungs, axis=0) / rungs.shape[1]
        for step, weights in enumerate(steps):
            before = (known <= step).sum(axis=0)  # sizes at which it is not known
            weight = np.bincount(before, weights, minlength=len(sizes) + 1)
            rows += [(first + step, *pair) for pair in zip([*sizes, np.inf], weight)]
    return pd.DataFrame(rows, columns=TIMES).sort_values("level", kind="stable")


def rebuilt(times: pd.DataFrame, sizes: Array, whole: bool = False) -> Array:
    """The excess as the sum of what is not learnt yet, ``(S,)``.

    Parameters
    ----------
    times
        Of `learning_times`, of one network.
    sizes
        Where to evaluate.
    whole
        Whether each context has one time alone.
    """
    mine = times[(times["level"] == WHOLE) == whole]
    left = mine["learnt_from"].to_numpy(dtype=float) > np.asarray(sizes)[:, None]
    return np.asarray(left @ mine["weight"].to_numpy(dtype=float))


def rebuilt_curve(sizes: Array, excess: Array, levels: Array, times: pd.DataFrame) -> pd.DataFrame:
    """The curve of one network beside those that its learning times rebuild, a row a size.

    Columns train_size; excess: mean over contexts; rebuilt, rebuilt_whole; beyond: share of the
    excess above what any level leaves of its context; misfit: mean distance of a context from its
    level, over the mean excess: 0 if each context is at one of its levels; misfit_shuffled: the
    same if each context has the levels of another.
    """
    distances = []
    source = np.random.Generator(np.random.Philox(seed_from("shuffled contexts", levels.shape[1])))
    for rungs in (levels, levels[:, source.permutation(levels.shape[1])]):
        known = learnt_levels(excess, rungs)
        distances.append(np.abs(excess - np.take_along_axis(rungs, known, axis=0)).mean(axis=1))
    mean = excess.mean(axis=1)
    beyond = np.maximum(excess - levels.max(axis=0), 0.0).mean(axis=1)
    with np.errstate(invalid="ignore"):  # where nothing is left, no share is
        shares = [part / mean for part in (beyond, *distances)]
    return pd.DataFrame(
        {
            "train_size": sizes,
            "excess": mean,
            "rebuilt": rebuilt(times, sizes),
            "rebuilt_whole": rebuilt(times, sizes, whole=True),
            **dict(zip(("beyond", "misfit", "misfit_shuffled"), shares)),
        }
    )


def learning_spectrum(
    times: pd.DataFrame, entropies: Mapping[int, Array], thresholds: Mapping[int, Array]
) -> pd.DataFrame:
    """Where the peak of each level lies, and how wide it is, of one curve: a row a level.

    Parameters
    ----------
    times
        Rows of ``learning_times.csv``.
    entropies, thresholds
        ``H_0..H_L`` and ``P_1..P_L`` by rule draw; no thresholds for a learner without.

    Returns
    -------
    DataFrame
        Columns `SPECTRUM`, explained in ``steps/columns.yaml``.
    """
    rows = []
    for level, mine in times.groupby("level"):
        index = int(str(level))
        shares = _shares(mine)
        rules = [int(rule) for rule in shares.index]
        known = [thresholds[rule][index - 1] for rule in rules if index and rule in thresholds]
        told = shares.columns.to_numpy(dtype=float), shares.to_numpy(dtype=float)
        first, median, last = _quartiles(*told)
        low, high = _interval(*told)
        rows.append(
            {
                "level": index,
                "rule_draws": len(rules),
                "replicas": len(mine.drop_duplicates(REPLICA_KEY)),
                "weight": cluster_means(_sums(mine), "weight").mean(),
                "weight_predicted": np.mean([_fall(entropies[rule], index) for rule in rules]),
                "learnt": shares.iloc[:, -1].mean(),
                "half_at": median,
                "low": low,
                "high": high,
                "spread": last / first if np.isfinite(last) else last,
                "threshold": geometric_mean(np.array(known))[0] if known else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=SPECTRUM)


def _fall(entropies: Array, level: int) -> float:
    """By how much the excess falls as a level is learnt."""
    first, last = (0, -1) if level == WHOLE else (level - 1, level)
    return float(entropies[first] - entropies[last])


def _sums(times: pd.DataFrame) -> pd.DataFrame:
    """A row a replica: the weight of all its learning times."""
    return times.groupby(REPLICA_KEY)[["weight"]].sum().reset_index()


def _shares(times: pd.DataFrame) -> pd.DataFrame:
    """A row a rule draw, a column a size: the share of one level's weight that is learnt there.

    NaN at sizes at which no training of the draw succeeded, and where nothing is to be learnt.
    """
    parts = {}
    for replica, mine in times.groupby(REPLICA_KEY):
        weights = mine.groupby("learnt_from")["weight"].sum()
        whole = weights.sum()
        parts[replica] = weights.cumsum() / (whole if whole > 0 else np.nan)
    table = pd.DataFrame(parts).T.drop(columns=np.inf)
    return table.groupby(level=0).mean().sort_index(axis=1)


def _quartiles(sizes: Array, shares: Array) -> Array:
    """Quartiles of the learning times of all rule draws together, between sizes on a logarithm.

    NaN below the smallest size, infinite beyond the largest. `shares` are ``(draws, sizes)``.
    """
    known = np.isfinite(shares)
    told = known.any(axis=0)
    if not told.any():
        return np.full(len(_PARTS), np.nan)
    mean = np.where(known, shares, 0.0).sum(axis=0)[told] / known.sum(axis=0)[told]
    return np.array([crossing(sizes[told], mean, share) for share in _PARTS])


def _interval(sizes: Array, shares: Array) -> tuple[float, float]:
    """The 95 % interval of the median learning time, as `power_law.interval` on its logarithm.

    Its standard error is that of a bootstrap over rule draws. NaN if there is one rule draw alone,
    or more than a tenth of the bootstrap's medians lie beyond the sizes.
    """
    draws = len(shares)
    source = np.random.Generator(np.random.Philox(seed_from("learning times", draws)))
    picks = source.integers(draws, size=(BOOTSTRAPS, draws))
    found = np.array([_quartiles(sizes, shares[pick])[1] for pick in picks])
    median = np.log(_quartiles(sizes, shares)[1])
    half = half_width(np.log(found), draws) if np.isfinite(median) else np.nan
    return float(np.exp(median - half)), float(np.exp(median + half))


def rebuilt_curves(each: pd.DataFrame, predicted: Mapping[int, float]) -> pd.DataFrame:
    """Means over the networks of one curve, a row a size.

    Parameters
    ----------
    each
        Of `rebuilt_curve`, with the columns that name a replica.
    predicted
        The predicted staircase by size.

    Returns
    -------
    DataFrame
        Columns `CURVES`, explained in ``steps/columns.yaml``.
    """
    rows = []
    for size, mine in each.astype({"train_size": int}).groupby("train_size"):
        ends = mean_and_interval(cluster_means(mine, "excess"))
        told = ("rebuilt", "rebuilt_whole", "beyond", "misfit", "misfit_shuffled")
        rows.append(
            {
                "train_size": size,
                "rule_draws": mine["rule_seed"].nunique(),
                "replicas": len(mine),
                **dict(zip(("mean", "low", "high"), ends)),
                **{name: cluster_means(mine, name).mean() for name in told},
                "predicted": predicted.get(int(str(size)), np.nan),
            }
        )
    return pd.DataFrame(rows, columns=CURVES)


def residual(curve: pd.DataFrame, column: str = "rebuilt") -> float:
    """Typical factor (root mean square of logarithms) between a rebuilt curve and the measured.

    `curve` holds rows of ``rebuilt_curves.csv``; NaN if there is none with an excess.
    """
    told = curve[(curve["mean"] > 0) & (curve[column] > 0)]
    if not len(told):
        return np.nan
    return float(np.exp(np.sqrt((np.log(told[column] / told["mean"]) ** 2).mean())))
