"""Pre-norm transformer: attention and a two-layer perceptron in every block."""

from __future__ import annotations

from torch import Tensor, nn

from ..architecture.about import Architecture, Sizes, Work
from ..architecture.attending import attention_stack
from ..grammar.tasks import TASKS
from .layers import Attention, AttentionStack, LayerNorm, Pack, Table, perceptron


def _work(sizes: Sizes) -> Work:
    return attention_stack(sizes, hidden=4 * sizes.width)


ARCHITECTURE = Architecture(
    tasks=TASKS,
    learner="transformer",
    optimizer="adam",
    work=_work,
    takes=("heads", "base_width"),
)


class Block(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``: ReLU, four times the width."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        width = pack.shape.width
        self.attention_norm, self.mlp_norm = LayerNorm(pack), LayerNorm(pack)
        self.attention = Attention(pack)
        self.up = pack.normal(width, 4 * width, std=(2 / width) ** 0.5)
        self.down = pack.normal(4 * width, width, std=(4 * width) ** -0.5)

    def forward(self, x: Tensor, last_only: bool, table: Table | None = None) -> Tensor:
        """``(R, B, T, w)`` to the same, or to ``(R, B, 1, w)``."""
        x = self.attention(x, self.attention_norm, last_only, table)
        return perceptron(x, self.mlp_norm, self.up, self.down)


class Network(AttentionStack):
    """The transformer of arXiv:2505.07070 in pre-norm form."""

    def block(self) -> nn.Module:
        """Attention and perceptron."""
        return Block(self)
