"""Train a block of replicas and measure each on its own test set."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from tqdm import tqdm

from ...core.errors import UserError
from ...core.files import write_aside
from ...core.hashing import identity, seed_from
from ...grammar.model import Parameters
from ...grammar.sampling import ONLINE, Stream, overlap
from ...grammar.tasks import window
from ...models import build
from ...models.layers import Shape
from ...training.batches import Batches, FiniteBatches, OnlineBatches
from ...training.checkpoints import Checkpoint, Log
from ...training.datasets import Examples, evaluate
from ...training.loop import FAILED, Outcome, Settings, train
from ..files import read_arrays, read_grammar, read_sentences, write_rows

_STREAMS = ("train", "validation", "test")


@dataclass(frozen=True)
class _Member:
    """A replica of the block: its seeds and its learning rate."""

    rule: int
    sample: int
    init: int
    rate: float

    @property
    def data(self) -> str:
        """Which data sets it uses."""
        return f"r{self.rule:03d}-s{self.sample:03d}"

    def key(self) -> dict[str, Any]:
        """The columns that tell it from the others."""
        return {"rule_seed": self.rule, "sample_seed": self.sample, "init_seed": self.init}


class _Block:
    """The block's replicas with their data; any part of them can be trained by itself."""

    def __init__(self, specification: dict[str, Any], inputs: dict[str, Path], device: str) -> None:
        self.task, self.size = specification["task"], specification["train_size"]
        self.parameters = Parameters.from_specification(specification["grammar"])
        self.context = specification.get("context", 0)
        self.settings = Settings(**specification["settings"])
        self.architecture = specification["architecture"]
        self.device = torch.device(device)
        # the rate is one more axis of the pack; a replica's seeds do not depend on it
        self.members = [
            _Member(rule, sample, init, rate)
            for rate in specification["learning_rates"]
            for rule, sample, init in specification["replicas"]
        ]
        # by data set: sentences by stream, and the exact predictions that are known of them
        self.sentences: dict[str, dict[str, NDArray[np.void]]] = {}
        self.exact: dict[str, dict[str, dict[str, NDArray[Any]]]] = {}
        self.streams: dict[str, Stream] = {}
        for member in self.members:
            data = member.data
            if data in self.sentences:
                continue
            files = {s: inputs.get(f"{data}-{s}") for s in _STREAMS}
            exact = {s: inputs.get(f"{data}-exact_{s}") for s in _STREAMS}
            self.sentences[data] = {s: read_sentences(path) for s, path in files.items() if path}
            self.exact[data] = {s: read_arrays(path) for s, path in exact.items() if path}
            if self.online:
                grammar = read_grammar(inputs[f"r{member.rule:03d}-grammar"])
                self.streams[data] = Stream(grammar, member.rule, member.sample, "train")
            else:
                self.sentences[data]["train"] = self.sentences[data]["train"][: self.size]
        self.name = f"{self.architecture['kind']} {self.task} P={self.size}"

    def _seeds(self, members: Sequence[_Member], purpose: str) -> list[int]:
        # neither optimizer nor stopping rule enters: changing them compares like with like
        what = [self.parameters.specification(), self.task, self.architecture, self.size]
        return [seed_from(purpose, what, m.rule, m.sample, m.init) for m in members]

    @property
    def online(self) -> bool:
        """Whether every sentence is fresh."""
        return bool(self.size == ONLINE)

    def _examples(self, members: Sequence[_Member], stream: str) -> Examples:
        """One of the data sets of each of the replicas."""
        data = list(dict.fromkeys(member.data for member in members))
        return Examples.from_sentences(
            self.task,
            [self.sentences[d][stream] for d in data],
            [data.index(member.data) for member in members],
            self.parameters.v[0],
            [self.exact[d][stream] for d in data if stream in self.exact[d]],
            self.context,
        ).to(self.device)

    def _batches(self, members: Sequence[_Member]) -> Batches:
        """Batches of the replicas."""
        batch = self.settings.batch_size
        if not self.online:
            orders = self._seeds(members, "batch order")
            return FiniteBatches(self._examples(members, "train"), orders, batch)
        data = list(dict.fromkeys(member.data for member in members))
        source = [data.index(member.data) for member in members]
        streams = [self.streams[d] for d in data]
        return OnlineBatches(self.task, streams, source, batch, self.device, self.context)

    def train(
        self, members: Sequence[_Member], checkpoint: Checkpoint, log: Log
    ) -> tuple[Outcome, dict[str, NDArray[np.float64]], int]:
        """Outcome and test measures of some of the replicas, and a network's parameter count."""
        seen = window(self.parameters, self.context)
        shape = Shape.from_parameters(seen, self.task, self.architecture)
        kind, count = self.architecture["kind"], len(members)
        network = build(kind, shape, self._seeds(members, "initial weights")).to(self.device)
        with (
            checkpoint.listening(),
            tqdm(total=self.settings.max_steps, desc=self.name, leave=False, disable=None) as bar,
        ):

            def progress(step: int, active: int, loss: float) -> None:
                bar.set_postfix_str(f"{active}/{count} replicas, validation {loss:.4f}")
                bar.update(step - bar.n)
                log(f"{self.name}: step {step}, {active} of {count} active, validation {loss:.6f}")

            test = self._examples(members, "test")
            outcome = train(
                network,
                self._batches(members),
                self._examples(members, "validation"),
                [member.rate for member in members],
                self.settings,
                progress,
                checkpoint,
                test if self.online else None,
            )
        chosen = build(kind, shape, [0] * count).to(self.device)
        chosen.load_state_dict(outcome.weights)
        return outcome, evaluate(chosen, test), network.parameter_count

    def seen(self, steps: int) -> int:
        """Training sentences that a replica has seen, each counted once."""
        return steps * self.settings.batch_size if self.online else int(self.size)

    def overlap(self, data: str) -> float:
        """Fraction of test sentences that are training sentences; NaN for an endless stream."""
        if self.online:
            return math.nan
        return overlap(self.sentences[data]["train"], self.sentences[data]["test"])


def make(
    specification: dict[str, Any],
    inputs: dict[str, Path],
    outputs: dict[str, Path],
    device: str = "cpu",
    pack: int | None = None,
    every: float = 60.0,
    scratch: Path | None = None,
    log: Log = lambda line: None,
) -> None:
    """Train, choose each replica's best step on its validation set, and report its test set.

    Writes ``runs`` (a row a replica), ``history`` (a row an evaluation) and ``weights`` (at the
    best step, each tensor with a leading replica axis). The block is trained `pack` replicas at a
    time, fewer if these turn out not to fit into memory. Every so many seconds the state is kept
    where a killed job finds it, beside the outputs or in `scratch`, a folder of this product alone;
    whoever records the outputs removes it.
    """
    block = _Block(specification, inputs, device)
    total = len(block.members)
    pack = min(total, total if pack is None else pack)
    if pack == 0:
        raise UserError(
            f"{block.name}: not even one network fits into the memory given; take a smaller width "
            "or batch, or set memory_mb in config/config.yaml"
        )
    if pack < total:
        log(f"{block.name}: {total} replicas do not fit into the memory given; {pack} at a time")
    overlaps = {data: block.overlap(data) for data in block.exact}
    rows, histories, weights = [], [], []
    queue = [block.members[start : start + pack] for start in range(0, total, pack)]
    while queue:
        part = queue.pop(0)
        first = block.members.index(part[0])
        path = outputs["weights"].parent / f"checkpoint-{first:03d}-{first + len(part) - 1:03d}"
        how = {"threads": torch.get_num_threads(), "device": device}
        members = [asdict(member) for member in part]
        what = {"block": identity(specification), "members": members, **how}
        checkpoint = Checkpoint(path, what, every, log, scratch)
        try:
            outcome, found, count = block.train(part, checkpoint, log)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            if len(part) == 1:
                raise MemoryError from error
            half = len(part) // 2
            log(f"{block.name}: {len(part)} replicas do not fit into memory; {half} at a time")
            queue[:0] = [part[:half], part[half:]]
            continue
        weights.append(outcome.weights)
        histories += [
            {**part[replica].key(), "lr": part[replica].rate, **row}
            for replica, row in sorted(outcome.history, key=operator.itemgetter(0))
        ]
        for row, member in enumerate(part):
            mine = {name: float(values[row]) for name, values in found.items()}
            reason = outcome.stop_reason[row]
            rows.append(
                {
                    "lr": member.rate,
                    "parameters": count,
                    "train_size": math.inf if block.online else block.size,
                    "sentences": block.seen(outcome.steps[row]),
                    **member.key(),
                    "status": reason if reason in FAILED else "ok",
                    "stop_reason": reason,
                    "best_step": outcome.best_step[row],
                    "steps": outcome.steps[row],
                    "val_loss": outcome.validation_loss[row],
                    "test_loss": mine["loss"],
                    "test_error": mine["error"],
                    "test_excess": mine["excess"],
                    "bayes_loss": float(block.exact[member.data]["test"]["loss"].mean()),
                    "overlap": overlaps[member.data],
                    "seconds": round(outcome.seconds[row], 3),
                    "pack": len(part),
                    "threads": torch.get_num_threads(),
                    "device": device,
                }
            )
    joined = {
        name: torch.cat([part[name] for part in weights]).contiguous().cpu() for name in weights[0]
    }
    content = save(joined)  # a file written by safetensors would not say what a full disk says
    write_aside(outputs["weights"], lambda aside: aside.write_bytes(content))
    write_rows(outputs["history"], histories)
    write_rows(outputs["runs"], rows)
    _report(block.name, rows, log)


def _out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, of numpy, of torch on a GPU, or of torch on a CPU."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "can't allocate memory" in str(error)


def _report(name: str, rows: Sequence[dict[str, Any]], log: Log) -> None:
    """A line a replica; of trainings that failed, also printed."""
    for row in rows:
        who = "r{rule_seed} s{sample_seed} i{init_seed} lr {lr:g}".format(**row)
        if row["status"] != "ok":
            line = f"{name} {who}: {row['status']} at step {row['steps']}; its row says so"
            log(line)
            print(line, file=sys.stderr)
        elif math.isfinite(row["test_loss"]):
            log(f"{name} {who}: {row['stop_reason']}, test loss {row['test_loss']:.6f}")
