"""Train a block of denoisers; measure their posteriors, and how they fill masked sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
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
from ...grammar.tasks import window
from ...models import build
from ...models.layers import Pack, Shape
from ...training.batches import Batches, FiniteBatches, OnlineBatches
from ...training.checkpoints import Checkpoint, Log
from ...training.datasets import Examples
from ...training.denoising import (
    MaskedBatches,
    Trial,
    exact_losses,
    exact_posteriors,
    masked_examples,
    train,
)
from ...training.filling import ORDERS, Filling
from ...training.loop import FAILED, Outcome
from ..files import read_grammar, write_rows
from .train_block import _Block, _Member, _out_of_memory, _report

Row = dict[str, Any]
_FILLED = 2**12  # tokens of the sentences that are filled in at a fraction
_FEWEST = 16  # sentences that are
TABLES = ("generation", "masked", "history", "runs")
_NESTED = ("masked", "made")  # of a history's row


class _Denoisers(_Block):
    """The block's replicas with their data; any part of them can be trained by itself."""

    def __init__(self, specification: dict[str, Any], inputs: dict[str, Path], device: str) -> None:
        super().__init__(specification, inputs, device)
        self.fractions: list[float] = specification["masked_fractions"]
        rules = {member.rule for member in self.members}
        self.grammars = {rule: read_grammar(inputs[f"r{rule:03d}-grammar"]) for rule in rules}
        # by data set, as each takes a while
        self._posteriors: dict[str, NDArray[np.float64]] = {}

    def _masked(self, members: Sequence[_Member], stream: str) -> Examples:
        """Sentences of a stream at every fraction."""
        data = list(dict.fromkeys(member.data for member in members))
        return masked_examples(
            [self.sentences[d][stream]["tokens"] for d in data],
            [data.index(member.data) for member in members],
            self.fractions,
            self.parameters.v[0],
            [self._seed("masks", d, stream) for d in data],
        )

    def _seed(self, *what: Any) -> int:
        return seed_from(*what, self.parameters.specification(), self.fractions)

    def trial(self, members: Sequence[_Member]) -> Trial:
        """Test sentences, with the exact posteriors of what is masked."""
        examples = self._masked(members, "test")
        data = list(dict.fromkeys(member.data for member in members))
        for d, seen in zip(data, examples.inputs.numpy()):
            if d not in self._posteriors:
                rule = next(member.rule for member in members if member.data == d)
                self._posteriors[d] = exact_posteriors(self.grammars[rule], seen)
        known = torch.from_numpy(np.stack([self._posteriors[d] for d in data]))
        examples = Examples(examples.inputs, examples.targets, examples.source, known)
        most = max(_FEWEST, _FILLED // self.parameters.d)
        count = min(examples.size // len(self.fractions), most)
        grammars = [self.grammars[member.rule] for member in members]
        seeds = self._seeds(members, "filling")
        filling = Filling.of(grammars, examples.to(self.device), len(self.fractions), count, seeds)
        return Trial(examples.to(self.device), filling)

    def masked_batches(self, members: Sequence[_Member]) -> Batches:
        """Batches of the replicas, masked anew at every step."""
        batch = self.settings.batch_size
        data = list(dict.fromkeys(member.data for member in members))
        source = [data.index(member.data) for member in members]
        whole: Batches
        if self.online:
            streams = [self.streams[d] for d in data]
            whole = OnlineBatches("classification", streams, source, batch, self.device)
        else:
            sentences = [self.sentences[d]["train"] for d in data]
            examples = Examples.from_sentences(
                "classification", sentences, source, self.parameters.v[0]
            ).to(self.device)
            whole = FiniteBatches(examples, self._seeds(members, "batch order"), batch)
        seeds = self._seeds(members, "masks of batches")
        return MaskedBatches(whole, self.parameters.v[0], self.fractions, seeds)

    def fit(
        self, members: Sequence[_Member], trial: Trial, checkpoint: Checkpoint, log: Log
    ) -> tuple[Outcome, Pack]:
        """Outcome of some of the replicas, and their networks at the best steps."""
        shape = Shape.from_parameters(
            window(self.parameters, 0), "autoregressive", self.architecture
        )
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

            outcome = train(
                network,
                self.masked_batches(members),
                self._masked(members, "validation").to(self.device),
                [member.rate for member in members],
                self.settings,
                progress,
                checkpoint,
                trial if self.online else None,
            )
        chosen = build(kind, shape, [0] * count).to(self.device)
        chosen.load_state_dict(outcome.weights)
        return outcome, chosen


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

    Writes ``runs`` (a row a replica), ``history`` (a row an evaluation), ``masked`` (a row a
    fraction), ``generation`` (a row a fraction, order and level) and ``weights``. The latter two
    tables are of every evaluation of an online training, and of the best step of another. Packs
    and checkpoints are those of `train_block.make`.
    """
    block = _Denoisers(specification, inputs, device)
    total = len(block.members)
    pack = min(total, total if pack is None else pack)
    if pack == 0:
        raise UserError(
            f"{block.name}: not even one network fits into the memory given; take a smaller width "
            "or batch, or set memory_mb in config/config.yaml"
        )
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    weights = []
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
            trial = block.trial(part)
            outcome, chosen = block.fit(part, trial, checkpoint, log)
            final = trial.found(chosen)
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
        for name, rows in _rows(block, part, trial, outcome, final, chosen.parameter_count).items():
            tables[name] += rows
    joined = {
        name: torch.cat([part[name] for part in weights]).contiguous().cpu() for name in weights[0]
    }
    content = save(joined)
    write_aside(outputs["weights"], lambda aside: aside.write_bytes(content))
    for name in TABLES:
        write_rows(outputs[name], tables[name])
    _report(block.name, tables["runs"], log)


def _rows(
    block: _Denoisers,
    part: Sequence[_Member],
    trial: Trial,
    outcome: Outcome,
    final: Sequence[Row],
    parameters: int,
) -> dict[str, list[Row]]:
    """Rows of all tables, of some replicas."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    floors = exact_losses(trial.examples, len(block.fractions))
    floors = floors[trial.examples.source.cpu().numpy()]
    beside = trial.beside()
    for replica, member in enumerate(part):
        size = math.inf if block.online else block.size
        best, reason = outcome.best_step[replica], outcome.stop_reason[replica]
        history = [row for number, row in outcome.history if number == replica]
        tables["history"] += [
            {**member.key(), "lr": member.rate, **{n: row[n] for n in row if n not in _NESTED}}
            for row in history
        ]
        for row in history if block.online else [{"step": best, **final[replica]}]:
            here = {"lr": member.rate, "train_size": size, "sentences": block.seen(row["step"])}
            here |= {**member.key(), "step": row["step"]}
            tables["masked"] += [
                {**here, "fraction": fraction, "loss": loss, "floor": floor, "excess": excess}
                for fraction, loss, floor, excess in zip(
                    block.fractions,
                    row["masked"]["loss"],
                    floors[replica].tolist(),
                    row["masked"]["excess"],
                    strict=True,
                )
            ]
            for order in ORDERS:
                made = np.array(row["made"][order])  # (F, 2, L)
                exact, random = (beside[name][order][replica] for name in ("exact", "random"))
                tables["generation"] += [
                    {
                        **here,
                        "fraction": fraction,
                        "order": order,
                        "level": level + 1,
                        "obeying": float(made[number, 0, level]),
                        "exact": float(exact[number, 0, level]),
                        "random": float(random[number, 0, level]),
                        "composing": float(made[number, 1, level]),
                    }
                    for number, fraction in enumerate(block.fractions)
                    for level in range(block.parameters.L)
                ]
        tables["runs"].append(
            {
                "lr": member.rate,
                "parameters": parameters,
                "train_size": size,
                "sentences": block.seen(outcome.steps[replica]),
                **member.key(),
                "status": reason if reason in FAILED else "ok",
                "stop_reason": reason,
                "best_step": best,
                "steps": outcome.steps[replica],
                "val_loss": outcome.validation_loss[replica],
                **{n: final[replica][n] for n in ("test_loss", "test_error", "test_excess")},
                "bayes_loss": float(floors[replica].mean()),
                "overlap": block.overlap(member.data),
                "seconds": round(outcome.seconds[replica], 3),
                "pack": len(part),
                "threads": torch.get_num_threads(),
                "device": str(block.device),
            }
        )
    return tables
