"""One training loop for every task and architecture: a pack of replicas, each on its own terms.

Every replica has its own data, batch order, best step and stopping time; the pack shares only the
arithmetic. A replica's result does not depend on which others are trained beside it.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..models.layers import OptimizerKind, Pack
from .batches import Batches
from .checkpoints import Checkpoint, State
from .cuda_graph import Captured
from .datasets import Examples, evaluate, example_losses
from .optimizers import Optimizer

StopReason = Literal["patience", "train_loss", "max_steps", "diverged", "collapsed"]
_FIRST_EVALUATION = 8  # earlier evaluations would cost more than they tell
Schedule = Literal["constant", "cosine"]
FAILED = ("diverged", "collapsed")  # ends of trainings that tell nothing of the data
# of a uniform guess's loss: a network below the first knows something, above the second nothing
_KNOWS, _GUESSES = 0.75, 0.9


@dataclass(frozen=True)
class Settings:
    """How a network is trained; `config/README.md` explains each value."""

    optimizer: OptimizerKind
    momentum: float
    warmup_steps: int
    batch_size: int
    max_steps: int
    evaluations_per_octave: int
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    min_steps: int = 0
    patience: float | None = None
    train_loss: float = 0.0


@dataclass
class Outcome:
    """What became of each replica, in the order of the pack.

    Attributes
    ----------
    weights
        Parameters at each replica's best step, ``(R, ...)`` by name.
    best_step, steps, validation_loss, seconds
        The step of least validation loss, the steps made, that loss (NaN if never finite), and
        the replica's share of the wall time.
    stop_reason
        Which rule ended it; ``diverged`` if a loss was not finite, ``collapsed`` if it guesses
        again.
    history
        A replica and its row, for each evaluation: step, train_loss, validation_loss,
        validation_error; and test_loss, test_error, test_excess if it has a test set.
    """

    weights: dict[str, Tensor]
    best_step: list[int]
    steps: list[int]
    validation_loss: list[float]
    seconds: list[float]
    stop_reason: list[StopReason]
    history: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


def evaluation_steps(max_steps: int, evaluations_per_octave: int) -> list[int]:
    """Zero, then log-spaced steps from `_FIRST_EVALUATION` up to and including the cap."""
    spaced = (
        round(_FIRST_EVALUATION * 2 ** (i / evaluations_per_octave)) for i in itertools.count()
    )
    below = itertools.takewhile(lambda step: step < max_steps, spaced)
    return sorted({0, *below, max_steps})


def train(
    network: Pack,
    batches: Batches,
    validation_set: Examples,
    rates: Sequence[float],
    settings: Settings,
    progress: Callable[[int, int, float], None] = lambda step, active, loss: None,
    checkpoint: Checkpoint | None = None,
    test_set: Examples | None = None,
) -> Outcome:
    """Train a pack; each replica stops by itself on its own validation loss.

    Rules, checked at each evaluation in this order: a loss is not finite (``diverged``); the mean
    training loss was, at this evaluation and the one before, back at that of a uniform guess after
    it had left it (``collapsed``: too long steps can put the units of a layer to rest for good, and
    the best step is then the middle of an instability, no limit of the data); the mean training
    loss since the last evaluation is below ``train_loss``; the step has reached
    ``max(min_steps, patience * best step)``; the step has reached ``max_steps``. A stopped
    replica leaves the pack and costs nothing more.

    Parameters
    ----------
    network
        The pack, changed in place (its surviving replicas are meaningless afterwards; the chosen
        weights are in the outcome).
    batches
        Its batches, of ``settings.batch_size``.
    rates
        Learning rate of each replica.
    progress
        Called at each evaluation with the step, the number of active replicas and their mean
        validation loss.
    checkpoint
        Where to keep the state and take it up again, bitwise at the same threads.
    test_set
        Measured at every evaluation too: for a training whose every step is a point of a curve.
    """
    run = _Run(network, batches, validation_set, test_set, rates, settings)
    saved = checkpoint.load() if checkpoint else None
    if saved:
        run.restore(saved)
    for goal in evaluation_steps(settings.max_steps, settings.evaluations_per_octave):
        while run.active and run.step < goal:
            run.update()
            if checkpoint and checkpoint.due():
                checkpoint.save(run.state())
        if run.active and run.step == goal:
            progress(*run.evaluate())
    if checkpoint:
        checkpoint.save(run.state(), finished=True)
    return run.outcome


class _Run:
    """A training under way.

    Attributes
    ----------
    active
        Replicas that are still trained, in the order of the cut pack.
    step
        Steps made.
    outcome
        What has become of each replica so far.
    """

    def __init__(
        self,
        network: Pack,
        batches: Batches,
        validation_set: Examples,
        test_set: Examples | None,
        rates: Sequence[float],
        settings: Settings,
    ) -> None:
        self._network, self._settings = network, settings
        self._batches, self._validation, self._test = batches, validation_set, test_set
        self._device = next(network.parameters()).device
        total = len(rates)
        self.outcome = Outcome(
            weights={name: value.detach().clone() for name, value in network.named_parameters()},
            best_step=[0] * total,
            steps=[0] * total,
            validation_loss=[math.nan] * total,
            seconds=[0.0] * total,
            stop_reason=["max_steps"] * total,
        )
        self._optimizer = Optimizer(
            network,
            settings.optimizer,
            rates,
            settings.momentum,
            settings.warmup_steps,
            settings.max_steps if settings.schedule == "cosine" else None,
            settings.weight_decay,
        )
        self._losses = torch.zeros(total, dtype=torch.float64, device=self._device)
        self.active, self.step = list(range(total)), 0
        self._start_interval()
        self._record()

    def _start_interval(self) -> None:
        """Begin to sum training losses up to the next evaluation."""
        self._losses.zero_()
        self._since, self._clock = 0, time.perf_counter()

    def _record(self) -> None:
        """Have a GPU record its steps anew: the pack's tensors are other ones."""
        self._repeat: Callable[..., None] = (
            Captured() if self._device.type == "cuda" else _call_plainly
        )

    def _descend(self, inputs: Tensor, targets: Tensor) -> None:
        """One step of every active replica on its batch."""
        losses = example_losses(self._network(inputs), targets).flatten(1).mean(1)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._losses += losses.detach()

    def update(self) -> None:
        """The next step of every active replica."""
        self._repeat(self._descend, *self._batches.at(self.step))
        self.step, self._since = self.step + 1, self._since + 1

    def evaluate(self) -> tuple[int, int, float]:
        """Measure, remember what improved, drop who has stopped; what `progress` is told."""
        outcome, count, step = self.outcome, len(self.active), self.step
        found = evaluate(self._network, self._validation)
        tested = evaluate(self._network, self._test) if self._test else {}
        train_loss = [math.nan] * count
        if self._since:
            train_loss = (self._losses / self._since).tolist()
        seconds = (time.perf_counter() - self._clock) / count
        improved, staying = [], []
        guess, seen = math.log(self._network.shape.outputs), self._train_losses(train_loss)
        for row, replica in enumerate(self.active):
            loss = float(found["loss"][row])
            outcome.seconds[replica] += seconds
            outcome.steps[replica] = step
            evaluation = {
                "step": step,
                "train_loss": train_loss[row],
                "validation_loss": loss,
                "validation_error": float(found["error"][row]),
                **{f"test_{name}": float(values[row]) for name, values in tested.items()},
            }
            outcome.history.append((replica, evaluation))
            finite = math.isfinite(loss) and (step == 0 or math.isfinite(train_loss[row]))
            if finite and not loss >= outcome.validation_loss[replica]:
                outcome.validation_loss[replica] = loss
                outcome.best_step[replica] = step
                improved.append(row)
            best = outcome.best_step[replica]
            reason = _stop(finite, step, train_loss[row], best, self._settings)
            if finite and _collapsed(seen[replica], guess):
                reason = "collapsed"
            if reason:
                outcome.stop_reason[replica] = reason
            else:
                staying.append(row)
        self._remember(improved)
        if len(staying) < count:
            self._keep(staying)
        self._start_interval()
        return step, count, float(np.mean(found["loss"]))

    def _train_losses(self, last: list[float]) -> dict[int, list[float]]:
        """Mean training losses between evaluations of the active replicas, the `last` ones too."""
        seen: dict[int, list[float]] = {replica: [] for replica in self.active}
        for replica, row in self.outcome.history:
            if replica in seen:
                seen[replica].append(row["train_loss"])
        for replica, loss in zip(self.active, last):
            seen[replica].append(loss)
        return seen

    def _remember(self, rows: list[int]) -> None:
        """Copy the weights of the improved `rows` of the active pack to their replicas' places."""
        replicas = [self.active[row] for row in rows]
        for name, parameter in self._network.named_parameters():
            self.outcome.weights[name][replicas] = parameter.detach()[rows]

    def _keep(self, rows: list[int]) -> None:
        """Go on with some rows of the active pack."""
        self.active = [self.active[row] for row in rows]
        if not rows:
            return
        kept = torch.tensor(rows, device=self._device)
        self._network.keep(kept)
        self._optimizer.keep(self._network, kept)
        self._batches.keep(rows)
        self._validation = self._validation.keep(kept)
        self._test = self._test.keep(kept) if self._test else None
        self._losses = self._losses[kept]
        self._record()

    def state(self) -> State:
        """All that the rest of the training depends on."""
        tensors = {
            **{f"network.{name}": value for name, value in self._network.named_parameters()},
            **{f"weights.{name}": value for name, value in self.outcome.weights.items()},
            **{f"optimizer.{name}": value for name, value in self._optimizer.state().items()},
            "losses": self._losses,
        }
        numbers = {
            "step": self.step,
            "since": self._since,
            "elapsed": time.perf_counter() - self._clock,
            "active": self.active,
            "outcome": {
                field.name: getattr(self.outcome, field.name)
                for field in fields(Outcome)
                if field.name != "weights"
            },
        }
        return tensors, numbers

    def restore(self, state: State) -> None:
        """Take up a state where it was left; the pack must be new."""
        tensors, numbers = state

        def part(prefix: str) -> dict[str, Tensor]:
            mine = [name for name in tensors if name.startswith(f"{prefix}.")]
            return {
                name.removeprefix(f"{prefix}."): tensors[name].to(self._device) for name in mine
            }

        self._keep(numbers["active"])
        self.outcome = Outcome(weights=part("weights"), **numbers["outcome"])
        self.outcome.history = [(replica, row) for replica, row in self.outcome.history]
        self.step = numbers["step"]
        if self.active:
            self._network.load_state_dict(part("network"))
            self._optimizer.restore(part("optimizer"), self.step)
        self._start_interval()
        if self.active:
            self._losses.copy_(tensors["losses"])
        self._since = numbers["since"]
        self._clock -= numbers["elapsed"]


def _call_plainly(work: Callable[..., None], *arguments: Tensor) -> None:
    work(*arguments)


def _collapsed(train_losses: list[float], guess: float) -> bool:
    """Whether a network that knew something guesses again, at its last two evaluations."""
    knew = any(loss < _KNOWS * guess for loss in train_losses[:-2])
    return knew and all(loss > _GUESSES * guess for loss in train_losses[-2:])


def _stop(
    finite: bool, step: int, train_loss: float, best_step: int, settings: Settings
) -> StopReason | None:
    """The rule that ends a replica at this step, if any."""
    if not finite:
        return "diverged"
    if train_loss < settings.train_loss:
        return "train_loss"
    patience = settings.patience
    if patience is not None and step >= max(settings.min_steps, patience * best_step):
        return "patience"
    return "max_steps" if step >= settings.max_steps else None
