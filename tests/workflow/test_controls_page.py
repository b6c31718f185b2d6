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


def wider(study: str) -> pd.DataFrame:
    """Its networks on Zipf rules beside those of twice the width, and ratios of errors."""
    wide = NIGHT[(NIGHT["study"] == study) & (NIGHT["control"] == "width x2")]
    zipf = wide[wide["grammar"].str.startswith("zipf")]
    return zipf.assign(ratio=2 ** zipf["log2_ratio"])


def test_twice_the_width_makes_errors_with_zipf_rules_a_little_smaller() -> None:
    told = []
    for study in ("a2-night", "a3-night"):
        points = wider(study)
        better = points[points["finding"] == "better"]
        ends = (better["ratio"].min(), better["ratio"].max(), len(better), len(points))
        told.append(ends)
    first, second = told
    said = "Of A2's curves with Zipf rules twice the width gives {:.2f} to {:.2f} times the error "
    said += "at {} of {} points, and of A3's {:.2f} to {:.2f} times at {} of {}, at `a` = 1 by "
    assert said.format(*first, *second) in TEXT
    one = better[better["grammar"].str.endswith("zipf1_1")]
    assert one["depth"].nunique() == 3 and np.ptp(one["ratio"]) < 0.02


def test_what_twice_the_width_would_change_of_exponents_is_the_reference() -> None:
    steeper = {}
    for grammar, points in wider("a2-night").groupby("grammar"):
        at = points.sort_values("train_size")
        octaves = np.diff(np.log2(at["train_size"].astype(float)))
        steeper[grammar] = -(np.diff(at["log2_ratio"]) / octaves).item()
    most = steeper.pop("zipf-L3-zipf1_2")
    others = max(map(abs, steeper.values()))
    told = f"exponents would change by {others:.2f} at most, but for `a` = 2 at `L = 3`, which "
    assert told + f"would be {-most:.2f} smaller" in TEXT


def test_what_half_the_rate_and_few_rules_do_to_errors_is_the_reference() -> None:
    half = NIGHT[NIGHT["study"].isin(["a2-night", "a3-night"]) & (NIGHT["control"] == "rate /2")]
    zipf = half[half["grammar"].str.startswith("zipf")]
    most = (2 ** zipf["log2_ratio"]).groupby(zipf["depth"]).max()
    told = f"Half the rate makes errors up to {most[3]:.2f} times as large at `L = 3`, and up to "
    assert told + f"{most[4]:.2f} times at `L = 4`, at `a` = 2," in TEXT
    assert most[2] < 1.03
    few = NIGHT[(NIGHT["grammar"] == "few-L3") & (NIGHT["train_size"] == 16384)]
    ratios = 2 ** few.groupby("control")["log2_ratio"].first()
    told = f"they are {ratios['width x2']:.1f} times as large with twice the width and "
    assert told + f"{ratios['rate /2']:.1f} times with half the rate." in TEXT


def test_what_is_said_of_zipf_rules_at_upper_levels_is_the_reference() -> None:
    mine = NIGHT[(NIGHT["study"] == "a4-night") & (NIGHT["architecture"] == "cnn")]
    upper = mine[mine["grammar"].str.startswith(("zipf-2", "zipf-3"))]
    upper = upper.assign(ratio=2 ** upper["log2_ratio"])
    wide, slow = (upper[upper["control"] == name] for name in ("width x2", "rate /2"))
    better = wide[wide["finding"] == "better"]["ratio"]
    told = f"from {better.min():.2f} to {better.max():.2f} times the sentences at {len(better)} of "
    told += f"{len(wide)} points, and half the rate makes them take {slow['ratio'].min():.2f} to "
    assert told + f"{slow['ratio'].max():.2f} times as many" in TEXT
    judged = upper[upper["grammar"] == "zipf-2-zipf2_0.5"]
    assert len(judged) == 8 and not (judged["finding"] == "better").any()
    assert "No control is better than that CNN's curve." in TEXT
