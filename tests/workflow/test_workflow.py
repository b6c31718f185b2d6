"""The whole pipeline through Snakemake, on a study of seconds, in a copy of the project."""

from __future__ import annotations

import collections
import json

import numpy as np
import pandas as pd
import pytest
import torch

from conftest import Project
from helpers.documents import documented
from helpers.tables import problems
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.json_file import to_json
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.tasks import inputs_and_targets
from rhm_scaling.publish.loading import load_network
from rhm_scaling.training.loop import Examples, evaluate

ALL_TABLES = {
    *(
        "compare_rates",
        "gather_runs",
        "tabulate_theory",
        "draw_theory",
        "aggregate_curves",
        "fit_curves",
        "find_crossings",
    ),
    *("gather_recovery", "draw_figures"),
}


def test_tables_have_the_documented_columns_and_all_rows(project: Project) -> None:
    tables = ("runs", "theory", "predictions", "curves", "fits", "local_exponents")
    rates = ("rates", "best_rates", "rate_scaling", "coordinates")
    for name in (*tables, "recovery", "recovered_at", *rates):
        assert list(project.table(name).columns) == documented(f"{name}.csv")
    assert [*problems(project.folder / "results" / "tiny")] == []
    runs = project.table("runs")
    assert len(runs) == 2 * (2 * 4 + 6 * 3 + 3 + 2 * 2)
    point = ["grammar", "task", "architecture", "width", "train_size", "rule_seed"]
    assert not runs.duplicated([*point, "lr"]).any()
    assert not runs[runs["chosen"]].duplicated(point).any()
    assert len(project.table("curves")) == runs["chosen"].sum() / 2
    assert len(project.table("fits")) == 11
    assert (runs["status"] == "ok").all()


def test_losses_stand_above_what_is_exact(project: Project) -> None:
    runs = project.table("runs")
    single = runs[runs["task"] != "autoregressive"]
    assert (single["test_excess"] >= 0).all()
    # excess and loss are measured differently; they agree within the noise of the labels
    gap = single["test_loss"] - single["bayes_loss"] - single["test_excess"]
    assert gap.abs().max() < 0.5
    classified = runs[runs["task"] == "classification"]
    assert (classified["bayes_loss"] < 1e-9).all()
    learnt = runs[(runs["task"] == "last_token") & (runs["architecture"] == "cnn")]
    by_size = learnt.groupby("train_size")["test_excess"].mean()
    assert by_size.iloc[-1] < by_size.iloc[0] / 2
    assert runs["overlap"].between(0, 1).all()
    assert runs.groupby(["grammar", "rule_seed"])["overlap"].max().min() > 0.5


def test_theory_table(project: Project) -> None:
    theory = project.table("theory")
    entropies = theory[(theory["quantity"] == "entropy") & (theory["task"] == "last_token")]
    for _, draw in entropies.groupby("rule_seed"):
        assert list(draw["level"]) == [0, 1, 2]
        assert (np.diff(draw["value"]) < 0).all()
    exponent = theory[(theory["quantity"] == "exponent") & (theory["grammar"] == "zipf")]
    assert list(exponent["value"]) == [0.5]
    rates = theory[theory["quantity"] == "entropy_rate"]
    assert len(rates) == 3  # of two rule draws, and in closed form
    floor = rates["value"].iloc[0]
    np.testing.assert_allclose(rates["value"], floor, rtol=1e-10)
    exact = project.table("runs").query("task == 'autoregressive'")["bayes_loss"]
    np.testing.assert_allclose(exact, floor, rtol=0.05)


def test_predictions_stand_beside_the_curves(project: Project) -> None:
    curves = project.table("curves").set_index("grammar")
    smooth = curves.loc["zipf", "predicted_smooth"]
    assert smooth.between(0, 1 - 1 / 3 + 1e-9).all()
    # more sentences, more rules known
    assert smooth.is_monotonic_decreasing
    assert curves["predicted_smooth"].notna().sum() == 4
    labels = curves[curves["task"] == "classification"]
    assert list(labels["predicted"].notna()) == list(labels.index == "zipf")
    predictions = project.table("predictions")
    assert set(predictions[predictions["task"] == "classification"]["prediction"]) == {
        *("marginalised", "any_patch", "asymptotic", "lookup")
    }


def test_learners_that_count_stand_beside_networks(project: Project) -> None:
    runs = project.table("runs").query("stop_reason == 'counted'")
    assert (runs["test_excess"] >= 0).all()
    losses = runs.groupby(["architecture", "train_size"])["test_loss"].mean()
    for architecture in ("counting", "counting-unshared", "ngram"):
        assert losses[architecture].is_monotonic_decreasing
    recovered = project.table("recovery")
    assert set(recovered["architecture"]) == {"counting", "counting-unshared"}
    assert set(recovered["level"]) == {1}
    by_size = recovered.groupby("train_size")["recovered"].mean()
    assert by_size[256] > by_size[16]
    found = project.table("recovered_at")
    theory = project.table("theory").query("quantity == 'threshold' and method == 'correlations'")
    for _, row in found.iterrows():
        learner = {"counting": "cnn", "counting-unshared": "transformer"}[row["architecture"]]
        known = theory[(theory["learner"] == learner) & (theory["level"] == 2)]
        known = known[known["rule_seed"] == row["rule_seed"]]
        assert row["predicted"] == known["value"].item()


@pytest.mark.parametrize(
    "target", ["grammars", "datasets", "theory", "models", "curves", "fits", "figures"]
)
def test_named_targets(project: Project, target: str) -> None:
    study = project.edited("named", ("name: tiny", "name: named"))
    makes = {
        "theory": {"tabulate_theory", "draw_theory"},
        "curves": {"gather_runs", "tabulate_theory", "aggregate_curves"},
        "fits": {"gather_runs", "tabulate_theory", "aggregate_curves", "fit_curves"},
        "figures": ALL_TABLES,
    }
    assert set(project.planned(target, study=study)) - {target} == makes.get(target, set())


def test_single_files_and_until(project: Project) -> None:
    study = project.edited("single", ("name: tiny", "name: single"))
    assert set(project.planned("results/single/theory.csv", study=study)) == {"tabulate_theory"}
    assert set(project.planned("--until", "gather_runs", study=study)) == {"gather_runs"}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("m: 2}", "m: 9}", "grammars.small.m: level 1 needs v*m = 6*9 = 54"),
        ("task: autoregressive", "task: autoregresive", "experiments.every.task: "),
        (
            "train_sizes: [16, 32, 64, 128]",
            "train_sizes: auto",
            "wrong.yaml: experiments.labels.train_sizes: grammar 'flat': the first threshold",
        ),
        ("grammars:", "grammar:", "grammar: unknown key; did you mean 'grammars'?"),
        ("name: tiny", "name: $(touch gotcha)", "name: use letters"),
    ],
)
def test_a_mistake_is_a_line_before_any_job(
    project: Project, old: str, new: str, line: str
) -> None:
    done = project.snakemake(
        "--config", f"study={project.edited('wrong', (old, new))}", check=False
    )
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert line in text
    assert "Traceback" not in text
    assert "Job stats" not in text
    assert not (project.folder / "gotcha").exists()


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("study=none.yaml", "none.yaml: cannot be read"),
        ("device=tpu", "--config: device: "),
        ("threads=0", "--config: threads: "),
        ("stdy=x.yaml", "--config: stdy: "),
    ],
)
def test_a_mistaken_setting_is_a_line_too(project: Project, setting: str, line: str) -> None:
    done = project.snakemake("-n", "--config", setting, check=False)
    assert done.returncode != 0
    assert line in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_trained_network_can_be_loaded(project: Project) -> None:
    runs = project.table("runs").query("task == 'last_token' and stop_reason != 'counted'")
    study = json.loads((project.folder / "results/tiny/study.json").read_text(encoding="utf-8"))
    for _, row in runs.groupby("architecture").tail(1).iterrows():
        cell = {
            key: row[key] for key in ("task", "architecture", "width", "train_size", "rule_seed")
        }
        network = load_network("tiny", project.folder, **cell)
        (name,) = (
            name
            for name in study["products"]["sentences"]
            if name.startswith(f"v6-n6-s2-L2-m2/r{row['rule_seed']:03d}-s000-test-")
        )
        data = np.load(project.folder / "results" / "store" / "sentences" / f"{name}.npy")
        found = evaluate(network, Examples.from_sentences("last_token", [data], [0], v=6))
        assert found["loss"][0] == pytest.approx(row["test_loss"], abs=1e-12)
        inputs, _ = inputs_and_targets("last_token", data, v=6)
        assert network(torch.from_numpy(inputs)[None]).shape == (1, len(data), 6)


def test_loading_says_what_is_missing(project: Project) -> None:
    with pytest.raises(UserError, match=r"replicas of tiny match .*; name also .*train_size"):
        load_network("tiny", project.folder, task="last_token", architecture="cnn")
    with pytest.raises(UserError, match=r"^0 replicas of tiny match"):
        load_network("tiny", project.folder, task="guessing")
    counted = {"architecture": "ngram", "train_size": 16, "rule_seed": 0}
    with pytest.raises(UserError, match="learns by counting, it has no network"):
        load_network("tiny", project.folder, **counted)
    with pytest.raises(UserError, match=r"^size: not a column"):
        load_network("tiny", project.folder, size=3)
    with pytest.raises(UserError, match="no such study here"):
        load_network("none", project.folder)


def test_a_study_that_diverges_ends_with_marked_rows(project: Project) -> None:
    wild = "width: 16\n    optimizer: {kind: sgd, lr: 1.0e+9}\n"
    study = project.edited("wild", ("name: tiny", "name: wild"), ("width: 16\n", wild))
    text = (project.folder / study).read_text(encoding="utf-8")
    only = text.split("  last:\n")[0].replace("[flat, zipf]", "[zipf]") + "block: {rule_draws: 2}\n"
    (project.folder / study).write_text(only, encoding="utf-8")
    project.snakemake("--config", f"study={study}")
    folder = project.folder / "results" / "wild"
    runs = pd.read_csv(folder / "runs.csv")
    assert len(runs) == 8
    assert (runs["status"] == "diverged").all()
    assert (runs["stop_reason"] == "diverged").all()
    curves, fits = pd.read_csv(folder / "curves.csv"), pd.read_csv(folder / "fits.csv")
    assert (curves["diverged"] == 2).all()
    assert curves["mean"].isna().all()
    assert fits["diverged"].item() == 8
    assert np.isnan(fits["exponent"].item())


def test_figures_are_there_in_both_formats(project: Project) -> None:
    folder = project.folder / "results" / "tiny" / "figures"
    names = collections.Counter(path.suffix for path in folder.glob("*.*") if path.stem[0] != ".")
    # two an experiment, but no slopes of that with one size, which tries learning rates; and one
    # for these, one for symbols that are recovered
    assert names == {".pdf": 9, ".png": 9, ".html": 1}
    theory = project.folder / "results" / "tiny" / "theory"
    # four grammars with a task, correlations of those of them that have a level to tell
    assert collections.Counter(path.suffix for path in theory.glob("*.p*")) == {
        ".pdf": 7,
        ".png": 7,
    }
    assert all(path.stat().st_size > 1000 for path in folder.glob("*.p*"))


OWN_STUDY = """
name: own
grammars: {mine: {file: mine.json}}
architectures:
  cnn: {kind: cnn, width: 8, training: {max_steps: 32, min_steps: 16}}
  counting: {kind: counting}
experiments:
  last:
    task: last_token
    grammars: [mine]
    architectures: [cnn, counting]
    train_sizes: {largest: 64}
    test_size: 128
    replicas: {rule_draws: 1, samples: 2}
  labels:
    task: classification
    grammars: [mine]
    architectures: [counting]
    train_sizes: [16, 32]
    test_size: 128
    replicas: {rule_draws: 1}
"""


def own_grammar() -> str:
    """A drawn grammar made a user's own: other probabilities, and a tuple with two parents."""
    drawn = json.loads(to_json(Grammar.draw(Parameters.from_keys(v=6, s=2, L=3, m=3), 1)))
    rules = drawn["rules"]
    rules["1"][0][0] = rules["1"][1][0]
    return json.dumps({"v": 6, "rules": rules, "probabilities": {"1": [[0.5, 0.3, 0.2]] * 6}})


def test_a_users_own_grammar_runs_through_at_sizes_chosen_by_theory(project: Project) -> None:
    folder = project.folder / "config" / "studies"
    (folder / "mine.json").write_text(own_grammar(), encoding="utf-8")
    (folder / "own.yaml").write_text(OWN_STUDY, encoding="utf-8")
    study = str((folder / "own.yaml").relative_to(project.folder))
    project.snakemake("--config", f"study={study}")
    results = project.folder / "results" / "own"
    resolved = json.loads((results / "study.json").read_text(encoding="utf-8"))
    chosen, listed = resolved["train_sizes"]
    assert chosen["sizes"][-1] == 64
    assert chosen["sizes"][0] < chosen["first_threshold"] < 64
    assert chosen["ends"] == "largest"
    assert listed["sizes"] == [16, 32]
    runs = pd.read_csv(results / "runs.csv")
    assert sorted(runs.query("task == 'last_token'")["train_size"].unique()) == chosen["sizes"]
    # even with all tokens seen, labels of an ambiguous grammar are uncertain
    assert (runs.query("task == 'classification'")["bayes_loss"] > 0.001).all()
    curves = pd.read_csv(results / "curves.csv").query("task == 'last_token'")
    assert curves["predicted"].notna().all()
    theory = pd.read_csv(results / "theory.csv")
    shared = theory[theory["quantity"] == "shared_tuples"]
    assert dict(zip(shared["level"], shared["value"], strict=True)) == {1: 1, 2: 0, 3: 0}
    assert set(theory["method"]) <= {
        "counted",
        "enumerated",
        "sampled",
        "correlations",
        "staircase",
    }

    # another file of the same content reruns nothing; other content makes another grammar
    same = json.dumps(json.loads(own_grammar()), indent=1)
    (folder / "mine.json").write_text(same, encoding="utf-8")
    assert project.planned(study=study) == {}
    other = same.replace("0.3", "0.25").replace("0.2,", "0.25,").replace("0.2\n", "0.25\n")
    (folder / "mine.json").write_text(other, encoding="utf-8")
    assert project.planned(study=study)["draw_grammar"] == 1
    (folder / "mine.json").write_text(same[:60], encoding="utf-8")
    done = project.snakemake("-n", "--config", f"study={study}", check=False)
    assert done.returncode != 0
    assert "own.yaml: grammars.mine.file: config/studies/mine.json: " in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
