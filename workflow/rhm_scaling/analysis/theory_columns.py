"""What theory says of a study's curves: ``theory.csv`` read by draw, and columns beside a curve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..grammar.model import Parameters
from ..grammar.tasks import Task, levels_seen
from ..theory.complexities import Learner, at_every_rank
from ..theory.predicted_curves import (
    all_patches,
    middles,
    predicted_error,
    predicted_excess,
    rule_curve,
    smooth_error,
)
from .curves import CURVE_KEY

Array = NDArray[np.float64]

_MISTAKES = 10  # an error estimated from fewer test mistakes is not resolved


class Known:
    """What theory says of one grammar and task: rows of ``theory.csv``, read by rule draw once.

    Attributes
    ----------
    rows
        The rows.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self._thresholds: dict[Learner | None, dict[int, Array]] = {}

    @classmethod
    def from_theory(
        cls,
        theory: pd.DataFrame,
        key: Mapping[str, Any],
        draws: Iterable[int],
        parameters: Parameters,
    ) -> Known:
        """What theory says of a curve's grammar and task, of its own rule `draws` alone.

        A table may have more draws, for curves with more of them; draws differ. Of a curve whose
        learner sees the end of a sentence alone, levels above the symbol that makes it tell
        nothing: its floor is that symbol's ``H_l``.
        """
        mine = (theory["grammar"] == key["grammar"]) & (theory["task"] == key["task"])
        own = theory["rule_seed"].isna() | theory["rule_seed"].isin({*draws})
        levels = levels_seen(parameters, key["context"])
        seen = theory["level"].isna() | (theory["level"] <= levels)
        return cls(pd.DataFrame(theory[mine & own & seen]))

    def by_draw(self, index: str, **where: Any) -> dict[int, Array]:
        """Values of one quantity by rule draw, in the order of an index."""
        return _by_draw(self.rows, index, **where)

    def _indices(self, **where: Any) -> NDArray[np.int64]:
        """The indices of one quantity, in their order."""
        return np.unique(_where(self.rows, **where)["index"]).astype(int)

    @cached_property
    def entropies(self) -> dict[int, Array]:
        """``H_0 .. H_L`` of the last token by rule draw."""
        return self.by_draw("level", quantity="entropy")

    def thresholds(self, learner: Learner | None) -> dict[int, Array]:
        """``P_1 .. P_L`` of a learner by rule draw, from the grammar's own correlations.

        Classification has one threshold, whoever learns; other tasks none for a learner without.
        """
        if learner not in self._thresholds:
            mine = self.rows[self.rows["learner"].isna() | (self.rows["learner"] == learner)]
            self._thresholds[learner] = _by_draw(
                mine, "level", quantity="threshold", method="correlations"
            )
        return self._thresholds[learner]

    def bare_threshold(self, learner: Learner | None, level: int) -> float:
        """``P_l`` of a learner by the papers' form for large ``v``."""
        mine = self.rows[self.rows["learner"].isna() | (self.rows["learner"] == learner)]
        found = _where(mine, quantity="threshold", method="closed form", level=level)["value"]
        return float(found.iloc[0]) if len(found) else np.nan

    @cached_property
    def latent_threshold(self) -> dict[int, float]:
        """The largest threshold of latent prediction over levels, by rule draw."""
        where = {"quantity": "latent_threshold", "method": "correlations"}
        return {rule: float(at.max()) for rule, at in self.by_draw("level", **where).items()}

    @cached_property
    def bare_latent_threshold(self) -> float:
        """The same by the form for large ``v``."""
        found = _where(self.rows, quantity="latent_threshold", method="closed form")["value"]
        return float(found.max())

    @cached_property
    def rule_thresholds(self) -> dict[int, Array]:
        """Classification: ``P_k`` of the rules of level 1 by rule draw."""
        where = {"quantity": "sample_complexity", "method": "correlations"}
        values, ranks = self.by_draw("index", **where), self._indices(**where)
        return {rule: at_every_rank(ranks, known) for rule, known in values.items()}

    @cached_property
    def errors_by_rank(self) -> dict[int, Array]:
        """Bayes errors with ``0 .. m_1`` rules of level 1 known, by rule draw."""
        values = self.by_draw("index", quantity="error_by_rank")
        ranks = self._indices(quantity="error_by_rank")[1:]
        return {
            rule: np.concatenate([known[:1], at_every_rank(ranks, known[1:])])
            for rule, known in values.items()
        }

    def heights(self, task: Task) -> dict[int, Array]:
        """What a curve crosses, by rule draw: the middle below every level, or half of chance."""
        if task == "classification":
            return {rule: errors[:1] / 2 for rule, errors in self.errors_by_rank.items()}
        if task == "last_token":
            return {rule: middles(levels) for rule, levels in self.entropies.items()}
        return {}

    @property
    def draws(self) -> list[int]:
        """Rule seeds of which something is known."""
        return sorted({*self.rows["rule_seed"].dropna().astype(int)})

    @cached_property
    def errors_by_patches(self) -> dict[int, Array]:
        """Classification: Bayes errors with ``0 .. J`` random patches known, by rule draw."""
        numbers = self._indices(quantity="error_by_patches").tolist()
        found = self.by_draw("index", quantity="error_by_patches")
        return {rule: all_patches(numbers, errors.tolist()) for rule, errors in found.items()}


def _where(rows: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """The rows with these values."""
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows


def _by_draw(rows: pd.DataFrame, index: str, **where: Any) -> dict[int, Array]:
    rows = (
        _where(rows, **where)
        .dropna(subset=["rule_seed"])
        .astype({"rule_seed": int})
        .sort_values(index)
    )
    groups = rows.groupby("rule_seed")["value"]
    return {int(str(rule)): group.to_numpy(dtype=float) for rule, group in groups}


def are_twins(zipf: Mapping[str, Any], uniform: Mapping[str, Any]) -> bool:
    """Whether two grammars differ at level 1 alone, where one has Zipf and the other uniform rules.

    Arguments are specifications. The number of rules of level 1 may differ: a grammar with few
    shows how a network learns rules of one frequency at sizes that can be had.
    """
    if zipf["zipf"][0] is None or uniform["zipf"][0] is not None:
        return False
    names = ("v", "n", "s", "L", "file")
    above = all(zipf[name][1:] == uniform[name][1:] for name in ("m", "zipf"))
    return above and all(zipf.get(name) == uniform.get(name) for name in names)


def twin_of(
    curves: Sequence[Mapping[str, Any]],
    grammars: Mapping[str, Mapping[str, Any]],
    key: Mapping[str, Any],
) -> int | None:
    """Which curve of the same network shows how rules of one frequency are learnt, if one does.

    Of several, that of the fewest rules. `grammars` are specifications by name.
    """
    same = [column for column in CURVE_KEY if column != "grammar"]
    twins = [
        (grammars[other["grammar"]]["m"][0], row)
        for row, other in enumerate(curves)
        if all(other[column] == key[column] for column in same)
        and are_twins(grammars[key["grammar"]], grammars[other["grammar"]])
    ]
    return min(twins)[1] if twins else None


def measured_rule_curve(
    uniform: Known, sizes: Array, errors: Array, draw: int | None = None
) -> Callable[[Array], Array]:
    """`rule_curve` of a grammar with uniform rules, from its errors on one rule draw.

    If no draw is named, from mean errors over all.
    """
    draws = uniform.draws if draw is None else [draw]
    threshold = float(np.mean([uniform.rule_thresholds[draw][0] for draw in draws]))
    patches = np.mean([uniform.errors_by_patches[draw] for draw in draws], axis=0)
    seen = np.isfinite(errors)
    return rule_curve(sizes[seen], errors[seen], threshold, patches)


def smooth_errors(
    parameters: Parameters,
    known: Known,
    fraction: Callable[[Array], Array],
    sizes: Array,
    draw: int | None = None,
) -> dict[int, Array]:
    """`smooth_error` of every rule draw of a grammar with Zipf rules, or of one."""
    f = parameters.probabilities(1)
    return {
        rule: smooth_error(fraction, thresholds, f, known.errors_by_patches[rule], sizes)
        for rule, thresholds in known.rule_thresholds.items()
        if draw in (None, rule)
    }


def predicted_columns(
    parameters: Parameters,
    task: Task,
    learner: Learner | None,
    known: Known,
    sizes: Array,
    test_size: int,
) -> dict[str, Any]:
    """Columns predicted (mean over rule draws), chance, resolution and exhausted.

    Nothing is predicted for a learner that has no thresholds (None), nor for the autoregressive
    task.
    """
    nothing = np.full(len(sizes), np.nan)
    if task == "classification":
        complexities, errors = known.rule_thresholds, known.errors_by_rank
        # of sparse grammars theory has the threshold alone
        curves = [predicted_error(complexities[r], errors[r], sizes) for r in complexities]
        uniform = (parameters.zipf[0] is None and parameters.file is None) or not curves
        return {
            "predicted": nothing if learner is None or not curves else np.mean(curves, axis=0),
            "chance": np.mean([e[0] for e in errors.values()]),
            "resolution": _MISTAKES / test_size,
            "exhausted": np.inf if uniform else np.mean([p[-1] for p in complexities.values()]),
        }
    if task == "last_token":
        levels = known.entropies
        corners = known.thresholds(learner)
        curves = [predicted_excess(corners[r], levels[r], sizes) for r in corners]
        chance = np.mean([h[0] - h[-1] for h in levels.values()])
    else:
        curves = []
        rates = known.rows[known.rows["quantity"] == "entropy_rate"].dropna(subset=["rule_seed"])
        chance = np.log(parameters.v[0]) - rates["value"].mean()
    return {
        "predicted": np.mean(curves, axis=0) if curves else nothing,
        "chance": chance,
        "resolution": 0.0,
        "exhausted": np.inf,
    }
