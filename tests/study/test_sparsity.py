"""Grammars with blanks in a study: names, products, sizes, cost, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.sparse import draw
from rhm_scaling.run.dry_run import elapsed, on_this_machine
from rhm_scaling.run.status import Status
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.theory import training_sizes
from rhm_scaling.theory.sparse import ensemble_label_thresholds

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "config" / "studies" / "sparse.yaml"


def study(
    grammar: str = "{v: 8, L: 3, m: 3, sparsity: [0, 1, 2]}",
    task: str = "classification",
    kind: str = "cnn",
    more: str = "",
) -> str:
    return f"""
name: blanks
grammars: {{g: {grammar}}}
architectures: {{net: {{width: 8, kind: {kind}}}}}
experiments:
  e: {{task: {task}, grammars: [g], architectures: [net], train_sizes: [256, 512],
      replicas: {{rule_draws: 1}}{more}}}
"""


def planned(*arguments: str, **keys: str) -> Plan:
    return Plan(parse_study(study(*arguments, **keys), "s.yaml"))


def names(plan: Plan) -> dict[str, set[str]]:
    return {kind: {*known} for kind, known in plan.products.items()}


def test_a_list_makes_a_grammar_of_each_number_of_blanks() -> None:
    plan = planned()
    assert list(plan.study.grammars) == [f"g-sparsity{s0}" for s0 in (0, 1, 2)]
    shapes = [plan.parameters(name) for name in plan.study.grammars]
    assert [p.d for p in shapes] == [8, 64, 216]
    assert [p.v[0] for p in shapes] == [8, 9, 9]


def test_no_blanks_are_the_grammar_and_the_products_of_always() -> None:
    plain = planned("{v: 8, L: 3, m: 3}")
    assert names(planned("{v: 8, L: 3, m: 3, sparsity: 0}")) == names(plain)
    more = names(planned())
    assert all(known <= more[kind] for kind, known in names(plain).items())


def test_sparse_grammars_are_made_from_one_dense_grammar() -> None:
    plan = planned("{v: 8, L: 3, m: 3, sparsity: [1, 2]}")
    (dense,) = plan.products["grammars"].values()
    for one in plan.products["sparse"].values():
        assert one.inputs == {"grammar": dense}
    # theory of labels is that of the dense grammar; that of tokens is each grammar's own
    (theory,) = plan.products["theory"].values()
    assert theory.inputs == {"grammar": dense}
    assert not plan.surveys
    tokens = planned("{v: 4, L: 2, m: 2, sparsity: [1, 2]}", task="last_token")
    assert {one.inputs["grammar"].kind for one in tokens.products["theory"].values()} == {"sparse"}


@pytest.mark.parametrize("kind", ["cnn", "lcn"])
def test_sizes_lie_around_the_threshold_of_the_learner(kind: str) -> None:
    plan = Plan(parse_study(study(kind=kind).replace("[256, 512]", "auto"), "s.yaml"))
    for (_, grammar), grid in plan.grids.items():
        learner = plan.study.architectures["net"].learner
        assert learner is not None
        expected = ensemble_label_thresholds(plan.parameters(grammar), learner)[0]
        assert grid.first_threshold == grid.last_threshold == pytest.approx(expected)


def test_sizes_of_tokens_are_chosen_by_the_first_draw() -> None:
    text = study("{v: 4, n: 3, L: 2, m: 2, sparsity: 1}", task="last_token")
    plan = Plan(parse_study(text.replace("[256, 512]", "auto"), "s.yaml"))
    grammar = draw(plan.parameters("g"), 0)
    first = training_sizes.thresholds(grammar, "last_token")[0]
    assert plan.grids["e", "g"].first_threshold == pytest.approx(first)


def test_distinct_sentences_are_counted_with_their_places() -> None:
    few = ", replacement: false, validation_size: 16, test_size: 16"
    dense = "{v: 4, n: 2, L: 2, m: 2"
    with pytest.raises(UserError, match=r"and sampling finds at most 15; take"):
        planned(f"{dense}}}", more=few)
    plan = planned(f"{dense}, sparsity: 1}}", more=few)
    assert {one.specification["size"] for one in plan.products["sentences"].values()} == {
        16, 972 - 32
    }  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (
            {"grammar": "{v: 8, L: 3, m: 3, sparsity: -1}"},
            "grammars.g.sparsity: input should be greater than or equal to 0, not -1",
        ),
        (
            {"grammar": "{v: 8, L: 3, m: 3, sparsity: [0, -1]}"},
            "grammars.g.sparsity: a list here makes a grammar of each value and holds numbers "
            "from 0 and up to 1000000000, not -1",
        ),
        (
            {"grammar": "{v: 8, L: 6, m: 3, sparsity: 7}"},
            "grammars.g.sparsity: sentences of (s*(sparsity+1))**L = 16**6 tokens, the most is "
            "2**16; take it or L smaller",
        ),
        (
            {"grammar": "{v: 8, L: 1, m: 3, sparsity: 100}"},
            "grammars.g.sparsity: (v+1)**(s*(sparsity+1)) = 9**202 tuples, the most is "
            "2**256; take it or v smaller",
        ),
        (
            {"grammar": "{v: 200, L: 1, m: 200, sparsity: 15}"},
            "grammars.g.m: level 1 has 200*51200 = 10240000 rules, the most is "
            "2097152; take m smaller, or sparsity",
        ),
        (
            {"task": "last_token", "more": ", scan: true"},
            "experiments.e.scan: grammar 'g-sparsity1' has sparsity, of which theory has "
            "thresholds of labels alone; take it out, or scan classification",
        ),
        (
            {"kind": "lstm", "more": ", scan: true"},
            "experiments.e.scan: theory says nothing of 'net', so nothing is predicted of its "
            "sizes; take it out",
        ),
        (
            {"grammar": "{v: 8, L: 3, m: 3}", "more": ", sensitivity: true"},
            "experiments.e.sensitivity: is of grammars with blanks, and none here has any; set it "
            "to false, or give a grammar sparsity: 1",
        ),
        (
            {"task": "last_token", "more": ", sensitivity: true"},
            "experiments.e.sensitivity: are measured for the task classification; set it to false",
        ),
        (
            {"more": ", rule_errors: true"},
            "experiments.e.rule_errors: are not counted with blanks, and 'g-sparsity1' has "
            "sparsity; set it to false",
        ),
    ],
)
def test_each_mistake_is_a_line_that_names_the_key(keys: dict[str, str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        planned(**keys)
    assert str(caught.value).removeprefix("s.yaml: ") == line


def test_a_sparse_grammar_that_is_no_point_may_have_more_blanks() -> None:
    plan = planned(
        "{v: 6, n: 2, L: 2, m: 3, sparsity: [1, 2, 3, 4]}", kind="lcn", more=", scan: true"
    )
    refused = {curve.grammar: why for curve, why in plan.scanned.items()}
    assert [name for name, why in refused.items() if why] == ["g-sparsity1"]
    assert refused["g-sparsity1"].endswith("or a larger L or sparsity")


@pytest.mark.parametrize("scale", ["", ":depths"])
def test_the_study_of_the_repository_takes_ten_minutes(scale: str, tmp_path: Path) -> None:
    plan = Plan(load_study(STUDY.with_name(f"sparse.yaml{scale}")))
    assert not any(plan.scanned.values())
    assert {curve.experiment for curve, _ in plan.sensitive} == {*plan.study.experiments}
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "config.yaml", tmp_path / "config")
    batches = on_this_machine(Status(plan, root=tmp_path), Rates(), 2)
    assert elapsed(batches, 2, 8) < 10 * 60
