"""The small study of denoisers of the repository, really run: its tables, figures and checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.steps.products import train_denoiser
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

pytestmark = pytest.mark.slow
STUDY = Path(__file__).parents[2] / "config" / "studies" / "masked.yaml"
TABLES = ("masked", "generation", "masked_curves", "composed_at")
REPLICA = ["architecture", "protocol", "train_size", "rule_seed", "sample_seed", "init_seed"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masked")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), folder, "small"))
    return folder / "results" / "masked-small"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load_study(STUDY.with_name("masked.yaml:small")))


def table(small: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(small / f"{name}.csv")


def test_tables_have_the_documented_columns_and_all_points(small: Path, plan: Plan) -> None:
    for name in TABLES:
        assert list(table(small, name)) == documented(f"{name}.csv")
    experiment = plan.study.experiments["levels"]
    masked, made = table(small, "masked"), table(small, "generation")
    online = masked[masked["protocol"] == "online"]
    assert sorted(online["fraction"].unique()) == experiment.masked_fractions
    assert online["step"].max() == plan.study.architectures["unet"].training.max_steps
    key = [*REPLICA, "step", "fraction"]
    levels = plan.parameters("small").L
    assert not masked.duplicated(key).any()
    assert len(made) == 2 * levels * len(masked)  # orders
    assert not made.duplicated([*key, "order", "level"]).any()


def test_the_excess_of_runs_is_the_mean_over_fractions(small: Path) -> None:
    runs, masked = table(small, "runs"), table(small, "masked")
    assert (runs["task"] == "masked").all() and (runs["status"] == "ok").all()
    finite = masked[masked["protocol"] == "finite"].groupby(REPLICA)["excess"].mean()
    told = runs[runs["protocol"] == "finite"].set_index(REPLICA)["test_excess"]
    np.testing.assert_allclose(finite.sort_index(), told.sort_index())
    histories = table(small, "histories")
    followed = masked[(masked["protocol"] == "online") & (masked["step"] > 0)]
    followed = followed.groupby(["rule_seed", "step"])["excess"].mean()
    known = histories.set_index(["rule_seed", "step"])["test_excess"]
    np.testing.assert_allclose(followed.sort_index(), known.sort_index())
    floor = masked.groupby(["protocol", "rule_seed"])["floor"].nunique()
    assert (floor == masked["fraction"].nunique()).all()


def test_fresh_sentences_bring_networks_towards_the_exact_denoiser(small: Path) -> None:
    curves = table(small, "masked_curves")
    online = curves[curves["protocol"] == "online"]
    excess = online[online["quantity"] == "excess"].pivot_table(
        index="sentences", columns="fraction", values="mean"
    )
    assert (excess.iloc[-1] < 0.5 * excess.iloc[0]).all()
    last = online[online["sentences"] == online["sentences"].max()]
    obeying = last[(last["quantity"] == "obeying") & (last["level"] == 1)]
    assert (obeying["mean"] > obeying["random"]).all()
    exact = online[(online["quantity"] == "obeying") & (online["order"] == "in turn")]["exact"]
    assert (exact == 1).all()


def test_higher_levels_obey_less_by_construction(small: Path) -> None:
    made = table(small, "generation")
    by_level = made.pivot_table(
        index=[*REPLICA, "step", "fraction", "order"], columns="level", values="obeying"
    )
    assert (np.diff(by_level.to_numpy(), axis=1) <= 1e-12).all()
    at = table(small, "composed_at")
    assert {*at["measure"]} == {"obeying", "composing"}


def test_figures_and_the_same_bytes_again(small: Path, plan: Plan, tmp_path: Path) -> None:
    for name in ("masked-levels", "composition-levels", "masked-limit", "learning_curves-levels"):
        assert (small / "figures" / f"{name}.png").stat().st_size > 10_000
    root = small.parents[1]
    _, block = next(one for one in plan.denoisers if one[0].protocol == "finite")
    outputs = {role: tmp_path / Path(path).name for role, path in block.files.items()}
    inputs = {role: root / path for role, path in block.sources.items()}
    # fewer at a time, as where memory is short: the same rows
    train_denoiser.make(block.specification, inputs, outputs, pack=1)
    for role in ("masked", "generation", "weights"):
        assert outputs[role].read_bytes() == (root / block.files[role]).read_bytes(), role
