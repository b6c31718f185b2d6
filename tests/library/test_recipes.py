"""The recipes of the documentation, and what they read of a finished study."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import rhm_scaling as rhm
from conftest import Project
from helpers.documents import code, text_of
from rhm_scaling.core.errors import UserError
from rhm_scaling.models.cnn import Network
from rhm_scaling.publish import loading
from rhm_scaling.run.records import write_record
from rhm_scaling.steps.products import draw_grammar
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import validated
from rhm_scaling.study.schema import Study

pytestmark = pytest.mark.slow

PAGE = "docs/library.md"
# the default study's cells, and those of the tiny one that stand for them
SUBSTITUTES = {
    '"laptop"': '"tiny"',
    "train_size=1024": "train_size=64",
    '"train_size": 1024': '"train_size": 64',
    'grammar="zipf-1", train_size=2048': 'grammar="zipf", train_size=128',
    "v=8, s=2, L=4, classes=8, width=64": "v=6, s=2, L=2, classes=6, width=16",
    "[128, 256, 512, 1024, 2048]": "[64, 256]",
}
LAST: dict[str, Any] = {"task": "last_token", "architecture": "cnn"}


def recipes() -> dict[str, str]:
    """The recipes by what the text calls them."""
    found = re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", text_of(PAGE), re.DOTALL | re.M)
    return {name.split(",")[0]: recipe for name, recipe in found}


def run(*names: str) -> dict[str, Any]:
    """What some recipes leave, run one after another, once the first has imported what it does."""
    left: dict[str, Any] = {"rhm": rhm, "nn": nn}
    for name in names:
        recipe = recipes()[name]
        for theirs, ours in SUBSTITUTES.items():
            recipe = recipe.replace(theirs, ours)
        exec(recipe, left)  # noqa: S102
    return left


@pytest.fixture
def in_tiny(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    return project


def test_every_recipe_is_run_here() -> None:
    text = text_of(PAGE)
    named = {
        *("One's own network", "Entropies of one's own grammar", "Loss against step"),
        *("A trained network on new sentences", "Errors by rule rank", "A plain `state_dict` of one"
          " replica"),
    }  # fmt: skip
    assert recipes().keys() == named
    assert text.count("```python") == len(named)
    assert all(theirs in text for theirs in SUBSTITUTES)


def test_one_s_own_network_takes_ten_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len([line for line in recipes()["One's own network"].splitlines() if line]) <= 10
    left = run("One's own network")
    for training in (left["own"], left["cnn"]):
        assert training.curves["mean"].is_monotonic_decreasing
        assert training.curves[["low", "high"]].notna().all(axis=None)
    assert (tmp_path / "own.pdf").stat().st_size > 1000


def test_entropies_of_the_grammar_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = code("docs/theory.md", "json")
    Path("mine.json").write_text(example, encoding="utf-8")
    grammar = run("Entropies of one's own grammar")["grammar"]
    assert len(rhm.entropies(grammar, "last_token")) == 3


def test_loss_against_step(in_tiny: Project) -> None:
    left = run("Loss against step")
    assert list(left["losses"].columns) == [0, 1]
    assert left["losses"].index[0] == 0 and left["losses"].notna().all(axis=None)


def test_a_trained_network_on_new_sentences(in_tiny: Project) -> None:
    left = run("A trained network on new sentences")
    assert left["exact"].shape == (10_000, 6)
    row = rhm.load_runs("tiny", **LAST, train_size=64, rule_seed=0).iloc[0]
    # of other sentences than the 256 of the test set, so not the very number
    assert left["excess"].mean() == pytest.approx(row["test_excess"], rel=0.2)
    assert (left["excess"] >= 0).all()


def test_errors_by_rule_rank(in_tiny: Project) -> None:
    left = run("Errors by rule rank")
    by_rank = pd.Series(left["wrong"]).groupby(left["rarest"]).mean()
    assert by_rank.index.tolist() == [1, 2, 3, 4]
    assert by_rank[4] > by_rank[1]


def test_a_plain_state_dict(in_tiny: Project) -> None:
    left = run("A trained network on new sentences", "A plain `state_dict` of one replica")
    tokens = torch.from_numpy(left["sentences"].tokens)
    tokens[:, -1] = 6
    answers = left["plain"](tokens).softmax(-1).detach().numpy()
    assert answers == pytest.approx(left["network"](left["sentences"]), abs=1e-6)


def test_a_training_is_that_of_the_study(in_tiny: Project) -> None:
    grammar = rhm.draw_grammar(v=6, s=2, L=2, m=2)
    short = {"max_steps": 64, "min_steps": 16, "evaluations_per_octave": 2}
    sizes = {"validation_size": 64, "test_size": 256, "rule_draws": 2}
    made = rhm.train(grammar, "last_token", "cnn", [16, 64, 256], width=16, training=short, **sizes)
    other = ["study", "grammar", "seconds", "product"]
    for ours, theirs in (
        (made.runs, rhm.load_runs("tiny", **LAST)),
        (made.curves, rhm.load_curves("tiny", **LAST)),
        (made.history, rhm.load_history("tiny", **LAST)),
    ):
        ours, theirs = (table.drop(columns=other, errors="ignore") for table in (ours, theirs))
        key = [name for name in ("train_size", "rule_seed", "step") if name in ours]
        one, two = (table.sort_values(key).reset_index(drop=True) for table in (ours, theirs))
        pd.testing.assert_frame_equal(one, two, check_dtype=False, rtol=1e-12)


def test_loading_refuses_what_is_not_there(in_tiny: Project, tmp_path: Path) -> None:
    one = {**LAST, "train_size": 64, "rule_seed": 0}
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: rhm.load_runs("tini"), r"^study: no 'tini' in results; finished there: tiny$"),
        (lambda: rhm.load_runs("tiny", tmp_path), "; no study is finished there$"),
        (lambda: rhm.load_curves("tiny", architectur="cnn"), "^architectur: .*'architecture'"),
        (lambda: rhm.load_curves("tiny", size=3), "^size: not a column of .*; take study, grammar"),
        (lambda: rhm.load_history("tiny", architecture="cn"), "^architecture: no row has 'cn'; ta"),
        (lambda: rhm.load_network("tiny", **LAST), "^6 replicas of tiny match .*; name also train"),
        (
            lambda: rhm.load_network("tiny", **{**one, "train_size": 65}),
            "^train_size: no row has 65",
        ),
        (
            lambda: rhm.load_network("tiny", **{**one, "architecture": "ngram"}),
            "^ngram: learns by counting, it has no network",
        ),
    ]
    for call, message in calls:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match=r"^study: take the name of a study, not int 3"):
        rhm.load_runs(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^root: take the path of a folder, not int 3"):
        rhm.load_runs("tiny", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cell",
    [
        {"task": "autoregressive", "train_size": 64},
        {"task": "last_token", "architecture": "attention", "train_size": 64},
        {"task": "classification", "grammar": "flat", "train_size": 64},
    ],
)
def test_a_network_of_every_task_answers_as_it_was_measured(
    in_tiny: Project, cell: dict[str, Any]
) -> None:
    network = rhm.load_network("tiny", **cell, rule_seed=1)
    row = rhm.load_runs("tiny", **cell, rule_seed=1).iloc[0]
    test = rhm.sample(network.grammar, 256, stream="test")
    targets = {"classification": test.labels, "autoregressive": test.tokens}
    target = targets.get(network.task, test.tokens[:, -1])
    chosen = np.take_along_axis(network(test), target[..., None], axis=-1)
    assert -np.log(chosen).mean() == pytest.approx(row["test_loss"], rel=1e-5)
    # and as the pack does
    pack = loading.load_network("tiny", Path(), **cell, rule_seed=1)
    inputs = torch.randint(0, 6, (5, 4))
    assert torch.equal(network.module(inputs), pack(inputs[None])[0])
    assert not isinstance(network.module, Network)


def test_the_grammar_of_a_network_may_be_one_s_own(tmp_path: Path) -> None:
    (example,) = code("docs/theory.md", "json")
    (tmp_path / "mine.json").write_text(example, encoding="utf-8")
    experiment = {"task": "last_token", "grammars": ["mine"], "architectures": ["ngram"]}
    experiment |= {"train_sizes": [16], "replicas": {"rule_draws": 1}}
    study = {
        "name": "mine",
        "grammars": {"mine": {"file": "mine.json"}},
        "architectures": {"ngram": {"kind": "ngram"}},
        "experiments": {"last": experiment},
    }
    plan = Plan(validated(Study, study, folder=tmp_path))
    (product,) = plan.products["grammars"].values()
    files = {role: tmp_path / path for role, path in product.files.items()}
    draw_grammar.make(product.specification, {"file": tmp_path / "mine.json"}, files)
    made = {"core_seconds": 0.1, "threads": 1}
    write_record(files["record"], product.specification, [files["product"]], made)
    row = pd.Series({"rule_seed": 0})
    replica = loading.Replica(row, product.specification, tmp_path, 0)
    found = loading.grammar_of(replica, tmp_path)
    assert found.parameters == plan.parameters("mine")
    assert len(found.shared_tuples(1)) == 1
    files["product"].write_text(files["product"].read_text().replace("0.75", "0.76"))
    with pytest.raises(UserError, match=re.escape(files["product"].name)):
        loading.grammar_of(replica, tmp_path)
    files["product"].unlink()
    with pytest.raises(UserError, match=r"holds no grammar of rule seed 0; run the study again$"):
        loading.grammar_of(replica, tmp_path)
