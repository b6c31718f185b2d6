"""The small study of repetition, really trained: its tables beside what its networks left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

pytestmark = pytest.mark.slow
STUDY = Path(__file__).parents[2] / "config" / "studies" / "repetition.yaml"
TABLES = ("training_histories", "onsets", "onset_laws", "repetition", "repetition_laws")
REPLICA = ["train_size", "rule_seed"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("repetition")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), made, "small"))
    return made


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, pd.DataFrame]:
    there = folder / "results" / "repetition-small"
    return {name: pd.read_csv(there / f"{name}.csv") for name in (*TABLES, "runs", "theory")}


def test_tables_have_the_documented_columns(tables: dict[str, pd.DataFrame]) -> None:
    for name in TABLES:
        assert list(tables[name]) == documented(f"{name}.csv")


def test_every_evaluation_of_every_training_is_there(
    folder: Path, tables: dict[str, pd.DataFrame]
) -> None:
    plan = Plan(load_study(STUDY.with_name("repetition.yaml:small")))
    histories = tables["training_histories"]
    assert len(plan.blocks) == 4
    for _, block in plan.blocks:
        left = pd.read_csv(folder / block.files["history"])
        size = block.specification["train_size"]
        mine = histories[histories["train_size"] == (np.inf if size == "online" else size)]
        order = ["rule_seed", "step"]
        for column in ("step", "train_loss", "validation_loss", "validation_error"):
            one, other = (table.sort_values(order)[column] for table in (left, mine))
            np.testing.assert_allclose(one, other, rtol=1e-12)
        batch = block.specification["settings"]["batch_size"]
        assert (mine["sentences"] == mine["step"] * batch).all()


def test_the_least_validation_loss_is_where_the_network_was_kept(
    tables: dict[str, pd.DataFrame],
) -> None:
    least = tables["onsets"].query("event == 'least_loss'").set_index(REPLICA)["at_step"]
    kept = tables["runs"].query("protocol == 'finite'").set_index(REPLICA)["best_step"]
    finite = least[np.isfinite(least)]
    assert len(finite) >= 4
    assert (finite == kept.loc[finite.index]).all()


def test_what_is_learnt_has_a_loss_below_the_middle_of_its_entropies(
    tables: dict[str, pd.DataFrame],
) -> None:
    entropies = tables["theory"].query("quantity == 'entropy'")
    levels = entropies.pivot_table(index="rule_seed", columns="level", values="value")
    learnt = tables["onsets"].query("event == 'learnt'")
    assert set(learnt["level"]) == {1, 2, 3}
    for row in learnt.to_dict("records"):
        curve = tables["training_histories"]
        curve = curve[(curve[REPLICA] == pd.Series(row)[REPLICA]).all(axis=1) & (curve["step"] > 0)]
        known = levels.loc[row["rule_seed"]]
        height = (known[row["level"] - 1] + known[row["level"]]) / 2
        reached = curve[curve["validation_loss"] <= height]["step"]
        if np.isinf(row["at_step"]):
            assert reached.empty
        else:
            before = curve[curve["step"] < row["at_step"]]
            assert (before["validation_loss"] > height).all()
            assert reached.iloc[0] >= row["at_step"] > before["step"].max()


def test_repeated_sentences_are_held_against_fresh_ones(tables: dict[str, pd.DataFrame]) -> None:
    values, laws = tables["repetition"], tables["repetition_laws"]
    assert laws["train_size"].tolist()[:-1] == [64, 128, 256]
    assert np.isnan(laws["train_size"].iloc[-1])
    assert (values["loss"] > 0).all()
    last = values.groupby("train_size").last()
    assert (last["sentences"] == 512 * 128).all()
    # so many repetitions of so few sentences are worth less than fresh ones
    assert (last["effective"] < last["sentences"]).all()
    assert (last["loss"] > last["fresh_loss"]).all()
    assert (laws["estimate"] > 1).all() and (laws["spread"] < laws["spread_fresh"]).all()


def test_trainings_have_figures(folder: Path) -> None:
    figures = folder / "results" / "repetition-small" / "figures"
    for kind in ("training_losses", "onsets", "repetition"):
        assert (figures / f"{kind}-last-token.pdf").stat().st_size > 5000
