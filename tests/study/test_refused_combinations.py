"""What new keys do not go with is refused in one line that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.run.notes import beyond_language, no_fits
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

STUDY = """
name: some
grammars:
  g: {v: 8, s: 2, L: 3, m: 2, sparsity: 1}
  h: {v: 8, s: 2, L: 3, m: 2}
architectures:
  counts: {kind: counting}
  codes: {kind: latent}
experiments:
  e: {task: classification, grammars: [GRAMMAR], architectures: [ARCHITECTURE], train_sizes: SIZES}
MORE
"""


def plan(
    grammar: str = "h", architecture: str = "counts", sizes: str = "[64, 128]", more: str = ""
) -> Plan:
    text = STUDY.replace("GRAMMAR", grammar).replace("ARCHITECTURE", architecture)
    return Plan(parse_study(text.replace("SIZES", sizes).replace("MORE", more), "s.yaml", Path()))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"sizes": "[64], sensitivity: true", "grammar": "g"}, "experiments.e.sensitivity: are"),
        ({"sizes": "[64], rule_errors: true"}, "experiments.e.rule_errors: are of networks that"),
        (
            {"more": "denoising: {d: {grammars: [g], corruption: mask, fractions: [.1, .2, .3]}}"},
            "denoising.d.grammars: 'g' has sparsity",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, str], line: str) -> None:
    with pytest.raises(UserError) as error:
        plan(**options)
    assert f"s.yaml: {line}" in str(error.value) and "\n" not in str(error.value)


def test_a_key_that_does_not_go_with_another_is_not_called_unknown() -> None:
    text = STUDY.replace("g: {v: 8, s: 2, L: 3, m: 2,", "g: {file: own.json,")
    with pytest.raises(UserError, match=r"grammars\.g\.sparsity: .*does not go with file"):
        parse_study(text.replace("MORE", ""), "s.yaml", Path())


def test_sizes_for_codes_on_sparse_grammars_lie_about_their_own_threshold() -> None:
    codes, labels = (plan("g", name, "auto").grids["e", "g"] for name in ("codes", "counts"))
    assert codes.first_threshold == codes.last_threshold
    assert codes.first_threshold != labels.first_threshold


def test_a_latent_learner_is_not_judged_by_the_threshold_of_labels() -> None:
    sizes = "[16, 32, 64, 128, 256, 512]"
    deep = STUDY.replace("h: {v: 8, s: 2, L: 3", "h: {v: 16, s: 2, L: 6")
    told = {}
    for name in ("codes", "counts"):
        text = deep.replace("GRAMMAR", "h").replace("ARCHITECTURE", name)
        study = parse_study(text.replace("SIZES", sizes).replace("MORE", ""), "s.yaml", Path())
        told[name] = [*no_fits(Plan(study))]
    assert told["codes"] == [] and len(told["counts"]) == 1


@pytest.mark.parametrize("architecture", ["counts", "codes"])
def test_a_sparse_grammar_is_told_to_have_no_fit(architecture: str) -> None:
    (line,) = no_fits(plan("g", architecture, "[8, 16, 32]"))
    assert line.startswith("experiments.e: g will hardly have a fit: nothing is predicted to be")
    assert list(no_fits(plan("g", architecture, "[4096, 8192, 16384, 32768]"))) == []
    # the labels of a dense one are learnt from fewer sentences
    told = [bool([*no_fits(plan(name, architecture, "[128, 256, 512]"))]) for name in "gh"]
    assert told == [True, False]


def test_more_sentences_than_a_sparse_language_has_are_told() -> None:
    small = STUDY.replace("g: {v: 8, s: 2, L: 3, m: 2", "g: {v: 8, s: 2, L: 1, m: 2")
    text = small.replace("GRAMMAR", "g").replace("ARCHITECTURE", "counts").replace("MORE", "")
    (line,) = beyond_language(Plan(parse_study(text.replace("SIZES", "[4, 65]"), "s.yaml", Path())))
    # eight classes, two rules, in four places
    assert line == "experiments.e: 65 sentences to train on, g has 64 in all"
