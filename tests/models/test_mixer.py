"""The MLP-mixer against plain PyTorch, and what it learns of a tiny grammar."""

from torch import Tensor
from torch.nn import functional

from helpers.plain import assert_equals_in_every_task, one_hot
from helpers.trainings import learnt
from rhm_scaling.models.layers import Shape


def plain(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (shape.width,), weights[f"{name}.gain"])

    x = one_hot(tokens, shape.v) @ weights["embedding"]
    for index in range(shape.depth):
        block = f"blocks.{index}"
        over = norm(x, f"{block}.position_norm").transpose(1, 2)
        over = functional.relu(over @ weights[f"{block}.position_up"])
        x = x + (over @ weights[f"{block}.position_down"]).transpose(1, 2)
        hidden = functional.relu(norm(x, f"{block}.channel_norm") @ weights[f"{block}.up"])
        x = x + hidden @ weights[f"{block}.down"]
    return norm(x, "norm").mean(1) @ weights["readout"]


def test_it_is_that_of_plain_pytorch() -> None:
    assert_equals_in_every_task("mixer", plain)


def test_it_learns_rules() -> None:
    assert learnt("mixer", 0.01) > 0.4
