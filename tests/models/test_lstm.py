"""The LSTM against torch.nn.LSTM, and what it learns of a tiny grammar."""

import torch
from torch import Tensor, nn

from helpers.plain import assert_equals_in_every_task, one_hot
from helpers.trainings import learnt
from rhm_scaling.models.layers import Shape


def plain(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    module = nn.LSTM(shape.v, shape.width, shape.depth, batch_first=True)

    def ordered(gates: Tensor) -> Tensor:
        """Input, forget, candidates, output: the order of PyTorch."""
        enter, forget, leave, candidate = gates.chunk(4, dim=-1)
        return torch.cat([enter, forget, candidate, leave], dim=-1).T

    parameters = {}
    for layer in range(shape.depth):
        inputs = weights[f"upward.{layer - 1}" if layer else "embedding"]
        parameters[f"weight_ih_l{layer}"] = ordered(inputs)
        parameters[f"weight_hh_l{layer}"] = ordered(weights[f"recurrent.{layer}"])
        parameters[f"bias_ih_l{layer}"] = ordered(weights[f"bias.{layer}"])[:, 0]
        opened = torch.tensor([0.0, 1.0, 0.0, 0.0])  # of the forget gate, from the start
        parameters[f"bias_hh_l{layer}"] = opened.repeat_interleave(shape.width)
    x = (one_hot(tokens, shape.v),)
    states: Tensor = torch.func.functional_call(module, parameters, x)[0]
    logits = states @ weights["readout"]
    return logits if shape.task == "autoregressive" else logits[:, -1]


def test_it_is_that_of_pytorch() -> None:
    assert_equals_in_every_task("lstm", plain)


def test_it_learns_rules() -> None:
    assert learnt("lstm", 0.01) > 0.4
