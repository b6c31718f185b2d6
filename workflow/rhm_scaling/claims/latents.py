"""What criteria of latent prediction compare, C1 and C2 (arXiv:2605.27734, of which a summary).

As in `contrasts`. ``P*`` is where the error falls to half of chance; what is predicted is the
largest of a draw's thresholds of latent prediction over levels, from its own correlations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..theory.latents import as_tuples, levels
from .contrasts import Found, Options, Part, Reasons, available, by_network, each, joined, slope_of
from .evidence import Curves, Evidence
from .verdicts import Lacking, Observed


def _learnt(curve: Evidence, rival: str) -> Part:
    """Logarithms of the size at half of chance, one cell, with those of claim and rival.

    The rival sees siblings as ``tuples``, not codes, or sees ``labels`` alone.
    """
    known, draws = curve.known, curve.draws
    p = curve.parameters
    if p.L < 2 or any(p.zipf) or p.file is not None:
        raise Lacking("drawn grammars without blanks, with two levels or more and uniform rules")
    claim = np.log([[[known.latent_threshold[draw]] for draw in draws]])
    if rival == "tuples":
        more = [as_tuples(curve.parameters, level) for level in levels(curve.parameters)]
        against = claim + np.log(max(more))
    else:
        against = np.log([[[known.rule_thresholds[draw].mean()] for draw in draws]])
    measured = None
    if curve.trained:
        heights = {draw: float(known.errors_by_rank[draw][0]) / 2 for draw in draws}
        measured = curve.crossed(heights)[:, None]
        seen = np.isfinite(measured)
    else:
        seen = claim[0] <= np.log(curve.sizes.max(initial=1.0))
    if not seen.all():
        raise Lacking(
            f"other sizes: {curve.key['grammar']} learnt by every rule draw between sizes that "
            f"count ({curve.network}: by {seen.sum()} of {len(seen)})"
        )
    return Part(draws, measured, claim, against)


def _growth(curves: Curves, options: Options, rival: str, x: Callable[[Evidence], float]) -> Found:
    """Slope of the size at half of chance on `x`, over grammars."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        found = list(available(mine, lambda curve: _learnt(curve, rival), left))
        at = np.array([x(curve) for curve, _ in found])
        if np.ptp(at) < 1e-9:
            raise Lacking("grammars that differ in it")
        weights = slope_of(at)
        return joined([part for _, part in found], lambda y: y @ weights)

    return each(by_network(curves, options), observe, "a learner of latent prediction")


def latent_growth_with_depth(curves: Curves, options: Options) -> Found:
    """Slope on ``log(n m^L)``; the rival grows as labels do."""

    def label_scale(curve: Evidence) -> float:
        return float(np.log(curve.parameters.n) + np.log(curve.parameters.m).sum())

    return _growth(curves, options, "labels", label_scale)


def latent_growth_with_m(curves: Curves, options: Options) -> Found:
    """Slope on ``log m``; the rival sees ``tuples``, or grows as ``labels`` do."""

    def rules(curve: Evidence) -> float:
        return float(np.log(curve.parameters.m).mean())

    return _growth(curves, options, str(options["rival"]), rules)
