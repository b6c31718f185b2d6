"""Controls of a study: which networks are trained, which are not, and what is refused."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from helpers.grammars import AMBIGUOUS
from rhm_scaling.core.errors import UserError
from rhm_scaling.run.dry_run import lines
from rhm_scaling.run.status import Status
from rhm_scaling.steps.plan import stages
from rhm_scaling.study import size_limits
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

TRAINING = {"max_steps": 100, "min_steps": 20, "patience": 2.0}
NETS = {
    "cnn": {"kind": "cnn", "width": 16, "training": TRAINING},
    "tf": {"kind": "transformer", "width": 8, "heads": 4, "base_width": 8, "training": TRAINING},
    "counting": {"kind": "counting"},
}
EXPERIMENT = {
    "task": "last_token",
    "grammars": ["g"],
    "architectures": ["cnn", "tf", "counting"],
    "train_sizes": [8, 16, 32],
    "replicas": {"rule_draws": 4},
}
ASKED = {"train_sizes": [8, 32], "rule_draws": 2}


def plan(nets: dict[str, Any] | None = None, **changes: Any) -> Plan:
    experiment = {key: v for key, v in {**EXPERIMENT, **changes}.items() if v is not None}
    study = {
        "name": "s",
        "grammars": {"g": {"v": 4, "s": 2, "L": 2, "m": 2}},
        "architectures": {**NETS, **(nets or {})},
        "experiments": {"e": experiment},
        "block": {"rule_draws": 2},
    }
    return Plan(parse_study(yaml.safe_dump(study), "s.yaml"))


def of(found: Plan, architecture: str, control: str) -> list[Product]:
    return [
        block
        for curve, name, block in found.controls
        if (curve.architecture, name) == (architecture, control)
    ]


PLAIN, CONTROLLED = plan(), plan(controls=ASKED)


def test_controls_are_products_and_no_curves() -> None:
    assert CONTROLLED.curves == PLAIN.curves
    assert CONTROLLED.blocks == PLAIN.blocks
    more = CONTROLLED.products["models"].keys() - PLAIN.products["models"].keys()
    assert more == {block.name for _, _, block in CONTROLLED.controls}
    assert len(more) == 2 * 3 * 2  # networks, controls, sizes; counting has none
    for kind in PLAIN.products.keys() - {"models"}:  # nothing else is needed
        assert CONTROLLED.products[kind].keys() == PLAIN.products[kind].keys()
    for _, _, block in CONTROLLED.controls:
        assert {rule for rule, _, _ in block.specification["replicas"]} == {0, 1}


def test_only_tables_of_controls_read_their_blocks() -> None:
    before, after = stages(PLAIN), stages(CONTROLLED)
    assert before["compare_controls"].outputs == []
    assert [path.rpartition("/")[2] for path in after["compare_controls"].outputs] == [
        "controls.csv",
        "control_runs.csv",
    ]
    names = {block.name for _, _, block in CONTROLLED.controls}
    reading = {
        name for name, stage in after.items() if names & {known.name for known in stage.products}
    }
    assert reading == {"compare_controls"}
    for name in ("gather_runs", "aggregate_curves", "fit_curves", "find_crossings"):
        assert after[name].identity == before[name].identity


@pytest.mark.parametrize("architecture", ["cnn", "tf"])
def test_what_a_control_changes(architecture: str) -> None:
    own = next(b for c, b in PLAIN.blocks if c.architecture == architecture).specification
    steps = {"min_steps": 40, "max_steps": 200}
    for control, architectural, settings, times in (
        ("width x2", {"width": 2 * own["architecture"]["width"]}, {}, 1),
        ("patience x2", {}, {**steps, "patience": 4.0}, 1),
        ("rate /2", {}, steps, 0.5),
    ):
        first, last = of(CONTROLLED, architecture, control)
        what = first.specification
        assert (what["train_size"], last.specification["train_size"]) == (8, 32)
        assert what["architecture"] == own["architecture"] | architectural
        assert what["settings"] == own["settings"] | settings
        assert what["learning_rates"] == [rate * times for rate in own["learning_rates"]]


def test_an_online_training_has_no_patience_and_keeps_its_end() -> None:
    found = plan(online=True, train_sizes=None, controls={}, architectures=["cnn", "tf"])
    own = {c.architecture: b.specification for c, b in found.blocks}
    assert Counter(name for _, name, _ in found.controls) == {"width x2": 4, "rate /2": 4}
    for curve, _, block in found.controls:
        assert block.specification["train_size"] == "online"
        assert block.specification["settings"] == own[curve.architecture]["settings"]
    both = plan(online=True, controls=ASKED, architectures=["cnn"])
    assert Counter(name for _, name, _ in both.controls) == {
        **{"width x2": 3, "rate /2": 3},
        "patience x2": 2,
    }


@pytest.mark.parametrize(
    ("control", "net"),
    [
        ("width x2", {"width": 32, "training": TRAINING}),
        ("patience x2", {"width": 16, "training": {k: 2 * v for k, v in TRAINING.items()}}),
        (
            "rate /2",
            {
                **{"width": 16, "training": {**TRAINING, "max_steps": 200, "min_steps": 40}},
                "optimizer": {"kind": "sgd", "lr": 0.25},
            },
        ),
    ],
)
def test_a_control_is_the_cell_of_a_study_that_has_such_a_network(
    control: str, net: dict[str, Any]
) -> None:
    other = plan({"cnn": {"kind": "cnn", **net}}, architectures=["cnn"])
    cells = {block.name for _, block in other.blocks}
    assert {block.name for block in of(CONTROLLED, "cnn", control)} < cells


def test_a_control_that_the_study_trains_anyway_is_trained_once() -> None:
    wide = {"cnn": {"kind": "cnn", "width": [16, 32], "training": TRAINING}}
    found = plan(wide, architectures=["cnn"], controls=ASKED)
    cells = {block.name for curve, block in found.blocks if curve.width == 32}
    assert {block.name for block in of(found, "cnn", "width x2")[:2]} < cells
    rates = {"cnn": {**NETS["cnn"], "optimizer": {"kind": "sgd", "lr": [0.4, 0.1, 0.2]}}}
    (first, _) = of(plan(rates, architectures=["cnn"], controls=ASKED), "cnn", "rate /2")
    assert first.specification["learning_rates"] == [0.05, 0.1, 0.2]
    by_size = {"cnn": {**NETS["cnn"], "optimizer": {"kind": "sgd", "lr": {1: 0.4, 32: 0.1}}}}
    halved = of(plan(by_size, architectures=["cnn"], controls=ASKED), "cnn", "rate /2")
    assert {block.specification["learning_rates"][0] for block in halved} == {0.2, 0.05}


def test_controls_have_all_rule_draws_if_not_told() -> None:
    found = plan(controls={"train_sizes": [8]})
    replicas = [row for _, _, b in found.controls for row in b.specification["replicas"]]
    assert {rule for rule, _, _ in replicas} == {0, 1, 2, 3}


def test_a_plan_counts_and_names_its_controls(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "config.yaml", tmp_path / "config")
    status = Status(CONTROLLED, root=tmp_path)
    assert {block.name for _, _, block in CONTROLLED.controls} < {p.name for p in status.needed()}
    said = "\n".join(lines(status, Rates(), 2))
    assert "controls, which are part of no curve: width x2 in 4 blocks, patience x2 in 4 " in said
    for control in ("cnn-w32-d2-lr0.5 (width x2)", "cnn-w16-d2-lr0.5 (patience x2)"):
        assert f"/last_token/{control} " in said
    assert "controls" not in "\n".join(lines(Status(PLAIN, root=tmp_path), Rates(), 2))
    assert {row["product"] for row in CONTROLLED.resolved()["controls"]} == {
        block.name for _, _, block in CONTROLLED.controls
    }


def test_controls_count_for_the_limits_of_a_study() -> None:
    for found in (PLAIN, CONTROLLED):
        bound = size_limits.counts(found.study, found.study.experiments["e"])
        assert bound["products"] >= sum(map(len, found.products.values()))
    asked = {
        name: size_limits.counts(f.study, f.study.experiments["e"])["trainings"]
        for name, f in (("plain", PLAIN), ("controlled", CONTROLLED))
    }
    assert asked["controlled"] == 3 * asked["plain"]


TOO_WIDE = {"cnn": {"kind": "cnn", "width": 2**15 + 1}}
ENDLESS = {"cnn": {"kind": "cnn", "width": 8, "training": {"max_steps": 10**9}}}


@pytest.mark.parametrize(
    ("nets", "changes", "line"),
    [
        ({}, {"controls": {}}, "controls.train_sizes: is missing; name some of the experiment's"),
        (
            {},
            {"controls": {"train_sizes": [8, 12]}},
            "controls.train_sizes: 12 is no training size of 'g'; take some of 8, 16, 32",
        ),
        (
            {},
            {"controls": {"train_sizes": [9]}, "train_sizes": {"language_fraction": 1.0}},
            "controls.train_sizes: 9 is no training size of 'g'; take some of 8, 16",
        ),
        (
            {},
            {"controls": {**ASKED, "rule_draws": 5}},
            "controls.rule_draws: is 5, and the experiment has replicas.rule_draws = 4; give at",
        ),
        ({}, {"controls": {**ASKED, "rule_draws": 1}}, "controls.rule_draws: one tells nothing of"),
        ({}, {"controls": {**ASKED, "rule_draws": 0}}, "controls.rule_draws: input should be"),
        ({}, {"controls": {"train_sizes": []}}, "controls.train_sizes: is empty; write [1024"),
        ({}, {"controls": {**ASKED, "widths": 2}}, "controls.widths: unknown key; "),
        (
            {},
            {"controls": ASKED, "architectures": ["counting"]},
            "controls: are of networks that are trained on the task itself, and none here is; ",
        ),
        (
            {},
            {"controls": ASKED, "train_sizes": None, "online": True, "architectures": ["cnn"]},
            "controls.train_sizes: one online training gives all sizes, and the experiment has no",
        ),
        (
            {},
            {"controls": ASKED, "online": True, "architectures": ["tf"], "task": "autoregressive"},
            "controls: compare the sizes at which online curves cross levels, and none are told",
        ),
        (
            TOO_WIDE,
            {"controls": ASKED},
            "controls: width x2 of 'cnn' is beyond what a study may hold (width: input should be",
        ),
        (ENDLESS, {"controls": ASKED}, "controls: patience x2 of 'cnn' is beyond what a study may"),
    ],
)
def test_controls_that_cannot_be_are_refused_in_a_line(
    nets: dict[str, Any], changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(UserError) as caught:
        plan(nets, **changes)
    (said,) = str(caught.value).splitlines()
    assert said.removeprefix("s.yaml: ").startswith(f"experiments.e.{line}")


def test_a_grammar_from_a_file_is_one_rule_draw_and_has_no_controls(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(AMBIGUOUS, encoding="utf-8")
    experiment = {**EXPERIMENT, "replicas": {"rule_draws": 1}, "controls": {"train_sizes": [8]}}
    study = {
        "name": "s",
        "grammars": {"g": {"file": "mine.json"}},
        "architectures": NETS,
        "experiments": {"e": experiment},
    }
    with pytest.raises(UserError, match="take at least 2, or leave controls out"):
        parse_study(yaml.safe_dump(study), "s.yaml", tmp_path)
