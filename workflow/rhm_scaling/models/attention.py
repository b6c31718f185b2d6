"""Attention-only network: a transformer without perceptrons."""

from __future__ import annotations

from torch import Tensor, nn

from ..architecture.about import Architecture
from ..architecture.attending import attention_stack
from ..grammar.tasks import TASKS
from .layers import Attention, AttentionStack, LayerNorm, Pack, Table

ARCHITECTURE = Architecture(
    tasks=TASKS,
    learner="transformer",
    optimizer="adam",
    work=attention_stack,
    takes=("heads", "base_width"),
)


class Block(nn.Module):
    """``x + attention(norm(x))``."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        self.norm = LayerNorm(pack)
        self.attention = Attention(pack)

    def forward(self, x: Tensor, last_only: bool, table: Table | None = None) -> Tensor:
        """``(R, B, T, w)`` to the same, or to ``(R, B, 1, w)``."""
        attended: Tensor = self.attention(x, self.norm, last_only, table)
        return attended


class Network(AttentionStack):
    """Multi-head attention layers alone, as in arXiv:2406.00048."""

    def block(self) -> nn.Module:
        """Attention."""
        return Block(self)
