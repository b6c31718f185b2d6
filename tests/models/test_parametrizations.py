"""Coordinate checks: with a width's rates, steps move every layer equally far at every width."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.trainings import MEAN_FIELD
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Pack, Shape
from rhm_scaling.study.architectures import kinds
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
RATES = {
    ("cnn", "sgd"): 0.5,
    ("cnn", "adam"): 0.05,
    ("lcn", "sgd"): 0.5,
    ("lcn", "adam"): 0.05,
    ("fcn", "sgd"): 0.5,
    ("fcn", "adam"): 0.05,
    ("transformer", "sgd"): 0.05,
    ("transformer", "adam"): 3e-3,
    ("attention", "adam"): 3e-3,
}


def activations(network: Pack, tokens: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        return [*network.hidden(tokens), network(tokens)]


def growth(kind: str, optimizer: str, base: int | None) -> list[float]:
    """Exponent against the width of how far some steps move each layer, the logits last."""
    changes = []
    for width in WIDTHS[kind]:
        shape = Shape(8, 2, 3, 8, "last_token", width=width, depth=3, heads=2, base_width=base)
        network = build(kind, shape, list(range(REPLICAS)))
        rates = [RATES[kind, optimizer]] * REPLICAS
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


@pytest.mark.parametrize(("kind", "optimizer"), list(RATES))
def test_maximal_updates_do_not_depend_on_the_width(kind: str, optimizer: str) -> None:
    slopes = growth(kind, optimizer, BASE)
    assert np.abs(slopes).max() < 0.3, slopes


@pytest.mark.parametrize("kind", ["transformer", "attention"])
def test_in_standard_parametrization_they_grow(kind: str) -> None:
    assert max(growth(kind, "adam", None)) > 0.4


@pytest.mark.parametrize("kind", ["transformer", "attention"])
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


@pytest.mark.parametrize("kind", ["transformer", "attention"])
def test_every_parameter_has_its_scale(kind: str) -> None:
    shape = Shape(8, 2, 3, 8, "last_token", width=64, depth=2, heads=2, base_width=32)
    network = build(kind, shape, [1])
    adam, sgd = network.rate_scales("adam"), network.rate_scales("sgd")
    named = dict(network.named_parameters())
    # matrices that grow along both axes; all others
    both = {n for n, p in named.items() if p.dim() == 3 and min(p.shape[1:]) >= 64}
    assert adam == dict.fromkeys(both, 0.5)
    assert sgd == dict.fromkeys(named.keys() - both, 2.0)
