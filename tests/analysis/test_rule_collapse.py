"""Curves of all ranks that are one, and that are not, on made-up errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.rule_errors import (
    CURVES,
    FEWEST,
    collapse,
    error_of_one_rule,
    rule_error_curves,
)

SIZES = 2.0 ** np.arange(10, 20)
CHANCE, LEARNT_AT, SCALE = 0.75, 0.2, 64.0  # P_k f_k is the scale
KEY = dict.fromkeys(CURVE_KEY, "same")


def made_up(thresholds: NDArray[np.float64], f: NDArray[np.float64], grammar: str) -> pd.DataFrame:
    """Curves of ranges of ranks whose rules are learnt at a fifth of `thresholds`."""
    rows = [
        {
            **{**KEY, "grammar": grammar},
            **{"train_size": size, "level": 1, "rank_low": 2**octave, "rank_high": 2**octave},
            **{"probability": f[octave], "threshold": SCALE / f[octave], "sentences": 1000},
            "mean": CHANCE / (1 + size / (LEARNT_AT * at)),
            **{"chance": CHANCE, "predicted": np.nan},
        }
        for octave, at in enumerate(thresholds)
        for size in SIZES
    ]
    return pd.DataFrame(rows)


def of_zipf(a: float, source: np.random.Generator | None = None) -> pd.DataFrame:
    """Those of one Zipf exponent; of a source, with thresholds of other ranks."""
    f = (2.0 ** np.arange(10)) ** -(1 + a)
    f /= f.sum()
    thresholds = SCALE / f if source is None else SCALE / source.permutation(f)
    return made_up(thresholds, f, f"a={a}")


def test_curves_that_are_one_have_no_spread() -> None:
    found = collapse(pd.concat([of_zipf(a) for a in (0.5, 1.0, 2.0)]))
    assert found["bins"] >= 10
    assert found["spread"] == pytest.approx(1, abs=0.02)
    assert found["learnt_at"] == pytest.approx(LEARNT_AT, rel=0.02)
    assert found["learnt_at_f"] == pytest.approx(LEARNT_AT * SCALE, rel=0.02)
    assert found["shuffled"] > 10
    assert np.isnan(found["predicted_at"])


def test_rules_that_are_learnt_at_the_thresholds_of_others_are_far_apart() -> None:
    source = np.random.default_rng(0)
    for _ in range(5):
        found = collapse(pd.concat([of_zipf(a, source) for a in (0.5, 1.0, 2.0)]))
        assert found["spread"] > 10
        assert found["shuffled"] > 10


def test_ranges_with_few_sentences_or_no_crossing_do_not_count() -> None:
    rows = of_zipf(1.0)
    whole = collapse(rows)
    few = rows.assign(sentences=np.where(rows["rank_low"] == 16, FEWEST - 1, FEWEST))
    assert collapse(few)["bins"] == whole["bins"] - 1
    assert collapse(rows[rows["train_size"] < 2048])["bins"] < 2
    never = collapse(rows.assign(mean=CHANCE))
    assert never["bins"] == 0
    assert np.isnan(never["spread"])
    assert np.isnan(never["learnt_at"])


def test_one_range_has_a_place_and_no_spread() -> None:
    rows = of_zipf(1.0)
    found = collapse(rows[rows["rank_low"] == 16])
    assert found["bins"] == 1
    assert found["learnt_at"] == pytest.approx(LEARNT_AT, rel=0.02)
    assert np.isnan(found["spread"]) and np.isnan(found["shuffled"])


def test_what_uniform_rules_predict_is_passed_where_it_is() -> None:
    def known(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(1 + np.log10(ratios) / 2, 0, 1)  # half at a tenth of the threshold

    rows = of_zipf(1.0)
    ratios = (rows["train_size"] / rows["threshold"]).to_numpy()
    # with all three other patches known, one unknown patch leaves the class open
    predicted = error_of_one_rule(known, np.array([CHANCE, CHANCE, CHANCE, CHANCE, 0.0]), ratios)
    assert predicted[ratios > 1] == pytest.approx(0)
    assert predicted[ratios < 0.01] == pytest.approx(CHANCE)
    found = collapse(rows.assign(predicted=predicted))
    assert found["predicted_at"] == pytest.approx(0.1, rel=0.02)


def test_errors_are_averaged_over_rule_draws() -> None:
    draws = pd.DataFrame(
        [
            {
                **{"train_size": 64, "level": 1, "rank_low": 2, "rank_high": 3},
                **{"rule_seed": rule, "probability": f, "sentences": 10, "errors": errors},
                "threshold": 1 / f,
            }
            for rule, f, errors in ((0, 0.1, 2), (0, 0.1, 4), (1, 0.4, 9), (1, 0.4, 9))
        ]
    )
    (row,) = rule_error_curves(draws).to_dict("records")
    assert list(row) == CURVES
    assert row["mean"] == pytest.approx((0.3 + 0.9) / 2)
    assert 0 < row["low"] < row["mean"] < row["high"] < 1
    assert row["threshold"] == pytest.approx(5)
    assert (row["sentences"], row["rule_draws"], row["replicas"]) == (40, 2, 4)
    assert rule_error_curves(draws[:0]).empty
