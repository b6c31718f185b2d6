"""Surfaces over size and data whose laws are known: recovery, coverage, the optimal frontier."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from rhm_scaling.analysis import loss_surface
from rhm_scaling.analysis.loss_surface import Effort, Surface

pytestmark = pytest.mark.slow

Array = loss_surface.Array

SIZES = np.geomspace(1e3, 1e6, 5)
DATA = np.geomspace(1e3, 1e6, 7)
CENTRE = 10**4.5  # of both
EFFORT = Effort(6.0, 1.2)


def surface_of(size_exponent: float, data_exponent: float, floor: float = 0.0) -> Surface:
    """Both terms are alike in the middle of the grid."""
    amplitudes = [0.5 * CENTRE**exponent for exponent in (size_exponent, data_exponent)]
    return Surface(floor, amplitudes[0], size_exponent, amplitudes[1], data_exponent, True)


def law_of(size_exponent: float, floor: float = 0.0) -> Surface:
    return Surface(floor, CENTRE**size_exponent, size_exponent, 0.0, np.nan, True)


def grid(data: Array = DATA) -> tuple[Array, Array]:
    sizes, amounts = np.meshgrid(SIZES, data, indexing="ij")
    return sizes.ravel(), amounts.ravel()


def synthetic(
    generator: np.random.Generator, mean: Array, draws: int = 6, per_draw: int = 2
) -> pd.DataFrame:
    """Replicas of a surface: each rule draw has its own height and its own scatter of cells."""
    rows, index = [], []
    for rule in range(draws):
        effect = 0.2 * generator.standard_normal() + 0.2 * generator.standard_normal(len(mean))
        for init in range(per_draw):
            rows.append(mean * np.exp(effect + 0.1 * generator.standard_normal(len(mean))))
            index.append((rule, 0, init))
    names = ["rule_seed", "sample_seed", "init_seed"]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=names))


def assert_same(fit: Surface, true: Surface) -> None:
    assert fit.converged
    assert fit.size_exponent == pytest.approx(true.size_exponent, rel=1e-3)
    assert fit.data_exponent == pytest.approx(true.data_exponent, rel=1e-3, nan_ok=True)
    assert fit.size_amplitude == pytest.approx(true.size_amplitude, rel=1e-2)
    assert fit.data_amplitude == pytest.approx(true.data_amplitude, rel=1e-2)
    assert fit.floor == pytest.approx(true.floor, rel=1e-3, abs=1e-5)


EXPONENTS = [(0.3, 0.3), (0.5, 1.0), (1.0, 0.3), (2.0, 0.5), (0.4, 2.5)]


@pytest.mark.parametrize(("size_exponent", "data_exponent"), EXPONENTS)
@pytest.mark.parametrize("data", [DATA, np.append(DATA[1:], np.inf)], ids=["finite", "online"])
@pytest.mark.parametrize("floor", [None, 0.0, 0.05])
def test_an_exact_surface_is_recovered(
    size_exponent: float, data_exponent: float, data: Array, floor: float | None
) -> None:
    true = surface_of(size_exponent, data_exponent, floor or 0.0)
    sizes, amounts = grid(data)
    fit = loss_surface.fit_surface(sizes, amounts, true.at(sizes, amounts), floor is not None)
    assert_same(fit, true)


@pytest.mark.parametrize("exponent", [0.2, 0.7, 1.5, 3.0])
@pytest.mark.parametrize("floor", [None, 0.0, 0.05])
def test_an_exact_law_in_size_is_recovered(exponent: float, floor: float | None) -> None:
    true = law_of(exponent, floor or 0.0)
    fit = loss_surface.fit_surface(SIZES, None, true.at(SIZES), floor is not None)
    assert fit.data_amplitude == 0
    assert_same(fit, true)


def test_values_at_infinite_data_are_those_of_the_size_alone() -> None:
    true = surface_of(0.5, 1.0, floor=0.1)
    size_alone = 0.1 + true.size_amplitude * SIZES**-0.5
    np.testing.assert_allclose(true.at(SIZES), size_alone)
    np.testing.assert_allclose(true.at(SIZES, 1e300), size_alone)
    np.testing.assert_allclose(true.at(SIZES, 100.0) - size_alone, true.data_amplitude / 100)
    law = law_of(0.5, floor=0.1)
    for data in (np.inf, 10.0, DATA[:5]):
        np.testing.assert_allclose(law.at(SIZES, data), law.at(SIZES))
    assert np.isnan(loss_surface.NO_FIT.at(SIZES, DATA[:5])).all()


def test_the_jacobian_is_that_of_the_residuals() -> None:
    sizes, data = grid(np.append(DATA, np.inf))
    values = np.exp(np.random.default_rng(0).standard_normal(len(sizes)))
    cells = loss_surface._usable(sizes, data, values, free_floor=True)
    assert cells is not None
    for parameters in np.random.default_rng(1).uniform(0.1, 1.5, (5, 5)):
        numeric = optimize.approx_fprime(parameters, cells.residuals, 1e-7)
        np.testing.assert_allclose(cells.jacobian(parameters), numeric, atol=1e-5)


@pytest.mark.parametrize(("size_exponent", "data_exponent"), EXPONENTS)
def test_noise_moves_the_exponents_little(size_exponent: float, data_exponent: float) -> None:
    true, (sizes, data) = surface_of(size_exponent, data_exponent), grid()
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal(len(sizes)))
    values = true.at(sizes, data) * noise
    fit = loss_surface.fit_surface(sizes, data, values, free_floor=False)
    assert fit.converged
    assert fit.size_exponent == pytest.approx(size_exponent, abs=0.05)
    assert fit.data_exponent == pytest.approx(data_exponent, abs=0.05)
    np.testing.assert_allclose(fit.at(sizes, data), true.at(sizes, data), rtol=0.08)


def test_one_outlier_hardly_moves_the_fit() -> None:
    true, (sizes, data) = surface_of(0.5, 1.0), grid()
    values = true.at(sizes, data)
    values[-1] *= 8
    fit = loss_surface.fit_surface(sizes, data, values, free_floor=False)
    assert fit.size_exponent == pytest.approx(0.5, abs=0.02)
    assert fit.data_exponent == pytest.approx(1.0, abs=0.02)


def test_unknown_values_are_left_out() -> None:
    true, (sizes, data) = surface_of(0.5, 1.0), grid()
    values = true.at(sizes, data)
    values[[0, 9, 17, 25]] = np.nan, 0.0, -1.0, np.inf
    assert_same(loss_surface.fit_surface(sizes, data, values, free_floor=False), true)


def test_too_few_cells_are_no_fit() -> None:
    true, (sizes, data) = surface_of(0.5, 1.0), grid()
    values = true.at(sizes, data)

    def fitted(kept: Array, free_floor: bool = False) -> bool:
        fit = loss_surface.fit_surface(sizes, data, np.where(kept, values, np.nan), free_floor)
        assert np.isfinite(fit.size_exponent) or fit is loss_surface.NO_FIT
        return bool(np.isfinite(fit.size_exponent))

    assert fitted(sizes < 1e5)
    assert not fitted(sizes < 1e4)  # two sizes
    assert fitted(data < 2e4)
    assert not fitted(data < 1e4)  # two amounts of data
    diagonal = np.eye(len(SIZES), len(DATA), dtype=bool).ravel()
    assert fitted(diagonal)  # five cells, four parameters
    assert not fitted(diagonal, free_floor=True)
    one = true.at(SIZES)
    assert loss_surface.fit_surface(SIZES[:3], None, one[:3], False).converged
    assert loss_surface.fit_surface(SIZES[:3], None, one[:3], True) is loss_surface.NO_FIT
    assert loss_surface.fit_surface(SIZES[:2], None, one[:2], False) is loss_surface.NO_FIT
    infinite = np.where(data < 1e4, data, np.inf)
    assert loss_surface.fit_surface(sizes, infinite, values, False) is loss_surface.NO_FIT


def test_cells_that_cannot_tell_the_terms_apart_do_not_converge() -> None:
    true = surface_of(0.3, 1.0)
    sizes = np.geomspace(1e3, 1e6, 12)
    # data in proportion to size: the two exponents could be exchanged
    assert not loss_surface.fit_surface(sizes, sizes, true.at(sizes, sizes), False).converged
    # no effect of the data: their exponent is arbitrary
    sizes, data = grid()
    assert not loss_surface.fit_surface(sizes, data, true.at(sizes), False).converged
    # nothing falls
    assert not loss_surface.fit_surface(sizes, data, np.ones(len(sizes)), False).converged


@pytest.mark.parametrize(("free_floor", "trials", "fewest"), [(False, 40, 34), (True, 16, 13)])
def test_coverage_of_the_intervals(free_floor: bool, trials: int, fewest: int) -> None:
    generator = np.random.default_rng(0)
    true, (sizes, data) = surface_of(0.5, 0.8, floor=0.05 * free_floor), grid()
    mean_effect = np.exp((0.2**2 + 0.2**2 + 0.1**2) / 2)  # scales the whole mean, so the floor too
    truth = {"size_exponent": 0.5, "data_exponent": 0.8, "floor": 0.05 * mean_effect}
    if not free_floor:
        del truth["floor"]
    rows = []
    for trial in range(trials):
        replicas = synthetic(generator, true.at(sizes, data))
        _, found, _ = loss_surface.surface_with_intervals(
            sizes, data, replicas, seed=trial, free_floor=free_floor, count=60
        )
        assert set(truth) <= set(found)
        rows.append([found[name] for name in truth])
    value, low, high = np.moveaxis(np.array(rows), -1, 0)
    right = np.array(list(truth.values()))
    # nominal 95 %: three standard deviations below are 34 of 40 and 13 of 16
    assert ((low <= right) & (right <= high)).sum(axis=0).min() >= fewest
    # as wide as the values scatter, but for Student's factor (1.3 times as wide) and chance
    needed = 2 * 1.96 * value.std(axis=0)
    width = (high - low).mean(axis=0)
    assert (0.8 * needed < width).all()
    assert (width < 2.5 * needed).all()


def test_intervals_of_the_frontier_follow_from_its_exponents() -> None:
    true, (sizes, data) = surface_of(0.5, 0.8), grid()
    replicas = synthetic(np.random.default_rng(3), true.at(sizes, data))
    budgets = (1e6, 1e9)
    fit, found, optima = loss_surface.surface_with_intervals(
        sizes, data, replicas, 0, False, EFFORT, budgets, count=50
    )
    for budget, (value, low, high) in zip(budgets, optima):
        assert value == pytest.approx(loss_surface.optimal_size(fit, EFFORT, budget))
        assert low < loss_surface.optimal_size(true, EFFORT, budget) < high
    for name, exponent, right in zip(
        loss_surface.FRONTIER,
        loss_surface.frontier_exponents(fit, EFFORT),
        loss_surface.frontier_exponents(true, EFFORT),
    ):
        value, low, high = found[name]
        assert value == exponent
        assert low < right < high


def test_intervals_of_a_law_in_size_with_a_floor() -> None:
    true = law_of(0.8)
    replicas = synthetic(np.random.default_rng(1), true.at(SIZES))
    fit, found, _ = loss_surface.surface_with_intervals(SIZES, None, replicas, 0, True, count=50)
    assert set(found) == {"size_exponent", "floor", "size_amplitude"}
    assert found["size_amplitude"][0] == pytest.approx(fit.size_amplitude)
    value, low, high = found["floor"]
    assert value == fit.floor
    assert low == 0 < high  # clipped


def test_a_floor_that_vanished_in_the_best_fit_comes_back() -> None:
    generator, near, sizes = np.random.default_rng(0), law_of(0.5), np.tile(SIZES, 2)
    for _ in range(40):
        values = law_of(0.5, floor=0.05).at(sizes) * np.exp(
            0.1 * generator.standard_normal(len(sizes))
        )
        refit = loss_surface._refit(sizes, None, values, True, near)
        afresh = loss_surface.fit_surface(sizes, None, values, free_floor=True)
        assert refit.floor == pytest.approx(afresh.floor, rel=1e-2, abs=1e-4)


def test_a_single_replica_has_no_interval() -> None:
    true = law_of(0.8)
    replicas = synthetic(np.random.default_rng(1), true.at(SIZES), draws=1, per_draw=1)
    fit, found, _ = loss_surface.surface_with_intervals(SIZES, None, replicas, 0, True, count=20)
    assert np.isfinite(fit.size_exponent)
    assert all(np.isnan(found[name][1:]).all() for name in found)


def test_no_fit_has_no_interval() -> None:
    replicas = synthetic(np.random.default_rng(1), law_of(0.8).at(SIZES[:2]))
    fit, found, _ = loss_surface.surface_with_intervals(SIZES[:2], None, replicas, 0, False)
    assert fit is loss_surface.NO_FIT
    assert np.isnan(found["size_exponent"]).all()


def test_the_effort_of_a_sentence_is_a_power_of_the_size() -> None:
    fit = Effort.fit(SIZES, 6 * SIZES**1.2)
    assert fit.coefficient == pytest.approx(6)
    assert fit.exponent == pytest.approx(1.2)
    np.testing.assert_allclose(fit.at(SIZES), EFFORT.at(SIZES))


def numerical_optimum(surface: Surface, budget: float) -> tuple[float, float]:
    """Size and loss at the end of a search that knows nothing of the closed form."""

    def loss(log_size: float) -> float:
        size = np.exp(log_size)
        return float(np.log(surface.at(size, budget / (6 * size**1.2))))

    found = optimize.minimize_scalar(loss, bounds=(-10, 60), options={"xatol": 1e-9})
    return float(np.exp(found.x)), float(np.exp(found.fun))


@pytest.mark.parametrize(("size_exponent", "data_exponent"), EXPONENTS)
def test_the_optimal_size_is_where_the_loss_is_least(
    size_exponent: float, data_exponent: float
) -> None:
    true = surface_of(size_exponent, data_exponent)
    budgets = np.array([1e9, 1e12])
    optima = np.array([numerical_optimum(true, budget) for budget in budgets])
    for budget, (size, _) in zip(budgets, optima):
        assert loss_surface.optimal_size(true, EFFORT, budget) == pytest.approx(size, rel=1e-5)
    slopes = np.diff(np.log(optima), axis=0)[0] / np.diff(np.log(budgets))
    size_slope, loss_slope = loss_surface.frontier_exponents(true, EFFORT)
    assert size_slope == pytest.approx(slopes[0], rel=1e-5)
    assert loss_slope == pytest.approx(-slopes[1], rel=1e-5)


def test_the_floor_does_not_move_the_optimum() -> None:
    size = numerical_optimum(surface_of(0.5, 0.8, floor=0.3), 1e11)[0]
    found = loss_surface.optimal_size(surface_of(0.5, 0.8, floor=0.3), EFFORT, 1e11)
    assert found == pytest.approx(size, rel=1e-4)


def test_a_law_in_size_has_no_optimum() -> None:
    assert np.isnan(loss_surface.optimal_size(law_of(0.5), EFFORT, 1e9))
    assert np.isnan(loss_surface.frontier_exponents(law_of(0.5), EFFORT)).all()


def around_the_optimum(surface: Surface, budget: float, span: float) -> Array:
    """Nine sizes that lie evenly about the optimum, on a logarithm."""
    return loss_surface.optimal_size(surface, EFFORT, budget) * np.geomspace(1 / span, span, 9)


def test_a_parabola_finds_its_own_vertex() -> None:
    losses = np.exp(0.3 * np.log(SIZES / 2e4) ** 2 - 1)
    assert loss_surface.parabola_optimum(SIZES, losses) == pytest.approx(2e4)
    unknown = np.where(SIZES[2] == SIZES, np.nan, losses)
    assert loss_surface.parabola_optimum(SIZES, unknown) == pytest.approx(2e4)
    unknown[0] = np.nan
    assert np.isnan(loss_surface.parabola_optimum(SIZES, unknown))  # three are left
    assert np.isnan(loss_surface.parabola_optimum(SIZES, 1 / losses))  # a maximum
    outside = np.exp(0.3 * np.log(SIZES / 2e6) ** 2)
    assert np.isnan(loss_surface.parabola_optimum(SIZES, outside))


def test_the_parabola_is_right_only_for_an_even_valley() -> None:
    even = surface_of(1.2 * 0.5, 0.5)
    for span in (3, 100):
        sizes = around_the_optimum(even, 1e11, span)
        assert loss_surface.parabola_bias(even, EFFORT, sizes, 1e11) == pytest.approx(1, abs=1e-9)
    for size_exponent, data_exponent, sign in ((0.3, 0.8, -1), (1.5, 0.5, 1)):
        true = surface_of(size_exponent, data_exponent)
        errors = [
            sign * np.log(loss_surface.parabola_bias(true, EFFORT, sizes, 1e11))
            for sizes in (around_the_optimum(true, 1e11, span) for span in (2, 5, 20))
        ]
        assert 0 < errors[0] < errors[1] < errors[2]
        assert errors[2] > 0.1


def test_sizes_to_one_side_mislead_the_parabola_even_in_an_even_valley() -> None:
    even = surface_of(1.2 * 1.5, 1.5)
    sizes = 3 * around_the_optimum(even, 1e11, 20)
    assert abs(np.log(loss_surface.parabola_bias(even, EFFORT, sizes, 1e11))) > 0.01


def test_losses_between_evaluations_lie_on_power_laws() -> None:
    operations = np.array([0.0, 10.0, 100.0, 1000.0])
    losses = np.array([5.0, 4.0, 1.0, 2.0])
    budgets = np.array([0.0, 9.0, 10.0, 10**1.5, 100.0, 10**2.5, 1000.0, 1001.0])
    found = loss_surface.loss_at_budget(operations, losses, budgets)
    # the rise at the end stays: no running minimum
    right = [np.nan, np.nan, 4.0, 2.0, 1.0, np.sqrt(2), 2.0, np.nan]
    np.testing.assert_allclose(found, right)


@pytest.mark.parametrize("unknown", [np.nan, 0.0, -1.0])
def test_unknown_losses_are_not_bridged(unknown: float) -> None:
    operations = np.array([10.0, 100.0, 1000.0, 1e4, 1e5])
    losses = np.array([4.0, 2.0, unknown, 2.0, 1.0])
    budgets = np.array([50.0, 100.0, 200.0, 1000.0, 5000.0, 2e4])
    known = np.isfinite(loss_surface.loss_at_budget(operations, losses, budgets))
    np.testing.assert_array_equal(known, [True, True, False, False, False, True])
    nothing = loss_surface.loss_at_budget(np.zeros(2), np.ones(2), budgets)
    assert np.isnan(nothing).all()


def test_the_envelope_tells_a_minimum_from_an_edge() -> None:
    nan = np.nan
    losses = np.array(
        [
            [3.0, 1.0, 3.0, nan, nan, nan, 2.0],
            [2.0, 2.0, 2.0, 1.0, nan, 2.0, nan],
            [2.5, 3.0, 1.0, 2.0, nan, nan, 1.0],
            [4.0, 4.0, nan, 3.0, nan, nan, 3.0],
        ]
    )
    found = loss_surface.envelope(np.array([1.0, 10.0, 100.0, 1000.0]), losses)
    np.testing.assert_array_equal(found.sizes, [10, 1, 100, 10, nan, 10, 100])
    np.testing.assert_array_equal(found.losses, [2, 1, 1, 1, nan, 2, 1])
    # second: smallest swept; third and fourth: largest or smallest known; sixth: the only one
    np.testing.assert_array_equal(found.inside, [True, False, False, False, False, False, True])
