"""Fits on synthetic curves whose exponents are known: recovery, windows, coverage."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from helpers.curves import SIZES, synthetic
from rhm_scaling.analysis import curves, power_law


@pytest.mark.parametrize("exponent", [0.2, 0.67, 1.5, 3.0])
def test_an_exact_power_law_is_recovered(exponent: float) -> None:
    fit = power_law.fit_power_law(SIZES, 7 * SIZES**-exponent)
    assert fit.exponent == pytest.approx(exponent, abs=1e-6)
    assert fit.amplitude == pytest.approx(7, rel=1e-5)


def test_many_curves_are_fitted_as_by_scipy() -> None:
    """The least loss is that of a library's minimiser, also where points are missing."""
    generator = np.random.default_rng(4)
    curves = SIZES**-0.8 * np.exp(0.3 * generator.standard_normal((50, len(SIZES))))
    curves[0, 1], curves[1, :2], curves[2, :3] = np.nan, 0.0, np.nan
    exponents, amplitudes = power_law.fit_power_laws(SIZES, curves)
    assert np.isnan(exponents[2])
    for row in (*range(2), *range(3, 50)):
        x, y = (np.log(part[curves[row] > 0]) for part in (SIZES, curves[row]))

        def residuals(line: np.ndarray, x: np.ndarray = x, y: np.ndarray = y) -> np.ndarray:
            return line[1] - line[0] * x - y

        best = optimize.least_squares(
            residuals, (1.0, 0.0), loss="huber", f_scale=power_law.HUBER, xtol=1e-15, ftol=1e-15
        )
        # of a flat bottom any point is as good: compare heights
        scaled = np.abs(residuals(np.array([exponents[row], np.log(amplitudes[row])])))
        scaled /= power_law.HUBER
        cost = np.where(scaled < 1, scaled**2 / 2, scaled - 0.5).sum() * power_law.HUBER**2
        assert cost == pytest.approx(best.cost, rel=1e-9)


def test_resampled_curves_keep_every_draw_its_replicas() -> None:
    """Three replicas of one draw, one of the other: draws weigh alike, what failed is left out."""
    index = pd.MultiIndex.from_tuples([(0, 0), (0, 1), (0, 2), (1, 0)], names=["rule_seed", "init"])
    replicas = pd.DataFrame([[0.0, 1.0], [3.0, np.nan], [6.0, 1.0], [100.0, 1.0]], index)
    found = power_law.bootstrap_means(replicas, seed=0, count=4000)
    assert set(found[np.isfinite(found[:, 1]), 1]) == {1.0}
    assert np.isnan(found[:, 1]).mean() == pytest.approx(1 / 4 * (1 / 27) ** 2, abs=0.002)
    assert (found[:, 0] == 100).mean() == pytest.approx(1 / 4, abs=0.03)
    assert found[:, 0].mean() == pytest.approx((3 + 100) / 2, abs=2)
    once = found[(found[:, 0] > 20) & (found[:, 0] < 100), 0]  # of each draw one
    assert (once == 50).mean() == pytest.approx(1 / 27, abs=0.02)  # three times zero


def test_curves_without_a_replica_left_are_missing() -> None:
    replicas = synthetic(np.random.default_rng(0), 1.0, 2).iloc[:0]
    assert np.isnan(power_law.bootstrap_means(replicas, seed=0, count=3)).all()
    assert np.isnan(power_law.local_exponents(SIZES, replicas, seed=0)["exponent"]).all()


def test_one_outlier_hardly_moves_the_fit() -> None:
    values = SIZES**-1.0
    values[1] *= 4
    robust = power_law.fit_power_law(SIZES, values).exponent
    least_squares = -np.polyfit(np.log(SIZES), np.log(values), 1)[0]
    assert abs(robust - 1) < 0.3 * abs(least_squares - 1)


def test_too_few_points_are_no_fit() -> None:
    for values in ([1, 0.5, 0, 0, 0], [np.nan, np.nan, 1, 0.5, np.nan]):
        fit = power_law.fit_power_law(SIZES, np.array(values, dtype=float))
        assert np.isnan(fit.exponent)


@pytest.mark.parametrize(("draws", "per_draw"), [(4, 1), (6, 2)])
def test_coverage_of_the_interval(draws: int, per_draw: int) -> None:
    generator = np.random.default_rng(0)
    trials, hits = 80, 0
    for trial in range(trials):
        replicas = synthetic(generator, 1.0, draws, per_draw)
        _, low, high = power_law.fit_with_interval(SIZES, replicas, seed=trial)
        hits += low <= 1.0 <= high
    # nominal 95 %: 76 of 80; three standard deviations below is 70
    assert hits >= 70


def test_the_interval_narrows_with_more_rule_draws() -> None:
    generator, widths = np.random.default_rng(1), {3: 0.0, 12: 0.0}
    for trial in range(10):
        for draws in widths:
            replicas = synthetic(generator, 1.0, draws)
            _, low, high = power_law.fit_with_interval(SIZES, replicas, seed=trial)
            widths[draws] += (high - low) / 10
    assert widths[12] < widths[3] / 2


def test_a_single_replica_has_no_interval() -> None:
    replicas = synthetic(np.random.default_rng(1), 1.0, 1)
    fit, low, high = power_law.fit_with_interval(SIZES, replicas, seed=0)
    assert np.isfinite(fit.exponent)
    assert np.isnan(low)
    assert np.isnan(high)


def test_one_rule_draw_resamples_its_replicas() -> None:
    replicas = synthetic(np.random.default_rng(1), 1.0, 1, per_draw=5)
    fit, low, high = power_law.fit_with_interval(SIZES, replicas, seed=0)
    assert low < fit.exponent < high


def test_a_diverged_replica_leaves_the_rest_of_the_curve() -> None:
    replicas = synthetic(np.random.default_rng(2), 1.0, 4)
    full = power_law.fit_with_interval(SIZES, replicas, seed=0)[0].exponent
    replicas.iloc[0, 2] = np.nan
    fit, low, high = power_law.fit_with_interval(SIZES, replicas, seed=0)
    assert fit.exponent == pytest.approx(full, abs=0.1)
    assert low < fit.exponent < high


def table(mean: list[float], exhausted: float = np.inf, resolution: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sentences": SIZES,
            "mean": mean,
            "chance": 1.0,
            "resolution": resolution,
            "exhausted": exhausted,
        }
    )


@pytest.mark.parametrize(
    ("curve", "inside", "reason"),
    [
        (
            table([0.4, 0.3, 0.2, 0.1, 0.05]),
            [1, 1, 1, 1, 1],
            "256 (first size) to 4096 (last size)",
        ),
        (table([0.9, 0.6, 0.4, 0.2, 0.1]), [0, 0, 1, 1, 1], "1024 (below half of chance)"),
        (table([0.4, 0.2, 0.1, 0.05, 0.02], exhausted=2000), [1, 1, 1, 0, 0], "rules exhausted"),
        (
            table([0.4, 0.2, 0.1, 0.01, 0.03], resolution=0.02),
            [1, 1, 1, 0, 0],
            "test set too small",
        ),
        (table([0.9, 0.9, 0.9, 0.9, 0.9]), [0, 0, 0, 0, 0], "no size lies below half of chance"),
        (table([np.nan, 0.3, 0.2, 0.1, 0.05]), [0, 1, 1, 1, 1], "from 512"),
    ],
)
def test_windows_and_their_reasons(curve: pd.DataFrame, inside: list[int], reason: str) -> None:
    window = power_law.fitting_window(curve)
    np.testing.assert_array_equal(window.inside, np.array(inside, dtype=bool))
    assert reason in window.reason


def test_local_exponents_of_a_power_law() -> None:
    replicas = synthetic(np.random.default_rng(3), 1.0, 6, noise=0.02)
    local = power_law.local_exponents(SIZES, replicas, seed=0)
    assert len(local) == len(SIZES) - 1
    np.testing.assert_allclose(local["sentences"], np.sqrt(SIZES[:-1] * SIZES[1:]))
    assert ((local["low"] < 1.0) & (local["high"] > 1.0)).all()


def runs(values: list[float], status: str = "ok") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "train_size": 100,
            "sentences": 100,
            "lr": 0.1,
            "rates_tried": 1,
            "rule_seed": range(len(values)),
            "sample_seed": 0,
            "init_seed": 0,
            "status": status,
            "test_error": values,
            "test_loss": values,
            "bayes_loss": 0.0,
            "overlap": 0.5,
        }
    )


def test_a_curve_counts_diverged_replicas_and_does_not_average_them() -> None:
    table = pd.concat([runs([0.2, 0.4]), runs([99.0], "diverged").assign(rule_seed=2)])
    row = curves.learning_curve(table, "test_error").iloc[0]
    assert row["mean"] == pytest.approx(0.3)
    assert row["replicas"] == 2
    assert row["diverged"] == 1
    row = curves.learning_curve(runs([9.0, 9.0], "diverged"), "test_error").iloc[0]
    assert np.isnan(row["mean"])
    assert row["diverged"] == 2


def test_the_interval_of_a_mean_covers_it() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        mean, low, high = curves.mean_and_interval(generator.gamma(20, 1 / 20, size=5))
        assert low < mean < high
        hits += low <= 1.0 <= high
    assert 360 <= hits <= 395
    assert np.isnan(curves.mean_and_interval(np.array([0.3]))[1])
    assert curves.mean_and_interval(np.zeros(3))[0] == 0


@pytest.mark.parametrize(
    "values", [[0.02, 0.9], [0.6, 0.99], [0.5, 0.5001], [1e-4, 2e-4], [1e-9, 0.1]]
)
def test_the_interval_of_a_fraction_stays_within_its_range(values: list[float]) -> None:
    mean, low, high = curves.mean_and_interval(np.array(values), most=1.0)
    assert mean == pytest.approx(np.mean(values)) and 0 <= low < mean < high <= 1
    # the same of what is left of it
    left = curves.mean_and_interval(1 - np.array(values), most=1.0)
    assert left == pytest.approx((1 - mean, 1 - high, 1 - low))
    # and of other bounds
    wide = curves.mean_and_interval(2 * np.array(values) - 1, least=-1.0, most=1.0)
    assert wide == pytest.approx((2 * mean - 1, 2 * low - 1, 2 * high - 1))


def test_an_interval_within_bounds_covers_its_mean() -> None:
    generator = np.random.default_rng(6)
    hits = 0
    for _ in range(400):
        _, low, high = curves.mean_and_interval(generator.beta(6, 2, size=5), most=1.0)
        hits += low <= 0.75 <= high
    assert 360 <= hits <= 395


def test_a_narrow_interval_is_students_and_one_at_a_bound_has_no_ends() -> None:
    values = 0.7 + 1e-4 * np.array([-1.0, 0.0, 1.0])
    half = curves.student_factor(3) * 1e-4 / 3**0.5
    for most in (1.0, np.inf):
        found = curves.mean_and_interval(values, most=most)
        assert found == pytest.approx((0.7, 0.7 - half, 0.7 + half), abs=1e-6)
    for values in (np.zeros(3), np.ones(3)):
        mean, *ends = curves.mean_and_interval(values, most=1.0)
        assert mean == values[0] and np.isnan(ends).all()


def test_a_curve_of_errors_has_no_interval_beyond_one_and_one_of_excesses_may() -> None:
    table = runs([0.5, 0.95]).assign(test_excess=[0.5, 0.95])
    errors, excesses = (
        curves.learning_curve(table, name).iloc[0] for name in ("test_error", "test_excess")
    )
    assert errors["high"] <= 1 < excesses["high"]


def test_replicas_of_one_draw_are_not_independent_of_it() -> None:
    table = runs([0.2, 0.2, 0.2, 0.4])
    table["rule_seed"] = [0, 0, 0, 1]
    np.testing.assert_allclose(curves.cluster_means(table, "test_error"), [0.2, 0.4])
    table["rule_seed"] = 0
    np.testing.assert_allclose(curves.cluster_means(table, "test_error"), table["test_error"])


def test_where_a_growing_curve_crosses_a_height() -> None:
    sizes = np.array([10.0, 100.0, 1000.0])
    assert curves.crossing(sizes, np.array([0.0, 0.25, 0.75]), 0.5) == pytest.approx(10**2.5)
    assert curves.crossing(sizes, np.array([0.0, 0.5, 0.4]), 0.5) == pytest.approx(100)
    assert curves.crossing(sizes, np.array([0.0, 0.1, 0.2]), 0.5) == np.inf
    assert np.isnan(curves.crossing(sizes, np.array([0.6, 0.8, 0.9]), 0.5))
    assert curves.crossing(sizes, np.array([np.nan, 0.1, np.nan]), 0.5) == np.inf


def test_a_failure_is_missing_from_all_of_an_online_curve() -> None:
    parts = [runs([0.4, 0.4, 0.4]).assign(sentences=size, train_size=np.inf) for size in (8, 16)]
    table = pd.concat(parts).assign(protocol="online")
    table.loc[table["rule_seed"] == 2, "status"] = "collapsed"
    table = table[(table["rule_seed"] < 2) | (table["sentences"] == 8)]  # it ended there
    curve = curves.learning_curve(table, "test_error").assign(protocol="online")
    assert curve["collapsed"].tolist() == [1, 1]
    assert curve["replicas"].tolist() == [2, 2]
    assert curves.failures(curve) == {"diverged": 0, "collapsed": 1}
