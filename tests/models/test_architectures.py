"""Outputs and gradients of each architecture against plain PyTorch, one replica at a time."""

import itertools
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.plain import (
    MODELS,
    SHAPE,
    Plain,
    assert_equals_in_every_task,
    assert_equals_plain_pytorch,
    one_hot,
    pack,
)
from rhm_scaling.architecture.registry import about, kinds
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.grammar.tasks import Task, inputs_and_targets
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.models.repeats import repeating_levels


def plain_cnn(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    x = one_hot(tokens, shape.v).transpose(1, 2)
    for level in range(shape.L):
        weight = weights[f"filters.{level}"]
        convolution = nn.Conv1d(x.shape[1], shape.width, shape.s, stride=shape.s, bias=False)
        # patch-major input: position varies slowest in the pack's matrix
        kernel = weight.view(shape.s, x.shape[1], shape.width).permute(2, 1, 0)
        x = functional.conv1d(x, kernel, stride=convolution.stride)
        x = functional.relu(x / weight.shape[0] ** 0.5)
    return x[..., 0] @ weights["readout"] / shape.width


def plain_local(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    x = one_hot(tokens, shape.v)
    for level in range(shape.L):
        filters = weights[f"filters.{level}"]
        patches = [x[:, i : i + shape.s].flatten(1) for i in range(0, x.shape[1], shape.s)]
        assert len(patches) == len(filters)
        mixed = [patch @ own for patch, own in zip(patches, filters, strict=True)]
        x = functional.relu(torch.stack(mixed, dim=1) / filters.shape[1] ** 0.5)
    return x[:, 0] @ weights["readout"] / shape.width


def plain_dense(weights: dict[str, Tensor], tokens: Tensor, shape: Shape) -> Tensor:
    x = one_hot(tokens, shape.v).flatten(1)
    for layer in range(shape.depth):
        weight = weights[f"filters.{layer}"]
        x = functional.relu(functional.linear(x, weight.T) / weight.shape[0] ** 0.5)
    return x @ weights["readout"] / shape.width


def plain_attention(weights: dict[str, Tensor], name: str, x: Tensor, shape: Shape) -> Tensor:
    module = nn.MultiheadAttention(shape.width, shape.heads, bias=False, batch_first=True)
    inputs = torch.cat([weights[f"{name}.{part}"].T for part in ("query", "key_value")])
    causal = None
    if shape.task == "autoregressive":
        causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
    parameters = {"in_proj_weight": inputs, "out_proj.weight": weights[f"{name}.out"].T}
    arguments = (x, x, x)
    options = {"attn_mask": causal, "need_weights": False}
    found: Tensor = torch.func.functional_call(module, parameters, arguments, options)[0]
    return found


def plain_stack(weights: dict[str, Tensor], tokens: Tensor, shape: Shape, mlp: bool) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (shape.width,), weights[f"{name}.gain"])

    table = torch.cat([weights["embedding.token"], torch.zeros(1, shape.width)])
    x = functional.embedding(tokens, table) + weights["embedding.position"]
    for index in range(shape.depth):
        block = f"blocks.{index}"
        normed = norm(x, f"{block}.attention_norm" if mlp else f"{block}.norm")
        x = x + plain_attention(weights, f"{block}.attention", normed, shape)
        if mlp:
            hidden = functional.relu(norm(x, f"{block}.mlp_norm") @ weights[f"{block}.up"])
            x = x + hidden @ weights[f"{block}.down"]
    logits = norm(x, "norm") @ weights["readout"]
    return logits if shape.task == "autoregressive" else logits[:, -1]


PLAIN: dict[str, Plain] = {
    **{"cnn": plain_cnn, "lcn": plain_local, "fcn": plain_dense},
    **{"transformer": partial(plain_stack, mlp=True), "attention": partial(plain_stack, mlp=False)},
}


@pytest.mark.parametrize("kind", kinds())
def test_outputs_and_gradients_against_plain_pytorch(kind: str) -> None:
    if kind not in PLAIN:  # then it has a test of its own, which does the same
        text = (MODELS / f"test_{kind}.py").read_text(encoding="utf-8")
        assert f'assert_equals_in_every_task("{kind}", ' in text
        return
    assert_equals_in_every_task(kind, PLAIN[kind])


@pytest.mark.parametrize("task", ["classification", "last_token"])
@pytest.mark.parametrize(
    ("parameters", "batch", "width", "repeating"),
    [
        (Parameters.from_keys(v=8, s=2, L=4, m=2), 128, 64, 2),
        (Parameters.from_keys(v=8, s=2, L=4, m=1), 256, 64, 4),
        (Parameters.from_keys(v=16, s=3, L=3, m=1), 128, 64, 3),
        (Parameters.from_keys(v={0: 32, 1: 4}, s=2, L=4, m={1: 8, 2: 2, 3: 2, 4: 2}), 256, 64, 2),
        (Parameters.from_keys(v=32, s=2, L=2, m=8), 16, 64, 0),  # rows of filters are looked up
        (Parameters.from_keys(v=130, s=2, L=2, m=8), 16, 24, 0),
    ],
)
def test_repeats_change_no_number(
    parameters: Parameters, batch: int, width: int, repeating: int, task: Task
) -> None:
    sizes = {"width": width, "depth": parameters.L, "heads": 1}
    shape = Shape.from_parameters(parameters, task, sizes)
    assert repeating_levels(shape, batch) == repeating
    grammar = Grammar.draw(parameters, 0)
    sentences = Stream(grammar, 0, 0, "train").take(batch)
    drawn = torch.from_numpy(inputs_and_targets(task, sentences, parameters.v[0])[0])
    # sentences, half of them only one; and any tokens, more than the grammar has
    half = torch.cat([drawn[: batch // 2], drawn[:1].expand(batch - batch // 2, -1)])
    other = torch.randint(0, parameters.v[0] + 1, drawn.shape, dtype=drawn.dtype)
    tokens = torch.stack([drawn, half, other])
    network = build("cnn", shape, (1, 2, 3))
    assert_equals_plain_pytorch(plain_cnn, network, tokens)
    plainly = build("cnn", replace(shape, strings=()), (1, 2, 3))
    plainly.load_state_dict(network.state_dict())
    for mine, expected in zip(network.hidden(tokens), plainly.hidden(tokens), strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", kinds())
def test_initial_weights_depend_on_the_own_seed_alone(kind: str) -> None:
    together, alone = pack(kind, "last_token", (5, 6, 7)), pack(kind, "last_token", (6,))
    for (name, many), (_, one) in zip(
        together.named_parameters(), alone.named_parameters(), strict=True
    ):
        assert torch.equal(many[1], one[0]), name
    random = [p for p in together.parameters() if p[0].unique().numel() > 1]
    assert random
    assert all(not torch.equal(p[0], p[1]) for p in random)


@pytest.mark.parametrize("kind", kinds())
def test_keep_drops_the_others(kind: str) -> None:
    network = pack(kind, "last_token")
    tokens = torch.randint(0, SHAPE["v"], (3, 4, 9))
    before = network(tokens)
    network.keep(torch.tensor([2, 0]))
    assert torch.equal(network(tokens[[2, 0]]), before[[2, 0]])


@pytest.mark.parametrize("kind", [k for k in kinds() if "autoregressive" in about(k).tasks])
def test_autoregressive_networks_do_not_see_the_future(kind: str) -> None:
    network = pack(kind, "autoregressive")
    tokens = torch.randint(0, SHAPE["v"], (3, 4, 9))
    changed = tokens.clone()
    changed[..., 5:] = (changed[..., 5:] + 1) % SHAPE["v"]
    found, other = network(tokens), network(changed)
    torch.testing.assert_close(found[:, :, :5], other[:, :, :5])
    assert not torch.allclose(found[:, :, 5], other[:, :, 5])


def test_equal_filters_at_all_positions_make_a_convolution() -> None:
    local, shared = pack("lcn", "last_token"), pack("cnn", "last_token")
    with torch.no_grad():
        local.readout.copy_(shared.readout)
        for own, common in zip(local.filters, shared.filters, strict=True):
            own.copy_(common[:, None].expand_as(own))
    tokens = torch.randint(0, SHAPE["v"] + 1, (3, 7, 9))
    torch.testing.assert_close(local(tokens), shared(tokens))


def test_parameter_count() -> None:
    network = pack("cnn", "last_token")
    assert network.parameter_count == 3 * 5 * 8 + 3 * 8 * 8 + 8 * 5


@pytest.mark.parametrize("name", ["exp", "tanh", "relu", "sqrt", "reciprocal"])
def test_functions_that_networks_use_give_the_same_wherever_they_stand(name: str) -> None:
    """Or else a replica's numbers would depend on those before it (CONTRIBUTING.md)."""
    function, x = getattr(torch, name), 3 * torch.rand(300)
    whole = function(x)
    for start, length in itertools.product((0, 1, 5, 16, 33), (1, 7, 16, 31, 100)):
        here = slice(start, start + length)
        assert torch.equal(function(x[here].clone()), whole[here])
