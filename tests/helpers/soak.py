"""Kill a run again and again, at random moments, and compare its tables with an undisturbed one.

python tests/helpers/soak.py --kills 50 --seed 0
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STUDY = """
name: soak
grammars:
  deep: {v: 6, s: 2, L: 3, m: 2}
architectures:
  cnn: {kind: cnn, width: 64, training: &long {max_steps: 900, min_steps: 900, train_loss: 0.0}}
  transformer: {kind: transformer, width: 16, training: *long}
  counting: {kind: counting}
experiments:
  last:
    task: last_token
    grammars: [deep]
    architectures: [cnn, transformer, counting]
    train_sizes: [128, 512]
    validation_size: 512
    test_size: 512
    replicas: {rule_draws: 2}
"""
TIMING = ["seconds"]
CHECKPOINTS = "results/store/models/**/checkpoint-*"


def project(folder: Path) -> Path:
    """A copy of the project with the study of this test."""
    folder.mkdir()
    for name in ("Snakefile", "workflow", "config", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    (folder / "config" / "studies" / "soak.yaml").write_text(STUDY, encoding="utf-8")
    return folder


def start(folder: Path, log: Path, batches: float = 0.003) -> subprocess.Popen[bytes]:
    """A run in a session of its own, as `make run` starts it, with batches of so many minutes."""
    command = [
        *(sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/laptop"),
        *("--cores", "2", "--config", "study=config/studies/soak.yaml", "checkpoint_seconds=1"),
        f"batch_minutes={batches}",
    ]
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def kill(run: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the whole process tree, and make sure that it ends."""
    os.killpg(run.pid, number)
    try:
        run.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def differences(one: Path, other: Path) -> list[str]:
    """Tables and weights that differ, bar the columns that tell times."""
    found = []
    tables = {
        path.name for path in [*one.glob("results/soak/*.csv"), *other.glob("results/soak/*.csv")]
    }
    for name in sorted(tables):
        pair = [folder / "results" / "soak" / name for folder in (one, other)]
        if not all(path.is_file() for path in pair):
            found.append(f"{name}: missing")
            continue
        left, right = (pd.read_csv(path).drop(columns=TIMING, errors="ignore") for path in pair)
        if not left.equals(right):
            found.append(f"{name}: differs")
    pattern = "results/store/models/**/weights.safetensors"
    weights = [{str(path.relative_to(f)): path for path in f.glob(pattern)} for f in (one, other)]
    if weights[0].keys() != weights[1].keys() or not weights[0]:
        found.append("weights: other blocks")
    for name in weights[0].keys() & weights[1].keys():
        if weights[0][name].read_bytes() != weights[1][name].read_bytes():
            found.append(f"{name}: differs")
    return found


def soak(
    folder: Path, kills: int, seed: int, say: Callable[[str], None] = print
) -> tuple[int, list[str]]:
    """Run undisturbed, then with so many kills, starting over whenever a run is through.

    The first kill of a project waits until a training has kept a checkpoint: one is resumed.

    Returns
    -------
    tuple of int and list of str
        How often a training was resumed, and what differed.
    """
    chance = random.Random(seed)  # noqa: S311 (nothing secret)
    calm = project(folder / "calm")
    log = folder / "calm.log"
    begin = time.monotonic()
    if start(calm, log, 0.05).wait() != 0:  # in few jobs, on which results do not depend
        raise SystemExit(f"{log}: the undisturbed run failed")
    whole = time.monotonic() - begin
    say(f"undisturbed: {whole:.0f} s")
    found: list[str] = []
    done, round_, resumed = 0, 0, 0
    while done < kills:
        round_ += 1
        wild = project(folder / f"wild-{round_}")
        log = folder / f"wild-{round_}.log"
        killed = False
        while True:
            begin = time.monotonic()
            run = start(wild, log, chance.choice((0.003, 0.05)))
            # at least until the workflow is read; a run is through only when it is let
            patience = chance.uniform(1.0, 0.6 * whole) if done < kills else None
            if patience and not killed:
                patience = chance.uniform(0.0, 1.0)
                while run.poll() is None and not any(wild.glob(CHECKPOINTS)):
                    time.sleep(0.05)
            try:
                status = run.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                number = chance.choice(SIGNALS)
                kill(run, number)
                done, killed = done + 1, True
                after = time.monotonic() - begin
                say(f"kill {done}: {signal.Signals(number).name} after {after:.1f} s")
                continue
            if status == 0:
                break
            raise SystemExit(f"{log}: a run failed by itself")
        logs = wild.glob("results/logs/models/**/*.log")
        resumed += sum("goes on at step" in path.read_text(encoding="utf-8") for path in logs)
        found += differences(calm, wild)
        say(f"round {round_}: {'; '.join(found) or 'identical'}")
        shutil.rmtree(wild)
    return resumed, found


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        resumed, found = soak(Path(folder), arguments.kills, arguments.seed)
    print(f"{arguments.kills} kills, {resumed} trainings resumed, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
