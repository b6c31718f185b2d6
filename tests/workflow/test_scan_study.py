"""The small scan of the repository, really trained: its tables, its figures, its refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

pytestmark = pytest.mark.slow
STUDY = Path(__file__).parents[2] / "config" / "studies" / "scan.yaml"
TABLES = ("scan_points", "scan_curves", "scan_laws", "scan_collapse", "scan_deviations")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), folder, "small"))
    return folder / "results" / "scan-small"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load_study(STUDY.with_name("scan.yaml:small")))


def test_tables_have_the_documented_columns(small: Path) -> None:
    for name in TABLES:
        assert list(pd.read_csv(small / f"{name}.csv")) == documented(f"{name}.csv")


def test_every_curve_has_its_sizes_beside_the_predicted(small: Path, plan: Plan) -> None:
    points, crossings = (
        pd.read_csv(small / f"{name}.csv") for name in ("scan_points", "crossings")
    )
    assert len(points) == len(plan.scanned) == 6 + 2 * 3
    for (curve, why), row in zip(plan.scanned.items(), points.to_dict("records")):
        assert {name: row[name] for name in CURVE_KEY} == curve.key()
        assert row["reason"] == why if why else True
        parameters = plan.parameters(curve.grammar)
        assert (row["v"], row["m"], row["L"]) == (parameters.v[0], parameters.m[0], parameters.L)
        mine = crossings[(crossings[CURVE_KEY] == pd.Series(curve.key())).all(axis=1)]
        mine = mine[mine["level"] == row["level"]]
        assert row["level"] == (1 if curve.task == "classification" else 2)
        for column in ("crossed_at", "threshold"):
            mean = np.exp(np.log(mine[column]).mean())
            assert row[column] == pytest.approx(mean, rel=1e-9, nan_ok=True)
        if curve.task == "classification":
            bare = parameters.n * parameters.m[0] ** parameters.L
            assert row["bare"] == pytest.approx(bare)
    refused = points[points["reason"].fillna("").str.contains("of its")]["grammar"]
    assert set(refused) == {"many-v6-m2", "many-v8-m2"}


def test_laws_are_of_points_alone(small: Path) -> None:
    points, laws, collapse = (
        pd.read_csv(small / f"{name}.csv") for name in ("scan_points", "scan_laws", "scan_collapse")
    )
    network = ["experiment", "architecture"]
    for key, mine in points[points["reason"].isna()].groupby(network):
        for table in (laws, collapse):
            told = table[(table[network] == list(key)).all(axis=1)]
            assert (told["points"] == len(mine)).all()
    told = collapse[collapse["experiment"] == "classification"].set_index("scaled_by")
    assert told.loc["predicted", "constant"] == pytest.approx(
        np.exp(np.log(points.query("task == 'classification' and reason.isna()")["ratio"]).mean())
    )
    assert told.loc["measured", "constant"] == pytest.approx(1)
    assert 1 <= told.loc["predicted", "residual"] < told.loc["nothing", "residual"]


def test_a_scan_has_figures_of_its_own_and_none_of_single_curves(small: Path) -> None:
    for name in ("classification", "last-token"):
        for kind in ("scan_laws", "scan_collapse"):
            assert (small / "figures" / f"{kind}-{name}.pdf").stat().st_size > 5000
    assert not [*(small / "figures").glob("learning_curves-*")]
    assert (small / "figures" / "exponents-table.html").is_file()
