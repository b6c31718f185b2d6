"""Counted operations equal PyTorch's count; threads, memory and parts follow from them."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rhm_scaling.architecture.registry import about, kinds
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.grammar.tasks import Task
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.models.repeats import repeating_levels
from rhm_scaling.run.estimates import core_seconds, memory
from rhm_scaling.study.cost import BlockCost, Rates, threads, work
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.training import latent
from rhm_scaling.training.datasets import Examples, example_losses

ROOT = Path(__file__).parents[2]
GRAMMARS = [
    Parameters.from_keys(v=6, n=4, s=2, L=3, m=2),
    Parameters.from_keys(v=5, n=3, s=3, L=2, m=3),
    Parameters.from_keys(v={0: 9, 1: 4}, n=3, s=2, L=2, m=3),
]
CASES = [
    (grammar, kind, task, depth)
    for grammar in GRAMMARS
    for kind in kinds()
    for task in about(kind).tasks or ("autoregressive",)  # denoisers answer everywhere too
    for depth in (1, 2, 3)
    if depth == grammar.L or not about(kind).layer_a_level
]


@pytest.mark.parametrize(("parameters", "kind", "task", "depth"), CASES)
def test_operations_and_parameters_equal_pytorchs_count(
    parameters: Parameters, kind: str, task: Task, depth: int
) -> None:
    heads = 2 if "heads" in about(kind).takes else 1
    architecture = {"kind": kind, "width": 8, "depth": depth, "heads": heads}
    network = build(kind, Shape.from_parameters(parameters, task, architecture), [1, 2])
    tokens = torch.randint(0, parameters.v[0], (2, 7, parameters.d))
    with FlopCounterMode(display=False) as forward:
        logits = network(tokens)
    targets = torch.zeros(logits.shape[:-1], dtype=torch.long)
    with FlopCounterMode(display=False) as backward:
        example_losses(logits, targets).sum().backward()
    counted = work(parameters, task, architecture)
    assert 2 * 7 * counted.forward == forward.get_total_flops()
    assert 2 * 7 * counted.training == forward.get_total_flops() + backward.get_total_flops()
    assert counted.parameters == network.parameter_count
    outside = ("embedding", "filters.0", "readout")
    body = [p[0] for name, p in network.named_parameters() if not name.startswith(outside)]
    assert counted.body_parameters == sum(p.numel() for p in body)


def specification(**changes: object) -> dict:
    return {
        "grammar": GRAMMARS[0].specification(),
        "task": "last_token",
        "train_size": 4096,
        "replicas": [[0, 0, 0], [1, 0, 0], [2, 0, 0]],
        "learning_rates": [0.1, 0.2],
        "architecture": {"kind": "cnn", "width": 64, "depth": 3, "heads": 1},
        "settings": {
            **{"optimizer": "sgd", "momentum": 0.9, "batch_size": 128, "max_steps": 20000},
            **{"min_steps": 500, "patience": 2.5, "evaluations_per_octave": 4},
        },
        **changes,
    }


def test_cost_grows_with_everything() -> None:
    rates = Rates()
    base = BlockCost.from_specification(specification(), 1024, 8192)
    assert base.replicas == 6
    wide = {"architecture": {"kind": "cnn", "width": 128, "depth": 3, "heads": 1}}
    for change in ({"train_size": 8192}, {"learning_rates": [0.1, 0.2, 0.3]}, wide):
        more = BlockCost.from_specification(specification(**change), 1024, 8192)
        assert more.seconds(rates) > base.seconds(rates)
        assert more.memory() > base.memory()
        assert more.operations() > base.operations()
    assert base.most_steps == 20000 > base.steps
    assert base.operations(base.most_steps) > base.operations()


def trained() -> pd.DataFrame:
    """Of every training in ``data/trainings.json``: study, steps and time over the measured ones.

    The studies' plans have changed since; the file has all that decides a training's cost.
    """
    path = ROOT / "tests" / "data" / "trainings.json"
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        replicas = {"replicas": [[r, 0, 0] for r in range(cell["networks"])]}
        for size, steps, seconds in cell["trainings"]:
            block = {**cell, **replicas, "learning_rates": [0.1], "train_size": size}
            cost = BlockCost.from_specification(block, *cell["held_out"])
            spent = cost.seconds(Rates(start=0.0))  # which records do not count
            time = spent / seconds if seconds else math.nan
            found.append((cell["study"], cost.replicas * cost.steps / steps, time))
    return pd.DataFrame(found, columns=["study", "steps", "seconds"])


def test_what_studies_of_claims_took_was_foretold() -> None:
    """The median training of each (B2 has those of B1), with the rates of their machine.

    Those of the frozen rule have sixteen times as many sentences to validate, and go on for longer.
    """
    ratios = trained().groupby("study").median()
    assert [*ratios.index] == ["a1", "a2", "a2-frozen", "a3-frozen", "b1", "b4", "b5"]
    assert ratios["steps"].between(0.7, 1.4).all(), ratios
    assert ratios["seconds"].dropna().between(0.7, 1.4).all(), ratios
    assert ratios["seconds"].isna().sum() == 2  # beside other work time tells nothing


@pytest.mark.parametrize("name", ["a2", "a3", "laptop"])
def test_repeats_are_computed_once_where_a_network_does(name: str) -> None:
    """There its time is that of all products, not that of looked-up tokens."""
    plan = Plan(load_study(ROOT / "config" / "studies" / f"{name}.yaml"))
    seen = set()
    for block in plan.products["models"].values():
        what = block.specification
        grammar = Parameters.from_specification(what["grammar"])
        cost = BlockCost.from_specification(what, *block.held_out)
        if work(grammar, what["task"], what["architecture"]).looked_up is not None:
            shape = Shape.from_parameters(grammar, what["task"], what["architecture"])
            once = repeating_levels(shape, cost.batch) > 0
            assert (cost.work.looked_up is None) == once, block.name
            seen.add(once)
    assert seen == ({False} if name == "laptop" else {False, True})


def test_tokens_are_looked_up_on_a_cpu_alone() -> None:
    """There the time of a step hardly grows with the vocabulary, on a GPU it does."""
    shape = {"kind": "cnn", "width": 64, "depth": 2, "heads": 1}
    few, many = (
        work(Parameters.from_keys(v={0: v, 1: 8}, n=8, s=2, L=2, m=8), "classification", shape)
        for v in (32, 256)
    )
    assert few.done(gpu=False).products == many.done(gpu=False).products
    assert few.done(gpu=False).first == many.done(gpu=False).first == 0
    assert few.done(gpu=False).numbers == many.done(gpu=False).numbers
    assert many.done(gpu=True) == many
    assert many.first == 8 * few.first
    each = work(
        Parameters.from_keys(v=256, s=2, L=2, m=8), "classification", {**shape, "kind": "lcn"}
    )
    assert each.done(gpu=False) == each


def test_a_training_loss_that_ends_nothing_costs_more() -> None:
    settings = {**specification()["settings"], "min_steps": 4096}
    costs = [
        BlockCost.from_specification(
            specification(settings={**settings, "train_loss": loss}), 1024, 8192
        )
        for loss in (0.001, 0.0)
    ]
    assert costs[0].steps < costs[1].steps == 4096


def test_online_trainings_go_on_to_the_cap_and_store_no_training_set() -> None:
    endless = BlockCost.from_specification(specification(train_size="online"), 1024, 8192)
    finite = BlockCost.from_specification(specification(train_size=1_000_000), 1024, 8192)
    assert endless.steps == endless.most_steps == 20000
    assert endless.memory() < finite.memory()
    longer = BlockCost.from_specification(specification(train_size="online"), 4096, 8192)
    assert longer.memory() > endless.memory()


def test_a_block_is_cut_to_what_fits() -> None:
    block = BlockCost.from_specification(specification(), 1024, 8192)
    assert block.fitting(block.memory()) == 6
    assert block.fitting(block.memory(4)) == 4
    assert block.fitting(block.memory(1) - 1) == 0


def test_all_cores_work() -> None:
    many = {str(i): 10.0 for i in range(40)}
    assert set(threads(many, 2).values()) == {1}
    assert threads({"alone": 10.0}, 8) == {"alone": 8}
    assert threads({"long": 90.0, **dict.fromkeys("abcdefgh", 1.0)}, 4)["long"] == 4
    few = threads({"a": 60.0, "b": 30.0, "c": 10.0}, 10)
    assert few == {"a": 6, "b": 3, "c": 1}
    assert threads({}, 4) == {}


def test_rates_are_read_back_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    assert Rates.read(path) == Rates()
    found = Rates(1e-11, 2e-9, 3e-6, 1.0)
    path.write_text(found.json())
    assert Rates.read(path) == found
    for text in ("{", '{"speed": 1}', "[]"):
        path.write_text(text)
        with pytest.raises(UserError, match=r"machine\.json: damaged .*delete it"):
            Rates.read(path)


@pytest.mark.parametrize("v", [8, 256])
def test_data_sets_need_the_memory_that_is_foretold(v: int) -> None:
    """Twice as loaded, while they are put together, and once as they lie in their files."""
    parameters = Parameters.from_keys(v={0: v, 1: 8}, n=8, s=2, L=4, m=8)
    size, draws = 2**14, 2
    told = specification(
        grammar=parameters.specification(), task="classification", train_size=size
    ) | {"replicas": [[rule, 0, 0] for rule in range(draws)]}
    more, less = (
        BlockCost.from_specification(told | {"train_size": n}, 16, 16).memory() for n in (size, 16)
    )
    sets = [
        Stream(Grammar.draw(parameters, rule), rule, 0, "train").take(size) for rule in range(draws)
    ]
    tracemalloc.start()
    Examples.from_sentences("classification", sets, [*range(draws)], v)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    files = sum(one.nbytes for one in sets)
    assert 2**20 * (more - less) == pytest.approx(peak + files, rel=0.15)


def test_a_learner_of_codes_needs_the_memory_that_is_foretold() -> None:
    text = """
name: codes
grammars: {g: {v: 8, s: 2, L: 6, m: 2}}
architectures: {codes: {kind: latent}}
experiments:
  e:
    task: classification
    grammars: [g]
    architectures: [codes]
    train_sizes: [64, 16384]
    replicas: {rule_draws: 1}
"""
    plan = Plan(parse_study(text, "s.yaml"))
    few, many = plan.products["latents"].values()
    grammar = Grammar.draw(plan.parameters("g"), 0)
    train = np.concatenate([*Stream(grammar, 0, 0, "train").chunks(16384)])
    p = grammar.parameters
    tracemalloc.start()
    latent.fit(train["tokens"], train["label"], v=p.v[: p.L], s=p.s, classes=p.n)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 2**20 * (memory(many) - memory(few)) == pytest.approx(peak, rel=0.4)
    assert core_seconds(many, Rates()) > 1.05 * core_seconds(few, Rates())
