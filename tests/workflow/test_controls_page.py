"""What the page on claims says of their controls is what the kept comparisons say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.documents import documented, prose, reference

TABLE = reference("claims/controls")
ONCE = TABLE.drop(columns="study").drop_duplicates()
ONLINE = ONCE[ONCE["quantity"] == "crossed_at"]
BETTER = ONCE[ONCE["finding"] == "better"]
NIGHT = reference("claims/controls-night")
TEXT = prose("docs/claims.md")


def times(rows: pd.DataFrame) -> float:
    return float(2 ** rows["log2_ratio"].median())


def test_numbers_of_comparisons() -> None:
    assert list(TABLE) == documented("controls.csv")
    assert set(TABLE["study"].str.removesuffix("-controlled")) == {
        *(f"a{n}" for n in range(1, 5)),
        *(f"b{n}" for n in range(1, 6)),
    }
    assert f"Studies share some of the {len(ONCE)} comparisons" in TEXT
    assert set(BETTER["control"]) == {"width x2"}
    patience = ONCE[(ONCE["control"] == "patience x2") & (ONCE["finding"] != "not compared")]
    assert f"Twice the patience never helps, at {len(patience)} points" in TEXT
    wide = ONCE[(ONCE["control"] == "width x2") & (ONCE["finding"] != "not compared")]
    assert f"Twice the width helps at {len(BETTER)} of {len(wide)} points" in TEXT
    assert set(TABLE[TABLE["study"] == "b4-controlled"]["finding"]) == {"within"}


def test_half_the_rate_takes_more_sentences() -> None:
    slow = ONLINE[ONLINE["control"] == "rate /2"]
    matched = slow[slow["architecture"].isin(["cnn", "lcn"])]
    first, second, third, last = (
        f"{times(rows):.2f}" for _, rows in matched.groupby("level") if len(rows)
    )
    told = f"(median {times(matched):.2f}; {first}, {second}, {third} and {last} at levels 1 to 4)"
    assert told in TEXT
    attending = slow[slow["architecture"] == "transformer"]
    by_level = [2 ** rows["log2_ratio"].median() for _, rows in attending.groupby("level")]
    told = "({:.2f}, {:.2f} and {:.2f} at levels 1 to 3)".format(*by_level)
    assert f"{times(attending):.2f} times as many for transformers {told}" in TEXT
    assert f"becomes {by_level[2] / by_level[1]:.2f} times as large" in TEXT
    ratios = 2 ** slow[slow["architecture"] == "fcn"]["log2_ratio"]
    assert f"factors scatter, from {ratios.min():.2f} to {ratios.max():.2f}." in TEXT


def test_twice_the_width_helps_upper_levels_of_cnns_and_lower_ones_of_transformers() -> None:
    better = BETTER[BETTER["quantity"] == "crossed_at"]
    deep = better[better["grammar"].isin(["deep-m3", "deep-m4"])]
    cnns = 2 ** deep[deep["architecture"] == "cnn"]["log2_ratio"]
    assert f"from {cnns.min():.2f} to {cnns.max():.2f} times the sentences" in TEXT
    attending = better[better["architecture"] == "transformer"]
    ratios = 2 ** attending["log2_ratio"]
    assert f"from {ratios.min():.2f} to {ratios.max():.2f} times. " in TEXT
    assert set(attending["level"]) == {1, 2}
    deepest = deep[(deep["architecture"] == "lcn") & (deep["level"] == 4)].squeeze()
    assert (deepest["rule_draws"], deepest["unpaired"]) == (1, 2)
    wide = ONLINE[(ONLINE["control"] == "width x2") & (ONLINE["architecture"] == "cnn")]
    ratios = wide[wide["grammar"].str.startswith("deep")].pivot_table(
        index="grammar", columns="level", values="log2_ratio"
    )
    assert (ratios[3] - ratios[2] < 0).all()  # farther from the prediction of B1
    errors = BETTER[BETTER["quantity"] == "test_error"]
    halved = errors[errors["log2_ratio"] < -1]
    assert len(halved) == 1 and halved["mean"].round(3).item() == 0.003
    others = 1 - 2 ** errors[errors["log2_ratio"] > -1]["log2_ratio"]
    assert len(others) == 5 and 0.005 < others.min() < 0.015 and 0.095 < others.max() < 0.105


def test_on_finite_training_sets_no_control_is_better() -> None:
    assert list(NIGHT) == list(TABLE)
    tokens = NIGHT[(NIGHT["task"] == "last_token") & (NIGHT["protocol"] == "finite")]
    # the networks of B4's only grammar are those of the others, under another name
    once = tokens[tokens["study"] != "b4-night"].drop(columns="study").drop_duplicates()
    assert f"At none of the {len(once)} points of next-token prediction on finite sets" in TEXT
    assert not tokens["finding"].isin(["better", "not compared"]).any()
    worse = once[once["finding"] == "worse"]["control"].value_counts()
    assert worse.to_dict() == {"rate /2": 5, "width x2": 1}
    assert "half the rate is worse at five, twice the width at one." in TEXT


def test_width_changes_the_constants_of_a3_alike_at_all_depths() -> None:
    wide = NIGHT[(NIGHT["study"] == "a3-night") & (NIGHT["control"] == "width x2")]
    zipf = wide[wide["grammar"].str.startswith("zipf")]
    better = zipf[zipf["finding"] == "better"]
    factors = 2 ** better["log2_ratio"]
    told = f"gives {factors.min():.2f} to {factors.max():.2f} times the error at {len(better)} of "
    assert told + f"{len(zipf)} points, at `a` = 1 by nearly the same factor" in TEXT
    one = better[better["grammar"].str.endswith("zipf1_1")]
    assert one["depth"].nunique() == 3 and np.ptp(2 ** one["log2_ratio"]) < 0.02
