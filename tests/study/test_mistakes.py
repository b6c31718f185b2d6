"""Mistakes that whoever writes a first study makes: each is a line that says what to write."""

from __future__ import annotations

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

STUDY = """
name: first
grammars:
  g: {v: 8, s: 2, L: 3, m: 2}
  h: {v: 8, s: 2, L: [2, 3], m: 2}
architectures:
  cnn: {kind: cnn, width: 16, optimizer: {kind: sgd, lr: 0.1}}
  unet: {kind: unet, width: 8}
  codes: {kind: latent_network, codes: 8}
experiments:
  e: {task: classification, grammars: [g], architectures: [cnn], train_sizes: [64, 128]}
  p: {task: classification, grammars: [h], architectures: [codes], train_sizes: [64, 128]}
  f:
    {task: masked, grammars: [g], architectures: [unet], train_sizes: [64], masked_fractions: [0.5]}
denoising:
  d: {grammars: [g], corruption: mask, fractions: [0.2, 0.4, 0.6], rule_draws: 2}
"""
E_HEAD = "e: {task: classification, grammars: [g]"
TRAINED = "of networks that are trained on the task itself, and none here is"


def told(old: str, new: str) -> list[str]:
    assert old in STUDY
    with pytest.raises(UserError) as caught:
        Plan(parse_study(STUDY.replace(old, new, 1), "s.yaml"))
    lines = str(caught.value).splitlines()
    assert len({*lines}) == len(lines)
    return [line.removeprefix("s.yaml: ") for line in lines]


def test_the_study_itself_is_right() -> None:
    plan = Plan(parse_study(STUDY, "s.yaml"))
    assert plan.blocks and plan.denoisers and plan.denoised and plan.products["predictors"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        # lists
        (
            E_HEAD,
            "e: {task: classification, grammars: []",
            "experiments.e.grammars: is empty; write some names of grammars, as in [deep]",
        ),
        (
            "fractions: [0.2, 0.4, 0.6]",
            "fractions: []",
            "denoising.d.fractions: is empty; write [0.2, 0.4, 0.6]",
        ),
        (
            "fractions: [0.2, 0.4, 0.6]",
            "fractions: [0.2]",
            "denoising.d.fractions: needs 3 values or more, not [0.2]",
        ),
        ("lr: 0.1", "lr: []", "architectures.cnn.optimizer.lr: is empty; write 0.01"),
        (
            "[64], masked",
            "[], masked",
            "experiments.f.train_sizes: is empty; write [256, 1024]",
        ),
        (
            "[0.5]",
            f"{[round(0.01 * i, 2) for i in range(1, 40)]}",
            "experiments.f.masked_fractions: holds more than 32 values; take fewer",
        ),
        # one value that stands for a list of one
        (
            "lr: 0.1",
            "lr: fast",
            "architectures.cnn.optimizer.lr: input should be a valid number",
        ),
        (
            "lr: 0.1",
            "lr: {much: 0.1}",
            "architectures.cnn.optimizer.lr: 'much': is no training size; name sizes, or online",
        ),
        ("lr: 0.1", "lr: {64: -1}", "architectures.cnn.optimizer.lr.64: input should be greater"),
        ("lr: 0.1", "lr: [0.1, fast]", "architectures.cnn.optimizer.lr.1: input should be a valid"),
        ("L: [2, 3]", "L: [2, 0.5]", "grammars.h.L: input should be a valid integer, not 0.5"),
        # keys without a value
        ("g: {v: 8, s: 2, L: 3, m: 2}", "g:", "grammars.g: has no value; write {v: 8, s: 2, L: 3"),
        ("g: {v: 8,", "g: {v: ,", "grammars.g.v: has no value; input should be a valid integer"),
        ("fractions: [0.2, 0.4, 0.6]", "fractions: ", "denoising.d.fractions: has no value; write"),
        ("[64, 128]}", "[64, 128], online: }", "experiments.e.online: has no value; write true or"),
        (
            E_HEAD,
            "e: {task: classification, grammars: {g: 1}",
            "experiments.e.grammars: write some names of grammars, as in [deep]; not {'g': 1}",
        ),
        (
            "[64, 128]}",
            "[64, 128], memorisation: yes}",
            "experiments.e.memorisation: write true or false, not 'yes'",
        ),
        (
            "[64, 128]}",
            f"[64, 128], title: {200 * 'a'}}}",
            "experiments.e.title: holds more than 100 characters; take fewer",
        ),
        # kinds
        ("kind: cnn", "kind: cnnn", "; not 'cnnn'; did you mean 'cnn'?"),
        (
            "{kind: cnn, ",
            "{",
            "architectures.cnn: needs kind: 'attention', 'cnn', 'encoder'",
        ),
        ("{kind: sgd, ", "{", "architectures.cnn.optimizer: needs kind: 'sgd', 'adam'"),
        # keys that belong elsewhere
        (
            "codes: 8",
            "codes: 8, depth: 3",
            "codes.depth: unknown key; it is for kind: att",
        ),
        ("codes: 8", "codes: 8, max_steps: 3", "max_steps: unknown key; did you mean 'steps'?"),
        (
            "[64, 128]}",
            "[64, 128], rule_draws: 2}",
            "experiments.e.rule_draws: unknown key; it belongs into replicas: {rule_draws: ...}",
        ),
        (
            "[64, 128]}",
            "[64, 128], corruption: mask}",
            "experiments.e.corruption: unknown key; it is a key of denoising; the keys here are",
        ),
        (
            "name: first",
            "name: first\nreplicas: {rule_draws: 2}",
            "replicas: unknown key; it belongs into experiments: {NAME: {replicas: ...}}",
        ),
        (
            "  d: {grammars: [g], corruption: mask",
            "  {grammars: [g], corruption: mask",
            "denoising.corruption: is a key of what has a name; write denoising: {masked: {corrupt",
        ),
        (
            "grammars: [g], corruption",
            "grammars: [q], corruption",
            "denoising.d.grammars: no 'q' defined; known: g, h-L2, h-L3",
        ),
        # what does not go together
        (
            "[64, 128]}\n  f",
            "[64, 128], rule_errors: true}\n  f",
            f"experiments.p.rule_errors: are {TRAINED}; add one, such as a cnn, or set it to false",
        ),
        (
            "[64, 128]}\n  f",
            "[64, 128], memorisation: true}\n  f",
            f"experiments.p.memorisation: histories are {TRAINED}; add one, such as a cnn",
        ),
        (
            "[64, 128]}\n  f",
            "[64, 128], controls: {train_sizes: [64]}}\n  f",
            f"experiments.p.controls: are {TRAINED}; leave them out",
        ),
        (
            "[64, 128]}\n  f",
            "[64, 128], online: true}\n  f",
            "experiments.p.online: 'codes' learns from a training set, and from no stream without",
        ),
        (
            "g: {v: 8, s",
            "g: {v: 8, n: 1, s",
            "experiments.e.grammars: 'g' has one class, of which nothing is to be learnt; give it",
        ),
        # beyond a limit, which is told
        (
            "g: {v: 8, s: 2, L: 3",
            "g: {v: 8, s: 2, L: 30",
            "grammars.g.L: sentences of s**L = 2**30 tokens, the most is 2**16; take L smaller",
        ),
        (
            "g: {v: 8, s: 2, L: 3",
            "g: {v: 8, sparsity: 99, s: 2, L: 3",
            "tokens, the most is 2**16; take it or L smaller",
        ),
    ],
)
def test_a_mistake_is_told_with_what_to_write(old: str, new: str, line: str) -> None:
    assert any(line in one for one in told(old, new)), told(old, new)


def test_learning_times_lie_between_sizes() -> None:
    text = STUDY.replace("e: {task: classification", "e: {learning_times: true, task: last_token")
    assert Plan(parse_study(text, "s.yaml")).timed
    with pytest.raises(UserError, match=r"e\.learning_times: are found between training sizes"):
        parse_study(text.replace("[64, 128]", "[64]", 1), "s.yaml")
