"""Sensitivity to changed sentences, of networks that see all, or nothing, of a change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.training.sensitivity import OUTPUT, distances

SHAPE = Shape(v=5, s=4, L=2, outputs=3, task="classification", width=16, depth=2)


def sentences(seed: int, count: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).integers(5, size=(2, count, 16))


@pytest.mark.parametrize("kind", ["cnn", "lcn", "transformer"])
def test_distances_are_means_over_sentences(kind: str) -> None:
    network = build(kind, SHAPE, [0, 1])
    plain, changed = sentences(0), sentences(1)
    found = distances(network, plain, changed)
    layers = len(list(network.hidden(torch.from_numpy(plain))))
    assert [*found] == [*map(str, range(layers)), OUTPUT]
    x, y = (network(torch.from_numpy(tokens)) for tokens in (plain, changed))
    torch.testing.assert_close(found[OUTPUT][0], (x - y).square().sum(2).mean(1))
    for moved, random in found.values():
        # another sentence is what a change makes that changes all
        torch.testing.assert_close(moved, random, rtol=0.25, atol=0)


def test_what_is_not_changed_is_not_seen() -> None:
    network = build("cnn", SHAPE, [0, 1])
    plain = sentences(0)
    for moved, random in distances(network, plain, plain).values():
        assert (moved == 0).all()
        assert (random > 0).all()


def test_a_network_without_the_weights_of_a_place_is_blind_to_it() -> None:
    network = build("lcn", SHAPE, [0, 1])
    with torch.no_grad():
        network.filters[0][:, 2] = 0.0  # of the third patch
    plain = sentences(0)
    there, elsewhere = plain.copy(), plain.copy()
    there[:, :, 8:12] = sentences(1)[:, :, 8:12]
    elsewhere[:, :, 4:8] = sentences(1)[:, :, 4:8]
    assert all((moved == 0).all() for moved, _ in distances(network, plain, there).values())
    assert all((moved > 0).all() for moved, _ in distances(network, plain, elsewhere).values())
