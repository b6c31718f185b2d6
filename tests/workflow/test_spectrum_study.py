"""Learning times of small networks that are really trained, through the real steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from helpers.documents import documented
from helpers.small_grammars import run
from helpers.tables import problems
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.run.estimates import core_seconds, disk, memory
from rhm_scaling.steps.files import read_grammar, read_sentences
from rhm_scaling.steps.plan import stages
from rhm_scaling.steps.products import measure_learning_times
from rhm_scaling.steps.tables import gather_learning_times
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.theory.inference import last_token_posteriors

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FILE = ROOT / "config" / "studies" / "spectrum.yaml"
NAMES = ("learning_times", "learning_spectrum", "rebuilt_curves")
TEST = 512


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spectrum")
    made = run(FILE.read_text(encoding="utf-8"), folder, scale="small")
    assert all(path.is_file() for path in made)
    return folder


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load_study(Path(f"{FILE}:small")))


@pytest.fixture(scope="module")
def known(plan: Plan) -> Product:
    """What is measured of one block: two rule draws."""
    products = [one for _, one in plan.timed]
    return next(one for one in products if one.specification["train_size"] == 256)


def table(small: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(small / "results" / "spectrum-small" / f"{name}.csv")


def test_tables_have_the_documented_columns(small: Path) -> None:
    for name in NAMES:
        assert list(table(small, name).columns) == documented(f"{name}.csv"), name
    assert [*problems(small / "results" / "spectrum-small")] == []


def test_divergences_are_those_of_each_network_from_the_exact_posterior(
    small: Path, known: Product
) -> None:
    files = {role: small / path for role, path in known.sources.items()}
    arrays = np.load(small / known.files["product"])
    what = known.specification
    parameters = Parameters.from_specification(what["grammar"])
    shape = Shape.from_parameters(parameters, what["task"], what["architecture"])
    weights = load_file(files["block"])
    runs = table(small, "runs")
    runs = runs[runs["train_size"] == 256].set_index("rule_seed")
    assert arrays["divergence"].shape == (2, TEST)
    for row, (rule, sample, init) in enumerate(arrays["seeds"]):
        tokens = read_sentences(files[f"r{rule:03d}-s{sample:03d}-test"])["tokens"]
        exact = last_token_posteriors(read_grammar(files[f"r{rule:03d}-grammar"]), tokens)
        network = build("cnn", shape, [0])
        network.load_state_dict({name: w[row : row + 1] for name, w in weights.items()})
        masked = torch.from_numpy(tokens.astype(np.uint8)).clone()
        masked[:, -1] = parameters.v[0]
        with torch.no_grad():
            answers = network(masked[None])[0].double().softmax(-1).numpy()
        found = arrays["divergence"][row]
        for context in range(0, TEST, 31):
            told = exact[-1, context] > 0
            p = exact[-1, context][told]
            assert found[context] == pytest.approx(
                (p * np.log(p / answers[context][told])).sum(), abs=1e-5
            )
            for level, left in enumerate(arrays["levels"][arrays["source"][row]]):
                other = exact[level, context][told]
                assert left[context] == pytest.approx((p * np.log(p / other)).sum(), abs=1e-5)
        assert (sample, init) == (0, 0)
        assert found.mean() == pytest.approx(runs.loc[rule, "test_excess"], rel=1e-5)


def test_rebuilt_curves_stand_beside_the_measured_one(small: Path) -> None:
    rebuilt, curves = table(small, "rebuilt_curves"), table(small, "curves")
    both = rebuilt.merge(curves, on=["grammar", "architecture", "train_size"])
    assert len(both) == len(rebuilt) == 4
    for name in ("mean", "low", "high"):
        np.testing.assert_allclose(both[f"{name}_x"], both[f"{name}_y"], rtol=1e-5)
    np.testing.assert_allclose(rebuilt["train_size"], [16, 64, 256, 1024])
    # each rule draw goes down all its levels, and the sums say how far
    times = table(small, "learning_times")
    left = times[(times["level"] > 0) & (times["learnt_from"] > 256)]
    of_draws = left.groupby("rule_seed")["weight"].sum()
    assert rebuilt["rebuilt"].iloc[2] == pytest.approx(of_draws.mean())
    assert (rebuilt["rebuilt"].diff().dropna() < 0).all()
    assert (rebuilt["rebuilt"] / rebuilt["mean"]).between(0.1, 1.2).all()
    assert (rebuilt["misfit"] < rebuilt["misfit_shuffled"])[:3].all()


def test_networks_that_failed_are_left_out(small: Path, plan: Plan, tmp_path: Path) -> None:
    runs = table(small, "runs")
    table(small, "theory").to_csv(tmp_path / "theory.csv", index=False)
    what = stages(plan)["gather_learning_times"].specification
    runs.loc[(runs["rule_seed"] == 0) & (runs["train_size"] == 16), "status"] = "collapsed"
    runs.to_csv(tmp_path / "runs.csv", index=False)
    gather_learning_times.make(what, tmp_path, small)
    rebuilt = pd.read_csv(tmp_path / "rebuilt_curves.csv")
    assert rebuilt["replicas"].tolist() == [1, 2, 2, 2]
    runs.assign(status="diverged").to_csv(tmp_path / "runs.csv", index=False)
    gather_learning_times.make(what, tmp_path, small)
    for name in NAMES:
        nothing = pd.read_csv(tmp_path / f"{name}.csv")
        assert nothing.empty and list(nothing.columns) == documented(f"{name}.csv")


def test_weights_are_falls_of_entropies_and_levels_are_learnt_in_order(small: Path) -> None:
    spectrum, theory = table(small, "learning_spectrum"), table(small, "theory")
    entropies = theory[theory["quantity"] == "entropy"].dropna(subset=["rule_seed"])
    mean = entropies.groupby("level")["value"].mean().to_numpy()
    falls = [mean[0] - mean[-1], *-np.diff(mean)]
    np.testing.assert_allclose(spectrum["weight_predicted"], falls)
    np.testing.assert_allclose(spectrum["weight"], falls, atol=0.06)  # of 512 contexts
    at = spectrum.set_index("level")["half_at"]
    assert at[1] < at[2] < at[3]
    assert (spectrum["learnt"] > 0.5).all()
    assert (small / "results/spectrum-small/figures/learning_times-deep.pdf").is_file()


def test_what_it_takes_grows_with_the_test_set(known: Product) -> None:
    text = FILE.read_text(encoding="utf-8").replace("test_size: 512", "test_size: 1048576")
    (more,) = [
        one
        for _, one in Plan(parse_study(text, "s.yaml", scale="small")).timed
        if one.specification["train_size"] == 256
    ]
    assert core_seconds(more, Rates()) > 0.1 + core_seconds(known, Rates())
    assert memory(more) > memory(known)
    assert disk(more) > 1000 * disk(known)


def test_damaged_weights_are_named(small: Path, known: Product, tmp_path: Path) -> None:
    files = {role: small / path for role, path in known.sources.items()}
    files["block"] = tmp_path / "weights.safetensors"
    files["block"].write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"weights\.safetensors: damaged .* delete it and run"):
        measure_learning_times.make(known.specification, files, {"product": tmp_path / "x.npz"})


def test_a_study_that_does_not_ask_has_neither_tables_nor_figure() -> None:
    text = FILE.read_text(encoding="utf-8").replace("learning_times: true", "")
    made = stages(Plan(parse_study(text, "study.yaml")))
    assert made["gather_learning_times"].outputs == []
    assert not any("learning_times" in path for path in made["draw_figures"].outputs)
