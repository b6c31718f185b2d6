"""Coordinate checks: with a width's rates, steps move every layer equally far at every width."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.trainings import MEAN_FIELD
from rhm_scaling.architecture.registry import about, kinds
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Pack, Shape
from rhm_scaling.training.datasets import Examples, example_losses
from rhm_scaling.training.optimizers import Optimizer

PARAMETERS = Parameters.from_keys(v=8, s=2, L=3, m=2)
# parts of a change that fade as the root of the width fade late in plain layers
WIDTHS = {
    **dict.fromkeys(kinds(), (16, 32, 64, 128)),
    **dict.fromkeys(MEAN_FIELD, (64, 128, 256, 512)),
}
BASE, REPLICAS, BATCH, STEPS = 16, 4, 32, 4
SENTENCES = Stream(Grammar.draw(PARAMETERS, 0), 0, 0, "train").take(BATCH * STEPS)
RATES = {True: {"sgd": 0.5, "adam": 0.05}, False: {"sgd": 0.05, "adam": 3e-3}}
BY_BASE = [kind for kind in kinds() if "base_width" in about(kind).takes]


def activations(network: Pack, tokens: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        return [*network.hidden(tokens), network(tokens)]


def growth(kind: str, optimizer: str, base: int | None) -> list[float]:
    """Exponent against the width of how far some steps move each layer, the logits last."""
    changes = []
    for width in WIDTHS[kind]:
        shape = Shape(8, 2, 3, 8, "last_token", width=width, depth=3, heads=2, base_width=base)
        network = build(kind, shape, list(range(REPLICAS)))
        rates = [RATES[kind in MEAN_FIELD][optimizer]] * REPLICAS
        known = Examples.from_sentences("last_token", [SENTENCES], [0] * REPLICAS, PARAMETERS.v[0])
        change = Optimizer(network, optimizer, rates, momentum=0.0)
        watched, _ = known.batch(torch.arange(BATCH).expand(REPLICAS, -1))
        before = activations(network, watched)
        for step in range(STEPS):
            rows = torch.arange(step * BATCH, (step + 1) * BATCH).expand(REPLICAS, -1)
            inputs, targets = known.batch(rows)
            example_losses(network(inputs), targets).mean(1).sum().backward()
            change.step()
        after = activations(network, watched)
        changes.append([(b - a).square().mean().sqrt().item() for a, b in zip(before, after)])
    slopes = np.polyfit(np.log(WIDTHS[kind]), np.log(changes), 1)[0]
    return slopes.tolist()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", [*MEAN_FIELD, *BY_BASE])
def test_maximal_updates_do_not_depend_on_the_width(kind: str, optimizer: str) -> None:
    slopes = growth(kind, optimizer, BASE)
    assert np.abs(slopes).max() < 0.35, slopes


@pytest.mark.parametrize("kind", BY_BASE)
def test_in_standard_parametrization_they_grow(kind: str) -> None:
    assert max(growth(kind, "adam", None)) > 0.4


@pytest.mark.parametrize("kind", BY_BASE)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_at_the_base_width_both_parametrizations_are_one(kind: str, optimizer: str) -> None:
    shapes = [
        Shape(8, 2, 3, 8, "last_token", width=32, depth=2, heads=2, base_width=base)
        for base in (None, 32)
    ]
    one, other = (build(kind, shape, [1, 2]) for shape in shapes)
    tokens = torch.randint(0, 8, (2, 5, 8))
    assert torch.equal(one(tokens), other(tokens))
    scales = other.rate_scales(optimizer)
    assert set(scales.values()) == {1.0}
    assert one.rate_scales(optimizer).keys() == scales.keys()


@pytest.mark.parametrize("kind", BY_BASE)
def test_every_parameter_has_its_scale(kind: str) -> None:
    small, large = (
        build(kind, Shape(8, 2, 3, 8, "last_token", width=w, depth=2, heads=2, base_width=32), [1])
        for w in (32, 64)
    )
    sizes = zip(small.named_parameters(), large.parameters(), strict=True)
    # along how many axes each grows with the width
    grows = {
        name: sum(i != j for i, j in zip(one.shape, other.shape)) for (name, one), other in sizes
    }
    assert large.rate_scales("adam") == {name: 0.5 for name, axes in grows.items() if axes == 2}
    assert large.rate_scales("sgd") == {name: 2.0 for name, axes in grows.items() if axes == 1}
