"""The bidirectional transformer against plain PyTorch."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.plain import assert_equals_in_every_task, pack
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape


def plain(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (shape.width,), weights[f"{name}.gain"])

    table = torch.cat([weights["embedding.token"], torch.zeros(1, shape.width)])
    x = functional.embedding(tokens, table) + weights["embedding.position"]
    for index in range(shape.depth):
        block = f"blocks.{index}"
        module = nn.MultiheadAttention(shape.width, shape.heads, bias=False, batch_first=True)
        names = [f"{block}.attention.{part}" for part in ("query", "key_value", "out")]
        query, both, out = (weights[name].T for name in names)
        parameters = {"in_proj_weight": torch.cat([query, both]), "out_proj.weight": out}
        normed = norm(x, f"{block}.attention_norm")
        found = torch.func.functional_call(module, parameters, (normed,) * 3)
        x = x + found[0]
        hidden = functional.relu(norm(x, f"{block}.mlp_norm") @ weights[f"{block}.up"])
        x = x + hidden @ weights[f"{block}.down"]
    return norm(x, "norm") @ weights["readout"]


def test_it_is_that_of_plain_pytorch() -> None:
    assert_equals_in_every_task("encoder", plain)


def test_every_token_sees_all_others() -> None:
    network = pack("encoder", "autoregressive")
    tokens = torch.randint(0, 5, (3, 1, 9))
    other = tokens.clone()
    other[..., -1] = (other[..., -1] + 1) % 5
    assert ((network(other) - network(tokens)).abs().amax((0, 1, 3)) > 0).all()


def test_its_parametrization_keeps_logits_as_the_width_grows() -> None:
    shape = Shape(v=5, s=3, L=2, outputs=5, task="autoregressive", width=16, depth=2, heads=2)
    mup = build("encoder", replace(shape, width=64, base_width=16), [0])
    assert set(mup.rate_scales("adam").values()) == {0.25}
