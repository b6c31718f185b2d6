"""What criteria of latent prediction compare, C1 and C2 (arXiv:2605.27734, of which a summary).

As in `contrasts`. ``P*`` is where the error falls to half of chance; what is predicted is the
largest of a draw's thresholds of latent prediction over levels, from its own correlations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..theory.latents import as_tuples, levels
from .classes import falls, labels_learnt_at, rules_of_a_label
from .evidence import Curves, Evidence
from .parts import Found, Options, Part, by_network, slopes
from .verdicts import Lacking


def _learnt(curve: Evidence, rival: str) -> Part:
    """Logarithms of the size at half of chance, one cell, with those of claim and rival.

    The rival sees siblings as ``tuples``, not codes, or sees ``labels`` alone.
    """
    p = curve.parameters
    if p.L < 2 or any(p.zipf) or p.file is not None:
        raise Lacking("drawn grammars without blanks, with two levels or more and uniform rules")
    found = falls(curve, (0.5,), curve.known.latent_threshold, "other sizes")
    if rival == "tuples":
        more = [as_tuples(p, level) for level in levels(p)]
        against = found.claim + np.log(max(more))
    else:
        labels = labels_learnt_at(curve)
        against = np.log([[[labels[draw]] for draw in curve.draws]])
    return Part(found.draws, found.measured, found.claim, against)


def _growth(curves: Curves, options: Options, rival: str, x: Callable[[Evidence], float]) -> Found:
    """Slope of the size at half of chance on `x`, over grammars."""
    return slopes(
        by_network(curves, options),
        lambda curve: _learnt(curve, rival),
        x,
        "grammars that differ in it",
        what="a learner of latent prediction",
    )


def latent_growth_with_depth(curves: Curves, options: Options) -> Found:
    """Slope on ``log(n m^L)``; the rival grows as labels do."""
    return _growth(curves, options, "labels", rules_of_a_label)


def latent_growth_with_m(curves: Curves, options: Options) -> Found:
    """Slope on ``log m``; the rival sees ``tuples``, or grows as ``labels`` do."""

    def rules(curve: Evidence) -> float:
        return float(np.log(curve.parameters.m).mean())

    return _growth(curves, options, str(options["rival"]), rules)
