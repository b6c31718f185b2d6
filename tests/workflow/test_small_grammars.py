"""Small grammars of every kind get all their tables and figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from helpers.small_grammars import Case, run, sample

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", sample(20), ids=str)
def test_every_table_and_figure_is_made(case: Case, tmp_path: Path) -> None:
    made = run(case.study, tmp_path)
    assert all(path.is_file() for path in made)
    assert {"theory.csv", "curves.csv"} <= {path.name for path in made}
    assert any(path.suffix == ".pdf" for path in made)


WITHOUT_REPLACEMENT = """
name: small
grammars: {g: {v: 8, s: 2, L: 2, m: 4, zipf: {1: 1.0}}}
architectures:
  counting: {kind: counting}
  ngram: {kind: ngram}
  cnn: {kind: cnn, width: 4, training: {max_steps: 8, min_steps: 8}}
experiments:
  e:
    task: TASK
    grammars: [g]
    architectures: [counting, ngram, cnn]
    train_sizes: [4, 16, 32]
    validation_size: 8
    test_size: 16
    replacement: false
    replicas: {rule_draws: 2}
"""


@pytest.mark.parametrize("task", ["classification", "last_token"])
def test_without_replacement_no_test_sentence_was_trained_on(task: str, tmp_path: Path) -> None:
    run(WITHOUT_REPLACEMENT.replace("TASK", task), tmp_path)
    runs = pd.read_csv(tmp_path / "results" / "small" / "runs.csv")
    assert set(runs["architecture"]) == {"counting", "ngram", "cnn"}
    assert (runs["overlap"] == 0).all()


WINDOWS = """
name: small
grammars: {g: {v: 6, s: 2, L: 3, m: 2}}
architectures:
  counting: {kind: counting}
  ngram: {kind: ngram}
  cnn:
    kind: cnn
    width: [2, 4, 8]
    optimizer: {kind: sgd, lr: [0.1, 0.5]}
    training: {max_steps: 16, min_steps: 8}
  tf:
    kind: transformer
    depth: 1
    width: 4
    training: {max_steps: 8, min_steps: 8}
experiments:
  whole: &one
    task: last_token
    grammars: [g]
    architectures: [counting, ngram, cnn, tf]
    train_sizes: [8, 16, 32, 64]
    validation_size: 64
    test_size: 1024
    replicas: {rule_draws: 2}
  seen:
    <<: *one
    context: 4
  last:
    <<: *one
    architectures: [cnn]
    context: 2
    online: true
"""


def test_windows_have_curves_and_floors_of_their_own(tmp_path: Path) -> None:
    made = run(WINDOWS, tmp_path)
    assert all(path.is_file() for path in made)
    tables = {path.stem: pd.read_csv(path) for path in made if path.match("small/*.csv")}
    curves, theory = tables["curves"], tables["theory"]
    entropy = theory[theory["quantity"] == "entropy"].groupby("level")["value"].mean()
    for context, level in {0: 3, 4: 2, 2: 1}.items():
        mine = curves[curves["context"] == context]
        assert mine["bayes_loss"].to_numpy() == pytest.approx(entropy[level], abs=0.06)
        assert mine["chance"].to_numpy() == pytest.approx(entropy[0] - entropy[level])
        for name in ("thresholds", "crossings"):
            table = tables[name]
            assert set(table.loc[table["context"] == context, "level"]) == {*range(1, level + 1)}
        cnn = mine[mine["architecture"] == "cnn"]
        assert set(cnn["depth"]) == {level}
    assert set(tables["sizes"]["context"]) == {0, 2, 4}
    assert not tables["recovery"].empty
    recovered = tables["recovery"].groupby("context")["level"].max()
    assert recovered.to_dict() == {0: 2, 4: 1}


SIZES_OF_NETWORKS = """
name: small
grammars: {g: {v: 6, s: 2, L: 2, m: 2}}
architectures:
  cnn: {kind: cnn, width: [2, 4, 8], training: {max_steps: 8, min_steps: 8}}
experiments:
  e:
    task: classification
    grammars: [g]
    architectures: [cnn]
    train_sizes: [8]
    validation_size: 8
    test_size: 16
    replicas: {rule_draws: 1}
"""


def test_sizes_of_networks_that_classify_have_a_figure(tmp_path: Path) -> None:
    made = run(SIZES_OF_NETWORKS, tmp_path)
    assert all(path.is_file() for path in made)
    levels = pd.read_csv(tmp_path / "results" / "small" / "levels.csv")
    assert levels.empty  # which a last token has
    assert any(path.stem == "scaling-e" and path.suffix == ".pdf" for path in made)
