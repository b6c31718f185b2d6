"""What docs/scans.md says was found, held to the reference tables of the study."""

import re

import pandas as pd

from helpers.documents import prose, reference

FOUND = prose("docs/scans.md").split("## What was found")[1]


def test_every_interval_is_of_a_table() -> None:
    collapsed = reference("scan/scan_collapse").rename(columns={"residual": "estimate"})
    rows = pd.concat([collapsed, reference("scan/scan_laws")])
    known = {f"{row.estimate:.2f} [{row.low:.2f}, {row.high:.2f}]" for row in rows.itertuples()}
    told = re.findall(r"-?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\]", FOUND)
    assert len(told) >= 14 and {*told} <= known


def test_the_table_of_residuals_is_the_reference() -> None:
    rows = reference("scan/scan_collapse").query("experiment == 'classification'")
    rows = rows.set_index(["scaled_by", "architecture"])
    names = {"the exact threshold": "predicted", "`n m^L`": "bare", "the measured `P*`": "measured"}
    for name, scaled in names.items():
        cells = [name]
        for network in ("cnn", "lcn"):
            row = rows.loc[(scaled, network)]
            cells.append(f"{row['residual']:.2f} [{row['low']:.2f}, {row['high']:.2f}]")
            cells.append(f"{row['inside']:.0f} of {row['points']:.0f}")
        assert f"| {' | '.join(cells)} |" in FOUND
    assert f"the one free constant is {rows.loc[('predicted', 'lcn'), 'constant']:.2f}." in FOUND


def test_which_network_meets_the_target_is_the_reference() -> None:
    rows = reference("scan/scan_collapse").query(
        "experiment == 'classification' and scaled_by == 'predicted'"
    )
    ends = rows.set_index("architecture")[["low", "high", "factor"]]
    assert ends.loc["lcn", "high"] < ends.loc["lcn", "factor"] == 1.25
    assert ends.loc["cnn", "low"] > ends.loc["cnn", "factor"]


def test_deviations_along_the_depth_are_the_reference() -> None:
    rows = reference("scan/scan_deviations").query("experiment == 'classification' and axis == 'L'")
    cnn, lcn = (
        [f"{x:.2f}" for x in rows[rows["architecture"] == network]["estimate"]]
        for network in ("cnn", "lcn")
    )
    assert "is {} at `L = 3`, {} at `L = 4` and {} at `L = 5`".format(*cnn) in FOUND
    assert "network has {}, {} and {}.".format(*lcn) in FOUND


def test_powers_at_other_rates_are_the_reference() -> None:
    laws = reference("scan/scan_laws").query("experiment == 'training' and law == 'threshold'")
    slow, fast, wide = (
        laws[laws["architecture"] == name].iloc[0] for name in ("slow", "fast", "wide")
    )
    assert f"with the power {slow['estimate']:.2f} of the threshold at a quarter" in FOUND
    assert f"{fast['estimate']:.2f} at twice that rate, and {wide['estimate']:.2f} at" in FOUND
    assert fast["low"] < 0 and max(one["high"] for one in (slow, fast, wide)) > 2
    constants = reference("scan/scan_collapse").query(
        "experiment == 'last-token' and scaled_by == 'predicted'"
    )["constant"]
    assert f"network crosses at {constants.min():.1f} times the exact size" in FOUND
    assert f"the CNN at {constants.max():.1f} times." in FOUND


def test_what_the_training_took_is_the_reference() -> None:
    runs = reference("scan/runs")
    mine = runs.query("task == 'classification' and architecture == 'cnn'")
    assert f"took {runs['seconds'].sum() / 60:.0f} core-minutes" in FOUND
    assert f"of which {mine['seconds'].sum() / 60:.0f} were the CNN's" in FOUND
    collapsed = mine[mine["status"] != "ok"]
    assert len(collapsed) == 3 and {*collapsed["train_size"]} == {91, 128}
