"""The key `memorisation`: what it asks for, what it refuses, and that trainings are not touched."""

from __future__ import annotations

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

STUDY = """
name: base
grammars: {{g: {{v: 6, s: 2, L: 2, m: 2}}}}
architectures: {{net: {{kind: cnn, width: 8}}, count: {{kind: counting}}}}
experiments:
  e:
    task: last_token
    grammars: [g]
    architectures: {architectures}
    {keys}
"""
TABLES = {"training_histories.csv", "onsets.csv", "onset_laws.csv"}
OF_REPETITION = {"repetition.csv", "repetition_laws.csv"}


def plan(keys: str, architectures: str = "[net, count]") -> Plan:
    return Plan(parse_study(STUDY.format(keys=keys, architectures=architectures), "study.yaml"))


def made(asked: Plan) -> set[str]:
    files = {path for stage in stages(asked).values() for path in stage.outputs}
    return {path.removeprefix("results/base/") for path in files}


def test_it_adds_tables_and_figures_and_no_product() -> None:
    sizes = "train_sizes: [16, 32, 64]"
    without, with_it = plan(sizes), plan(f"{sizes}\n    memorisation: true")
    assert {k: set(p) for k, p in without.products.items()} == {
        k: set(p) for k, p in with_it.products.items()
    }
    added = made(with_it) - made(without)
    assert added == TABLES | {
        f"figures/{kind}-e.{suffix}"
        for kind in ("training_losses", "onsets")
        for suffix in ("png", "pdf")
    }


def test_repetition_takes_fresh_sentences_too() -> None:
    keys = ("train_sizes: [16, 32]", "online: true", "memorisation: true")
    found = made(plan("\n    ".join(keys), "[net]"))
    assert found >= TABLES | OF_REPETITION | {"figures/repetition-e.png"}


@pytest.mark.parametrize(
    "keys, architectures, said",
    [
        ("online: true\n    memorisation: true", "[net]", "fresh sentences cannot be memorised"),
        (
            "train_sizes: [16]\n    memorisation: true",
            "[count]",
            "networks that are trained on the task",
        ),
    ],
)
def test_what_it_cannot_follow_is_refused(keys: str, architectures: str, said: str) -> None:
    with pytest.raises(UserError, match=f"experiments.e.memorisation: .*{said}"):
        plan(keys, architectures)
