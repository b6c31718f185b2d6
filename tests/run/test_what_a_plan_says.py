"""What a plan says before anything is made: which curves will have no fit, what each kind is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.json_file import to_json
from rhm_scaling.run import dry_run, estimates
from rhm_scaling.run.batches import RULES
from rhm_scaling.run.dry_run import ABOUT, TABLES
from rhm_scaling.run.notes import no_fits, one_draw
from rhm_scaling.steps.columns import tables
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.artifacts import KINDS, TRAINED
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study, scales

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "config" / "studies").glob("*.yaml"))
SMALL = """
name: small
grammars: {g: {v: 6, s: 2, L: 2, m: 2}}
architectures: {net: {kind: transformer, width: 8}}
experiments:
  e: {task: last_token, grammars: [g], architectures: [net], train_sizes: [8, 16, 32, 64]}
"""


def told(*changes: tuple[str, str]) -> list[str]:
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return [*no_fits(Plan(parse_study(text, "s.yaml")))]


def test_the_curve_without_a_fit_of_the_default_study_is_foretold() -> None:
    plan = Plan(load_study(ROOT / "config" / "studies" / "laptop.yaml"))
    fits = pd.read_csv(ROOT / "results" / "reference" / "laptop" / "fits.csv")
    without = {*fits[fits["exponent"].isna()]["grammar"]}
    assert {line.split()[1] for line in no_fits(plan)} == without == {"uniform-L3"}


def test_sizes_that_give_no_fit_are_told_with_the_threshold() -> None:
    begins = "experiments.e: g will hardly have a fit: "
    (line,) = told()
    assert line.startswith(f"{begins}needs 3 sizes below half of chance and above the resolution, ")
    assert line.endswith(", has 2: nothing is predicted to be learnt from less than 18 sentences")
    assert told(("32, 64]", "32, 64, 128]")) == []
    (line,) = told(("[8, 16, 32, 64]", "[8, 16]"))
    assert line == f"{begins}nothing is predicted to be learnt from less than 18 sentences"
    # of this task no threshold is predicted, but sizes are too few by themselves
    (line,) = told(("last_token", "autoregressive"), ("[8, 16, 32, 64]", "[8, 16]"))
    assert line.endswith(", has 2: it has no more sizes")
    assert told(("last_token", "autoregressive")) == []
    assert told(("train_sizes: [8, 16, 32, 64]", "online: true")) == []


def test_curves_without_an_interval_or_of_one_draw_are_told(tmp_path: Path) -> None:
    def noted(replicas: str, text: str = SMALL) -> list[str]:
        text = text.replace("task:", f"replicas: {replicas}, task:")
        return [*one_draw(Plan(parse_study(text, "s.yaml", tmp_path)))]

    assert noted("{rule_draws: 2}") == []
    none = "experiments.e: one replica gives no intervals; take replicas."
    assert noted("{rule_draws: 1}") == [f"{none}rule_draws: 2 or more"]
    (line,) = noted("{rule_draws: 1, samples: 2}")
    assert line.startswith("experiments.e: one rule draw gives intervals that are over its ")
    (tmp_path / "g.json").write_text(to_json(GRAMMARS["square"]), encoding="utf-8")
    own = SMALL.replace("{v: 6, s: 2, L: 2, m: 2}", "{file: g.json}")
    assert noted("{rule_draws: 1}", own) == [f"{none}samples: 2 or more"]
    assert noted("{rule_draws: 1, samples: 2}", own) == []
    claimed = SMALL.replace("name: small", "name: small\nclaim: B1")
    assert noted("{rule_draws: 3}", claimed) == []
    (line,) = noted("{rule_draws: 2}", claimed)
    few = "rule_draws: with less than 3 the claim stays undetermined; take more"
    assert line == f"experiments.e.replicas.{few}"
    section = "denoising: {d: {grammars: [g], corruption: mask, fractions: [.2, .4, .6]}}"
    text = "\n".join([SMALL.partition("architectures")[0], section])
    plan = Plan(parse_study(text, "s.yaml"))
    assert [*one_draw(plan)] == []
    plan = Plan(parse_study(text.replace("mask,", "mask, rule_draws: 1,"), "s.yaml"))
    (line,) = one_draw(plan)
    assert line == "denoising.d: one rule draw gives no intervals; take rule_draws: 2 or more"


def test_every_kind_of_work_is_explained_estimated_and_done_by_a_rule() -> None:
    assert {*ABOUT} == {*KINDS, TABLES}
    assert {*estimates._JOB, *TRAINED} == {*KINDS}
    assert sorted(kind for kinds in RULES.values() for kind in kinds) == sorted(KINDS)
    assert sorted(rule for layer in dry_run._LAYERS for rule in layer) == sorted(RULES)
    assert max(map(len, ABOUT.values())) <= 40


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_table_of_a_shipped_study_is_described(path: Path) -> None:
    """Otherwise its last job would fail."""
    for scale in scales(path):
        plan = Plan(load_study(path.with_name(f"{path.name}:{scale}") if scale else path))
        asked = stages(plan)["describe_tables"].specification["tables"]
        made = {"runs.csv": plan.blocks, "theory.csv": plan.curves, "denoising.csv": plan.denoised}
        assert {name for name, parts in made.items() if parts} <= {*asked} <= {*tables()}, scale
