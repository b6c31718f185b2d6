"""Sections of a study that ask what corrupted sentences tell: what they make, and mistakes."""

import re
from collections.abc import Iterator

import pytest

from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

TEXT = """
name: small
grammars:
  g: {v: 8, s: 2, L: [3, 4], m: 2}
architectures: {c: {kind: counting}}
experiments:
  e: {task: classification, grammars: [g-L3], architectures: [c], train_sizes: [4]}
denoising:
  d:
    grammars: [g]
    corruption: mask
    fractions: [0.3, 0.5, 0.7]
    rule_draws: 2
"""
SECTION = TEXT.partition("denoising:")[2]


def plan(text: str = TEXT) -> Plan:
    return Plan(parse_study(text, "study.yaml"))


def test_a_product_for_each_grammar_of_a_list_and_each_rule_draw() -> None:
    made = plan().denoised
    assert [(name, grammar) for name, grammar, _ in made] == [
        *[("d", "g-L3")] * 2,
        *[("d", "g-L4")] * 2,
    ]
    one = made[3][2].specification
    assert (one["rule_seed"], one["corruption"], one["fractions"]) == (1, "mask", [0.3, 0.5, 0.7])
    assert (
        Parameters.from_specification(made[3][2].inputs["grammar"].specification["grammar"]).L == 4
    )
    assert len(plan().products["denoising"]) == 4
    steps = stages(plan())
    assert [path.rpartition("/")[2] for path in steps["gather_denoising"].outputs] == [
        "denoising.csv",
        "transition.csv",
        "transitions.csv",
    ]
    assert len(steps["draw_denoising"].outputs) == 8  # two figures of two grammars, PNG and PDF


def test_a_study_that_does_not_ask_makes_what_it_made() -> None:
    without = plan(TEXT.replace(f"denoising:{SECTION}", ""))
    assert without.denoised == [] and not without.products["denoising"]
    steps = stages(without)
    assert not steps["gather_denoising"].outputs and not steps["draw_denoising"].outputs
    asked = stages(plan())
    changed = {name for name, step in steps.items() if step.identity != asked[name].identity}
    assert changed <= {"gather_denoising", "draw_denoising", "describe_tables"}


ALONE = re.sub(r"architectures:.*\n(?:.*\n)*?(?=denoising)", "", TEXT)


def test_a_study_may_have_no_experiments() -> None:
    alone = plan(ALONE)
    assert not alone.curves and not alone.theory
    assert {known.name for _, _, known in alone.denoised} == {
        known.name for _, _, known in plan().denoised
    }
    made = {name for name, step in stages(alone).items() if step.outputs}
    assert made == {"gather_denoising", "draw_denoising", "describe_tables"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ALONE.partition("denoising:")[0], "experiments: is missing; add one, or a section deno"),
        (TEXT.replace("architectures: {c: {kind: counting}}\n", ""), "architectures: is missing;"),
        (ALONE.replace("name: small\n", "name: small\nclaim: A1\n"), "claim: A1 is about class"),
    ],
)
def test_a_study_has_something_to_do(text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        plan(text)
    assert f"study.yaml: {told}" in str(error.value) and "\n" not in str(error.value)


def test_what_is_asked_enters_the_product_and_titles_do_not() -> None:
    names = {known.name for _, _, known in plan().denoised}
    titled = plan(TEXT.replace("    corruption", "    title: Other\n    corruption"))
    assert {known.name for _, _, known in titled.denoised} == names
    for old, new in (
        ("mask", "noise"),
        ("0.7]", "0.8]"),
        ("rule_draws: 2", "rule_draws: 2\n    sentences: 8"),
        ("rule_draws: 2", "rule_draws: 2\n    resampled: 8"),
    ):
        other = {known.name for _, _, known in plan(TEXT.replace(old, new)).denoised}
        assert not other & names, new


def mistakes() -> Iterator[tuple[str, str, str]]:
    yield "[g]", "[h]", "denoising.d.grammars: no 'h' defined"
    yield "corruption: mask", "corruption: blur", "denoising.d.corruption"
    yield "0.3, 0.5, 0.7", "0.5, 0.3, 0.7", "denoising.d.fractions: must grow"
    yield "0.3, 0.5, 0.7", "0.3, 0.5", "denoising.d.fractions"
    yield "0.3, 0.5, 0.7", "0.3, 0.5, 1.5", "denoising.d.fractions"
    yield "m: 2}", "m: 2, n: 4}", "give v one number and leave n out"
    yield "v: 8, s", "v: {0: 16, 1: 8}, s", "give v one number and leave n out"
    yield "L: [3, 4]", "L: [3, 1]", "has L = 1"
    yield "rule_draws: 2", "rule_draws: 100000", "denoising.d.rule_draws"
    yield "rule_draws: 2", "rule_draws: 2\n    scentences: 8", "did you mean 'sentences'"


@pytest.mark.parametrize(("old", "new", "told"), [*mistakes()])
def test_mistakes_end_in_one_line(old: str, new: str, told: str) -> None:
    head, _, tail = TEXT.partition("denoising:")
    text = TEXT.replace(old, new) if old in head else f"{head}denoising:{tail.replace(old, new)}"
    with pytest.raises(UserError) as error:
        plan(text)
    assert told in str(error.value) and "\n" not in str(error.value).strip()


def test_too_many_tokens_are_refused() -> None:
    text = TEXT.replace("L: [3, 4]", "L: [3, 10]")
    with pytest.raises(UserError, match=r"denoising\.d\.sentences: .* of 'g-L10' to a rule draw"):
        plan(text.replace("rule_draws: 2", "rule_draws: 2\n    sentences: 500000"))


def test_too_many_products_are_refused_before_they_are_planned() -> None:
    sections = "".join(
        SECTION.replace("  d:", f"  d{i}:").replace("rule_draws: 2", "rule_draws: 10000")
        for i in range(4)
    )
    with pytest.raises(UserError, match="take fewer rule_draws or grammars"):
        plan(TEXT.replace(SECTION, sections))


def test_rule_draws_of_a_claim_begin_where_its_criteria_say() -> None:
    judged = plan(f"claim: D1\n{TEXT}")
    first = rules_of("D1").first_rule_seed
    seeds = {known.specification["rule_seed"] for _, _, known in judged.denoised}
    assert seeds == {first, first + 1}
    assert judged.study.experiments["e"].replicas.rule_seeds.first == first
    told = plan(f"claim: D1\n{TEXT}    rule_seeds: {{first: 7}}\n")
    assert {known.specification["rule_seed"] for _, _, known in told.denoised} == {7, 8}
    steps = stages(judged)
    assert steps["decide_claim"].outputs and steps["write_guide"].outputs
    assert not steps["estimate_power"].outputs


def test_a_claim_about_denoising_needs_what_it_is_about() -> None:
    without = TEXT.replace(f"denoising:{SECTION}", "")
    with pytest.raises(UserError, match="claim: D1 is about posteriors of corrupted sentences"):
        plan(f"claim: D1\n{without}")
