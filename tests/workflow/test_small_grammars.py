"""Small grammars of every kind get all their tables and figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from helpers.small_grammars import Case, run, sample


@pytest.mark.slow
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
