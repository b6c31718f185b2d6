"""Networks of a trained block, apart from `files` since PyTorch takes a while to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file

from ..core.errors import UserError
from ..grammar.model import Parameters
from ..models import build
from ..models.layers import Pack, Shape


class Member(NamedTuple):
    """A replica of a block: its seeds and its learning rate."""

    rule_seed: int
    sample_seed: int
    init_seed: int
    lr: float


def read_networks(path: Path, specification: dict[str, Any]) -> tuple[Pack, list[Member]]:
    """All networks of a block as one pack, at their best steps, and which they are.

    Parameters
    ----------
    path
        The block's weights.
    specification
        Of what is measured: grammar, task, architecture, replicas and learning_rates of the block.

    Raises
    ------
    UserError
        If the weights are damaged.
    """
    members = [
        Member(rule, sample, init, rate)
        for rate in specification["learning_rates"]
        for rule, sample, init in specification["replicas"]
    ]
    parameters = Parameters.from_specification(specification["grammar"])
    architecture = specification["architecture"]
    shape = Shape.from_parameters(parameters, specification["task"], architecture)
    network = build(architecture["kind"], shape, range(len(members)))
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
    return network, members
