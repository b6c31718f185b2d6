"""The small denoising study of the repository, really run: its tables, figures and exact checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.documents import documented
from helpers.small_grammars import run
from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.steps.products import denoise_sentences
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

pytestmark = pytest.mark.slow
STUDY = Path(__file__).parents[2] / "config" / "studies" / "denoising.yaml"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("denoising")
    assert all(path.is_file() for path in run(STUDY.read_text("utf-8"), folder, "small"))
    return folder / "results" / "denoising-small"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load_study(STUDY.with_name("denoising.yaml:small")))


def rows_of(small: Path, quantity: str) -> pd.DataFrame:
    table = pd.read_csv(small / "denoising.csv")
    return table[table["quantity"] == quantity]


def test_tables_have_the_documented_columns_and_all_points(small: Path, plan: Plan) -> None:
    for name in ("denoising", "transition", "transitions"):
        assert list(pd.read_csv(small / f"{name}.csv")) == documented(f"{name}.csv")
    for section, config in plan.study.denoising.items():
        (grammar,) = config.grammars
        L, count = plan.parameters(grammar).L, len(config.fractions)
        table, crossings = (
            known[known["denoising"] == section]
            for known in (pd.read_csv(small / f"{n}.csv") for n in ("denoising", "transition"))
        )
        assert (table["rule_draws"] == config.rule_draws).all()
        counts = table["quantity"].value_counts()
        assert counts["root"] == counts["obeying"] == counts["correlation"] == L * count
        assert (counts["symbol"], counts["susceptibility"]) == ((L + 1) * count, count)
        assert list(crossings["L"]) == [*range(2, L + 1)]
        assert crossings["critical"].nunique() == 1


def test_the_recursion_predicts_what_sentences_show(small: Path) -> None:
    roots = rows_of(small, "root")
    assert (roots["mean"] - roots["predicted"]).abs().max() < 0.08
    assert (roots["mean"] - roots["predicted"]).abs().mean() < 0.025


def test_what_is_restored_as_a_whole_obeys_all_rules(small: Path) -> None:
    assert (rows_of(small, "obeying")["mean"] == 1).all()
    alone = rows_of(small, "obeying_alone")
    assert alone.groupby("level")["mean"].mean().is_monotonic_decreasing
    assert (alone["mean"] < 1).all()


def test_susceptibility_is_the_sum_of_correlations(small: Path) -> None:
    key = ["denoising", "fraction"]
    pairs = rows_of(small, "correlation")
    s = 2
    weight = (s - 1) * float(s) ** (pairs["level"] - 1)
    summed = 1 + (pairs["mean"] * weight).groupby([pairs[name] for name in key]).sum()
    found = rows_of(small, "susceptibility").set_index(key)["mean"]
    np.testing.assert_allclose(summed.sort_index(), found.sort_index(), rtol=1e-9)


def test_figures_and_the_same_bytes_again(small: Path, plan: Plan, tmp_path: Path) -> None:
    for name in ("masked-deep", "noisy-middle"):
        for kind in ("denoising", "restoring"):
            assert (small / "denoising" / f"{kind}-{name}.png").stat().st_size > 10_000
    _, _, known = plan.denoised[0]
    root = small.parents[1]
    inputs = {"grammar": root / known.inputs["grammar"].files["product"]}
    denoise_sentences.make(known.specification, inputs, {"product": tmp_path / "again.csv"})
    made = (root / known.files["product"]).read_bytes()
    assert (tmp_path / "again.csv").read_bytes() == made


def test_a_claim_about_the_transition_is_decided_from_its_draws(tmp_path: Path) -> None:
    text = STUDY.with_name("d1.yaml").read_text("utf-8")
    assert all(path.is_file() for path in run(text, tmp_path, "small"))
    folder = tmp_path / "results" / "d1-small"
    draws, claims = (pd.read_csv(folder / f"{name}.csv") for name in ("transitions", "claims"))
    first = rules_of("D1").first_rule_seed
    assert sorted({*draws["rule_seed"]}) == [first, first + 1, first + 2]
    assert len(claims) == 3 and {*claims["criteria"]} == {rules_of("D1").hash}
    assert not (folder / "power.csv").exists()
    assert (folder / "guide.md").read_text("utf-8").startswith("# D1: ")
    assert (folder / "figures" / "claim-D1.png").stat().st_size > 10_000
