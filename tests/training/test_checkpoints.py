"""A training that is killed goes on bitwise where it was; nothing damaged is taken up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from conftest import Project, call, command, environment, making
from helpers.trainings import MEAN_FIELD, SETTINGS, run
from rhm_scaling.architecture.registry import kinds
from rhm_scaling.core.errors import UserError
from rhm_scaling.study.artifacts import Product
from rhm_scaling.training.checkpoints import Checkpoint, State, scratch_folder
from rhm_scaling.training.loop import Outcome

REPLICAS, RATES = [0, 1, 2], [0.2, 0.02, 0.1]
NEVER = 1e9
BROKEN = Path("/dev/full")  # no folder, and none can be made there


class Killed(Checkpoint):
    """A checkpoint at every step, and a kill after some of them."""

    def __init__(self, path: Path, saves: int, scratch: Path | None = None) -> None:
        super().__init__(path, "this", 0.0, scratch=scratch)
        self.left = saves

    def save(self, state: State, finished: bool = False) -> None:
        """Save, and kill in time."""
        super().save(state, finished)
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
@pytest.mark.parametrize("kind", kinds())
def test_a_killed_training_goes_on_bitwise(kind: str, optimizer: str, tmp_path: Path) -> None:
    # replicas stop at different steps; some kills come after the pack was cut
    settings = replace(SETTINGS, optimizer=optimizer, train_loss=1.2)
    fast = kind in MEAN_FIELD or (optimizer == "sgd" and kind != "unet")
    slower = 1 if fast else 10
    rates = [rate / slower for rate in RATES]
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


@pytest.mark.parametrize("fate", ["same node", "other node", "other disk broken"])
def test_killed_with_scratch_it_goes_on_bitwise(fate: str, tmp_path: Path) -> None:
    undisturbed = run("cnn", "last_token", REPLICAS, SETTINGS, rates=RATES)
    path, scratch = tmp_path / "shared" / "c", tmp_path / "node"

    def attempt(saves: int, scratch: Path) -> Outcome:
        checkpoint = Killed(path, saves, scratch)
        return run("cnn", "last_token", REPLICAS, SETTINGS, rates=RATES, checkpoint=checkpoint)

    def step(folder: Path) -> int | None:
        loaded = Checkpoint(folder / "c", "this", NEVER).load()
        return loaded[1]["step"] if loaded else None

    with pytest.raises(KeyboardInterrupt):
        attempt(7, scratch)
    assert (step(scratch), step(path.parent)) == (7, None)
    with pytest.raises(KeyboardInterrupt):
        attempt(17, scratch)
    assert (step(scratch), step(path.parent)) == (24, 17)  # which was the tenth
    second = {"same node": scratch, "other node": tmp_path / "b", "other disk broken": BROKEN}
    same(attempt(10**6, second[fate]), undisturbed)
    # the last state is where every node finds it
    again = Killed(path, 2, tmp_path / "third node")
    same(run("cnn", "last_token", REPLICAS, SETTINGS, rates=RATES, checkpoint=again), undisturbed)


def state(step: int = 3) -> State:
    tensors: dict[str, Tensor] = {"a": torch.arange(5.0), "none": torch.zeros(0)}
    return tensors, {"step": step, "loss": float("nan")}


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
    assert lines == [f"{path}: damaged; not taken up"]


def test_a_checkpoint_of_another_training_is_not_taken_up(tmp_path: Path) -> None:
    lines: list[str] = []
    Checkpoint(tmp_path / "c", {"threads": 1}, NEVER).save(state())
    assert Checkpoint(tmp_path / "c", {"threads": 2}, NEVER, lines.append).load() is None
    assert lines == [f"{tmp_path / 'c'}: of another training; not taken up"]


def test_a_full_disk_costs_the_checkpoint_alone() -> None:
    lines: list[str] = []
    Checkpoint(BROKEN / "c", "this", NEVER, lines.append).save(state())
    assert len(lines) == 1
    assert "no checkpoint (" in lines[0]


def test_of_two_checkpoints_the_furthest_sound_one_is_taken_up(tmp_path: Path) -> None:
    places = [tmp_path / "shared" / "c", tmp_path / "node" / "c"]
    for near, far in (places, reversed(places)):
        Checkpoint(near, "this", NEVER).save(state(30))
        Checkpoint(far, "this", NEVER).save(state(31))
        both = Checkpoint(places[0], "this", NEVER, scratch=places[1].parent)
        loaded = both.load()
        assert loaded is not None
        assert loaded[1]["step"] == 31
        far.write_bytes(far.read_bytes()[:-1])
        loaded = both.load()
        assert loaded is not None
        assert loaded[1]["step"] == 30
        Checkpoint(far, "another", NEVER).save(state(31))
        loaded = both.load()
        assert loaded is not None
        assert loaded[1]["step"] == 30


@pytest.mark.parametrize("broken", ["scratch", "shared"])
def test_where_one_disk_is_broken_the_other_takes_the_checkpoint(
    broken: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    path = (BROKEN if broken == "shared" else tmp_path) / "c"
    scratch = BROKEN if broken == "scratch" else tmp_path
    checkpoint = Checkpoint(path, "this", NEVER, lines.append, scratch)
    for step in range(1, 11):
        checkpoint.save(state(step))
        loaded = Checkpoint(tmp_path / "c", "this", NEVER).load()
        assert loaded is not None
        assert loaded[1]["step"] == step
    assert len(lines) == (9 if broken == "scratch" else 1)
    assert all("no checkpoint (" in line for line in lines)


def test_a_short_training_leaves_the_shared_disk_alone(tmp_path: Path) -> None:
    path, scratch = tmp_path / "shared" / "c", tmp_path / "node"
    Checkpoint(path, "this", NEVER, scratch=scratch).save(state(), finished=True)
    assert (scratch / "c").is_file()
    assert not path.exists()


def test_a_scratch_folder_is_one_product_s_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setenv("NODE", str(tmp_path))
    monkeypatch.setenv("NONE", "")
    product = Path("results", "store", "models", "x")
    folder = scratch_folder("$NODE", product, lines.append)
    assert folder is not None
    assert folder.parent == tmp_path
    assert folder == scratch_folder(str(tmp_path), product.absolute(), lines.append)
    assert folder != scratch_folder("$NODE", Path("/other/project") / product, lines.append)
    assert scratch_folder("", product, lines.append) is None
    assert scratch_folder("$NONE", product, lines.append) is None
    assert not lines
    for broken in ("$NEVER_SET", str(tmp_path / "gone"), str(BROKEN)):
        assert scratch_folder(broken, product, lines.append) is None
        assert "checkpoints go beside the product" in lines.pop()
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)  # but what it makes is still ours
    assert scratch_folder("$NODE", product, lines.append) is None
    assert "another user's" in lines.pop()


def test_a_job_goes_on_on_another_node_and_removes_its_checkpoints_from_both_disks(
    project: Project, block: Product, tmp_path: Path
) -> None:
    folder, node, log = project.folder / "disturbed", tmp_path / "node", tmp_path / "log"
    other = tmp_path / "other"
    node.mkdir()
    other.mkdir()
    settings = {**block.specification["settings"], "max_steps": 300, "min_steps": 300}
    long = replace(block, specification={**block.specification, "settings": settings})
    assert call(project, *making(long, "undisturbed"))[0] == 0
    job = [*making(long, "disturbed"), "--checkpoint-seconds", "0", "--log", str(log)]
    stops = ((signal.SIGKILL, "step 8,", node), (signal.SIGTERM, "goes on at step", folder))
    for stop, sign, place in stops:
        training = subprocess.Popen(
            command(project, *job, "--scratch=$NODE"),
            cwd=project.folder,
            env=environment(project, NODE=str(node)),
            stderr=subprocess.DEVNULL,
        )
        while training.poll() is None and not (log.is_file() and sign in log.read_text()):
            time.sleep(0.01)
        training.send_signal(stop)
        assert training.wait() != 0
        assert any(place.rglob("checkpoint-*"))
    (folder / ".checkpoint-000-001.x").touch()  # of a killed writer
    status, _, errors = call(project, *job, f"--scratch={other}")
    assert (status, errors) == (0, [])
    lines = log.read_text(encoding="utf-8")
    first, second = (line for line in lines.splitlines() if "goes on at step" in line)
    step = int(first.split()[-1])
    assert (str(node) in first) == (step % 10 != 0)  # every tenth goes beside the product
    assert "disturbed" in second
    assert not any(other.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        Path(path).name for path in block.files.values()
    )
    made = [folder.with_name(name) / "weights.safetensors" for name in ("disturbed", "undisturbed")]
    assert made[0].read_bytes() == made[1].read_bytes()


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
