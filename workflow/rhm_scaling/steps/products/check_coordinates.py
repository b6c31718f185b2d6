"""Coordinate check: how far the first steps move every layer, at each width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ...core.files import write_text
from ...core.hashing import seed_from
from ...grammar.model import Parameters
from ...grammar.tasks import window
from ...models import build
from ...models.layers import Pack, Shape
from ...training.batches import batch_order
from ...training.datasets import Examples, example_losses
from ...training.optimizers import Optimizer
from ..files import read_sentences

STEPS = (1, 2, 4, 8, 16)


def make(specification: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write a row an initialisation, width, step and layer: rms of its change since the start.

    All widths see the same batches. No warm-up: the rate is the configured one from the first step.
    """
    torch.set_num_threads(1)
    task, settings = specification["task"], specification["settings"]
    parameters = Parameters.from_specification(specification["grammar"])
    sentences = read_sentences(inputs["sentences"])
    replicas = range(specification["initialisations"])
    context = specification.get("context", 0)
    known = Examples.from_sentences(
        task, [sentences], [0] * len(replicas), parameters.v[0], context=context
    )
    held = torch.arange(settings["batch_size"]).expand(len(replicas), -1)
    rows = []
    for width in specification["widths"]:
        architecture = {**specification["architecture"], "width": width}
        shape = Shape.from_parameters(window(parameters, context), task, architecture)
        seeds = [seed_from("coordinates", specification["grammar"], task, i) for i in replicas]
        network = build(architecture["kind"], shape, seeds)
        rates = [specification["learning_rate"]] * len(seeds)
        optimizer = Optimizer(network, settings["optimizer"], rates, settings["momentum"])
        watched, _ = known.batch(held)
        start = _activations(network, watched)
        orders = [
            torch.from_numpy(
                batch_order(seed, known.size, 0, STEPS[-1] * settings["batch_size"])
            ).view(STEPS[-1], -1)
            for seed in seeds
        ]
        for step in range(1, STEPS[-1] + 1):
            x, targets = known.batch(torch.stack([order[step - 1] for order in orders]))
            losses = example_losses(network(x), targets).flatten(1).mean(1)
            losses.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if step not in STEPS:
                continue
            for layer, (now, before) in enumerate(
                zip(_activations(network, watched), start, strict=True)
            ):
                rms = (now - before).flatten(1).square().mean(1).sqrt()
                rows += [
                    {"width": width, "init_seed": i, "step": step, "layer": layer, "change": value}
                    for i, value in enumerate(rms.tolist())
                ]
    write_text(outputs["product"], pd.DataFrame(rows).to_csv(index=False))


@torch.no_grad()
def _activations(network: Pack, tokens: Tensor) -> list[Tensor]:
    """Of every hidden layer, and last the logits."""
    return [*network.hidden(tokens), network(tokens)]
