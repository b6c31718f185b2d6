"""Whether a curve of next-token prediction is a staircase of levels or a mere power law (B1).

Both are fitted to every second size with two free numbers each, and judged at the others. The
staircase's heights ``H_l`` and the ratios of its sizes ``P_l`` are the rule draw's own, exact; free
are a factor of all sizes and the sharpness of a step (arXiv:2505.07070).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .contrasts import steps
from .evidence import Curves, Evidence
from .frozen import frozen
from .parts import Found, Options, Part, Reasons, available, by_network, each, joined
from .verdicts import Lacking, Observed

Array = NDArray[np.float64]

# of all sizes: online, networks learn at up to some hundred times the thresholds
_FACTORS = 2.0 ** np.arange(-1, 12.25, 0.25)
_SHARPNESS = np.geomspace(0.5, 32, 13)
_BEGUN = 0.75  # of the excess of who knows nothing: where curves have begun to fall
_FEWEST = 6  # sizes
_RESOLVED = 1e-3  # an error of a logarithm that tells nothing


def staircases(thresholds: Array, entropies: Array, sizes: Array) -> Array:
    """Logarithms of all staircases that are tried, ``(tried, sizes)``, of one rule draw."""
    excess = entropies - entropies[-1]
    curves = [
        steps(factor * thresholds, excess, sizes, sharpness)
        for factor in _FACTORS
        for sharpness in _SHARPNESS
    ]
    return np.log(np.maximum(curves, 1e-12))


def _errors(logs: Array, tried: Array, x: Array) -> Array:
    """``log(error of the power law / of the staircase)``, ``(...)``, at every second size."""
    fitted, held = slice(0, None, 2), slice(1, None, 2)
    best = ((logs[..., None, fitted] - tried[:, fitted]) ** 2).sum(axis=-1).argmin(axis=-1)
    stairs = logs[..., held] - tried[best][..., held]
    inside = x[fitted] - x[fitted].mean()
    slope = logs[..., fitted] @ inside / (inside @ inside)
    level = logs[..., fitted].mean(axis=-1)
    line = level[..., None] + slope[..., None] * (x[held] - x[fitted].mean())
    errors = [np.sqrt((part**2).mean(axis=-1)) for part in (logs[..., held] - line, stairs)]
    return np.asarray(np.log((errors[0] + _RESOLVED) / (errors[1] + _RESOLVED)))


def _part(curve: Evidence) -> tuple[Part, list[Array], Array]:
    """Log excesses where the curve has begun to fall, with the staircases of every draw."""
    entropies = [curve.known.entropies[draw] for draw in curve.draws]
    thresholds = [curve.thresholds()[draw] for draw in curve.draws]
    if not np.isfinite(thresholds).all():
        raise Lacking("grammars of which every level has a threshold")
    chance = np.mean([levels[0] - levels[-1] for levels in entropies])
    scatter = frozen().beforehand
    if curve.trained:
        losses = curve.losses
    else:
        losses = np.array(
            [
                steps(
                    scatter.prefactor / 2 * p,
                    h - h[-1],
                    curve.sizes,
                    float(np.median(frozen().sharpness)),
                )
                for p, h in zip(thresholds, entropies)
            ]
        )
    # a contiguous stretch: once begun, to the last size that counts
    begun = np.maximum.accumulate(losses.mean(axis=0) < _BEGUN * chance)
    inside = begun & np.isfinite(losses).all(axis=0) & (losses > 0).all(axis=0)
    if inside.sum() < _FEWEST:
        raise Lacking(
            f"{_FEWEST} sizes at which the curve of {curve.network} on {curve.key['grammar']} falls"
        )
    sizes, logs = curve.sizes[inside], np.log(losses[:, inside])
    tried = [staircases(p, h, sizes) for p, h in zip(thresholds, entropies)]
    x = np.log(sizes)
    best = [each[((each - row) ** 2).sum(axis=1).argmin()] for each, row in zip(tried, logs)]
    line = np.array([np.polyval(np.polyfit(x, row, 1), x) for row in logs])
    measured = logs if curve.trained else None
    return Part(curve.draws, measured, np.array([best]), line[None]), tried, x


def staircase_over_power_law(curves: Curves, options: Options) -> Found:
    """How much better a staircase foretells sizes that were held out, mean over grammars."""

    def observe(mine: Curves, left: Reasons) -> Observed:
        formed: dict[int, tuple[list[Array], Array]] = {}

        def part(curve: Evidence) -> Part:
            made, tried, x = _part(curve)
            formed[id(made)] = (tried, x)
            return made

        parts = [made for _, made in available(mine, part, left)]
        draws = sorted(set.intersection(*(set(made.draws) for made in parts)))

        def contrast(y: Array) -> Array:
            found, start = [], 0
            for made in parts:
                tried, x = formed[id(made)]
                cells = y[..., start : start + len(x)]
                start += len(x)
                rows = [
                    _errors(cells[..., index, :], tried[made.draws.index(draw)], x)
                    for index, draw in enumerate(draws)
                ]
                found.append(np.stack(rows, axis=-1))
            return np.asarray(np.mean(found, axis=0))

        return joined(parts, contrast)

    return each(by_network(curves, options), observe, "such networks")
