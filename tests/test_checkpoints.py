"""A training that is killed goes on bitwise where it was; nothing damaged is taken up."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rhm_scaling.checkpoints import Checkpoint, State
from rhm_scaling.provenance import UserError
from rhm_scaling.training import Outcome
from test_training import SETTINGS, run

REPLICAS, RATES = [0, 1, 2], [0.2, 0.02, 0.1]
NEVER = 1e9


class Killed(Checkpoint):
    """A checkpoint at every step, and a kill after some of them."""

    def __init__(self, path: Path, saves: int) -> None:
        super().__init__(path, "this", 0.0)
        self.left = saves

    def save(self, state: State) -> None:
        """Save, and kill in time."""
        super().save(state)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def same(one: Outcome, other: Outcome) -> None:
    for name in ("best_step", "steps", "stop_reason"):
        assert getattr(one, name) == getattr(other, name)
    assert str(one.history) == str(other.history)  # NaN equals itself
    assert one.validation_loss == other.validation_loss
    for name, value in one.weights.items():
        assert torch.equal(value, other.weights[name])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", ["cnn", "transformer", "attention"])
def test_a_killed_training_goes_on_bitwise(kind: str, optimizer: str, tmp_path: Path) -> None:
    # replicas stop at different steps; some kills come after the pack was cut
    settings = replace(SETTINGS, optimizer=optimizer, train_loss=1.2)
    rates = RATES if optimizer == "sgd" else [rate / 10 for rate in RATES]
    undisturbed = run(kind, "last_token", REPLICAS, settings, rates=rates)
    assert len(set(undisturbed.steps)) > 1
    path = tmp_path / "checkpoint"
    kills = 0
    while True:
        try:
            checkpoint = Killed(path, saves=7 * (kills + 1))
            found = run(kind, "last_token", REPLICAS, settings, rates=rates, checkpoint=checkpoint)
            break
        except KeyboardInterrupt:
            kills += 1
    assert kills >= 2
    same(found, undisturbed)
    # the finished state is kept: nothing is trained again
    again = Killed(path, saves=2)
    same(run(kind, "last_token", REPLICAS, settings, rates=rates, checkpoint=again), undisturbed)


def state() -> State:
    tensors: dict[str, Tensor] = {"a": torch.arange(5.0), "none": torch.zeros(0)}
    return tensors, {"step": 3, "loss": float("nan")}


def test_a_checkpoint_is_what_was_saved(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "deep" / "c", {"of": [1, 2]}, NEVER)
    assert checkpoint.load() is None
    assert not checkpoint.due()
    checkpoint.save(state())
    loaded = checkpoint.load()
    assert loaded is not None
    tensors, numbers = loaded
    assert torch.equal(tensors["a"], torch.arange(5.0))
    assert numbers["step"] == 3
    assert numbers["loss"] != numbers["loss"]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_is_not_taken_up(damage: str, tmp_path: Path) -> None:
    lines: list[str] = []
    path = tmp_path / "c"
    checkpoint = Checkpoint(path, "this", NEVER, lines.append)
    checkpoint.save(state())
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    damaged = {
        "truncated": content[:-10],
        "flipped": content,
        "empty": b"",
        "text": b"some text that is longer than a digest",
    }
    path.write_bytes(damaged[damage])
    assert checkpoint.load() is None
    assert lines == [f"{path}: damaged; started anew"]


def test_a_checkpoint_of_another_training_is_not_taken_up(tmp_path: Path) -> None:
    lines: list[str] = []
    Checkpoint(tmp_path / "c", {"threads": 1}, NEVER).save(state())
    assert Checkpoint(tmp_path / "c", {"threads": 2}, NEVER, lines.append).load() is None
    assert lines == [f"{tmp_path / 'c'}: of another training; started anew"]


def test_a_full_disk_costs_the_checkpoint_alone() -> None:
    lines: list[str] = []
    Checkpoint(Path("/dev/full/c"), "this", NEVER, lines.append).save(state())
    assert len(lines) == 1
    assert "no checkpoint (" in lines[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_with_the_state_kept(number: int, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c", "this", NEVER)
    before = signal.getsignal(number)
    with checkpoint.listening():
        os.kill(os.getpid(), number)
        assert checkpoint.due()
        with pytest.raises(UserError, match="stopped by a signal; run again"):
            checkpoint.save(state())
    assert signal.getsignal(number) == before
    assert checkpoint.load() is not None
