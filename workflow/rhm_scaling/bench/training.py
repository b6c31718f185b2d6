"""Training packs: replica-steps a second, against a plain loop and matrix products."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from ..grammar import Grammar, Parameters
from ..models import build
from ..models.layers import Pack, Shape
from ..sampling import Stream
from ..tasks import inputs_and_targets
from ..training import Examples, Settings, evaluate, evaluation_steps, example_losses, train
from . import rate

GRAMMAR = Parameters.make(v=12, s=2, L=3, m=3)
REPLICAS, BATCH, SIZE = 8, 128, 8192
SHAPES = {
    "cnn": {"width": 256, "depth": 3, "heads": 1},
    "transformer": {"width": 64, "depth": 3, "heads": 8},
}
_STEPS = 512  # of a pack
_PLAIN_STEPS = 200  # of one network


class PlainCnn(nn.Module):
    """A hierarchical convolutional network as it is usually written."""

    def __init__(self, v: int, s: int, L: int, width: int) -> None:
        super().__init__()
        channels = [v + 1] + [width] * L
        self.v = v
        self.layers = nn.ModuleList(
            nn.Conv1d(below, above, s, stride=s, bias=False) for below, above in pairwise(channels)
        )
        self.readout = nn.Linear(width, v, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, ``(B, v)``, of tokens, ``(B, T)``."""
        x = nn.functional.one_hot(tokens.long(), self.v + 1).float().transpose(1, 2)
        for layer in self.layers:
            x = layer(x).relu()
        return self.readout(x[:, :, 0])  # type: ignore[no-any-return]


class PlainTransformer(nn.Module):
    """A transformer of PyTorch's own layers."""

    def __init__(self, v: int, d: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(v + 1, width)
        self.position = nn.Parameter(0.02 * torch.randn(d, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, v)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, ``(B, v)``, of tokens, ``(B, T)``."""
        x = self.blocks(self.embedding(tokens.long()) + self.position)
        return self.readout(self.norm(x[:, -1]))  # type: ignore[no-any-return]


def plain_training(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    sentences: NDArray[Any],
    validation: NDArray[Any],
    steps: int,
) -> None:
    """One network, one batch at a time, the loss read back at every step."""
    inputs, targets = map(torch.from_numpy, inputs_and_targets("last_token", sentences, GRAMMAR.v))
    unseen = list(map(torch.from_numpy, inputs_and_targets("last_token", validation, GRAMMAR.v)))
    loader = DataLoader(TensorDataset(inputs, targets.long()), BATCH, shuffle=True)
    step, history = 0, []
    while step < steps:
        for x, y in loader:
            loss = nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            history.append(loss.item())
            step += 1
            if step == steps:
                break
    with torch.no_grad():
        nn.functional.cross_entropy(network(unseen[0]), unseen[1].long()).item()


def peak() -> float:
    """Operations a second of a large single-precision matrix product, the best of several."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    work: Callable[[], object] = lambda: torch.mm(a, b)  # noqa: E731
    return max(rate(work, 2 * 2048**3) for _ in range(12))


def _operations(network: Pack, known: Examples, held_out: Examples) -> tuple[int, int]:
    """Operations of a training step and of an evaluation, as PyTorch counts them."""
    with FlopCounterMode(display=False) as step:
        inputs, targets = known.batch(torch.arange(BATCH).expand(REPLICAS, BATCH))
        example_losses(network(inputs), targets).sum().backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)
    with FlopCounterMode(display=False) as evaluation:
        evaluate(network, held_out)
    return step.get_total_flops(), evaluation.get_total_flops()


def measure(threads: int = 2) -> pd.DataFrame:
    """A row an architecture: replica-steps a second, against the plain loop and the peak.

    The pack's time includes everything: batching, optimizer, evaluation; operations are those of
    the matrix products of training steps and evaluations.
    """
    torch.set_num_threads(threads)
    grammar = Grammar.draw(GRAMMAR, 0)
    train_data, unseen = (
        Stream(grammar, 0, 0, name).take(SIZE) for name in ("train", "validation")
    )
    rows = []
    for kind, sizes in SHAPES.items():
        best = peak()
        shape = Shape.of(GRAMMAR, "last_token", sizes)
        seeds = list(range(REPLICAS))
        known, held_out = (
            Examples.make("last_token", [data], [0] * REPLICAS, GRAMMAR.v)
            for data in (train_data, unseen[:2048])
        )
        network = build(kind, shape, seeds)
        step, evaluation = _operations(network, known, held_out)
        steps = _STEPS
        settings = Settings(
            optimizer="sgd" if kind == "cnn" else "adam", lr=0.1 if kind == "cnn" else 1e-3,
            momentum=0.9, warmup_steps=1, batch_size=BATCH, max_steps=steps, min_steps=steps,
            patience=1e9, train_loss=0.0, evaluations_per_octave=4,
        )  # fmt: skip
        operations = steps * step + len(evaluation_steps(settings)) * evaluation
        pack = rate(lambda: train(network, known, held_out, seeds, settings), steps)  # noqa: B023
        if kind == "cnn":
            plain: nn.Module = PlainCnn(GRAMMAR.v, GRAMMAR.s, GRAMMAR.L, sizes["width"])
            optimizer: torch.optim.Optimizer = torch.optim.SGD(plain.parameters(), 0.1, 0.9)
        else:
            plain = PlainTransformer(GRAMMAR.v, GRAMMAR.d, *sizes.values())
            optimizer = torch.optim.Adam(plain.parameters(), 1e-3)
        work = lambda: plain_training(plain, optimizer, train_data, unseen[:2048], _PLAIN_STEPS)  # noqa: B023, E731
        loop = rate(work, _PLAIN_STEPS)
        rows.append(
            {
                "network": f"{kind}, width {sizes['width']}",
                "plain loop steps/s": loop,
                "replica-steps/s": pack * REPLICAS,
                "ratio": pack * REPLICAS / loop,
                "GFLOP/s": pack * operations / steps / 1e9,
                "sgemm GFLOP/s": best / 1e9,
                "of sgemm": pack * operations / steps / best,
            }
        )
    return pd.DataFrame(rows)
