"""Every figure is a column wide, its fonts embedded, its levels whole, its legends off the data."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.analysis.size_scaling import FAMILY
from rhm_scaling.plots.curves import (
    exponent_in_words,
    learning_curves,
    local_exponents,
    recoveries,
)
from rhm_scaling.plots.rates import learning_rates, slope_in_words
from rhm_scaling.plots.sizes import network_sizes
from rhm_scaling.plots.style import apart, looks, same_curves, style

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
LEARNERS = {
    **{"cnn": "cnn", "transformer": "transformer", "lcn": "transformer", "fcn": "transformer"},
    **{"counting": "cnn", "counting-unshared": "transformer"},
}
# columns that the older of the reference tables lack
OF_OLD = {
    "collapsed": 0,
    "protocol": "finite",
    "context": 0,
    "predicted_smooth": np.nan,
    "lookup": np.nan,
}


def reference(study: str, task: str, *depths: int) -> tuple[pd.DataFrame, ...]:
    """Curves of one task of a reference study, and the fits, theory and slopes beside."""
    names = ("curves", "fits", "theory", "local_exponents")
    curves, fits, theory, local = (
        pd.read_csv(REFERENCE / study / f"{name}.csv", low_memory=False) for name in names
    )
    for table in (curves, fits, local):
        for column, value in OF_OLD.items():
            if column not in table:
                table[column] = value
        if "sentences" not in table and "train_size" in table:
            table["sentences"] = table["train_size"]
    mine = curves[(curves["task"] == task) & (curves["depth"].isin(depths))].copy()
    mine["learner"] = mine["architecture"].map(LEARNERS)
    known = theory[theory["grammar"].isin(mine["grammar"]) & (theory["task"] == task)]
    return mine, fits, known, local


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("study", "task", "depth"),
    [
        *(("laptop", "last_token", 4), ("laptop", "classification", 2)),
        *(("laptop", "classification", 3), ("b5-night", "last_token", 4)),
    ],
)
def test_learning_curves_can_be_read_at_a_columns_width(
    study: str, task: str, depth: int, tmp_path: Path
) -> None:
    style()
    curves, fits, theory, local = reference(study, task, depth)
    readable(learning_curves(curves, fits, theory, "A title of $L$"), tmp_path)
    readable(local_exponents(curves, local, fits, "A title of $L$"), tmp_path)


def test_predictions_that_coincide_are_all_drawn() -> None:
    style()
    curves, fits, theory, _ = reference("laptop", "last_token", 4)
    axis = learning_curves(curves, fits, theory, "title").axes[1]
    dashed = [line for line in axis.lines if line.get_markerfacecolor() == "white"]
    assert len(dashed) == 4  # n-grams have no prediction
    pairs = [dashed[:2], dashed[2:]]
    for first, second in pairs:
        assert np.allclose(first.get_ydata(), second.get_ydata())
        assert first.get_color() != second.get_color()
        places = [line.get_markevery() for line in (first, second)]
        assert [place[0] for place in places] == [0, 1]
        assert [place[1] for place in places] == [2, 2]
    plt.close()


def test_intervals_without_an_end_do_not_decide_the_axis() -> None:
    style()
    curves, fits, theory, _ = reference("laptop", "last_token", 4)
    for high, most in ((np.nan, 2), (1e6, 5)):
        axis = learning_curves(curves.assign(high=high), fits, theory, "title").axes[1]
        assert curves["mean"].max() < axis.get_ylim()[1] < most * curves["mean"].max()
        plt.close()


def test_thresholds_are_named_in_the_legend_and_stand_above_the_data() -> None:
    style()
    curves, fits, theory, _ = reference("laptop", "last_token", 4)
    figure = learning_curves(curves, fits, theory, "title")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "threshold $P_4$ (above)" in texts
    levels = [text.get_text() for text in figure.axes[1].texts]
    assert levels and set(levels) <= {"2", "3", "4"}
    plt.close()


def test_entropies_are_named_for_each_of_several_grammars() -> None:
    style()
    curves, fits, theory, _ = reference("b5-night", "last_token", 4)
    axis = learning_curves(curves, fits, theory, "title").axes[0]
    names = [text.get_text() for text in axis.texts]
    assert names.count("$H_{4}$") == curves["grammar"].nunique() > 1
    plt.close()


def fit(**numbers: float) -> pd.Series:
    return pd.Series({"exponent": np.nan, "low": np.nan, "high": np.nan, **numbers})


@pytest.mark.parametrize(
    ("numbers", "drops", "told"),
    [
        ({}, False, "no fit"),
        ({"exponent": 9.1, "low": 7.18, "high": 11.03}, True, "drops, no power law"),
        ({"exponent": -0.001, "low": -0.002, "high": 0.0}, False, "does not fall"),
        ({"exponent": 0.5}, False, "0.50"),
        ({"exponent": 0.5, "low": -0.001, "high": 1.0}, False, "0.50 [0.00, 1.00]"),
    ],
)
def test_an_exponent_that_is_no_result_is_not_printed(
    numbers: dict[str, float], drops: bool, told: str
) -> None:
    assert exponent_in_words(fit(**numbers), drops) == told


def test_uniform_rules_have_no_exponent_in_classification() -> None:
    style()
    figure = learning_curves(*reference("laptop", "classification", 2)[:3], "title")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "uniform: drops, no power law" in texts
    plt.close()


def test_recovered_symbols_can_be_read_at_a_columns_width(tmp_path: Path) -> None:
    style()
    tables = [
        pd.read_csv(REFERENCE / "laptop" / f"{name}.csv") for name in ("recovery", "recovered_at")
    ]
    figure = recoveries(*tables, "title")
    readable(figure, tmp_path)


def test_symbols_that_are_recovered_worse_than_by_guessing_are_seen(tmp_path: Path) -> None:
    style()
    tables = [
        pd.read_csv(REFERENCE / "laptop" / f"{name}.csv") for name in ("recovery", "recovered_at")
    ]
    smallest = tables[0]["train_size"] == tables[0]["train_size"].min()
    for worst, drawn in ((-0.1, -0.1), (-5.0, -0.25)):
        tables[0].loc[smallest & (tables[0]["level"] == 3), "recovered"] = worst
        figure = recoveries(*tables, "title")
        for axis in figure.axes:
            assert "0: guessed" in axis.get_ylabel()
            bottom, top = axis.get_ylim()
            lines = [line.get_ydata() for line in axis.lines if line.get_linestyle() == "-"]
            assert min(np.min(values) for values in lines) == pytest.approx(drawn)
            assert drawn - 0.1 < bottom < drawn and top < 1.2
        readable(figure, tmp_path)


def of_study(study: str, *names: str) -> list[pd.DataFrame]:
    tables = [pd.read_csv(REFERENCE / study / f"{name}.csv") for name in names]
    return [table if "context" in table else table.assign(context=0) for table in tables]


@pytest.mark.parametrize("study", ["rates", "attention"])
def test_learning_rates_can_be_read_at_a_columns_width(study: str, tmp_path: Path) -> None:
    style()
    tables = of_study(study, "rates", "best_rates", "rate_scaling", "coordinates")
    readable(learning_rates("A title of $L$", *tables), tmp_path, beside=2)


def test_best_rates_of_sizes_stand_beside_that_of_online_training(tmp_path: Path) -> None:
    style()
    rates, best = of_study("claims-rates", "rates", "best_rates")
    scaling, coordinates = of_study("rates", "rate_scaling", "coordinates")
    mine = [table[table["architecture"] == "transformer"] for table in (rates, best)]
    figure = learning_rates("A title of $L$", *mine, scaling[:0], coordinates[:0])
    losses, optima = figure.axes
    assert "online" in losses.get_legend().get_title().get_text()
    assert [label.get_text() for label in optima.get_xticklabels()] == ["512", "2048", "8192"]
    left, right = optima.get_xlim()
    assert 256 < left < 512 and 8192 < right < 16384
    endless = best[np.isinf(best["train_size"]) & (best["architecture"] == "transformer")]
    lines = [[*line.get_ydata()] for line in optima.lines if line.get_linestyle() == "--"]
    assert lines == [[endless["optimum"].iloc[0]] * 2]
    readable(figure, tmp_path, beside=2)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"exponent": -0.0001, "low": 0.0, "high": 0.0}, "does not move"),
        ({"exponent": 0.0, "low": -0.2, "high": 0.2}, "0.00 [−0.20, 0.20]"),
        ({"exponent": -0.5}, "−0.50"),
    ],
)
def test_a_best_rate_that_does_not_move_has_no_exponent(
    numbers: dict[str, float], told: str
) -> None:
    assert slope_in_words(fit(**numbers)) == told


def test_network_sizes_can_be_read_and_show_no_exponent_that_any_steep_law_has(
    tmp_path: Path,
) -> None:
    style()
    tables = of_study("sizes", "sizes", "scaling", "compute", "frontier", "levels")
    families = tables[0][[*FAMILY]].drop_duplicates().to_dict("records")
    figure = network_sizes("title", families, *tables)
    readable(figure, tmp_path)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "$P=2048$" in texts  # its fit has 9.10 [7.18, 11.03]: one size lies above the floor
    assert any(text.startswith("online: 1.88 [1.58, 2.17]") for text in texts)


def test_no_two_curves_look_the_same() -> None:
    assert len(set(looks(99))) == 99


def test_labels_are_moved_apart_in_their_order() -> None:
    places = apart([1.0, 0.3, 0.25, 0.2], 0.1)
    assert np.all(-np.diff(places) >= 0.1 - 1e-6)
    assert apart([0.0, 5.0], 1.0) == [0.0, 5.0]


def test_curves_of_equal_values_are_found() -> None:
    one, two = np.array([1.0, np.nan]), np.array([1.0, 2.0])
    assert same_curves({"a": one, "b": two, "c": one.copy()}) == [["a", "c"], ["b"]]
