"""Every function of the package that runs while a product is made counts as its code."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

from rhm_scaling.core import fingerprint as fingerprints
from rhm_scaling.study.artifacts import KINDS, STEPS, Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

STUDY = """
name: all
grammars:
  dense: &g {v: 6, s: 2, L: 2, m: 2}
  sparse: {<<: *g, sparsity: 1}
  more: {<<: *g, m: 3}
  zipf: {<<: *g, m: 3, zipf: {1: 1.0}}
architectures:
  cnn: &n {kind: cnn, width: 8, training: {max_steps: 16, min_steps: 4}}
  lcn: {<<: *n, kind: lcn}
  fcn: {<<: *n, kind: fcn}
  lstm: {<<: *n, kind: lstm}
  mixer: {<<: *n, kind: mixer}
  attention: {<<: *n, kind: attention}
  transformer: {<<: *n, kind: transformer}
  unet: {<<: *n, kind: unet}
  encoder: {<<: *n, kind: encoder}
  rated: {<<: *n, width: [4, 8], optimizer: {kind: sgd, lr: [0.1, 0.2]}}
  counting: {kind: counting}
  ngram: {kind: ngram}
  codes: {kind: latent}
  siblings: {kind: latent_network, steps: 4}
experiments:
  labels: &e
    task: classification
    grammars: [dense]
    architectures: [cnn, lcn, fcn, counting, codes, siblings]
    train_sizes: [16]
    test_size: 64
    validation_size: 64
    replicas: {rule_draws: 2}
  ranks: {<<: *e, grammars: [zipf], architectures: [cnn], rule_errors: true}
  blanks: {<<: *e, grammars: [sparse], architectures: [cnn], sensitivity: true}
  last:
    <<: *e
    task: last_token
    architectures: [cnn, transformer, attention, rated, counting, ngram]
    train_sizes: [16, 32]
    representations: true
    learning_times: true
  distinct:
    {<<: *e, task: last_token, grammars: [more], architectures: [cnn], train_sizes: [8],
     test_size: 8, validation_size: 8, replacement: false}
  fresh:
    {task: last_token, grammars: [dense], architectures: [mixer, lstm], online: true,
     test_size: 64, validation_size: 64, replicas: {rule_draws: 2}}
  every: {<<: *e, task: autoregressive, architectures: [transformer, lstm]}
  masked:
    {<<: *e, task: masked, architectures: [unet, encoder], masked_fractions: [0.3, 0.6, 0.9]}
denoising:
  noise: &d {grammars: [dense], corruption: noise, fractions: [0.2, 0.5, 0.8], sentences: 16,
    resampled: 16, rule_draws: 1}
  mask: {<<: *d, corruption: mask}
"""
# Of an architecture its own declaration is no part (CONTRIBUTING.md)
DECLARED = "architecture.about"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Product, set[Any]]]]:
    """By kind, a product of each sort, with the definitions that ran as it was made."""
    plan = Plan(parse_study(STUDY, "all.yaml"))
    found: dict[str, list[tuple[Product, set[Any]]]] = {kind: [] for kind in KINDS}
    sorts, there = set[str](), set[str]()

    def make(product: Product) -> None:
        for source in product.inputs.values():
            make(source)
        if product.name not in there:
            there.add(product.name)
            outputs = {role: Path(path) for role, path in product.files.items()}
            inputs = {role: Path(path) for role, path in product.sources.items()}
            outputs["record"].parent.mkdir(parents=True, exist_ok=True)
            step = importlib.import_module(f"rhm_scaling.steps.products.{STEPS[product.kind]}")
            with noted() as ran:
                step.make(product.specification, inputs, outputs)
            found[product.kind].append((product, ran))

    with contextlib.chdir(tmp_path_factory.mktemp("made")):
        torch.set_num_threads(1)
        for kind, known in plan.products.items():
            for product in known.values():
                if (sort := f"{kind} {sort_of(product)}") not in sorts:
                    sorts.add(sort)
                    make(product)
    return found


def sort_of(product: Product) -> list[Any]:
    """What products have in common that are made by the same code."""
    what = product.specification
    names = ("architecture", "learner")
    kinds = [what[name]["kind"] for name in names if name in what]
    return [*kinds, what.get("task"), what.get("train_size") == "online", "apart_from" in what]


@contextlib.contextmanager
def noted() -> Iterator[set[Any]]:
    """Places of the definitions of the package that run meanwhile."""
    lines, ran = set[tuple[str, int]](), set[Any]()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>":
            lines.add((code.co_filename, code.co_firstlineno))

    sys.setprofile(note)
    try:
        yield ran
    finally:
        sys.setprofile(None)
    folder = str(fingerprints.PACKAGE)
    ran |= {place(Path(file), line) for file, line in lines if file.startswith(folder)}


def place(file: Path, line: int) -> tuple[str, int]:
    """The definition of the package in which a line stands."""
    path = file.relative_to(fingerprints.PACKAGE).with_suffix("")
    module = ".".join(path.parts).removesuffix(".__init__")
    for number, statement in enumerate(fingerprints._read(module).statements):
        decorators = getattr(statement, "decorator_list", [])
        first = min(part.lineno for part in (statement, *decorators))
        if first <= line <= (statement.end_lineno or line):
            return module, number
    raise AssertionError(f"{file}:{line} stands in no statement")


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_runs_is_part_of_the_code(
    kind: str, made: dict[str, list[tuple[Product, set[Any]]]]
) -> None:
    assert made[kind]
    for product, ran in made[kind]:
        roots = {(f"steps.products.{STEPS[kind]}", "make")}
        if "architecture" in product.specification:
            roots |= {(f"models.{product.specification['architecture']['kind']}", "Network")}
        starts = {
            (module, number)
            for module, name in roots
            for number in fingerprints._read(module).defined[name]
        }
        others = {one for one in ran if one[0] != DECLARED} - fingerprints._closure(starts)
        names = {
            f"{module}.{getattr(fingerprints._read(module).statements[number], 'name', '')}"
            for module, number in others
        }
        assert names == set(), product.name
        assert len(ran) > 10
