"""Copies of a plain module in a pack: each is the module alone, trained alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.trainings import PARAMETERS, SETTINGS, examples
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.models.plain import Network, copies_of, made, numbers
from rhm_scaling.training.batches import FiniteBatches
from rhm_scaling.training.datasets import evaluate
from rhm_scaling.training.loop import Outcome, train
from rhm_scaling.training.optimizers import Optimizer

SHAPE = Shape(6, 2, 3, 6, "last_token", width=0, depth=0)
TOKENS = PARAMETERS.v[0] + 1


class Cnn(nn.Module):
    """The CNN of one replica, written plainly."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        inputs = [2 * 6, 2 * width, 2 * width]
        self.filters = nn.ParameterList(torch.randn(size, width) for size in inputs)
        self.readout = nn.Parameter(torch.randn(width, 6))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the last token."""
        x = functional.one_hot(tokens, TOKENS)[..., :6].float()
        for weight in self.filters:
            x = (x.reshape(len(x), -1, len(weight)) @ weight / len(weight) ** 0.5).relu()
        return x.flatten(1) @ self.readout / len(self.readout)


class Recurrent(nn.Module):
    """An LSTM, which `torch.func` cannot give other parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(TOKENS, 8)
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.readout = nn.Linear(16, 6)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the last token."""
        return self.readout(self.lstm(self.embed(tokens))[0][:, -1])


class Tied(nn.Module):
    """Embedding and readout share their weights; a frozen layer and a buffer lie between."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 8)
        self.readout = nn.Linear(8, 6, bias=False)
        self.readout.weight = self.embed.weight
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.register_buffer("scale", torch.rand(8) + 0.5, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the last token."""
        seen = self.embed(tokens[:, :-1]).mean(1)
        return self.readout(self.frozen(seen) * self.scale)


def normalised() -> nn.Module:
    # a bias before it would have the gradient zero, but for rounding, which Adam takes for a slope
    layers = nn.Linear(8 * 8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 6)
    return nn.Sequential(nn.Embedding(TOKENS, 8), nn.Flatten(), *layers)


FACTORIES: dict[str, Callable[[], nn.Module]] = {
    **{"cnn": Cnn, "recurrent": Recurrent, "tied": Tied, "normalised": normalised}
}


@pytest.fixture(params=FACTORIES)
def factory(request: pytest.FixtureRequest) -> Callable[[], nn.Module]:
    return FACTORIES[request.param]


def pack_of(factory: Callable[[], nn.Module], seeds: list[int]) -> Network:
    with copies_of(factory):
        pack = build("plain", SHAPE, seeds)
    assert isinstance(pack, Network)
    return pack


def run(pack: Any, replicas: list[int], rate: float = 0.2, kind: Any = "sgd") -> Outcome:
    settings = replace(SETTINGS, optimizer=kind)
    seeds = [1000 + replica for replica in replicas]
    batches = FiniteBatches(examples("last_token", replicas, "train", 100), seeds, 32)
    held_out = examples("last_token", replicas, "validation", 150)
    return train(pack, batches, held_out, [rate] * len(replicas), settings)


def test_a_pack_answers_as_its_modules_do(factory: Callable[[], nn.Module]) -> None:
    tokens = torch.randint(0, 6, (3, 5, 8))
    pack = pack_of(factory, [1, 2, 3])
    alone = [made(factory, seed).eval() for seed in (1, 2, 3)]
    with torch.no_grad():
        expected = torch.stack([module(part) for module, part in zip(alone, tokens)])
        assert torch.equal(pack(tokens), expected)
        pack.keep(torch.tensor([2, 0]))
        assert torch.equal(pack(tokens[[2, 0]]), expected[[2, 0]])
    trained = [p for p in alone[0].parameters() if p.requires_grad]
    assert pack.parameter_count == sum(p.numel() for p in trained)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_step_is_that_of_the_modules_alone(factory: Callable[[], nn.Module], kind: Any) -> None:
    pack, rate = pack_of(factory, [1, 2]), 0.01
    alone = [made(factory, seed) for seed in (1, 2)]
    theirs = {"sgd": partial(torch.optim.SGD, momentum=0.9), "adam": torch.optim.Adam}[kind]
    optimizers = [theirs(filter(lambda p: p.requires_grad, m.parameters()), rate) for m in alone]
    ours = Optimizer(pack, kind, [rate, rate], momentum=0.9)
    for _ in range(5):
        tokens, targets = torch.randint(0, 6, (2, 16, 8)), torch.randint(0, 6, (2, 16))
        losses = [functional.cross_entropy(a, t) for a, t in zip(pack(tokens), targets)]
        torch.stack(losses).sum().backward()
        ours.step()
        for module, optimizer, seen, told in zip(alone, optimizers, tokens, targets):
            optimizer.zero_grad()
            functional.cross_entropy(module(seen), told).backward()
            optimizer.step()
    for module, copy in zip(alone, pack.copies):
        for expected, found in zip(numbers(module), numbers(copy)):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_replica_does_not_depend_on_its_pack(factory: Callable[[], nn.Module]) -> None:
    together = run(pack_of(factory, [10, 11, 12]), [0, 1, 2], 0.05)
    alone = run(pack_of(factory, [11]), [1], 0.05)
    assert alone.validation_loss[0] == together.validation_loss[1]
    assert all(torch.equal(together.weights[n][1], alone.weights[n][0]) for n in alone.weights)
    # a replica has learnt something, and its best step can be taken up by new copies
    assert together.best_step[1] > 0
    chosen = pack_of(factory, [0, 0, 0])
    chosen.load_state_dict(together.weights)
    found = evaluate(chosen, examples("last_token", [0, 1, 2], "validation", 150))["loss"]
    assert found.tolist() == pytest.approx(together.validation_loss, abs=1e-6)


def test_what_is_not_trained_stays() -> None:
    pack = pack_of(Tied, [1])
    frozen = pack.copies[0].frozen.weight.clone()
    outcome = run(pack, [0], 0.01, "adam")
    kept = pack_of(Tied, [5])
    kept.load_state_dict(outcome.weights)
    (module,) = kept.released()
    assert torch.equal(module.frozen.weight, frozen)
    assert module.readout.weight is module.embed.weight
    assert not torch.equal(module.embed.weight, made(Tied, 1).embed.weight)


def test_the_plain_cnn_is_ours() -> None:
    ours = build("cnn", Shape(6, 2, 3, 6, "last_token", width=12, depth=3), [1, 2])
    plain = pack_of(Cnn, [1, 2])
    for copy, row in zip(plain.copies, range(2)):
        copy.load_state_dict({name: value[row] for name, value in ours.state_dict().items()})
    expected, found = run(ours, [0, 1], 0.2), run(plain, [0, 1], 0.2 * 12)
    assert found.best_step == expected.best_step
    assert found.validation_loss == pytest.approx(expected.validation_loss, rel=1e-3)


def test_dropout_is_for_training_alone() -> None:
    def dropping() -> nn.Module:
        return nn.Sequential(
            nn.Embedding(TOKENS, 6), nn.Dropout(0.5), nn.Flatten(), nn.Linear(48, 6)
        )

    pack, tokens = pack_of(dropping, [1]), torch.randint(0, 6, (1, 5, 8))
    with torch.no_grad():
        assert torch.equal(pack(tokens), pack(tokens))
    assert not torch.equal(pack(tokens), pack(tokens))
