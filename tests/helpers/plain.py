"""A pack held against a network of plain PyTorch, one replica at a time."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from rhm_scaling.architecture.registry import about
from rhm_scaling.models import build
from rhm_scaling.models.layers import Pack, Shape

# from the weights of one replica and its tokens to logits
Plain = Callable[[dict[str, Tensor], Tensor, Shape], Tensor]
SHAPE = {"v": 5, "s": 3, "L": 2, "width": 8, "depth": 2, "heads": 2}
MODELS = Path(__file__).parents[1] / "models"


def pack(kind: str, task: str, seeds: tuple[int, ...] = (1, 2, 3)) -> Pack:
    outputs = 4 if task == "classification" else SHAPE["v"]
    return build(kind, Shape(outputs=outputs, task=task, **SHAPE), seeds)


def one_hot(tokens: Tensor, v: int) -> Tensor:
    return functional.one_hot(tokens, v + 1)[..., :v].float()


def assert_equals_plain_pytorch(plain: Plain, network: Pack, tokens: Tensor) -> None:
    """Outputs and gradients of a pack of three."""
    with torch.no_grad():  # move gains and biases from their neutral start
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    logits = network(tokens)
    weighting = torch.randn(logits.shape) / len(tokens[0])
    (logits * weighting).sum().backward()
    for replica in range(3):
        weights = {
            name: parameter.detach()[replica].clone().requires_grad_()
            for name, parameter in network.named_parameters()
        }
        expected = plain(weights, tokens[replica].long(), network.shape)
        torch.testing.assert_close(logits[replica], expected, atol=1e-5, rtol=1e-4)
        (expected * weighting[replica]).sum().backward()
        for name, parameter in network.named_parameters():
            found = parameter.grad[replica]
            torch.testing.assert_close(found, weights[name].grad, atol=1e-4, rtol=1e-3, msg=name)


def assert_equals_in_every_task(kind: str, plain: Plain) -> None:
    """`assert_equals_plain_pytorch` of all that an architecture can do, the mask included."""
    # denoisers answer at every position, as in the autoregressive task
    for task in about(kind).tasks or ("autoregressive",):
        for batch in (7, 16):  # without and with a table of tokens by position
            tokens = torch.randint(0, SHAPE["v"] + 1, (3, batch, 9))
            assert_equals_plain_pytorch(plain, pack(kind, task), tokens)
