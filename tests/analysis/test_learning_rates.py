"""Which rate a point takes, where the best one lies, and whether it depends on the width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.learning_rates import (
    at_chosen_rate,
    best_rate,
    choices,
    optimum,
    rate_curve,
    scaling_with_width,
)
from rhm_scaling.steps.tables import compare_rates

RATES = np.geomspace(0.01, 10, 13)


def sweep(best: dict[int, float], draws: int = 4, noise: float = 0.0) -> pd.DataFrame:
    """Rows whose loss is a parabola in the logarithm of the rate, least at `best` of the width."""
    generator = np.random.default_rng(0)
    rows = [
        {
            **{"grammar": "g", "task": "last_token", "architecture": "cnn", "depth": 3},
            "protocol": "finite",
            "context": 0,
            **{"width": width, "train_size": 64, "lr": rate, "rule_seed": draw},
            **{"sample_seed": 0, "init_seed": 0, "status": "ok", "test_loss": 0.0},
            "val_loss": (1 + draw) * np.exp(0.1 * np.log(rate / at) ** 2 + noise * error),
        }
        for width, at in best.items()
        for draw in range(draws)
        for rate, error in zip(RATES, generator.normal(size=len(RATES)), strict=True)
    ]
    runs = pd.DataFrame(rows)
    return runs.join(choices(runs))


def test_a_point_takes_the_rate_of_least_mean_validation_loss() -> None:
    runs = sweep({16: 1.0})
    assert set(runs["rates_tried"]) == {13}
    chosen = at_chosen_rate(runs)
    assert len(chosen) == 4
    assert chosen["lr"].unique() == pytest.approx([1.0])


def test_the_test_set_has_no_say() -> None:
    runs = sweep({16: 1.0})
    runs["test_loss"] = np.where(runs["lr"] == RATES[0], -9.0, 9.0)
    assert choices(runs).equals(runs[["rates_tried", "chosen"]])


def test_a_rate_at_which_a_replica_diverged_is_the_last_resort() -> None:
    runs = sweep({16: 1.0})
    best = np.isclose(runs["lr"], 1.0) & (runs["rule_seed"] == 2)
    runs.loc[best, "status"] = "diverged"
    runs.loc[best, "val_loss"] = np.nan
    again = runs.drop(columns=["rates_tried", "chosen"])
    again = again.join(choices(again))
    assert not np.isclose(at_chosen_rate(again)["lr"], 1.0).any()
    everywhere = again.drop(columns=["rates_tried", "chosen"]).assign(status="diverged")
    assert len(at_chosen_rate(everywhere.join(choices(everywhere)))) == 4  # never without rows
    found = best_rate(again, seed=0)
    assert found["edge"] == "stability"


def test_where_everything_diverged_there_is_no_optimum() -> None:
    runs = sweep({16: 1.0, 32: 1.0}).assign(status="diverged", val_loss=np.nan)
    found = best_rate(runs[runs["width"] == 16], seed=0)
    assert np.isnan(found["optimum"])
    assert np.isnan(found["low"])
    assert np.isnan(scaling_with_width(runs, seed=0)["exponent"])


def test_a_single_rule_draw_has_no_interval() -> None:
    found = best_rate(sweep({16: 1.0}, draws=1), seed=0)
    assert found["optimum"] == pytest.approx(1.0)
    assert np.isnan(found["low"])
    assert np.isnan(found["high"])


def test_rows_without_a_rate_are_kept() -> None:
    counted = sweep({16: 1.0}).query("chosen").drop(columns=["rates_tried", "chosen"])
    counted = counted.assign(lr=np.nan, val_loss=np.nan)
    found = choices(counted)
    assert found["chosen"].all()
    assert (found["rates_tried"] == 0).all()


def test_the_optimum_of_a_parabola_is_found_between_the_rates() -> None:
    at = 0.7345
    found = optimum(RATES, np.exp(0.3 * np.log(RATES / at) ** 2 - 1))
    assert found.rate == pytest.approx(at)
    assert found.edge == ""
    assert optimum(RATES, RATES) == (RATES[0], "lowest")
    assert optimum(RATES, -np.log(RATES) + 9) == (RATES[-1], "highest")
    assert np.isnan(optimum(RATES, np.full(13, np.nan)).rate)


@pytest.mark.parametrize("power", [0.0, -1.0])
def test_the_scaling_with_the_width_is_recovered(power: float) -> None:
    best = {width: 0.5 * (width / 32) ** power for width in (16, 32, 64)}
    exact = scaling_with_width(sweep(best), seed=0)
    assert exact["exponent"] == pytest.approx(power, abs=1e-9)
    noisy = scaling_with_width(sweep(best, draws=8, noise=0.02), seed=0)
    assert noisy["low"] <= noisy["exponent"] <= noisy["high"]
    assert noisy["low"] - 0.05 < power < noisy["high"] + 0.05
    assert noisy["high"] - noisy["low"] < 0.5
    assert noisy["at_edge"] == 0


def test_a_sweep_that_misses_the_optimum_says_so() -> None:
    runs = sweep({16: 50.0, 32: 50.0})
    assert scaling_with_width(runs, seed=0)["at_edge"] == 2
    assert best_rate(runs[runs["width"] == 16], seed=0)["edge"] == "highest"


def test_a_curve_of_rates_has_a_row_a_rate() -> None:
    curve = rate_curve(sweep({16: 1.0}))
    assert list(curve["lr"]) == pytest.approx(list(RATES))
    assert (curve["replicas"] == 4).all()
    assert curve["low"].lt(curve["val_loss"]).all()
    assert curve["chosen"].sum() == 1


def test_a_size_with_one_rate_of_its_own_is_not_compared(tmp_path: Path) -> None:
    runs = sweep({16: 1.0})
    alone = runs[runs["lr"] == RATES[3]].assign(train_size=128)
    pd.concat([runs, alone]).to_csv(tmp_path / "runs.csv", index=False)
    curve = runs.iloc[0][CURVE_KEY].to_dict()
    compare_rates.make({"study": "s", "curves": [curve], "coordinates": []}, tmp_path, tmp_path)
    for name in ("rates", "best_rates"):
        assert set(pd.read_csv(tmp_path / f"{name}.csv")["train_size"]) == {64}
