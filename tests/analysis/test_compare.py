"""Verdicts on reproduced tables, from tables that are doctored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from rhm_scaling.analysis.compare import compare, compare_tables
from rhm_scaling.core.errors import UserError
from rhm_scaling.publish.reproduce import same_tables

REAL = ROOT / "results" / "reference" / "laptop"
NOISE = "within replica noise"


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(REAL / f"{name}.csv")


def doctored(name: str, column: str, row: int, factor: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    first = table(name)
    second = first.astype({column: float})
    second.loc[row, column] *= factor
    return first, second


@pytest.fixture
def runs() -> pd.DataFrame:
    """40 cells of 16 replicas each, whose errors scatter by a tenth."""
    rng = np.random.default_rng(0)
    cells = [(size, draw, seed) for size in range(40) for draw in range(4) for seed in range(4)]
    frame = pd.DataFrame(cells, columns=["train_size", "rule_seed", "init_seed"])
    return frame.assign(
        architecture="cnn",
        status="ok",
        stop_reason="patience",
        bayes_loss=1 / 3,
        test_error=1 + 0.1 * rng.standard_normal(len(frame)),
    )


@pytest.mark.parametrize("path", sorted(REAL.glob("*.csv")), ids=lambda path: path.stem)
def test_equal_tables_are_identical(path: Path) -> None:
    first, second = pd.read_csv(path), pd.read_csv(path)
    assert compare_tables(first, second) == ("identical", "")


def test_how_a_row_was_made_is_no_difference(tmp_path: Path) -> None:
    other = table("runs").assign(seconds=1.0, threads=99, pack=99, device="cuda", product="x")
    other.to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "first").mkdir()
    table("runs").to_csv(tmp_path / "first" / "runs.csv", index=False)
    assert list(compare(tmp_path / "first", tmp_path)["verdict"]) == ["identical"]


@pytest.mark.parametrize("name", ["theory", "predictions"])
def test_rounding_of_an_exact_number(name: str) -> None:
    row = int((table(name)["value"].abs() > 0).idxmax())
    assert compare_tables(*doctored(name, "value", row, 1 + 1e-9))[0] == NOISE
    verdict, detail = compare_tables(*doctored(name, "value", row, 1 + 1e-5))
    assert verdict == "different" and detail.startswith(f"column value, row {row + 1}:")


def test_text_in_a_column_that_elsewhere_has_what_is_measured() -> None:
    first, second = doctored("predictions", "value", 0, 1 + 1e-9)
    second.loc[3, "prediction"] = "another"
    verdict, detail = compare_tables(first, second)
    assert verdict == "different" and detail.startswith("column prediction, row 4:")


@pytest.mark.parametrize("name, column", [("curves", "mean"), ("fits", "exponent")])
def test_intervals_that_overlap(name: str, column: str) -> None:
    first = table(name)
    row = first["high"].first_valid_index()
    width = first.loc[row, "high"] - first.loc[row, "low"]
    # once, chance parts two intervals; not by as much as half their width
    for shift, verdict in ((0.5, NOISE), (1.3, NOISE), (1.7, "different")):
        second = first.copy()
        second.loc[row, [column, "low", "high"]] += shift * width
        assert compare_tables(first, second)[0] == verdict
        assert compare_tables(second, first)[0] == verdict


def test_many_intervals_that_do_not_overlap() -> None:
    first = table("curves")
    shift = 1.3 * (first["high"] - first["low"])
    second = first.assign(**{name: first[name] + shift for name in ("mean", "low", "high")})
    assert compare_tables(first, second)[0] == "different"


def test_exact_columns_have_no_noise() -> None:
    row = int(table("curves")["predicted"].first_valid_index() or 0)
    verdict, detail = compare_tables(*doctored("curves", "predicted", row, 1.001))
    assert verdict == "different" and f"column predicted, row {row + 1}" in detail


def test_a_row_without_an_interval_is_left_to_its_replicas() -> None:
    first = table("curves")
    row = first["high"].first_valid_index()
    second = first.assign(mean=first["mean"] * 2)
    second.loc[row, ["mean", "low", "high"]] = 10.0
    assert compare_tables(first, second)[0] == "different"
    second.loc[row, ["low", "high"]] = np.nan
    assert compare_tables(first, second)[0] == compare_tables(second, first)[0] == NOISE


def test_tuned_rates_are_measured() -> None:
    first = table("curves").assign(rates_tried=3)
    second = first.assign(lr=first["lr"] * 2)
    assert compare_tables(first, second)[0] == NOISE
    runs = table("runs")
    verdict, detail = compare_tables(runs, runs.assign(lr=runs["lr"] * 2))
    assert verdict == "different" and detail.startswith("column lr, row 1:")


def test_other_replicas_of_the_same_law_are_noise(runs: pd.DataFrame) -> None:
    for seed in range(1, 11):
        fresh = 1 + 0.1 * np.random.default_rng(seed).standard_normal(len(runs))
        verdict, detail = compare_tables(runs, runs.assign(test_error=fresh))
        assert verdict == NOISE and "test_error" in detail


def test_another_law_is_different(runs: pd.DataFrame) -> None:
    # a standard error is 0.1 / 4 each: 2.5 combined ones everywhere, or far off in one cell
    second = runs.assign(test_error=runs["test_error"] + 2.5 * 0.1 * np.sqrt(2) / 4)
    assert compare_tables(runs, second)[0] == "different"
    second = runs.copy()
    second.loc[runs["train_size"] == 7, "test_error"] += 0.3
    verdict, detail = compare_tables(runs, second)
    assert verdict == "different" and f"row {7 * 16 + 1}:" in detail


def test_a_single_replica_tells_no_noise(runs: pd.DataFrame) -> None:
    first = runs.drop_duplicates("train_size").reset_index(drop=True)
    second = first.copy()
    second.loc[3, "test_error"] += 0.001
    verdict, detail = compare_tables(first, second)
    assert verdict == "different" and "column test_error, row 4" in detail
    second.loc[3, "test_error"] = first.loc[3, "test_error"] * (1 + 1e-9)
    assert compare_tables(first, second)[0] == NOISE


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_share_without_a_number_is_compared(runs: pd.DataFrame, value: float) -> None:
    """Of replicas that diverged, or reached something at no size."""
    cell, each = runs["train_size"] == 7, np.arange(len(runs)) % 16 == 5
    none = runs.assign(test_error=value)
    assert compare_tables(none, none.copy())[0] == "identical"
    assert compare_tables(none, runs)[0] == compare_tables(runs, none)[0] == "different"
    # one of 16 is noise, in every cell; so is the only number of a cell; a whole cell is not
    one = runs.assign(test_error=runs["test_error"].mask(each, value))
    assert compare_tables(runs, one)[0] == compare_tables(one, runs)[0] == NOISE
    lone = none.assign(test_error=none["test_error"].mask(each, 64.0))
    assert compare_tables(lone, lone.assign(test_error=lone["test_error"] * 2))[0] == NOISE
    second = runs.assign(test_error=runs["test_error"].mask(cell, value))
    verdict, detail = compare_tables(runs, second)
    assert verdict == "different" and f"column test_error, row {7 * 16 + 1}:" in detail
    other = runs.assign(test_error=np.nan if np.isinf(value) else np.inf)
    assert compare_tables(none, other)[0] == "different"


def test_other_rows_names_and_text_are_different(runs: pd.DataFrame) -> None:
    assert compare_tables(runs, runs.iloc[:-1]) == ("different", "640 rows against 639")
    assert "columns differ" in compare_tables(runs, runs.drop(columns="bayes_loss"))[1]
    assert "columns differ" in compare_tables(runs, runs[runs.columns[::-1]])[1]
    second = runs.copy()
    second.loc[2, "architecture"] = "transformer"
    verdict, detail = compare_tables(runs, second)
    assert verdict == "different" and "column architecture, row 3: " in detail
    seeds = runs.assign(rule_seed=runs["rule_seed"] + 1)
    assert "column rule_seed, row 1" in compare_tables(runs, seeds)[1]
    # how a replica ended is a consequence of what is measured
    for column, value in (("stop_reason", "max_steps"), ("status", "diverged")):
        assert compare_tables(runs, runs.assign(**{column: value}))[0] == NOISE


def test_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    with pytest.raises(UserError, match="no tables"):
        compare(first, second)
    for name in ("runs", "theory", "fits"):
        table(name).to_csv(first / f"{name}.csv", index=False)
        table(name).to_csv(second / f"{name}.csv", index=False)
    same_tables(first, second)
    assert "3 tables identical, 0 within replica noise" in capsys.readouterr().out
    doctored("theory", "value", 7, 2)[1].to_csv(second / "theory.csv", index=False)
    (second / "fits.csv").unlink()
    with pytest.raises(UserError, match=r"fits\.csv, theory\.csv$"):
        same_tables(first, second)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"fits.csv    different  is not in {second}"
    assert lines[1] == "runs.csv    identical"
    assert lines[2].startswith("theory.csv  different  column value, row 8: ")
    (second / "runs.csv").write_text('a\n"1', encoding="utf-8")
    with pytest.raises(UserError, match=r"runs\.csv: is not a table"):
        compare(first, second)
