"""Errors by the rarest rule, of small networks that are really trained, through the real steps."""

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
from rhm_scaling.grammar.derivations import Derivations
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.run.estimates import core_seconds, memory
from rhm_scaling.steps.files import read_grammar, read_sentences
from rhm_scaling.steps.plan import stages
from rhm_scaling.steps.products import measure_rule_errors
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

pytestmark = pytest.mark.slow
TEST = 2048
ZIPF = ["zipf-zipf1_0.5", "zipf-zipf1_1.5"]
STUDY = f"""
name: small
grammars:
  zipf: &g {{v: {{0: 16, 1: 4}}, s: 2, L: 2, m: {{1: 20, 2: 4}}, zipf: {{1: [0.5, 1.5]}}}}
  few: {{v: {{0: 16, 1: 4}}, s: 2, L: 2, m: {{1: 4, 2: 4}}}}
architectures:
  cnn:
    kind: cnn
    width: 32
    optimizer: {{kind: sgd, lr: [0.2, 0.5]}}
    training: {{max_steps: 256, min_steps: 256, evaluations_per_octave: 1}}
  counting: {{kind: counting}}
experiments:
  labels:
    task: classification
    grammars: [zipf, few]
    architectures: [cnn, counting]
    train_sizes: [32, 256, 2048]
    rule_errors: true
    validation_size: 128
    test_size: {TEST}
    replicas: {{rule_draws: 2, samples: 2}}
block: {{samples: 2}}
"""
REPLICA = ["grammar", "train_size", "rule_seed", "sample_seed", "init_seed", "lr"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    assert all(path.is_file() for path in run(STUDY, folder))
    return folder


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(parse_study(STUDY, "study.yaml"))


def table(small: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(small / "results" / "small" / f"{name}.csv")


def test_tables_have_the_documented_columns(small: Path) -> None:
    for name in ("rule_errors", "rule_error_curves", "rule_collapse"):
        assert list(table(small, name).columns) == documented(f"{name}.csv"), name
    assert [*problems(small / "results" / "small")] == []


def test_errors_of_all_ranks_are_those_of_the_rows(small: Path, plan: Plan) -> None:
    runs = table(small, "runs")
    networks = runs[(runs["architecture"] == "cnn") & runs["chosen"]]
    assert networks["test_error"].between(0.01, 0.7).any()
    sums = table(small, "rule_errors").groupby(REPLICA)[["sentences", "errors"]].sum()
    both = networks.set_index(REPLICA)[["test_error"]].join(sums)
    assert len(both) == len(sums) == 3 * 3 * 4
    assert (both["sentences"] == TEST).all()
    assert (both["errors"] == both["test_error"] * TEST).all()
    # in the store all rates that were tried
    parts = [pd.read_csv(small / known.files["product"]) for _, known in plan.ranked]
    assert len(pd.concat(parts).drop_duplicates(["lr"])) == 2
    # learners that count are no networks
    assert {curve.architecture for curve, _ in plan.ranked} == {"cnn"}


@pytest.fixture(scope="module")
def known(plan: Plan) -> Product:
    """What is counted of one block: two draws, of each two samples, at two rates."""
    products = [one for curve, one in plan.ranked if curve.grammar == ZIPF[0]]
    return next(one for one in products if one.specification["train_size"] == 256)


def test_ranks_are_those_of_the_rules_that_made_the_sentence(
    small: Path, known: Product, tmp_path: Path
) -> None:
    files = {role: small / path for role, path in known.sources.items()}
    made: dict[str, Derivations] = {}
    for role, path in files.items():
        if role.endswith("-test"):
            grammar = read_grammar(files[f"{role[:4]}-grammar"])
            made[role] = Derivations.draw(grammar, TEST, np.random.default_rng(len(made)))
            sentences = read_sentences(path).copy()
            sentences["tokens"] = made[role].tokens
            sentences["label"] = made[role].symbols[-1][:, 0]
            files[role] = tmp_path / f"{role}.npy"
            np.save(files[role], sentences)
    measure_rule_errors.make(known.specification, files, {"product": tmp_path / "found.csv"})
    found = pd.read_csv(tmp_path / "found.csv")
    what = known.specification
    parameters = Parameters.from_specification(what["grammar"])
    shape = Shape.from_parameters(parameters, what["task"], what["architecture"])
    f, weights = parameters.probabilities(1), load_file(files["block"])
    keys = [(rate, *seeds) for rate in what["learning_rates"] for seeds in what["replicas"]]
    assert len(keys) == len(next(iter(weights.values())))
    for member, (rate, rule, sample, init) in enumerate(keys):
        derived = made[f"r{rule:03d}-s{sample:03d}-test"]
        network = build("cnn", shape, [0])
        network.load_state_dict({name: w[member : member + 1] for name, w in weights.items()})
        with torch.no_grad():
            answers = network(torch.from_numpy(derived.tokens)[None])[0].argmax(1).numpy()
        wrong = answers != derived.symbols[-1][:, 0]
        rarest = derived.chosen[1].max(axis=1) + 1
        cell = {"lr": rate, "rule_seed": rule, "sample_seed": sample, "init_seed": init}
        mine = found[(found[[*cell]] == pd.Series(cell)).all(axis=1)].set_index("rank_low")
        assert mine["sentences"].sum() == TEST
        for low, row in mine.iterrows():
            inside = (low <= rarest) & (rarest < 2 * low)
            assert row["rank_high"] == min(2 * low - 1, 20)
            assert (row["sentences"], row["errors"]) == (inside.sum(), wrong[inside].sum())
            assert row["probability"] == pytest.approx(f[rarest[inside] - 1].mean())
    assert set(found["rank_low"]) == {1, 2, 4, 8, 16}


def test_thresholds_are_those_of_the_draw(small: Path) -> None:
    theory = table(small, "theory")
    by_rank = theory[
        (theory["quantity"] == "sample_complexity") & (theory["method"] == "correlations")
    ].set_index(["grammar", "rule_seed", "index"])["value"]
    rows = table(small, "rule_errors")
    for (grammar, rule, low), mine in rows.groupby(["grammar", "rule_seed", "rank_low"]):
        of_rule = by_rank[grammar, rule]
        first, last = of_rule[low], of_rule[mine["rank_high"].iloc[0]]
        assert mine["threshold"].between(first * (1 - 1e-9), last * (1 + 1e-9)).all()
        if low > 1 and grammar in ZIPF:
            assert (mine["threshold"] > first).all()


def test_what_is_predicted_comes_from_the_grammar_with_uniform_rules(small: Path) -> None:
    curves, collapsed = table(small, "rule_error_curves"), table(small, "rule_collapse")
    uniform = curves["grammar"] == "few"
    assert curves.loc[uniform, ["predicted", "zipf"]].isna().all(axis=None)
    assert set(curves.loc[~uniform, "zipf"]) == {0.5, 1.5}
    predicted = curves.loc[~uniform].assign(ratio=curves["train_size"] / curves["threshold"])
    predicted = predicted.sort_values("ratio").groupby("grammar")["predicted"]
    for _, line in predicted:
        assert (line.diff().dropna() <= 1e-12).all()
        assert 0.3 < line.iloc[0] <= 0.75
        assert line.iloc[-1] < 0.1
    assert collapsed["grammars"].tolist() == [" ".join(ZIPF)]
    assert (collapsed["L"] == 2).all()
    assert (small / "results/small/figures/rule_errors-classification.pdf").is_file()


def test_the_rarest_rules_have_the_most_errors(small: Path) -> None:
    curves = table(small, "rule_error_curves")
    last = curves[curves["grammar"].isin(ZIPF) & (curves["train_size"] == 2048)]
    for _, mine in last.groupby("grammar"):
        errors = mine.set_index("rank_low")["mean"]
        assert errors[1] < 0.02 < 0.1 < errors[16]


def test_what_it_takes_grows_with_the_test_set(plan: Plan, known: Product) -> None:
    more = Plan(parse_study(STUDY.replace(f"test_size: {TEST}", "test_size: 1048576"), "s.yaml"))
    longer = core_seconds(more.ranked[0][1], Rates()) - core_seconds(known, Rates())
    assert longer > 0.1 * core_seconds(known, Rates())
    assert memory(more.ranked[0][1]) > memory(known)


def test_a_study_without_zipf_rules_has_tables_and_no_figure() -> None:
    text = STUDY.replace("[zipf, few]", "[few]")
    made = stages(Plan(parse_study(text, "study.yaml")))
    assert len(made["gather_rule_errors"].outputs) == 3
    assert not any("rule_errors" in path for path in made["draw_figures"].outputs)
    silent = stages(Plan(parse_study(text.replace("rule_errors: true", ""), "study.yaml")))
    assert silent["gather_rule_errors"].outputs == []
