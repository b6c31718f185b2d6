"""Train a block of replicas and measure each on its own test set."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from ..grammar import Parameters
from ..models import build
from ..models.layers import Shape
from ..provenance import seed_from, write_aside
from ..sampling import overlap
from ..training import Examples, Settings, evaluate, train
from .files import read_arrays, read_sentences


def make(
    specification: dict[str, Any],
    inputs: dict[str, Path],
    outputs: dict[str, Path],
    device: str = "cpu",
    log: Callable[[str], None] = lambda line: None,
) -> None:
    """Train, choose each replica's best step on its validation set, and report its test set.

    Writes ``runs`` (a row a replica), ``history`` (a row an evaluation) and ``weights`` (at the
    best step, each tensor with a leading replica axis).
    """
    task, size = specification["task"], specification["train_size"]
    parameters = Parameters.from_specification(specification["grammar"])
    settings = Settings(**specification["settings"])
    architecture = specification["architecture"]
    replicas = [tuple(replica) for replica in specification["replicas"]]
    samples = list(dict.fromkeys((rule, sample) for rule, sample, _ in replicas))
    source = [samples.index((rule, sample)) for rule, sample, _ in replicas]

    sentences = {
        stream: [read_sentences(inputs[f"r{r:03d}-s{s:03d}-{stream}"]) for r, s in samples]
        for stream in ("train", "validation", "test")
    }
    sentences["train"] = [array[:size] for array in sentences["train"]]
    exact = [read_arrays(inputs[f"r{r:03d}-s{s:03d}-exact"]) for r, s in samples]
    examples = {
        stream: Examples.make(task, arrays, source, parameters.v).to(torch.device(device))
        for stream, arrays in sentences.items()
    }

    def seeds(purpose: str) -> list[int]:
        # neither optimizer nor stopping rule enters: changing them compares like with like
        what = [parameters.specification(), task, architecture, size]
        return [seed_from(purpose, what, *replica) for replica in replicas]

    shape = Shape.of(parameters, task, architecture)
    network = build(architecture["kind"], shape, seeds("initial weights")).to(device)
    count = network.parameter_count
    name = f"{architecture['kind']} {task} P={size}"
    with tqdm(total=settings.max_steps, desc=name, leave=False, disable=None) as bar:

        def progress(step: int, active: int, loss: float) -> None:
            bar.set_postfix_str(f"{active}/{len(replicas)} replicas, validation {loss:.4f}")
            bar.update(step - bar.n)
            log(f"{name}: step {step}, {active} of {len(replicas)} active, validation {loss:.6f}")

        outcome = train(
            network,
            examples["train"],
            examples["validation"],
            seeds("batch order"),
            settings,
            progress,
        )

    chosen = build(architecture["kind"], shape, [0] * len(replicas)).to(device)
    chosen.load_state_dict(outcome.weights)
    has_posterior = "posterior" in exact[0]
    posterior = (
        torch.from_numpy(np.stack([arrays["posterior"] for arrays in exact])).to(device)
        if has_posterior
        else None
    )
    found = evaluate(chosen, examples["test"], posterior)
    bayes = np.array([exact[index]["loss"].mean() for index in source])
    if has_posterior:
        entropy = np.array([exact[index]["entropy"].mean() for index in source])
        excess = found["cross_entropy"] - entropy
    else:
        excess = found["loss"] - bayes
    overlaps = [
        overlap(train_set, test_set)
        for train_set, test_set in zip(sentences["train"], sentences["test"])
    ]
    rows = [
        {
            "lr": settings.lr,
            "parameters": count,
            "train_size": size,
            "rule_seed": rule,
            "sample_seed": sample,
            "init_seed": init,
            "status": "diverged" if outcome.stop_reason[row] == "diverged" else "ok",
            "stop_reason": outcome.stop_reason[row],
            "best_step": outcome.best_step[row],
            "steps": outcome.steps[row],
            "val_loss": outcome.validation_loss[row],
            "test_loss": found["loss"][row],
            "test_error": found["error"][row],
            "test_excess": excess[row],
            "bayes_loss": bayes[row],
            "overlap": overlaps[source[row]],
            "seconds": round(outcome.seconds[row], 3),
        }
        for row, (rule, sample, init) in enumerate(replicas)
    ]
    history = pd.DataFrame(outcome.history)
    who = history.pop("replica").map(lambda row: replicas[row])
    for column, key in enumerate(("rule_seed", "sample_seed", "init_seed")):
        history.insert(column, key, [replica[column] for replica in who])
    weights = {name: tensor.contiguous().cpu() for name, tensor in outcome.weights.items()}
    write_aside(outputs["weights"], lambda aside: save_file(weights, aside))
    write_aside(outputs["history"], lambda aside: history.to_csv(aside, index=False))
    write_aside(outputs["runs"], lambda aside: pd.DataFrame(rows).to_csv(aside, index=False))
    for row in rows:
        who_text = f"r{row['rule_seed']} s{row['sample_seed']} i{row['init_seed']}"
        if row["status"] == "diverged":
            line = f"{name} {who_text}: diverged at step {row['steps']}; its row says so"
            log(line)
            print(line, file=sys.stderr)
        elif math.isfinite(row["test_loss"]):
            log(f"{name} {who_text}: {row['stop_reason']}, test loss {row['test_loss']:.6f}")
