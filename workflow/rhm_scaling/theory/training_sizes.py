"""Training sizes chosen by theory: from below the first predicted threshold to beyond the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np

from ..grammar.model import Grammar, Parameters
from ..grammar.sparse import SparseParameters
from ..grammar.tasks import Task
from . import complexities, correlations
from .complexities import Learner
from .latents import largest_latent_threshold
from .sparse import ensemble_label_thresholds


@dataclass(frozen=True)
class Grid:
    """Sizes, and what decided them.

    Attributes
    ----------
    sizes
        Numbers of training sentences, growing.
    first_threshold, last_threshold
        The least and the greatest finite threshold predicted; None if they did not decide.
    ends
        Why there is no larger size.
    """

    sizes: tuple[int, ...]
    first_threshold: float | None
    last_threshold: float | None
    ends: str


def thresholds(
    grammar: Parameters | Grammar,
    task: Task,
    levels: Iterable[int] | None = None,
    learners: Sequence[Learner] = get_args(Learner),
    latent: bool = False,
) -> list[float]:
    """All finite thresholds of a task, for both kinds of learner, sorted.

    Of tokens, those of some `levels` (all if not given). Of the labels of sparse grammars, those
    of some `learners`; otherwise of all, or what is the same for all. Of `latent` prediction, the
    largest.
    From closed forms for the parameters of drawn grammars, from the correlations of a given one.
    No thresholds are predicted for the autoregressive task; those of the last token stand in.
    """
    if isinstance(grammar, SparseParameters) and task == "classification" and not latent:
        by_rank = [ensemble_label_thresholds(grammar, kind) for kind in learners]
        return sorted(value for value in np.concatenate(by_rank).tolist() if np.isfinite(value))
    if isinstance(grammar, Parameters):
        of_labels = partial(complexities.ensemble_label_complexities, grammar)
        of_level = partial(complexities.threshold, grammar)
        L = grammar.L
    else:
        of_labels = partial(correlations.label_complexities, grammar)
        of_level = partial(correlations.threshold, grammar)
        L = grammar.parameters.L
    if latent:
        found = [largest_latent_threshold(grammar)]
    elif task == "classification":
        found = of_labels().tolist()
    else:
        found = [
            of_level(level, kind)
            for kind in get_args(Learner)
            for level in levels or range(1, L + 1)
        ]
    return sorted(value for value in found if np.isfinite(value))


def choose(
    found: list[float],
    log_sentences: float,
    points_per_octave: int,
    largest: int,
    language_fraction: float,
    below: float = 2.0,
    beyond: float = 8.0,
) -> Grid:
    """Sizes around the thresholds `found`, within the caps.

    Sizes lie on one lattice, ``2**(i/points_per_octave)`` rounded, so that grids of different
    grammars share sizes, and a grid that grows keeps those that it had.

    Parameters
    ----------
    found
        Finite thresholds, sorted.
    log_sentences
        Natural logarithm of the number of sentences of the language.
    points_per_octave
        Sizes per doubling.
    largest
        No size is larger: the cap on cost.
    language_fraction
        No size exceeds this fraction of the language: beyond, learning is memorisation.
    below, beyond
        The first size is at most the first threshold over `below`, the last one at least the last
        threshold times `beyond`. Networks need a few times the predicted size (arXiv:2406.00048
        finds factors of order one), and a transition is about a decade wide.

    Raises
    ------
    ValueError
        If there is no finite threshold, or the caps exclude the first.
    """
    if not found:
        raise ValueError("all correlations vanish (f = 1), there is no threshold")
    first, last = found[0], found[-1]
    caps = {
        "beyond the last threshold": beyond * last,
        "largest": float(largest),
        "language_fraction": float(language_fraction * np.exp(min(log_sentences, 100.0))),
    }
    ends = min(caps, key=lambda name: caps[name])
    low = int(np.floor(np.log2(first / below) * points_per_octave))
    limit = min(caps["largest"], caps["language_fraction"])
    # a threshold may be beyond all numbers; no size is beyond `limit`
    end = min(caps["beyond the last threshold"], 2 * float(largest))
    high = int(np.ceil(np.log2(end) * points_per_octave))
    lattice = [round(2 ** (i / points_per_octave)) for i in range(max(low, 0), high + 1)]
    sizes = tuple(sorted({size for size in lattice if size <= limit}))
    if limit < first or len(sizes) < 2:
        raise ValueError(
            f"the first threshold, {first:.0f} sentences, lies beyond {ends} "
            f"({limit:.0f} sentences)"
        )
    return Grid(sizes, first, last, ends)
