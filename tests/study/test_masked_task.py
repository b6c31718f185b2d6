"""Experiments with the task masked: what they make, what they cost, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.run.estimates import core_seconds, disk, memory
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

TEXT = """
name: small
grammars:
  g: {v: 8, s: 2, L: 3, m: 2}
architectures:
  net: {kind: unet, width: 16}
  other: {kind: encoder, width: 16}
experiments:
  e:
    task: masked
    masked_fractions: [0.2, 0.7]
    grammars: [g]
    architectures: [net, other]
    train_sizes: [64, 256]
    online: true
    replicas: {rule_draws: 2}
"""


def plan(text: str = TEXT) -> Plan:
    return Plan(parse_study(text, "study.yaml"))


def test_denoisers_are_products_of_their_own_and_theory_says_nothing_of_them() -> None:
    made = plan()
    kinds = {kind for kind, known in made.products.items() if known}
    assert kinds == {"grammars", "sentences", "denoisers"}
    assert not made.theory and not made.surveys and not made.crossing
    assert len(made.denoisers) == len(made.products["denoisers"]) == 2 * 3
    for curve, block in made.denoisers:
        what = block.specification
        assert (what["task"], what["masked_fractions"]) == ("masked", [0.2, 0.7])
        assert curve.protocol == ("online" if what["train_size"] == "online" else "finite")
        assert {"r000-grammar", "r000-s000-test", "r000-s000-validation"} <= block.inputs.keys()
        assert ("r000-s000-train" in block.inputs) == (curve.protocol == "finite")
    outputs = stages(made)["gather_denoisers"].outputs
    names = [path.rpartition("/")[2] for path in outputs]
    assert names == ["masked.csv", "generation.csv", "masked_curves.csv", "composed_at.csv"]
    drawn = stages(made)["draw_figures"].outputs
    assert {"masked-e.png", "composition-e.png"} <= {path.rpartition("/")[2] for path in drawn}


def test_fractions_are_part_of_what_is_trained_and_the_rest_of_a_study_is_not() -> None:
    first = plan().products["denoisers"].keys()
    assert not first & plan(TEXT.replace("0.7]", "0.8]")).products["denoisers"].keys()
    assert plan(TEXT.replace("name: small", "name: other")).products["denoisers"].keys() == first


def test_more_fractions_and_deeper_trees_cost_more() -> None:
    def cost(text: str) -> list[float]:
        (known,) = [
            block for curve, block in plan(text).denoisers if str(curve) == "g masked net w16 d3"
        ][:1]
        return [core_seconds(known, Rates()), memory(known), disk(known)]

    plain = cost(TEXT)
    assert all(value > 0 for value in plain)
    more = cost(TEXT.replace("[0.2, 0.7]", "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]"))
    assert more[0] > plain[0] and more[1] > plain[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("    masked_fractions: [0.2, 0.7]\n", ""), "e.masked_fractions: is missing"),
        (("[0.2, 0.7]", "[0.7, 0.2]"), "e.masked_fractions: must grow"),
        (("[0.2, 0.7]", "[0.2, 1.0]"), "e.masked_fractions"),
        (("task: masked", "task: autoregressive"), "e.masked_fractions: are of the task masked"),
        (("kind: unet, width: 16", "kind: cnn, width: 16"), "'net' cannot do the task masked"),
        (("kind: unet, width: 16", "kind: counting"), "learns from a training set"),
        (("    online: true\n", "    context: 4\n"), "e.context: is one of the task last_token"),
        (("    online: true\n", "    scan: true\n"), "e.scan: no thresholds are predicted"),
        (("    online: true\n", "    memorisation: true\n"), "e.memorisation: trainings of"),
        (("    online: true\n", "    rule_errors: true\n"), "e.rule_errors: are measured for the"),
        (
            ("    online: true\n", "    representations: true\n"),
            "e.representations: are measured for the task last_token",
        ),
        (("    online: true\n", "    precision: {exponent: 0.1}\n"), "e.precision: no rule draws"),
        (
            ("    online: true\n", "    controls: {rule_draws: 2, train_sizes: [64]}\n"),
            "e.controls: denoisers have no",
        ),
        (("[64, 256]", "auto"), "e.train_sizes: no thresholds are predicted for the task masked"),
        (("m: 2}", "m: 2, sparsity: 1}"), "e.grammars: 'g' has sparsity"),
        (("    online: true\n", "    test_size: 100000000\n"), "e.test_size: 1.28e+10 numbers"),
        (("name: small", "name: small\nclaim: A1"), "claim: A1 is about"),
    ],
)
def test_mistakes_are_one_line_that_names_the_key(change: tuple[str, str], says: str) -> None:
    text = TEXT.replace(*change)
    assert text != TEXT
    with pytest.raises(UserError) as caught:
        plan(text)
    lines = [line for line in str(caught.value).splitlines() if says in line]
    assert lines, str(caught.value)


def test_a_counting_learner_cannot_denoise() -> None:
    text = TEXT.replace("kind: unet, width: 16", "kind: counting").replace("    online: true\n", "")
    with pytest.raises(UserError, match="'net' cannot do the task masked; it can do"):
        plan(text)


def test_zipf_rules_and_grammars_from_a_file_can_be_denoised(tmp_path: Path) -> None:
    assert plan(TEXT.replace("m: 2}", "m: 2, zipf: {1: 1.0}}")).denoisers


def test_a_denoiser_takes_no_other_task() -> None:
    with pytest.raises(UserError, match="cannot do the task last_token; it can do masked"):
        plan(
            TEXT.replace("task: masked", "task: last_token").replace(
                "    masked_fractions: [0.2, 0.7]\n", ""
            )
        )
