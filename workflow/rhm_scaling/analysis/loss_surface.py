"""Loss surfaces over network size and data, their intervals, and the compute-optimal frontier.

The form is that of Hoffmann et al., arXiv:2203.15556: ``floor + A N**-a + B D**-b`` for ``N``
parameters and ``D`` sentences, fitted to the excess over the exact floor with the loss and the
resampling of `fitting`. Recovery and coverage on synthetic surfaces are tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .power_law import HUBER, bootstrap_means, interval, mean_curve

Array = NDArray[np.float64]

STARTS = (0.1, 0.4, 1.0, 2.5)  # exponents from which a fit is started, in all combinations
EXPONENTS = (1e-3, 10.0)  # bounds; a term that is flatter cannot be told from a floor
LEVELS = (-20.0, 5.0)  # bounds of a term's logarithm, below the least and above the largest value
FLOOR_START = 0.1  # of the least value
FEWEST_AMOUNTS = 3  # distinct sizes, and distinct finite amounts of data
FEWEST_FOR_A_PARABOLA = 4
RESAMPLES = 200  # by a bootstrap; standard errors are then known to 5 %
FRONTIER = ("optimal_size_exponent", "frontier_loss_exponent")
MOST_EVALUATIONS = 300  # of one start; one that needs more is running away

SAME_COST = 1e-6  # relative; with 40 cells it moves no exponent by 1 % of its standard error
EXACT_COST = 1e-9  # below it the cost of an exact surface is rounding
SAME_EXPONENT = 1e-3
FEWEST_AGREEING = 1 / 3  # of the starts


@dataclass(frozen=True)
class Surface:
    """``floor + size_amplitude * N**-size_exponent + data_amplitude * D**-data_exponent``.

    A law in ``N`` alone has a data amplitude of 0 and a data exponent of NaN.

    `converged`: at least a third of the starts reached the least cost, all of these succeeded and
    agree on the exponents within 1e-3, and no exponent lies at its bound. Not all starts must
    agree, as in one dimension: some end in local minima where one term does the other's work. A
    minimum that few starts find may not be the least; equally good ones with other exponents mean
    that the cells do not tell.
    """

    floor: float
    size_amplitude: float
    size_exponent: float
    data_amplitude: float
    data_exponent: float
    converged: bool

    def at(self, sizes: Array, data: Array | float = np.inf) -> Array:
        """Value at sizes and data of shapes that broadcast; infinite data leave no data term."""
        sizes, data = np.broadcast_arrays(np.asarray(sizes, float), np.asarray(data, float))
        value = self.floor + self.size_amplitude * sizes**-self.size_exponent
        if self.data_amplitude == 0:
            return np.asarray(value)
        return np.asarray(value + self.data_amplitude * data**-self.data_exponent)


NO_FIT = Surface(np.nan, np.nan, np.nan, np.nan, np.nan, False)


@dataclass(frozen=True)
class _Cells:
    """What a fit needs of its usable cells.

    Columns are the terms of the sum: one or two powers, then a free floor. Parameters are the
    terms' logarithms at the centres, which decorrelates them from the exponents, then exponents.
    """

    powers: int
    terms: int
    logs: Array  # (cells, powers): log N and log D about their centres; 0 where infinite
    absent: Array  # (cells, terms): -inf where data are infinite, otherwise 0
    centres: Array  # (powers,)
    observed: Array  # (cells,): logarithms of the values

    def heights(self, parameters: Array) -> Array:
        heights = parameters[: self.terms] + self.absent
        heights[:, : self.powers] -= parameters[self.terms :] * self.logs
        return heights

    def residuals(self, parameters: Array) -> Array:
        total = np.logaddexp.reduce(self.heights(parameters), axis=1)
        return np.asarray(total - self.observed)

    def jacobian(self, parameters: Array) -> Array:
        heights = self.heights(parameters)
        shares = np.exp(heights - np.logaddexp.reduce(heights, axis=1, keepdims=True))
        # where data are infinite the share is 0 and so is `logs`: never 0 times infinity
        return np.concatenate([shares, -shares[:, : self.powers] * self.logs], axis=1)

    def bounds(self) -> tuple[Array, Array]:
        lengths = [self.terms, self.powers]
        low = np.repeat([self.observed.min() + LEVELS[0], EXPONENTS[0]], lengths)
        return low, np.repeat([self.observed.max() + LEVELS[1], EXPONENTS[1]], lengths)

    def start(self, levels: Array, exponents: Array, floor: float = 0.0) -> Array:
        """Parameters from which to start, for the powers' levels and exponents and a floor.

        On a logarithm the cost is flat where the floor is nothing: a search may stay there.
        """
        least = max(floor, FLOOR_START * np.exp(self.observed.min()))
        floors = np.full(self.terms - self.powers, np.log(least))
        low, high = self.bounds()
        return np.asarray(np.clip(np.concatenate([levels, floors, exponents]), low, high))

    def surface(self, parameters: Array, converged: bool) -> Surface:
        exponents = parameters[self.terms :]
        amplitudes = np.exp(parameters[: self.powers] + exponents * self.centres)
        floor = float(np.exp(parameters[self.powers])) if self.terms > self.powers else 0.0
        size, data = [*zip(amplitudes.tolist(), exponents.tolist()), (0.0, np.nan)][:2]
        return Surface(floor, *size, *data, converged)


def _usable(sizes: Array, data: Array | None, values: Array, free_floor: bool) -> _Cells | None:
    """The cells with a logarithm; None if they are too few to tell the parameters."""
    good = np.isfinite(values) & (values > 0)
    amounts = np.stack([sizes] if data is None else [sizes, data], axis=1)[good].astype(float)
    powers = amounts.shape[1]
    if good.sum() < 2 * powers + free_floor + 1:
        return None
    finite = np.isfinite(amounts)
    if any(len(np.unique(column[np.isfinite(column)])) < FEWEST_AMOUNTS for column in amounts.T):
        return None
    logs = np.log(np.where(finite, amounts, 1.0))
    centres = logs.sum(axis=0) / finite.sum(axis=0)
    logs = np.where(finite, logs - centres, 0.0)
    absent = np.zeros((len(amounts), powers + free_floor))
    absent[:, :powers][~finite] = -np.inf
    return _Cells(powers, powers + free_floor, logs, absent, centres, np.log(values[good]))


def _minimise(cells: _Cells, starts: Sequence[Array]) -> Surface:
    """Best fit over all starts, which are parameters of `cells`."""
    from scipy import optimize  # not needed where a study is only planned

    found = [
        optimize.least_squares(
            cells.residuals,
            start,
            jac=cells.jacobian,
            bounds=cells.bounds(),
            loss="huber",
            f_scale=HUBER,
            max_nfev=MOST_EVALUATIONS,
        )
        for start in starts
    ]
    best = min(found, key=lambda solution: float(solution.cost))
    reached = best.cost * (1 + SAME_COST) + EXACT_COST
    alike = [solution for solution in found if solution.cost <= reached]
    exponents = np.array([solution.x[cells.terms :] for solution in alike])
    converged = (
        len(alike) >= FEWEST_AGREEING * len(found)
        and all(solution.success for solution in alike)
        and np.ptp(exponents, axis=0).max() < SAME_EXPONENT
        and exponents.min() > 2 * EXPONENTS[0]
        and exponents.max() < 0.99 * EXPONENTS[1]
    )
    return cells.surface(best.x, bool(converged))


def fit_surface(
    sizes: Array,
    data: Array | None,
    values: Array,
    free_floor: bool,
    starts: tuple[float, ...] = STARTS,
) -> Surface:
    """Huber fit of a surface on logarithms.

    `sizes`, `data` and `values` have one entry a cell. Infinite data mean that the cell has no data
    term; ``data=None`` fits the law in size alone. Values that are not finite or not above zero
    are left out. The floor is 0, as values are an excess over the exact one, or with `free_floor`
    at least 0. Fits start from all combinations of the exponents `starts`.

    `NO_FIT` if usable cells are fewer than the parameters and one more, or if they have fewer than
    three distinct sizes or, for the data term, distinct finite amounts of data.
    """
    cells = _usable(sizes, data, values, free_floor)
    if cells is None:
        return NO_FIT
    # all terms alike at the centre, so that none is lost before the search begins
    levels = np.full(cells.powers, cells.observed.mean() - np.log(cells.terms))
    grid = np.array(list(itertools.product(starts, repeat=cells.powers)))
    return _minimise(cells, [cells.start(levels, exponents) for exponents in grid])


def _refit(
    sizes: Array, data: Array | None, values: Array, free_floor: bool, near: Surface
) -> Surface:
    """Fit started from `near` alone, the best fit of values like these."""
    cells = _usable(sizes, data, values, free_floor)
    if cells is None:
        return NO_FIT
    exponents = np.array([near.size_exponent, near.data_exponent])[: cells.powers]
    amplitudes = np.array([near.size_amplitude, near.data_amplitude])[: cells.powers]
    levels = np.log(amplitudes) - exponents * cells.centres
    return _minimise(cells, [cells.start(levels, exponents, near.floor)])


Interval = tuple[float, float, float]  # value, low, high


def surface_with_intervals(
    sizes: Array,
    data: Array | None,
    replicas: pd.DataFrame,
    seed: int,
    free_floor: bool,
    effort: Effort | None = None,
    budgets: Sequence[float] = (),
    count: int = RESAMPLES,
) -> tuple[Surface, dict[str, Interval], list[Interval]]:
    """Fit of the mean surface over rule draws, with intervals.

    `sizes`, `data`, `free_floor` are as in `fit_surface`, `replicas`, `seed` and `count` as in
    `fitting.bootstrap_means`, the columns of `replicas` in the order of `sizes`. Intervals of
    amplitudes and sizes are formed on the logarithm.

    Returns
    -------
    Surface, dict, list
        The fit; value, low and high end of its exponents and amplitudes, with a free floor of
        ``floor``, with an `effort` of what `FRONTIER` names (see `frontier_exponents`); and of the
        `optimal_size` for each of the `budgets`.
    """

    def additive(surface: Surface) -> dict[str, float]:
        values = {"size_exponent": surface.size_exponent}
        if data is not None:
            values["data_exponent"] = surface.data_exponent
        if free_floor:
            values["floor"] = surface.floor
        if effort is not None:
            values |= zip(FRONTIER, frontier_exponents(surface, effort))
        return values

    def positive(surface: Surface) -> dict[str, float]:
        values = {"size_amplitude": surface.size_amplitude}
        if data is not None:
            values["data_amplitude"] = surface.data_amplitude
        if effort is not None:
            values |= {f"at {budget}": optimal_size(surface, effort, budget) for budget in budgets}
        return {name: float(np.log(value)) for name, value in values.items()}

    best = fit_surface(sizes, data, mean_curve(replicas), free_floor)
    refits = []
    if np.isfinite(best.size_exponent):
        curves = bootstrap_means(replicas, seed, count)
        refits = [_refit(sizes, data, curve, free_floor, best) for curve in curves]
    found: dict[str, Interval] = {}
    for quantities in (additive, positive):
        resampled = pd.DataFrame([quantities(surface) for surface in refits])
        for name, value in quantities(best).items():
            low, high = np.nan, np.nan
            if len(resampled):
                low, high = interval(value, resampled[name].to_numpy(dtype=float), replicas)
            if name == "floor":  # np.maximum keeps the NaN of a single replica
                low = float(np.maximum(low, 0.0))
            ends = value, low, high
            found[name] = ends if quantities is additive else _powers(ends)
    optima = [found.pop(f"at {budget}") for budget in budgets] if effort is not None else []
    return best, found, optima


def _powers(logs: Interval) -> Interval:
    value, low, high = np.exp(logs).tolist()
    return value, low, high


@dataclass(frozen=True)
class Effort:
    """Operations that a sentence takes: ``coefficient * N**exponent``.

    In online training a budget of ``C`` operations then pays for ``C / (c N**g)`` sentences.
    """

    coefficient: float
    exponent: float

    @classmethod
    def fit(cls, sizes: Array, operations: Array) -> Effort:
        """Least squares on the logarithms of the swept sizes."""
        exponent, level = np.polyfit(np.log(sizes), np.log(operations), 1)
        return cls(float(np.exp(level)), float(exponent))

    def at(self, sizes: Array) -> Array:
        """Operations a sentence at these sizes."""
        return np.asarray(self.coefficient * np.asarray(sizes, float) ** self.exponent)


def optimal_size(surface: Surface, effort: Effort, budget: float) -> float:
    """The size at which a budget of operations leaves the least loss; NaN without a data term.

    With all of the budget spent the excess is ``A N**-a + B (c N**g / C)**b``. Its derivative is
    zero at ``N**(a + g b) = a A / (g b B) * (C/c)**b``. The floor does not matter.
    """
    a, slope = surface.size_exponent, effort.exponent * surface.data_exponent
    balance = np.log(a * surface.size_amplitude / (slope * surface.data_amplitude))
    sentences = surface.data_exponent * np.log(budget / effort.coefficient)
    return float(np.exp((balance + sentences) / (a + slope)))


def frontier_exponents(surface: Surface, effort: Effort) -> tuple[float, float]:
    """Exponents ``p`` of optimal size ``~ C**p``, ``q`` of its excess over the floor ``~ C**-q``.

    They are ``b/(a + g b)`` and ``a b/(a + g b)`` for a budget ``C``; the second is positive where
    loss falls, as in `Surface`. NaN without a data term.
    """
    a, b = surface.size_exponent, surface.data_exponent
    size = b / (a + effort.exponent * b)
    return size, a * size


def loss_at_budget(operations: Array, losses: Array, budgets: Array) -> Array:
    """Loss of one size at given budgets, interpolated between evaluations on both logarithms.

    `operations` grow. Losses are taken as they are, not as a running minimum: the minimum of noisy
    evaluations is biased downwards, the more so the more there are. NaN outside the range of
    evaluations and next to one whose loss is unknown or not above zero. Evaluations before
    training, at no operations, are left out.
    """
    begun = operations > 0
    if not begun.any():
        return np.full(len(budgets), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(losses > 0, losses, np.nan))[begun]
        wanted = np.log(budgets)
    found = np.interp(wanted, np.log(operations[begun]), logs, left=np.nan, right=np.nan)
    return np.asarray(np.exp(found))


@dataclass(frozen=True)
class Envelope:
    """For each budget the best swept size, its loss, and whether it can be told to be a minimum.

    `inside` is False where the best is the smallest or the largest size known at that budget.
    """

    sizes: Array
    losses: Array
    inside: NDArray[np.bool_]


def envelope(sizes: Array, losses: Array) -> Envelope:
    """Lower envelope of losses ``(sizes, budgets)``, NaN where unknown; `sizes` grow.

    A budget at which no size is known has NaN and is not inside.
    """
    known = np.isfinite(losses)
    some = known.any(axis=0)
    best = np.where(known, losses, np.inf).argmin(axis=0)
    first, last = known.argmax(axis=0), len(sizes) - 1 - known[::-1].argmax(axis=0)
    return Envelope(
        np.where(some, sizes[best], np.nan),
        np.where(some, losses[best, np.arange(losses.shape[1])], np.nan),
        some & (first < best) & (best < last),
    )


def parabola_optimum(sizes: Array, losses: Array) -> float:
    """Vertex of a parabola through the losses of one budget, all on logarithms.

    For comparison with other work; see `parabola_bias` for what is wrong with it. NaN with fewer
    than four known losses, or if it has no minimum within the known sizes.
    """
    known = np.isfinite(losses) & (losses > 0)
    if known.sum() < FEWEST_FOR_A_PARABOLA:
        return np.nan
    x = np.log(sizes[known])
    centre = x.mean()
    curvature, slope, _ = np.polyfit(x - centre, np.log(losses[known]), 2)
    if curvature <= 0:
        return np.nan
    vertex = centre - slope / (2 * curvature)
    return float(np.exp(vertex)) if x.min() <= vertex <= x.max() else np.nan


def parabola_bias(surface: Surface, effort: Effort, sizes: Array, budget: float) -> float:
    """Vertex over true optimum when the parabola is put through the surface itself.

    The method's own error, without any noise. A parabola is even about its vertex; the valley of
    one budget falls with slope ``a`` on one side and rises with ``g b`` on the other, so it is
    even only for ``a == g b``. Otherwise sizes evenly about the optimum put the vertex on the
    flatter side: too small (a factor below 1) for ``a < g b``, the more so the more they span.
    Sizes unevenly about the optimum shift it either way, even in an even valley, whose sides
    straighten while a parabola's do not. NaN where `parabola_optimum` is.
    """
    losses = surface.at(sizes, budget / effort.at(sizes))
    return parabola_optimum(sizes, losses) / optimal_size(surface, effort, budget)
