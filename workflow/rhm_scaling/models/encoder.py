"""Bidirectional transformer: every position attends to all others and is answered."""

from __future__ import annotations

from torch import nn

from ..architecture.about import Architecture, Sizes, Work
from ..architecture.attending import attention_stack
from .layers import AttentionStack
from .transformer import Block


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


class Network(AttentionStack):
    """A pre-norm transformer that looks both ways (arXiv:1810.04805)."""

    def block(self) -> nn.Module:
        """Attention without a mask, and perceptron."""
        block = Block(self)
        block.attention.causal = False
        return block
