"""Experiments that scan grammars: what is refused and why, what it costs, what trains anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.run.dry_run import elapsed, on_this_machine
from rhm_scaling.run.notes import no_points
from rhm_scaling.run.status import Status
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.study.scans import FEWEST, ScanConfig, why_no_point
from rhm_scaling.theory import complexities

ROOT = Path(__file__).parents[2]
SCAN = ROOT / "config" / "studies" / "scan.yaml"


def study(
    grammars: str = "{g: {v: [8, 10, 12], L: 3, m: 3}}",
    experiment: str = "scan: true",
    task: str = "classification",
    kind: str = "cnn",
    train_sizes: str = "[256, 512]",
) -> str:
    return f"""
name: scan
grammars: {grammars}
architectures: {{net: {{width: 8, kind: {kind}}}}}
experiments:
  e: {{task: {task}, grammars: [g], architectures: [net], train_sizes: {train_sizes}, {experiment}}}
"""


def planned(*arguments: str, **keys: str) -> Plan:
    return Plan(parse_study(study(*arguments, **keys), "s.yaml"))


def test_true_stands_for_the_defaults_and_false_for_none() -> None:
    known = [
        parse_study(study(experiment=f"scan: {given}"), "s.yaml").experiments["e"].scan
        for given in ("true", "{}", "{factor: 1.5}", "false")
    ]
    assert known == [ScanConfig(), ScanConfig(), ScanConfig(factor=1.5), None]
    assert planned(experiment="scan: false").scanned == {}


def test_a_grammar_whose_size_is_a_large_part_of_its_language_is_refused_with_the_reason() -> None:
    plan = planned("{g: {v: [8, 12], L: [2, 3], m: [3, 4]}}")
    refused = {curve.grammar: why for curve, why in plan.scanned.items()}
    assert {name for name, why in refused.items() if why} == {
        f"g-v{v}-L2-m{m}" for v in (8, 12) for m in (3, 4)
    }
    lines = [*no_points(plan)]
    assert lines[0].startswith(
        "experiments.e.scan: g-v8-L2-m3 is no point of a law: its predicted P* of 93 is 0.43 of "
        "its 216 sentences, the most is 0.03; that takes m of about 43, with v of 43 or more, or a "
        "larger L"
    )
    assert len(lines) == 4
    # they are trained all the same
    assert {curve.grammar for curve, _ in plan.blocks} == refused.keys()
    assert not any(planned(experiment="scan: {language_fraction: 0.06}").scanned.values())


def test_what_the_reason_asks_for_is_enough() -> None:
    scan = ScanConfig()
    for v in (64, 96):
        for m in (34, 40):
            p = parse_study(study(f"{{g: {{v: [{v}, 97, 98], n: 3, L: 2, m: {m}}}}}"), "s.yaml")
            parameters = p.grammars[f"g-v{v}"].parameters()
            threshold = complexities.ensemble_label_complexities(parameters)[0]
            share = threshold / (parameters.n * m**3)
            why = why_no_point(scan, parameters, "classification", None)
            assert bool(why) == (share > 0.03)
    # the last token: of the level and the learner
    deep = planned().parameters("g-v8")
    cnn, transformer = (
        why_no_point(ScanConfig(level=3), deep, "last_token", learner)  # type: ignore[arg-type]
        for learner in ("cnn", "transformer")
    )
    for why, learner in ((cnn, "cnn"), (transformer, "transformer")):
        predicted = complexities.threshold(deep, 3, learner)  # type: ignore[arg-type]
        assert f"P* of {predicted:.0f} is {predicted / (8 * 3**7):.2g} of its 17496" in why
    assert "m of about 5, or a larger L" in cnn
    assert "m of about 10, with v of 10 or more, or" in transformer


def test_correlations_that_vanish_make_no_point() -> None:
    with pytest.raises(UserError) as caught:
        planned("{g: {v: [4, 5, 6], L: 2, m: 4}}", task="last_token")
    assert str(caught.value) == (
        "experiments.e.scan: 0 of 3 grammars can be points of a law, and it takes 3: of 'g-v4', "
        "its correlations vanish (f = 1), so there is no threshold"
    )


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"task": "autoregressive", "kind": "transformer"}, "scan: no thresholds are predicted"),
        ({"experiment": "scan: {level: 1}"}, "scan.level: classes are learnt at once"),
        ({"experiment": "scan: {level: 4}", "task": "last_token"}, "scan.level: 4 is no level of"),
        ({"experiment": "scan: true, context: 4", "task": "last_token"}, "scan: is of whole sent"),
        ({"task": "last_token", "kind": "lstm"}, "scan: theory says nothing of 'net'"),
        ({"kind": "transformer, depth: [2, 3]"}, "scan: 'net' has several depths"),
        ({"grammars": "{g: {v: [8, 10], L: 3, m: 3}}"}, "scan: a law takes 3 grammars or more"),
        ({"experiment": "scan: {factor: 1}"}, "scan.factor: input should be greater than 1"),
        ({"experiment": "scan: 3"}, "scan: write true, or {factor: 1.25}; not 3"),
        ({"experiment": "scan: {levels: 2}"}, "scan.levels: unknown key; did you mean 'level'?"),
    ],
)  # fmt: skip
def test_each_mistake_is_a_line_that_names_the_key(keys: dict[str, str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        planned(**keys)
    assert f"s.yaml: experiments.e.{line}" in str(caught.value)


def test_a_scan_of_a_file_is_refused() -> None:
    file = ROOT / "config" / "studies" / "authors" / "zipf-0.json"
    grammars = f"{{g: {{v: [8, 10, 12], L: 3, m: 3}}, f: {{file: {file}}}}}"
    text = study(grammars, "scan: true, replicas: {rule_draws: 1}")
    text = text.replace("grammars: [g]", "grammars: [g, f]")
    with pytest.raises(UserError) as caught:
        parse_study(text, "s.yaml")
    assert "experiments.e.scan: grammar 'f' comes from a file" in str(caught.value)


def test_a_value_more_makes_only_its_own_products() -> None:
    few = planned("{g: {v: [8, 10, 12], L: [3, 4], m: 3}}")
    more = planned("{g: {v: [8, 10, 12], L: [3, 4, 5], m: 3}}")
    for kind, known in few.products.items():
        assert known.keys() <= more.products[kind].keys()
    added = more.products["models"].keys() - few.products["models"].keys()
    assert added
    assert all("-L5-" in name for name in added)
    # a scan is no other training
    plain = planned("{g: {v: [8, 10, 12], L: [3, 4], m: 3}}", experiment="scan: false")
    assert plain.products == few.products


def test_sizes_lie_around_the_threshold_of_the_scanned_level() -> None:
    keys = {"task": "last_token", "train_sizes": "{below: 1, beyond: 4}"}
    plan = planned("{g: {v: [8, 10, 12], L: 4, m: 2}}", "scan: {level: 3}", **keys)
    for (_, grammar), grid in plan.grids.items():
        parameters = plan.parameters(grammar)
        found = [complexities.threshold(parameters, 3, kind) for kind in ("cnn", "transformer")]
        assert [grid.first_threshold, grid.last_threshold] == found
        assert found[0] / 2 < grid.sizes[0] <= found[0]
        assert 4 * found[1] <= grid.sizes[-1] < 8 * found[1]


def test_the_scan_of_the_repository_has_thirty_points_in_twenty_minutes(
    tmp_path: Path,
) -> None:
    plan = Plan(load_study(SCAN))
    points = [
        curve.grammar
        for curve, why in plan.scanned.items()
        if curve.experiment == "classification" and curve.architecture == "cnn" and not why
    ]
    assert len({*points}) == len(points) == 30
    shapes = [plan.parameters(name) for name in points]
    for axis in (lambda p: p.v, lambda p: p.m[0], lambda p: p.L):
        assert len({axis(p) for p in shapes}) >= 3
    assert max(p.n * p.m[0] ** p.L for p in shapes) == 4096
    assert not any(plan.scanned.values())
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "config.yaml", tmp_path / "config")
    batches = on_this_machine(Status(plan, root=tmp_path), Rates(), 2)
    assert elapsed(batches, 2, 8) < 20 * 60
    small = Plan(load_study(SCAN.with_name("scan.yaml:small")))
    assert sum(not why for why in small.scanned.values()) >= 3 * FEWEST
    assert any(small.scanned.values())
