"""The small study of sparse grammars, really trained: its tables, its figures, its theory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.grammar.model import Grammar
from rhm_scaling.grammar.sparse import dense_of
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study
from rhm_scaling.theory.correlations import label_complexities

pytestmark = pytest.mark.slow
STUDY = Path(__file__).parents[2] / "config" / "studies" / "sparse.yaml"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load_study(STUDY.with_name("sparse.yaml:small")))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sparse")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), folder, "small"))
    return folder / "results" / "sparse-small"


def test_tables_have_the_documented_columns(small: Path) -> None:
    for name in ("sensitivity", "sensitivity_curves", "scan_points", "scan_laws", "theory"):
        assert list(pd.read_csv(small / f"{name}.csv")) == documented(f"{name}.csv")


def test_thresholds_are_those_of_the_dense_grammar_times_a_power(small: Path, plan: Plan) -> None:
    points = pd.read_csv(small / "scan_points.csv")
    powers = {"cnn": (2, 2), "lcn": (3, 2)}  # of correlations, and the paper's
    for row in points.to_dict("records"):
        dense, sparsity = dense_of(plan.parameters(row["grammar"]))
        assert (row["sparsity"], row["v"], row["s"]) == (sparsity, dense.v[0], dense.s)
        own, papers = powers[row["architecture"]]
        seen = [label_complexities(Grammar.draw(dense, rule))[1] for rule in range(2)]
        exact = np.exp(np.log(seen).mean()) * (sparsity + 1) ** own
        assert row["threshold"] == pytest.approx(exact)
        bare = dense.n * dense.m[0] ** dense.L * (sparsity + 1) ** papers
        assert row["bare"] == pytest.approx(bare)


def test_the_law_of_blanks_has_its_predictions(small: Path) -> None:
    laws = pd.read_csv(small / "scan_laws.csv")
    points = pd.read_csv(small / "scan_points.csv").query("reason.isna()")
    told = laws[laws["law"] == "blanks"].set_index("experiment")
    for experiment, mine in points.groupby("experiment"):
        if mine["sparsity"].nunique() < 2:
            assert experiment not in told.index
            continue
        expected = {"cnn-L2": (2, 2), "lcn-L2": (3, 2)}[experiment]
        found = told.loc[experiment, ["predicted_same_fit", "bare_same_fit"]].tolist()
        assert found == pytest.approx(expected)
        assert told.loc[experiment, "points"] == len(mine)


def test_sensitivity_is_measured_where_there_are_blanks(small: Path, plan: Plan) -> None:
    rows = pd.read_csv(small / "sensitivity.csv")
    runs = pd.read_csv(small / "runs.csv").query("status == 'ok'")
    assert {*rows["grammar"]} == {*plan.study.grammars}
    key = [*CURVE_KEY, "train_size", "rule_seed"]
    for _, mine in rows.groupby(key):
        L = mine["depth"].iloc[0]
        assert len(mine) == 2 * L * (L + 1)  # changes and levels, layers and the answer
        assert {*mine["layer"]} == {*map(str, range(L)), "output"}
        assert (mine["random"] > 0).all()
        assert (mine["changed"] >= 0).all()
    networks = rows[key].drop_duplicates()
    assert len(networks) == len(runs)
    means = pd.read_csv(small / "sensitivity_curves.csv")
    first = means.iloc[0]
    same = rows[(rows[means.columns[1:12]] == first[means.columns[1:12]]).all(axis=1)]
    assert len(same) == 2
    assert first["mean"] == pytest.approx((same["changed"] / same["random"]).mean())


def test_the_figures_are_drawn(small: Path) -> None:
    for name in ("cnn-L2", "lcn-L2"):
        for kind in ("scan_laws", "scan_collapse", "scan_sparsity", "sensitivity"):
            assert (small / "figures" / f"{kind}-{name}.pdf").stat().st_size > 5000


@pytest.mark.parametrize("task", ["classification", "last_token", "autoregressive"])
def test_every_task_runs_to_its_last_figure_without_a_scan(task: str, tmp_path: Path) -> None:
    networks = "kind: transformer" if task == "autoregressive" else "kind: lstm"
    text = f"""
name: blanks
grammars: {{g: {{v: 3, n: 2, L: 2, m: {{1: 2, 2: 1}}, zipf: {{1: 1.0}}, sparsity: 1}}}}
architectures:
  net: {{{networks}, width: 4, training: {{max_steps: 8, min_steps: 8}}}}
  {"" if task == "autoregressive" else "counted: {kind: ngram}" if task == "last_token" else ""}
experiments:
  e:
    task: {task}
    grammars: [g]
    architectures: [net{", counted" if task == "last_token" else ""}]
    train_sizes: [4, 8, 16]
    validation_size: 8
    test_size: 16
    replicas: {{rule_draws: 2}}
    {"sensitivity: true" if task == "classification" else ""}
"""
    files = run(text, tmp_path)
    assert all(path.is_file() for path in files)
    assert [path for path in files if path.parent.name == "figures"]
