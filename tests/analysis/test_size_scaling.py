"""Loss against size, data and compute: tables of networks whose laws are known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis import size_scaling
from rhm_scaling.analysis.curves import REPLICA_KEY
from rhm_scaling.analysis.loss_surface import Effort, Surface, optimal_size
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.plots.sizes import network_sizes
from rhm_scaling.plots.style import save
from rhm_scaling.theory.complexities import parameters_needed

pytestmark = pytest.mark.slow

SIZES = {4: 100, 8: 300, 16: 1000, 32: 3000, 64: 10000}  # parameters by width
BATCH, CHANCE = 100, 8.0
TRUTH = Surface(0.0, 20.0, 0.5, 200.0, 0.7, True)
EFFORT = Effort(6.0, 1.2)
KEY = {"grammar": "g", "task": "last_token", "architecture": "cnn", "context": 0}


def operations(size: float) -> float:
    """Of a step."""
    return BATCH * float(EFFORT.at(np.array([size]))[0])


def replicas(measure: Callable[[int, float], float], data: list[float]) -> pd.DataFrame:
    """Rows of three rule draws, whose losses lie around the law's by known factors."""
    return pd.DataFrame(
        [
            {
                **KEY,
                **{"width": width, "depth": 2, "parameters": size, "body_parameters": size // 2},
                **{"operations": operations(size), "train_size": amount, "lr": 0.1},
                **{
                    "rates_tried": 1,
                    "sentences": amount,
                    "rule_seed": draw,
                    "sample_seed": 0,
                    "init_seed": 0,
                },
                **{"status": "ok", "test_loss": 1.0, "bayes_loss": 0.5, "overlap": 0.0},
                "test_excess": factor * measure(size, amount),
            }
            for (width, size), amount in itertools.product(SIZES.items(), data)
            for draw, factor in enumerate((0.9, 1.0, 1.1))
        ]
    )


def law(size: float, amount: float) -> float:
    return float(TRUTH.at(np.array([size]), np.array([amount]))[0])


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return replicas(law, [500.0, 2000.0, 8000.0, np.inf])


def estimate(fits: pd.DataFrame, quantity: str, fit: str, floor: str = "exact") -> float:
    rows = fits[(fits["fit"] == fit) & (fits["floor"] == floor) & (fits["quantity"] == quantity)]
    return float(rows["estimate"].item())


def test_a_row_a_size_and_amount_of_data(runs: pd.DataFrame) -> None:
    table = size_scaling.sizes_table(runs, CHANCE)
    assert list(table["parameters"].unique()) == list(SIZES.values())
    assert len(table) == 20
    assert table["mean"].to_numpy() == pytest.approx(
        [law(row.parameters, row.train_size) for row in table.itertuples()]
    )
    assert (table["fitted"] == (table["mean"] <= CHANCE / 2)).all()
    assert 0 < table["fitted"].sum() < 20
    assert (table["operations"] == table["parameters"].map(operations)).all()


@pytest.fixture(scope="module")
def fits(runs: pd.DataFrame) -> pd.DataFrame:
    return size_scaling.family_fits(runs, size_scaling.sizes_table(runs, CHANCE), seed=0)


def test_laws_are_recovered_where_networks_have_begun_to_learn(fits: pd.DataFrame) -> None:
    for floor in ("exact", "free"):
        assert estimate(fits, "size_exponent", "joint", floor) == pytest.approx(0.5, abs=1e-3)
        assert estimate(fits, "data_exponent", "joint", floor) == pytest.approx(0.7, abs=1e-3)
        assert estimate(fits, "size_amplitude", "joint", floor) == pytest.approx(20, rel=0.01)
    assert estimate(fits, "floor", "joint", "free") < 1e-3
    online = fits[np.isinf(fits["train_size"]) & (fits["floor"] == "exact")]
    assert online.set_index("quantity")["estimate"]["size_exponent"] == pytest.approx(0.5, abs=1e-3)
    # with few sentences, what the size leaves stands on what the data leave
    short = fits[(fits["train_size"] == 2000) & (fits["quantity"] == "floor")]
    assert short["estimate"].item() == pytest.approx(200 * 2000**-0.7, rel=0.02)
    assert (fits["replicas"] == 3).all()
    assert fits["converged"].all()


def test_the_surface_of_a_fit_is_read_back(fits: pd.DataFrame) -> None:
    surface = size_scaling.surface_of(fits, "joint")
    amounts = np.array([1e3, 1e4]), np.array([1e3, np.inf])
    np.testing.assert_allclose(surface.at(*amounts), TRUTH.at(*amounts), rtol=1e-3)
    assert not np.isfinite(size_scaling.surface_of(fits, "online").size_exponent)


def test_a_diverged_replica_is_counted_and_left_out(runs: pd.DataFrame) -> None:
    broken = runs[np.isinf(runs["train_size"])].copy()
    wrong = (broken["width"] == 64) & (broken["rule_seed"] == 2)
    broken.loc[wrong, ["status", "test_excess"]] = ["diverged", np.nan]
    table = size_scaling.sizes_table(broken, CHANCE)
    assert set(table.loc[table["width"] == 64, "diverged"]) == {1}
    fits = size_scaling.family_fits(broken, table, seed=0)
    assert estimate(fits, "size_exponent", "size") == pytest.approx(0.5, abs=0.05)
    assert not (fits["fit"] == "joint").any()  # there is one amount of data


def test_without_any_size_that_has_begun_there_is_no_fit(runs: pd.DataFrame) -> None:
    fits = size_scaling.family_fits(runs, size_scaling.sizes_table(runs, 1e-3), seed=0)
    assert list(fits.columns) == size_scaling.FIT_COLUMNS
    assert not len(fits)


@pytest.fixture(scope="module")
def histories() -> size_scaling.Histories:
    steps = np.unique(np.geomspace(8, 20000, 40).round().astype(int))
    rows = [
        {
            **{"width": width, "depth": 2, "rule_seed": draw, "sample_seed": 0, "init_seed": 0},
            "step": step,
            "test_excess": factor * law(size, step * BATCH),
        }
        for (width, size), step in itertools.product(SIZES.items(), steps)
        for draw, factor in enumerate((0.9, 1.0, 1.1))
        if draw or step < 10000  # one diverged
    ]
    networks = pd.DataFrame(
        [
            {
                **{"width": width, "depth": 2, "parameters": size, "batch_size": BATCH},
                "operations": operations(size),
            }
            for width, size in SIZES.items()
        ]
    )
    return size_scaling.Histories(pd.DataFrame(rows), networks, CHANCE)


def test_a_history_is_loss_against_compute(histories: size_scaling.Histories) -> None:
    table = histories.table()
    assert list(table.columns) == size_scaling.COMPUTE_COLUMNS
    assert (table["step"] > 0).all()
    assert table["step"].max() < 10000  # as long as all replicas are under way
    np.testing.assert_allclose(
        table["mean"], [law(r.parameters, r.step * BATCH) for r in table.itertuples()]
    )
    np.testing.assert_allclose(
        table["operations"], table["step"] * table["parameters"].map(operations)
    )
    assert (table["low"] < table["mean"]).all()


def test_online_fit_and_frontier(histories: size_scaling.Histories) -> None:
    fits, frontier = histories.fits(seed=0)
    assert estimate(fits, "size_exponent", "online") == pytest.approx(0.5, abs=2e-3)
    assert estimate(fits, "data_exponent", "online") == pytest.approx(0.7, abs=2e-3)
    # b/(a + g b) and a b/(a + g b)
    both = 0.5 + 1.2 * 0.7
    found = estimate(fits, "optimal_size_exponent", "online")
    assert found == pytest.approx(0.7 / both, abs=2e-3)
    assert estimate(fits, "frontier_loss_exponent", "online") == pytest.approx(
        0.35 / both, abs=2e-3
    )
    assert histories.effort.exponent == pytest.approx(1.2)

    assert list(frontier.columns) == size_scaling.FRONTIER_COLUMNS
    inside = frontier[frontier["inside"]]
    assert len(inside) >= 5
    for row in inside.itertuples():
        best = optimal_size(TRUTH, EFFORT, row.budget)
        assert row.fitted_parameters == pytest.approx(best, rel=0.02)
        # the best of the swept sizes is a neighbour of the best of all
        assert abs(np.log(row.best_parameters / best)) < np.log(3.4)
        assert row.best_excess >= row.fitted_excess * 0.99
        assert row.best_excess < row.fitted_excess * 1.4
    # the parabola errs on data without noise as it is said to
    told = inside.dropna(subset=["parabola_parameters"])
    ratio = told["parabola_parameters"] / told["fitted_parameters"]
    np.testing.assert_allclose(ratio, told["parabola_bias"], rtol=0.05)


@pytest.mark.filterwarnings("error")
def test_a_family_that_diverged_has_empty_tables_and_is_drawn(
    runs: pd.DataFrame, tmp_path: Path
) -> None:
    broken = runs.assign(status="diverged", test_excess=np.nan)
    sizes = size_scaling.sizes_table(broken, CHANCE)
    assert not sizes["fitted"].any()
    fits = size_scaling.family_fits(broken, sizes, seed=0)
    columns = ["width", "depth", "step", "test_excess", *REPLICA_KEY]
    networks = sizes.drop_duplicates("width").assign(batch_size=BATCH)
    histories = size_scaling.Histories(pd.DataFrame(columns=columns), networks, CHANCE)
    online, frontier = histories.fits(seed=0)
    levels = size_scaling.levels_reached(broken, sizes, {0: np.array([2.0, 1.0, 0.0])})
    tables = [fits, histories.table(), frontier, levels]
    assert not any(map(len, [online, *tables]))
    needed = ["needed_shared", "needed_unshared"]
    parts = [part.assign(**KEY) for part in (sizes, *tables[:3])]
    drawn = network_sizes(
        "nothing",
        [KEY],
        *parts,
        levels.assign(**KEY).reindex(columns=[*KEY, *size_scaling.LEVEL_COLUMNS, *needed]),
    )
    save(drawn, tmp_path, "nothing")
    assert (tmp_path / "nothing.png").is_file()


def test_levels_are_reached_where_the_excess_passes_their_middle() -> None:
    # one power law, so that the size of any excess is known
    runs = replicas(lambda size, amount: 20 * size**-0.5, [100.0, np.inf])
    table = size_scaling.sizes_table(runs, CHANCE)
    entropies = {draw: np.array([2.5, 1.0, 0.4, 0.05]) for draw in range(3)}
    found = size_scaling.levels_reached(runs, table, entropies).set_index("level")
    assert set(found["train_size"]) == {np.inf}
    at = [[(20 * factor / middle) ** 2 for factor in (0.9, 1.0, 1.1)] for middle in (1.7, 0.65)]
    for level, sizes in enumerate(at, 1):
        row = found.loc[level]
        assert row["reached"] == pytest.approx(np.prod(sizes) ** (1 / 3))
        assert row["low"] < min(sizes) < max(sizes) < row["high"]
        assert (row["rule_draws"], row["draws"]) == (3, 3)
    # the largest network is too small for the last level
    assert np.isinf(found.loc[3, "reached"])
    assert (found.loc[3, "draws"], found.loc[3, ["low", "high"]].isna().sum()) == (0, 2)
    below = {draw: np.array([9.0, 1.0, 0.4, 0.05]) for draw in range(3)}
    first = size_scaling.levels_reached(runs, table, below).set_index("level").loc[1]
    assert np.isnan(first["reached"])  # the smallest network has it already


def test_parameters_needed_count_the_rules() -> None:
    grammar = Parameters.from_keys(v=8, n=5, s=2, L=3, m={1: 4, 2: 2, 3: 3})
    shared = [parameters_needed(grammar, level, "cnn") for level in (1, 2, 3)]
    assert shared == [32, 32 + 16, 32 + 16 + 15]
    unshared = [parameters_needed(grammar, level, "transformer") for level in (1, 2, 3)]
    assert unshared == [32, 2 * 32 + 16, 4 * 32 + 2 * 16 + 15]
    with pytest.raises(ValueError, match=r"level must lie in 1\.\.3"):
        parameters_needed(grammar, 4, "cnn")
