"""An experiment with many curves has a figure for each of its grammars."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.documents import ROOT
from helpers.small_grammars import run
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study

STUDY = """
name: many
grammars: {deep: {v: 4, s: 2, L: 3, m: [1, 2, 3]}}
architectures: {a: {kind: counting}, b: {kind: counting, sharing: false}, c: {kind: ngram}}
experiments:
  tokens:
    title: Tokens
    task: last_token
    grammars: [deep]
    architectures: [a, b, c]
    train_sizes: [8, 16]
    test_size: 64
    replicas: {rule_draws: 2}
"""


def drawn(plan: Plan) -> list[str]:
    """Figures of curves that are planned, without their endings."""
    paths = [Path(path) for path in stages(plan)["draw_figures"].outputs]
    kinds = ("learning_curves-", "local_exponents-")
    return sorted({path.stem for path in paths if path.name.startswith(kinds)})


@pytest.mark.parametrize(
    ("study", "experiment", "grammars"),
    [
        ("b5", "deep", ["-deep-m2", "-deep-m3", "-deep-m4"]),
        ("b3", "deep", [""]),
        ("sizes", "last-token", [""]),  # many widths of one grammar
    ],
)
def test_names_of_figures(study: str, experiment: str, grammars: list[str]) -> None:
    plan = Plan(load_study(ROOT / "config" / "studies" / f"{study}.yaml"))
    kinds = ("learning_curves", "local_exponents")
    assert drawn(plan) == [
        f"{kind}-{experiment}{grammar}" for kind in kinds for grammar in grammars
    ]


def test_all_of_them_are_drawn(tmp_path: Path) -> None:
    plan = Plan(parse_study(STUDY, "study.yaml"))
    assert len(plan.curves) == 9
    made = run(STUDY, tmp_path)
    named = {f"{name}.pdf" for name in drawn(plan)}
    assert len(named) == 6
    assert named <= {path.name for path in made if path.stat().st_size}
