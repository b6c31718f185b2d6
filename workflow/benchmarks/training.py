"""Training packs: replica-steps a second, against a plain loop and matrix products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from rhm_scaling.architecture.registry import about
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.grammar.tasks import inputs_and_targets
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.study.cost import work
from rhm_scaling.training.batches import FiniteBatches
from rhm_scaling.training.datasets import Examples
from rhm_scaling.training.loop import Settings, evaluation_steps, train

from . import rate

GRAMMAR = Parameters.from_keys(v=12, s=2, L=3, m=3)
BATCH, SIZE, HELD_OUT = 128, 8192, 2048
_HEADS = {"cnn": 1, "transformer": 8}
# architecture, width, replicas, steps of the pack; those on a GPU show how its replicas scale
_CASES = {
    "cpu": (("cnn", 256, 8, 512), ("transformer", 64, 8, 512)),
    "cuda": (
        *(("cnn", 512, replicas, 4096) for replicas in (1, 4, 16, 32, 64)),
        *(("transformer", 64, replicas, 2048) for replicas in (1, 8, 32, 64)),
        ("transformer", 512, 32, 256),
    ),
}
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


def _plain_network(kind: str, sizes: dict[str, int]) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network and its optimizer, as they are usually written."""
    if kind == "cnn":
        cnn = PlainCnn(GRAMMAR.v[0], GRAMMAR.s, GRAMMAR.L, sizes["width"])
        return cnn, torch.optim.SGD(cnn.parameters(), 0.1, 0.9)
    transformer = PlainTransformer(GRAMMAR.v[0], GRAMMAR.d, *sizes.values())
    return transformer, torch.optim.Adam(transformer.parameters(), 1e-3)


def plain_training(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    sentences: NDArray[Any],
    validation: NDArray[Any],
    steps: int,
    device: str = "cpu",
) -> None:
    """One network, one batch at a time, the loss read back at every step."""
    inputs, targets = map(
        torch.from_numpy, inputs_and_targets("last_token", sentences, GRAMMAR.v[0])
    )
    unseen = [
        torch.from_numpy(array).to(device)
        for array in inputs_and_targets("last_token", validation, GRAMMAR.v[0])
    ]
    loader = DataLoader(TensorDataset(inputs, targets.long()), BATCH, shuffle=True)
    step, history = 0, []
    while step < steps:
        for x, y in loader:
            loss = nn.functional.cross_entropy(network(x.to(device)), y.to(device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            history.append(loss.item())
            step += 1
            if step == steps:
                break
    with torch.no_grad():
        nn.functional.cross_entropy(network(unseen[0]), unseen[1].long()).item()


def peak(device: str = "cpu") -> float:
    """Operations a second of a large single-precision matrix product, the best of several."""
    side = 2048 if device == "cpu" else 8192
    a, b = torch.randn(side, side, device=device), torch.randn(side, side, device=device)
    # reading a number back waits for the device
    work: Callable[[], object] = lambda: torch.mm(a, b)[0, 0].item()  # noqa: E731
    return max(rate(work, 2 * side**3) for _ in range(12))


class PackTraining:
    """A pack ready to be trained: what the benchmarks time.

    Attributes
    ----------
    work
        Of one example of one network.
    """

    def __init__(
        self,
        parameters: Parameters,
        kind: str,
        sizes: dict[str, int],
        replicas: int,
        size: int = SIZE,
        held_out: int = HELD_OUT,
        device: str = "cpu",
    ) -> None:
        self.kind, self.replicas, self.size, self.device = kind, replicas, size, device
        self.work = work(parameters, "last_token", {"kind": kind, **sizes})
        self.shape = Shape.from_parameters(parameters, "last_token", sizes)
        grammar = Grammar.draw(parameters, 0)
        self.known, self.held_out = (
            Examples.from_sentences(
                "last_token",
                [Stream(grammar, 0, 0, name).take(count)],
                [0] * replicas,
                parameters.v[0],
            ).to(torch.device(device))
            for name, count in (("train", size), ("validation", held_out))
        )

    def train(self, steps: int) -> float:
        """Train for so many steps, evaluations included; matrix-product operations."""
        optimizer = about(self.kind).optimizer
        settings = Settings(
            optimizer=optimizer, momentum=0.9, warmup_steps=1, batch_size=BATCH,
            max_steps=steps, min_steps=steps, patience=1e9, train_loss=0.0,
            evaluations_per_octave=4,
        )  # fmt: skip
        seeds = list(range(self.replicas))
        network = build(self.kind, self.shape, seeds).to(self.device)
        rates = [0.1 if optimizer == "sgd" else 1e-3] * self.replicas
        train(network, FiniteBatches(self.known, seeds, BATCH), self.held_out, rates, settings)
        tried = evaluation_steps(settings.max_steps, settings.evaluations_per_octave)
        evaluated = len(tried) * self.held_out.size
        one = steps * BATCH * self.work.training + evaluated * self.work.forward
        return self.replicas * one


def measure(device: str = "cpu", threads: int = 2) -> pd.DataFrame:
    """A row a pack: replica-steps a second, against the plain loop and the peak.

    The pack's time includes everything: initialisation, batching, optimizer, evaluation;
    operations are those of the matrix products of training steps and evaluations.
    """
    torch.set_num_threads(threads)
    grammar = Grammar.draw(GRAMMAR, 0)
    train_data, unseen = (
        Stream(grammar, 0, 0, name).take(size)
        for name, size in (("train", SIZE), ("validation", HELD_OUT))
    )
    rows = []
    for kind, width, replicas, steps in _CASES[device]:
        sizes = {"width": width, "depth": GRAMMAR.L, "heads": _HEADS[kind]}
        best = peak(device)
        pack = PackTraining(GRAMMAR, kind, sizes, replicas, device=device)
        pack.train(8)
        operations = 0.0

        def packed() -> None:
            nonlocal operations
            operations = pack.train(steps)  # noqa: B023

        made = rate(packed, steps)
        plain, optimizer = _plain_network(kind, sizes)
        plain.to(device)
        alone = partial(plain_training, plain, optimizer, train_data, unseen, device=device)
        alone(8)
        loop = rate(partial(alone, _PLAIN_STEPS), _PLAIN_STEPS)
        rows.append(
            {
                "network": f"{kind}, width {width}, {replicas} replicas, {device}",
                "plain loop steps/s": loop,
                "replica-steps/s": made * replicas,
                "ratio": made * replicas / loop,
                "GFLOP/s": made * operations / steps / 1e9,
                "matrix products GFLOP/s": best / 1e9,
                "share": made * operations / steps / best,
            }
        )
    return pd.DataFrame(rows)
