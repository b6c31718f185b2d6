"""The hierarchical U-net against plain PyTorch, and what it cannot do."""

import torch
from torch import Tensor
from torch.nn import functional

from helpers.plain import assert_equals_in_every_task, pack
from rhm_scaling.models.layers import Shape


def plain(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    s, w = shape.s, shape.width

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (w,), weights[f"{name}.gain"])

    def perceptron(x: Tensor, name: str) -> Tensor:
        return functional.relu(x @ weights[f"{name}.into"]) @ weights[f"{name}.out"]

    told = [functional.embedding(tokens, weights["embedding"])]
    for level in range(1, shape.L + 1):
        rows = norm(told[-1], f"level{level}.child_norm").reshape(len(tokens), -1, s * w)
        told.append(perceptron(rows, f"level{level}.up") + rows @ weights[f"level{level}.skip"])
    x = told.pop()
    for level in range(shape.L, 0, -1):
        below = told.pop()
        known = norm(x, f"level{level}.parent_norm")
        own = norm(below, f"level{level}.own_norm").reshape(len(tokens), -1, s * w)
        down = perceptron(torch.cat([known, own], -1), f"level{level}.down")
        x = below + down.reshape(below.shape)
    return norm(x, "norm") @ weights["readout"]


def test_it_is_that_of_plain_pytorch() -> None:
    assert_equals_in_every_task("unet", plain)


def test_a_token_is_told_of_all_others_and_weights_serve_all_nodes() -> None:
    network = pack("unet", "autoregressive")
    tokens = torch.randint(0, 5, (3, 1, 9))
    for place in range(9):
        other = tokens.clone()
        other[..., place] = (other[..., place] + 1) % 5
        changed = (network(other) - network(tokens)).abs().amax((0, 1, 3)) > 0
        assert changed.all()
    # equal subtrees are equal on the way up; what is above tells their places apart
    same = tokens[..., :3].repeat(1, 1, 3)
    answers = network(same).view(3, 1, 3, 3, -1)
    assert not torch.allclose(answers[:, :, 0], answers[:, :, 1])
    layers = list(network.hidden(same))
    low = layers[1]  # of the three subtrees alone
    torch.testing.assert_close(low[:, :, 0], low[:, :, 2])
