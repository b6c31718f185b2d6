"""What the page on sparse grammars says was found, held against the reference results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.documents import ROOT, prose, reference
from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

PAGE = "docs/sparse.md"
NAMES = {"cnn": "CNN", "lcn": "locally connected"}


def size(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "-"


def test_sizes_are_those_of_the_table() -> None:
    text = prose(PAGE)
    points = reference("sparse/scan_points")
    for row in points.to_dict("records"):
        told = f"{size(row['crossed_at'])} [{size(row['low'])}, {size(row['high'])}]"
        if not np.isfinite(row["crossed_at"]):
            told = f"{row['draws']} of {row['rule_draws']} draws"
        cells = [NAMES[row["architecture"]], str(row["sparsity"]), told]
        cells += [size(row["threshold"]), size(row["bare"])]
        assert f"| {' | '.join(cells)} |" in text


def test_exponents_are_those_of_the_law_of_blanks() -> None:
    text = prose(PAGE)
    laws = reference("sparse/scan_laws").query("law == 'blanks'")
    assert len(laws) == 2
    for row in laws.to_dict("records"):
        told = f"{row['estimate']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        cells = [NAMES[row["architecture"]], f"{row['points']}", told]
        cells += [f"{row['predicted_same_fit']:.0f}", f"{row['bare_same_fit']:.0f}"]
        assert f"| {' | '.join(cells)} |" in text
    found = laws.set_index("architecture")
    assert (
        found.loc["lcn", "low"] < found.loc["lcn", "predicted_same_fit"] < found.loc["lcn", "high"]
    )
    assert found.loc["cnn", "low"] > 2
    assert found.loc["lcn", "low"] > 3
    ratios = reference("sparse/scan_points").set_index(["architecture", "sparsity"])["ratio"]
    told = "{:.2f} of the threshold without blanks, {:.2f} with one and {:.2f} with two"
    assert told.format(*ratios["cnn"][[0, 1, 2]]) in text
    told = "{:.2f}, {:.2f} and {:.2f} of the threshold with none, one and two blanks"
    assert told.format(*ratios["lcn"][[0, 1, 2]]) in text


def test_one_network_was_ended_too_early() -> None:
    runs = reference("sparse/runs").query("architecture == 'lcn' and grammar == 'three-sparsity2'")
    errors = runs.pivot(index="rule_seed", columns="train_size", values="test_error")
    late = errors[errors[8192] > errors[4096]]
    assert len(late) == 1 and len(errors) == 4
    assert (errors[16384] < 0.01).all()
    ended = runs[(runs["rule_seed"] == late.index[0]) & (runs["train_size"] == 8192)]
    assert ended["stop_reason"].tolist() == ["patience"]


@pytest.fixture(scope="module")
def answers() -> tuple[pd.DataFrame, pd.Series]:
    """Sensitivities of the answer, a column a change and level, beside the error over chance."""
    table = reference("sparse/sensitivity_curves").query("layer == 'output'")
    key = [*CURVE_KEY, "train_size"]
    wide = table.pivot_table("mean", key, ["change", "level"])
    errors = reference("sparse/curves").set_index(key)
    return wide, (errors["mean"] / errors["chance"]).loc[wide.index]


def test_sensitivities_fall_with_the_error(answers: tuple[pd.DataFrame, pd.Series]) -> None:
    text = prose(PAGE)
    wide, error = answers
    for change in ("synonyms", "blanks"):
        found = np.corrcoef(wide[change].mean(axis=1), error)[0, 1]
        assert f"{found:.2f} for {change}" in text
    both = np.corrcoef(wide["synonyms"].mean(axis=1), wide["blanks"].mean(axis=1))[0, 1]
    assert f"with each other by {both:.2f}" in text
    most, least = wide[error < 0.05].max(), wide[error > 0.9].min()
    told = [most["blanks"].max(), most["synonyms"].max()]
    assert (
        "at most {:.2f} to blanks and {:.2f} to synonyms where the error is below".format(*told)
        in text
    )
    told = [least["blanks"].min(), least["synonyms"].min()]
    assert (
        "at least {:.2f} to blanks and {:.2f} to synonyms where the error is above".format(*told)
        in text
    )


def test_the_results_are_those_of_the_study_as_it_is() -> None:
    plan = Plan(load_study(ROOT / "config" / "studies" / "sparse.yaml"))
    # but for the code that made them
    made, planned = (
        {name.rpartition("-")[0] for name in names}
        for names in (reference("sparse/runs")["product"], [block.name for _, block in plan.blocks])
    )
    assert made == planned
