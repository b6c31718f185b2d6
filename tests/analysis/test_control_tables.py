"""What controls say, from replicas whose errors are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.controls import (
    BETTER,
    COMPARED,
    NOT_COMPARED,
    WITHIN,
    WORSE,
    crossings_compared,
    errors_compared,
    told,
)
from rhm_scaling.analysis.curves import mean_and_interval

ERRORS = [0.10, 0.12, 0.09, 0.11]
KEY = {
    **{"grammar": "zipf-L2", "task": "classification", "architecture": "cnn", "width": 64},
    **{"depth": 2, "protocol": "finite", "context": 0},
}


def replicas(errors: Sequence[float], status: str = "ok", size: int = 65536) -> pd.DataFrame:
    """A replica a rule draw."""
    draws = {"rule_seed": range(len(errors)), "sample_seed": 0, "init_seed": 0}
    return pd.DataFrame({**draws, "train_size": size, "test_error": errors, "status": status})


def one(curve: pd.DataFrame, control: pd.DataFrame) -> dict[str, Any]:
    (row,) = errors_compared(curve, control, "test_error")
    return row


def levels(curve: Sequence[float], control: Sequence[float], failed: int = 0) -> dict[str, Any]:
    """The crossing of level 1, of draws some of whose controls failed."""
    seeds = range(len(curve))
    crossed = pd.DataFrame({"rule_seed": seeds, "level": 1, "crossed_at": curve})
    its = crossed.assign(crossed_at=control)[failed:]
    runs = replicas(np.zeros(len(curve)).tolist())
    runs.loc[: failed - 1, "status"] = "collapsed"
    (row,) = crossings_compared(crossed, its, runs, [1])
    return row


def test_the_interval_of_an_error_ends_below_one() -> None:
    row = one(replicas([0.5, 0.95]), replicas([0.5, 0.9]))
    assert 0 < row["low"] < row["mean"] < row["high"] < 1


def test_means_intervals_and_paired_ratios() -> None:
    control = [0.8 * error for error in ERRORS]
    # sizes and rule draws that the control has not do not enter
    curve = pd.concat([replicas([*ERRORS, 0.9]), replicas([0.5] * 4, size=16384)])
    row = one(curve, replicas(control))
    assert [row[name] for name in ("mean", "low", "high")] == pytest.approx(
        mean_and_interval(np.array(ERRORS), most=1.0)
    )
    assert row["control_mean"] == pytest.approx(np.mean(control))
    # every draw has the same ratio, however far draws differ
    assert row["log2_ratio"] == pytest.approx(np.log2(0.8))
    assert row["log2_low"] == pytest.approx(row["log2_high"])
    assert (row["train_size"], row["rule_draws"], row["unpaired"]) == (65536, 4, 0)
    assert set(row) == {*COMPARED} - {"control"}


@pytest.mark.parametrize(
    ("factors", "finding"),
    [
        ([1.0] * 4, WITHIN),
        ([0.8, 1.1, 0.9, 1.1], WITHIN),
        ([1.0, 1.0, 1.0, 0.9], WITHIN),  # where a control changes one draw alone
        # far smaller than what tells rule draws apart, yet the same in each
        ([0.9, 0.92, 0.9, 0.88], BETTER),
        ([1.1, 1.12, 1.1, 1.08], WORSE),
        # beyond the interval of the curve, though ratios differ
        ([0.1, 0.9, 0.1, 0.01], BETTER),
        ([1.0, 9.0, 1.0, 1.0], WORSE),
    ],
)
def test_a_control_differs_by_its_mean_or_draw_by_draw(factors: list[float], finding: str) -> None:
    control = [factor * error for factor, error in zip(factors, ERRORS, strict=True)]
    row = one(replicas(ERRORS), replicas(control))
    assert row["finding"] == finding


def test_replicas_of_a_draw_are_averaged_first() -> None:
    twice = pd.concat([replicas(ERRORS), replicas([e + 0.02 for e in ERRORS])])
    row = one(twice, twice)
    assert row["mean"] == pytest.approx(np.mean(ERRORS) + 0.01)
    assert (row["rule_draws"], row["log2_ratio"]) == (4, 0)


def test_failed_controls_are_counted_and_leave_their_draws_out() -> None:
    control = replicas([0.1 * error for error in ERRORS])
    control.loc[0, "status"] = "collapsed"
    row = one(replicas(ERRORS), control)
    assert (row["collapsed"], row["diverged"]) == (1, 0)
    assert (row["rule_draws"], row["unpaired"], row["finding"]) == (3, 1, BETTER)
    assert row["mean"] == pytest.approx(np.mean(ERRORS[1:]))
    for status in ("collapsed", "diverged"):
        row = one(replicas(ERRORS), replicas(ERRORS, status))
        assert (row[status], row["unpaired"], row["finding"]) == (4, 4, NOT_COMPARED)


def test_a_curve_without_mistakes() -> None:
    none = replicas([0.0] * 4)
    assert one(none, none)["finding"] == WITHIN
    assert one(none, replicas([0.0, 0.0, 0.0, 0.1]))["finding"] == WORSE
    row = one(replicas(ERRORS), none)
    assert (row["finding"], row["log2_ratio"]) == (BETTER, -np.inf)


def test_levels_are_compared_where_both_learn_them() -> None:
    curve, inf = [100.0, 120.0, 90.0, np.inf], np.inf
    row = levels(curve, [50.0, 60.0, inf, 45.0])
    assert (row["rule_draws"], row["unpaired"]) == (2, 2)
    assert row["mean"] == pytest.approx(np.sqrt(100 * 120))
    assert row["log2_ratio"] == pytest.approx(-1)
    assert levels(curve, [2 * at for at in curve])["finding"] == WORSE
    assert levels(curve, [at / 2 for at in curve])["finding"] == BETTER
    assert levels(curve, curve)["finding"] == WITHIN


@pytest.mark.parametrize(
    ("curve", "control", "finding"),
    [
        ([np.inf] * 4, [50.0] * 4, BETTER),
        ([50.0] * 4, [np.inf] * 4, WORSE),
        ([np.inf] * 4, [np.inf] * 4, NOT_COMPARED),
        ([np.inf] * 4, [50.0, np.inf, np.inf, np.inf], NOT_COMPARED),
        ([50.0, np.inf, np.inf, np.inf], [40.0] * 4, BETTER),
        ([np.nan] * 4, [50.0] * 4, NOT_COMPARED),  # before the first size
    ],
)
def test_levels_that_one_of_both_learns(
    curve: list[float], control: list[float], finding: str
) -> None:
    assert levels(curve, control)["finding"] == finding


def test_trainings_that_failed_learn_no_level_later() -> None:
    row = levels([50.0] * 4, [50.0] * 4, failed=4)
    assert (row["collapsed"], row["unpaired"], row["finding"]) == (4, 4, NOT_COMPARED)


def table(*rows: dict[str, Any], **key: Any) -> pd.DataFrame:
    return pd.DataFrame([{**KEY, **key, **row} for row in rows])


BETTER_ROW = {
    **one(replicas(ERRORS), replicas([0.5 * error for error in ERRORS])),
    "control": "rate /2",
}
WORSE_ROW = {
    **one(replicas(ERRORS), replicas([2 * error for error in ERRORS])),
    "control": "width x2",
}
SAME_ROW = {**one(replicas(ERRORS), replicas(ERRORS)), "control": "patience x2"}


def test_marks_name_the_curve_the_size_and_the_control() -> None:
    said = told(table(BETTER_ROW, WORSE_ROW, SAME_ROW))
    assert said.limited == [
        "limited by training: cnn on zipf-L2 at 65,536: half the rate gives 0.5 times the error"
    ]
    assert said.differing == [
        "the control differs: worse: cnn on zipf-L2 at 65,536: twice the width gives 2 times the "
        "error"
    ]
    assert said.summary == (
        "3 comparisons: 1 within, 1 better, 1 worse, 0 not compared; trainings of controls that "
        "failed: 0 diverged, 0 collapsed"
    )


def test_what_tells_curves_of_one_architecture_apart_is_named() -> None:
    wide = table(BETTER_ROW, width=128)
    said = told(pd.concat([table(BETTER_ROW), wide]))
    assert [line.split(": ")[1] for line in said.limited] == [
        "cnn, width 64, on zipf-L2 at 65,536",
        "cnn, width 128, on zipf-L2 at 65,536",
    ]


def test_levels_of_online_curves_in_words() -> None:
    online = {"protocol": "online", "task": "last_token"}
    rows = [
        {**levels([100.0, 110.0, 90.0, 95.0], [70.0] * 4), "control": "rate /2"},
        {**levels([np.inf] * 4, [70.0] * 4), "control": "rate /2"},
        {**levels([90.0] * 4, [90.0] * 4, failed=4), "control": "width x2"},
        {**levels([90.0] * 4, [np.inf] * 4), "control": "width x2"},
    ]
    said = told(table(*rows, **online))
    head = "limited by training: cnn, online, on zipf-L2 at level 1: half the rate"
    assert said.limited == [
        f"{head} takes 0.71 times the sentences",
        f"{head} learns it, and the curve does not",
    ]
    assert said.differing[0].endswith("twice the width does not learn it")
    assert said.summary.endswith("failed: 0 diverged, 4 collapsed")


def test_a_control_beside_a_curve_without_a_mistake_in_words() -> None:
    row = {**one(replicas([0.0] * 4), replicas([0.01] * 4)), "control": "width x2"}
    (said,) = told(table(row)).differing
    assert said.endswith("at 65,536: twice the width gives an error of 0.01, the curve none")


def test_a_control_without_a_mistake_in_words() -> None:
    row = {**one(replicas([0.01] * 4), replicas([0.0] * 4)), "control": "width x2"}
    (said,) = told(table(row)).limited
    assert said.endswith("at 65,536: twice the width gives no error, the curve 0.01")
