"""Bidirectional transformer: every position attends to all others and is answered."""

from __future__ import annotations

from torch import Tensor, nn

from ..architecture.about import Architecture, Sizes, Work
from ..architecture.attending import attention_stack
from .layers import Attention, AttentionStack, LayerNorm, Pack, Table, perceptron


def _work(sizes: Sizes) -> Work:
    return attention_stack(sizes, hidden=4 * sizes.width)


ARCHITECTURE = Architecture(
    tasks=(),
    learner=None,
    optimizer="adam",
    work=_work,
    takes=("heads", "base_width"),
    denoises=True,
)


class Block(nn.Module):
    """Attention without a mask, then a perceptron with ReLU, each with a residual."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        width = pack.shape.width
        self.attention_norm, self.mlp_norm = LayerNorm(pack), LayerNorm(pack)
        self.attention = Attention(pack)
        self.attention.causal = False
        self.up = pack.normal(width, 4 * width, std=(2 / width) ** 0.5)
        self.down = pack.normal(4 * width, width, std=(4 * width) ** -0.5)

    def forward(self, x: Tensor, last_only: bool, table: Table | None = None) -> Tensor:
        """``(R, B, T, w)`` to the same, or to ``(R, B, 1, w)``."""
        x = self.attention(x, self.attention_norm, last_only, table)
        return perceptron(x, self.mlp_norm, self.up, self.down)


class Network(AttentionStack):
    """A pre-norm transformer that looks both ways (arXiv:1810.04805)."""

    def block(self) -> nn.Module:
        """Attention and perceptron."""
        return Block(self)
