"""The nine claims of the two papers, and the criteria that decide each of them.

A1 to A4 are those of arXiv:2505.07067 (power-law distributed production rules), B1 to B5 those of
arXiv:2505.07070 (convolutional networks and transformers). Criteria compare growth and exponents,
never absolute sizes, which theory predicts up to a factor only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .curves import falls_to
from .evidence import Evidence
from .fields import ClaimName
from .tasks import Task
from .theory import Learner, classification_exponent
from .verdicts import Criterion, around

Array = NDArray[np.float64]

_ATTENDING = ("transformer", "attention")
_NETWORKS = ("cnn", "lcn", "fcn", *_ATTENDING)
_DEEPER = "larger P: too few levels are crossed by every rule draw"
_EIGHTH, _QUARTER, _HALF = 1 / 8, 1 / 4, 1 / 2  # shares of chance, or of an untrained layer


@dataclass(frozen=True)
class Claim:
    """What a claim says, of which task, and how it is decided.

    Attributes
    ----------
    statement
        The claim in words.
    task
        The task that it is about.
    criteria
        Its criteria, from the learning curves of a study.
    """

    statement: str
    task: Task
    criteria: Callable[[Sequence[Evidence]], list[Criterion]]


def criteria(name: ClaimName, curves: Sequence[Evidence]) -> list[Criterion]:
    """Criteria of a claim from a study's curves of networks on its task; others are left out."""
    claim = CLAIMS[name]
    return claim.criteria(
        [c for c in curves if c.key["task"] == claim.task and c.kind in _NETWORKS]
    )


def _of(curves: Sequence[Evidence], *kinds: str) -> list[Evidence]:
    return [curve for curve in curves if curve.kind in kinds]


def _slope(rows: pd.DataFrame, *groups: str) -> float:
    """Slope of y on x with a constant for each group; NaN where x does not vary."""
    x, y = rows["x"].to_numpy(float), rows["y"].to_numpy(float)
    if groups and len(rows):
        means = rows.groupby(list(groups))[["x", "y"]].transform("mean")
        x, y = x - means["x"].to_numpy(float), y - means["y"].to_numpy(float)
    elif len(rows):
        x, y = x - x.mean(), y - y.mean()
    square = float((x**2).sum())
    return float((x * y).sum()) / square if square > 1e-9 else np.nan


def _finite(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a number y."""
    return pd.DataFrame(table[np.isfinite(table["y"].to_numpy(dtype=float))])


def _mean(values: Iterator[float] | Sequence[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else np.nan


# ---- A: classification with power-law distributed rules


def _uniform(curve: Evidence) -> bool:
    return all(a is None for a in curve.parameters.zipf) and curve.parameters.file is None


def _zipf(curves: Sequence[Evidence]) -> list[Evidence]:
    """Curves with Zipf rules at level 1."""
    return [curve for curve in curves if curve.parameters.zipf[0] is not None]


def _a1(curves: Sequence[Evidence]) -> list[Criterion]:
    uniform = [curve for curve in curves if _uniform(curve)]

    def rows(draws: Sequence[int]) -> pd.DataFrame:
        """Sizes at half of chance beside ``n m^L``, a row a grammar."""
        found = []
        for curve in uniform:
            predicted = curve.parameters.n * float(np.prod(curve.parameters.m))
            found.append({"x": np.log(predicted), "y": np.log(curve.size_at(draws, _HALF))})
        table = pd.DataFrame(found, columns=["x", "y"])
        return _finite(table)

    def drop(draws: Sequence[int]) -> float:
        """Local exponent between the half and the eighth of chance."""
        spans = [
            np.log(curve.size_at(draws, _EIGHTH) / curve.size_at(draws, _HALF)) for curve in uniform
        ]
        return _mean(np.log(_HALF / _EIGHTH) / span for span in spans if np.isfinite(span))

    return [
        Criterion(
            "threshold grows as n m^L",
            "slope of log(size at half of chance) on log(n m^L) over the grammars with uniform "
            "rules: 1, inside (0.5, 1.5); a threshold that does not depend on it has 0",
            lambda draws: _slope(rows(draws)),
            1.0,
            0.0,
            around(1.0, 0.0),
            "grammars with other n m^L, or larger P",
        ),
        Criterion(
            "around n m^L",
            "mean log10(size at half of chance / n m^L) over those grammars: 0, inside half a "
            "decade",
            lambda draws: _mean(((rows(draws)["y"] - rows(draws)["x"]) / np.log(10)).tolist()),
            0.0,
            np.nan,
            (-0.5, 0.5),
            "larger P: half of chance is not crossed",
        ),
        Criterion(
            "a drop",
            "mean local exponent between the half and the eighth of chance: above 1, which no "
            "power law a/(1+a) reaches",
            drop,
            np.nan,
            1.0,
            (1.0, np.inf),
            "larger P: an eighth of chance is not reached",
        ),
    ]


def _a2(curves: Sequence[Evidence]) -> list[Criterion]:
    zipf = _zipf(curves)

    def rows(draws: Sequence[int]) -> pd.DataFrame:
        found = [
            {"x": classification_exponent(curve.parameters), "y": curve.exponent(draws)}
            for curve in zipf
        ]
        table = pd.DataFrame(found, columns=["x", "y"])
        return _finite(table)

    def ratio(draws: Sequence[int]) -> float:
        table = rows(draws)
        return _mean(np.log2(table["y"] / table["x"]).tolist())

    def lookup(draws: Sequence[int]) -> float:
        """Largest log10 of error over that of the table, inside the windows."""
        ratios = [
            np.log10(curve.mean(draws) / curve.table["lookup"].to_numpy(float))[curve.window]
            for curve in zipf
        ]
        return float(np.concatenate(ratios).max()) if any(map(len, ratios)) else np.nan

    return [
        Criterion(
            "the exponent is a/(1+a)",
            "mean log2(fitted exponent / (a/(1+a))) over the values of a: 0, inside (-0.5, 0.5); "
            "were two unknown rules needed for a mistake, or half of one, it would be 1 or -1",
            ratio,
            0.0,
            1.0,
            around(0.0, 1.0),
            "larger P: too few sizes below half of chance",
        ),
        Criterion(
            "the exponent follows a",
            "slope of the fitted exponent on a/(1+a): 1, inside (0.5, 1.5); an exponent that does "
            "not depend on a has 0",
            lambda draws: _slope(rows(draws)),
            1.0,
            0.0,
            around(1.0, 0.0),
            "several values of a",
        ),
        Criterion(
            "better than a lookup table",
            "largest log10(error / error of a table of the training sentences) inside the window "
            "of the fit: below 0",
            lookup,
            np.nan,
            0.0,
            (-np.inf, 0.0),
            "larger P: too few sizes below half of chance",
        ),
    ]


def _a3(curves: Sequence[Evidence]) -> list[Criterion]:
    zipf = _zipf(curves)

    def growth(curve: Evidence) -> float:
        """Predicted growth of the constant's logarithm a level, without the patches' factor."""
        return classification_exponent(curve.parameters) * float(
            np.mean(np.log(curve.parameters.m[1:]))
        )

    def rows(draws: Sequence[int]) -> pd.DataFrame:
        """Logarithm of the constant, at a quarter of chance, against its predicted growth."""
        found = []
        for curve in zipf:
            size = curve.size_at(draws, _QUARTER)
            found.append(
                {
                    "a": curve.parameters.zipf[0],
                    "L": curve.parameters.L,
                    "x": curve.parameters.L * growth(curve),
                    "y": classification_exponent(curve.parameters) * np.log(size),
                }
            )
        table = pd.DataFrame(found, columns=["a", "L", "x", "y"])
        return _finite(table).sort_values(["a", "L"])

    def bend(draws: Sequence[int]) -> float:
        """How much faster the logarithm grows at the last level than at the first."""
        bends = []
        for _, family in rows(draws).groupby("a"):
            if len(family) >= 3:
                slopes = np.diff(family["y"]) / np.diff(family["x"])
                bends.append(float(slopes[-1] - slopes[0]))
        return _mean(bends)

    steps = [growth(curve) for curve in zipf]
    patches = float(np.mean([np.log(c.parameters.s) for c in zipf]) / np.mean(steps)) if zipf else 0
    return [
        Criterion(
            "the constant grows with depth",
            "slope of log(constant), taken where the error is a quarter of chance, on "
            "L (a/(1+a)) log m: 1, and up to log s / ((a/(1+a)) log m) more, as more patches can "
            "fail; half a unit beyond on both sides; a constant that does not grow has 0",
            lambda draws: _slope(rows(draws), "a"),
            1.0,
            0.0,
            (0.5, 1.5 + patches),
            "several depths, or larger P",
        ),
        Criterion(
            "exponentially",
            "change of that slope from the first to the last pair of depths: 0, inside (-1, 1), "
            "which is the growth itself",
            bend,
            0.0,
            np.nan,
            (-1.0, 1.0),
            "three depths, or larger P",
        ),
    ]


# ---- A4: next-token prediction with power-law distributed rules


def _pairs(curves: Sequence[Evidence]) -> list[tuple[Evidence, Evidence]]:
    """Curves with Zipf rules, each with that of the same grammar and learner with uniform rules."""

    def alike(curve: Evidence) -> tuple[object, ...]:
        p, key = curve.parameters, curve.key
        return p.v, p.n, p.s, p.m, key["architecture"], key["width"], key["depth"]

    uniform = {alike(curve): curve for curve in curves if _uniform(curve)}
    zipf = [curve for curve in curves if not _uniform(curve) and curve.parameters.file is None]
    return [(curve, uniform[alike(curve)]) for curve in zipf if alike(curve) in uniform]


def _rival_exponent(curve: Evidence) -> float:
    """The least ``a/(1+a)`` of the levels with Zipf rules: what classification would follow."""
    return min(a / (1 + a) for a in curve.parameters.zipf if a is not None)


def _a4(curves: Sequence[Evidence]) -> list[Criterion]:
    pairs = _pairs(curves)

    def late(zipf: Evidence, uniform: Evidence) -> NDArray[np.bool_]:
        return zipf.window & uniform.window

    def difference(draws: Sequence[int]) -> float:
        return _mean(
            zipf.exponent(draws, late(zipf, uniform)) - uniform.exponent(draws, late(zipf, uniform))
            for zipf, uniform in pairs
        )

    def early(draws: Sequence[int]) -> float:
        """Difference of the local exponents before the large sizes."""
        return _mean(
            zipf.exponent(draws, ~uniform.window) - uniform.exponent(draws, ~uniform.window)
            for zipf, uniform in pairs
        )

    draws = sorted(pairs[0][0].losses.index) if pairs else []
    rival = _mean(_rival_exponent(z) - u.exponent(draws, late(z, u)) for z, u in pairs)
    return [
        Criterion(
            "the large-scale exponent stays",
            "mean difference of fitted exponents, Zipf less uniform rules, over sizes inside both "
            "windows: 0, inside half of the distance to a/(1+a), which classification follows",
            difference,
            0.0,
            rival,
            around(0.0, rival),
            "a grammar with uniform rules beside, or larger P",
        ),
        Criterion(
            "the local shape differs",
            "mean difference of fitted exponents, Zipf less uniform rules, at the sizes before: "
            "above 0, as frequent rules are learnt earlier; equal shapes have 0",
            early,
            np.nan,
            0.0,
            (0.0, np.inf),
            "a grammar with uniform rules beside, or smaller P",
        ),
    ]


# ---- B: levels, learners


def _crossed(curves: Sequence[Evidence], draws: Sequence[int], lowest: int) -> pd.DataFrame:
    """Logarithms of crossings of levels from `lowest` on, and of predicted thresholds.

    Columns: curve, who, rule_seed, level, at (the crossing), own, cnn, transformer (predicted).
    """
    parts = []
    for number, curve in enumerate(curves):
        rows = curve.crossed
        rows = rows[(rows["level"] >= lowest) & rows["rule_seed"].isin(draws)]
        parts.append(
            pd.DataFrame(
                {
                    "curve": number,
                    "who": "{architecture} {width} {depth}".format(**curve.key),
                    "rule_seed": rows["rule_seed"],
                    "level": rows["level"],
                    "at": np.log(rows["crossed_at"]),
                    "own": np.log(rows["threshold"]),
                    "cnn": np.log(rows["threshold_cnn"]),
                    "transformer": np.log(rows["threshold_transformer"]),
                }
            )
        )
    columns = ["curve", "who", "rule_seed", "level", "at", "own", "cnn", "transformer"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns, dtype=float)


def _between(rows: pd.DataFrame) -> pd.DataFrame:
    """Where crossings lie between both learners' predictions: y on x has slope 0 for the CNN's."""
    return rows.assign(x=rows["transformer"] - rows["cnn"], y=rows["at"] - rows["cnn"])


def _position(curves: Sequence[Evidence], prediction: float, rival: float) -> list[Criterion]:
    """Growth of the crossings: the CNN's prediction stands for 0, the transformer's for 1."""
    by_rules = len({curve.key["grammar"] for curve in curves}) > 1
    scale = (
        "on the scale on which the CNN's thresholds are 0 and the transformer's 1 (slope of "
        "log(crossing / CNN's) on log(transformer's / CNN's)"
    )
    found = [
        Criterion(
            "growth with the level",
            f"growth of the crossings over levels from 2 on, {scale}, each grammar and rule draw "
            f"with its own constant): {prediction:g}, within half a unit",
            lambda draws: _slope(_between(_crossed(curves, draws, 2)), "curve", "rule_seed"),
            prediction,
            rival,
            around(prediction, rival),
            _DEEPER,
        )
    ]
    if by_rules:
        found.append(
            Criterion(
                "growth with m",
                f"growth of the crossings over grammars at a level from 3 on, {scale}, each level "
                f"with its own constant): {prediction:g}, within half a unit",
                lambda draws: _slope(_between(_crossed(curves, draws, 3)), "who", "level"),
                prediction,
                rival,
                around(prediction, rival),
                _DEEPER,
            )
        )
    return found


def _b1(curves: Sequence[Evidence]) -> list[Criterion]:
    def over_levels(draws: Sequence[int]) -> float:
        rows = _crossed(curves, draws, 1)
        return _slope(rows.assign(x=rows["own"], y=rows["at"]), "curve", "rule_seed")

    def bend(draws: Sequence[int]) -> float:
        """Change of growth from level to level beyond the predicted, over the growth itself."""
        rows = _crossed(curves, draws, 1).assign(beyond=lambda r: r["at"] - r["own"])
        bends, growths = [], []
        for _, each in rows.sort_values("level").groupby(["curve", "rule_seed"]):
            if len(each) >= 3:
                bends += np.diff(each["beyond"], 2).tolist()
                growths += np.diff(each["own"]).tolist()
        return _mean(bends) / _mean(growths) if bends else np.nan

    return [
        Criterion(
            "levels cross at the predicted ratios",
            "slope of log(crossing) on log(predicted threshold) over the levels of a rule draw: 1, "
            "inside (0.5, 1.5); levels that are learnt all at once have 0",
            over_levels,
            1.0,
            0.0,
            around(1.0, 0.0),
            _DEEPER,
        ),
        Criterion(
            "by a constant factor",
            "change of the growth from one level to the next beyond the predicted change, over the "
            "mean growth: 0, inside (-0.5, 0.5); one level that grows alone has 1",
            bend,
            0.0,
            1.0,
            around(0.0, 1.0),
            _DEEPER,
        ),
    ]


def _exponents(curves: Sequence[Evidence], own: Learner, other: Learner) -> Criterion:
    """Fitted exponents against the same fit on the staircase predicted for a learner."""

    def ratio(draws: Sequence[int], learner: Learner) -> float:
        return _mean(
            np.log(curve.exponent(draws) / curve.expected_exponent(draws, learner))
            for curve in curves
        )

    every = sorted(curves[0].losses.index) if curves else []
    rival = ratio(every, own) - ratio(every, other)
    return Criterion(
        "exponent",
        f"mean log(fitted exponent / the same fit to the {own}'s predicted staircase): 0, inside "
        f"half of the distance to the {other}'s",
        lambda draws: ratio(draws, own),
        0.0,
        rival,
        around(0.0, rival),
        _DEEPER,
    )


def _b2(curves: Sequence[Evidence]) -> list[Criterion]:
    attending = _of(curves, *_ATTENDING)
    return [*_position(attending, 1.0, 0.0), _exponents(attending, "transformer", "cnn")]


def _b3(curves: Sequence[Evidence]) -> list[Criterion]:
    local = _of(curves, "cnn")
    pairs = [
        (cnn, other)
        for cnn in local
        for other in _of(curves, "transformer")
        if cnn.key["grammar"] == other.key["grammar"]
    ]

    def ratio(draws: Sequence[int]) -> float:
        return _mean(np.log2(c.exponent(draws) / t.exponent(draws)) for c, t in pairs)

    every = sorted(local[0].losses.index) if local else []
    expected = _mean(
        np.log2(c.expected_exponent(every, "cnn") / t.expected_exponent(every, "transformer"))
        for c, t in pairs
    )
    return [
        *_position(local, 0.0, 1.0),
        Criterion(
            "a larger exponent than the transformer's",
            "mean log2(exponent of the CNN / of the transformer) on the same rule draws: 1 "
            "asymptotically; above half of what the same fits give on both predicted staircases, "
            "and below 1.5; equal learners have 0",
            ratio,
            expected,
            0.0,
            (expected / 2, 1.5),
            "a transformer beside, or larger P",
        ),
    ]


def _b5(curves: Sequence[Evidence]) -> list[Criterion]:
    return _position(_of(curves, "lcn"), 1.0, 0.0)


# ---- B4: representations


def _half_invariant(curve: Evidence, draws: Sequence[int]) -> pd.DataFrame:
    """When the deepest hidden layer becomes invariant: columns rule_seed, level, x, y.

    For synonyms of level ``l - 1``: y is the logarithm of the size at which exchanging them changes
    the layer half as much as another symbol does, x that of the loss's crossing of level ``l``.
    """
    layers = curve.layers
    deepest = layers[(layers["layer"] == layers["layer"].max()) & layers["rule_seed"].isin(draws)]
    means = deepest.groupby(["rule_seed", "level", "train_size"])[["synonym", "other"]].mean()
    ratio = (means["synonym"] / means["other"]).unstack("train_size")
    sizes = ratio.columns.to_numpy(dtype=float)
    loss = curve.crossed.set_index(["rule_seed", "level"])["crossed_at"]
    rows = []
    for (rule, level), curve_of in ratio.iterrows():
        learnt = loss.get((rule, level + 1), np.nan)
        at = falls_to(sizes, curve_of.to_numpy(dtype=float), _HALF)
        rows.append({"rule_seed": rule, "level": level, "x": np.log(learnt), "y": np.log(at)})
    table = pd.DataFrame(rows, columns=["rule_seed", "level", "x", "y"])
    whole = table.groupby("level")[["x", "y"]].transform(lambda at: np.isfinite(at).all())
    return table[whole.all(axis=1).astype(bool)]


def _b4(curves: Sequence[Evidence]) -> list[Criterion]:
    seen = [curve for curve in curves if len(curve.layers)]

    def rows(draws: Sequence[int]) -> pd.DataFrame:
        parts = [_half_invariant(curve, draws).assign(curve=n) for n, curve in enumerate(seen)]
        columns = ["rule_seed", "level", "x", "y", "curve"]
        return pd.concat(parts) if parts else pd.DataFrame(columns=columns, dtype=float)

    def growth(draws: Sequence[int]) -> float:
        """Mean growth of the loss's crossings from level to level."""
        levels = rows(draws).groupby(["curve", "level"])["x"].mean()
        return _mean(levels.groupby("curve").diff().dropna().tolist())

    every = sorted(seen[0].losses.index) if seen else []
    step = growth(every)
    lacking = "representations: true, and larger P: two levels are not seen to become invariant"
    return [
        Criterion(
            "invariance comes with the level",
            "mean log(size at which the deepest layer is half invariant to synonyms of level l-1 / "
            "size at which the loss crosses level l): 0, inside half of the growth of the "
            "crossings; were it one level off, it would be off by that growth",
            lambda draws: _mean((rows(draws)["y"] - rows(draws)["x"]).tolist()),
            0.0,
            step,
            around(0.0, step),
            lacking,
        ),
        Criterion(
            "one level at a time",
            "slope of log(size of half invariance) on log(the loss's crossing) over the levels of "
            "a rule draw: 1, inside (0.5, 1.5); levels that become invariant at once have 0",
            lambda draws: _slope(rows(draws), "curve", "rule_seed"),
            1.0,
            0.0,
            around(1.0, 0.0),
            lacking,
        ),
    ]


CLAIMS: dict[ClaimName, Claim] = {
    "A1": Claim(
        "With uniform rules the classification error stays near chance, then drops around n m^L.",
        "classification",
        _a1,
    ),
    "A2": Claim(
        "With Zipf rules the classification error is a power law with exponent a/(1+a).",
        "classification",
        _a2,
    ),
    "A3": Claim(
        "The constant of that power law grows exponentially with depth.",
        "classification",
        _a3,
    ),
    "A4": Claim(
        "In next-token prediction, Zipf rules change the local shape of the learning curve, not "
        "its large-scale exponent.",
        "last_token",
        _a4,
    ),
    "B1": Claim(
        "Next-token prediction is learnt level by level, at sizes that grow by a constant factor a "
        "level.",
        "last_token",
        _b1,
    ),
    "B2": Claim(
        "Transformers: the size at which a level is learnt grows by m^2 a level, and the exponent "
        "is log(1/f)/(2 log m).",
        "last_token",
        _b2,
    ),
    "B3": Claim(
        "Convolutional networks: that size grows by m a level, and the exponent is twice as large.",
        "last_token",
        _b3,
    ),
    "B4": Claim(
        "Representations are built one level at a time: as level l is learnt, hidden layers become "
        "invariant to the synonyms of level l-1.",
        "last_token",
        _b4,
    ),
    "B5": Claim(
        "Locality and weight sharing together cause the gain: without sharing, a locally connected "
        "network's thresholds grow as the transformer's.",
        "last_token",
        _b5,
    ),
}
