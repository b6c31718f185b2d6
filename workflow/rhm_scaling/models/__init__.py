"""Networks whose parameters carry a leading replica axis; one file per architecture.

Architectures are loaded by name, so that editing one does not touch the identity of another.
Each module defines ``Network`` (a `layers.Pack`).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import torch

from .layers import Pack, Shape


def build(kind: str, shape: Shape, init_seeds: Sequence[int]) -> Pack:
    """A pack of networks of architecture `kind`, one replica per seed.

    A replica's initial weights depend on its own seed alone, not on its place in the pack.
    """
    generators = [torch.Generator().manual_seed(seed % 2**63) for seed in init_seeds]
    module = importlib.import_module(f".{kind}", __name__)
    network: Pack = module.Network(shape, generators)
    return network
