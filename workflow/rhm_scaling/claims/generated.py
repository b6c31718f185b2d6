"""What criteria of generated sentences compare, D2 (arXiv:2502.12089, of which a summary).

As in `contrasts`. A network fills in masked tokens in turn, so that with exact posteriors every
subtree obeys the rules. A subtree of level ``l`` that obeys needs all below it to do so, so that
``obeying`` comes in the order of levels whatever is learnt. What is compared is ``composing``, of
the subtrees all of whose own subtrees obey: it tells of the level's own rules. ``P_l`` is from
where on it is three quarters of the way from that of the untrained network to one: at half, hardly
any subtree of an upper level has all below it right, if levels are learnt at once. The untrained
network's is that of level 1: at higher levels it has hardly any such subtree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.denoisers import stays_above
from ..grammar.model import Grammar, Parameters
from ..theory.complexities import Learner, grammatical_fraction
from ..theory.correlations import threshold
from .frozen import frozen
from .parts import Found, Options, Part, Reasons, each, joined, slope_of
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]
_LEARNT = 0.75
_SHARED: Learner = "cnn"
_OF = ["architecture", "width", "depth", "protocol"]


@dataclass(frozen=True)
class Generated:
    """What a study says of sentences that networks generate.

    Attributes
    ----------
    table
        ``generation.csv``: ``composing`` by curve, seeds, ``sentences`` (0: untrained),
        ``fraction``, ``order`` and ``level``.
    grammars
        Of the study, by name.
    learners
        By architecture, whose thresholds it is predicted to follow. A denoiser has none of its own
        (None), and those of weights that all nodes of a level share are taken.
    """

    table: pd.DataFrame
    grammars: Mapping[str, Parameters]
    learners: Mapping[str, Learner | None]


def _learnt(
    rows: pd.DataFrame, parameters: Parameters, learner: Learner, least: int, left: Reasons
) -> Part:
    """Logarithms of the sentences at which levels are learnt, a cell a level.

    These are the levels that every rule draw learns, from the first up; the next is told in `left`.
    Predicted are the grammar's own thresholds, up to a factor: those of one place, or of as many
    places as a level has symbols in a sentence, of which theory leaves open how far they count. The
    rival's are one for all levels.

    Raises
    ------
    Lacking
        If they are fewer than two from the level `least` on.
    """
    draws, levels = sorted({*rows["rule_seed"]}), range(1, parameters.L + 1)
    most = frozen().language * np.exp(parameters.log_sentences())
    rows = rows[rows["sentences"] <= most]

    def learnt(draw: int, level: int) -> float:
        mine = rows[rows["rule_seed"] == draw].groupby(["level", "sentences"])["composing"].mean()
        untrained = mine.get((1, 0), np.nan)
        start = untrained if np.isfinite(untrained) else grammatical_fraction(parameters, level)
        return _from_where(mine[mine.index.get_level_values(0) == level].droplevel(0), start)

    measured = np.array([[learnt(draw, level) for level in levels] for draw in draws])
    for level, seen in zip(levels, np.isfinite(measured).T):
        if not seen.all():
            reason = (
                f"other sizes: level {level} learnt by every rule draw between sizes that count "
                f"(by {seen.sum()} of {len(seen)})"
            )
            if level < least + 2:
                raise Lacking(reason)
            left.append(reason)
            levels, measured = range(1, level), measured[:, : level - 1]
            break
    grammars = [Grammar.draw(parameters, draw) for draw in draws]
    claim = np.log([[threshold(one, level, learner) for level in levels] for one in grammars])
    if not np.isfinite(claim).all():
        raise Lacking("grammars of which every level has a threshold")
    places = np.log(parameters.s) * (parameters.L - np.array(levels))
    both = np.stack([claim, claim - places])
    at_once = np.broadcast_to(both.mean(axis=-1, keepdims=True), both.shape)
    return Part(draws, measured, both, at_once)


def _from_where(values: pd.Series, start: float) -> float:
    """Logarithm of the size from which on a level is learnt, of values by size.

    Where no subtree has all below it right, nothing is known, and the level counts as not learnt.
    NaN if it is at the smallest size, infinite if it is not at the largest.
    """
    height = start + _LEARNT * (1 - start)
    return stays_above(values[values.index > 0].fillna(start), height)


def _parts(generated: Generated, options: Options) -> dict[str, list[tuple[str, pd.DataFrame]]]:
    """By network, its grammars with the rows of one fraction."""
    table = generated.table
    table = table[table["order"] == options["order"]]
    groups: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for (network, _, _, protocol), mine in table.groupby(_OF, sort=False, dropna=False):
        mine = mine[np.isclose(mine["fraction"], options["fraction"])]
        name = f"{network}{'' if protocol == 'finite' else f', {protocol}'}"
        groups.setdefault(name, []).extend(
            (str(grammar), rows) for grammar, rows in mine.groupby("grammar", sort=False)
        )
    return groups


def generated_growth(generated: Generated, options: Options) -> Found:
    """Slope of ``log P_l`` on ``l``, from a level on; the rival: all levels at once."""

    def observe(mine: list[tuple[str, pd.DataFrame]], left: Reasons) -> Observed:
        if not mine:
            raise Lacking(f"sentences of which {options['fraction']:g} of the tokens are masked")
        parts, weights = [], []
        for grammar, rows in mine:
            learner = generated.learners[str(rows["architecture"].iloc[0])] or _SHARED
            parts.append(_learnt(rows, generated.grammars[grammar], learner, options["from"], left))
            levels = np.arange(1.0, parts[-1].claim.shape[-1] + 1)
            upper = levels >= options["from"]
            if upper.sum() < 2:
                raise Lacking(f"grammars with two levels from {options['from']} on")
            levels[upper], levels[~upper] = slope_of(levels[upper]), 0.0
            weights.append(levels / len(mine))
        together = np.concatenate(weights)
        return joined(parts, lambda y: y @ together)

    return each(_parts(generated, options), observe, "networks that generate sentences")
