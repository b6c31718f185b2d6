"""Every table and figure of a study, for small grammars of all kinds and every task.

Alone, it goes through all of them and prints those that fail.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from itertools import product as pairs
from pathlib import Path
from typing import NamedTuple

import torch

from rhm_scaling.run.records import write_record
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.artifacts import KINDS, STEPS
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

_SHORT = "{kind: transformer, width: 4, training: {max_steps: 8, min_steps: 8}}"
TASKS = {
    "classification": "{kind: counting}",
    "last_token": "{kind: counting}",
    "autoregressive": _SHORT,
}


class Case(NamedTuple):
    """A grammar and a task."""

    v: int | dict[int, int]
    s: int
    L: int
    m: int
    zipf: bool
    task: str

    @property
    def study(self) -> str:
        """A study of it, as YAML."""
        zipf = ", zipf: {1: 1.0}" if self.zipf else ""
        return f"""
name: small
grammars: {{g: {{v: {self.v}, s: {self.s}, L: {self.L}, m: {self.m}{zipf}}}}}
architectures: {{c: {TASKS[self.task]}}}
experiments:
  e:
    task: {self.task}
    grammars: [g]
    architectures: [c]
    train_sizes: [4, 8, 16, 32]
    validation_size: 8
    test_size: 16
    replicas: {{rule_draws: 2}}
"""


def cases() -> Iterator[Case]:
    """All with `v` in 2..4, `s` in 2..3, `L` in 1..3 and every `m` that is possible."""
    for v, s, L in pairs(range(2, 5), (2, 3), (1, 2, 3)):
        for m in range(1, v ** (s - 1) + 1):
            yield from (Case(v, s, L, m, zipf, task) for zipf in (False, True) for task in TASKS)


def sample(number: int) -> list[Case]:
    """Some of them, always the same; among them full, deterministic and flat grammars."""
    known = list(cases())
    chosen = [Case(2, 2, 2, 2, False, "classification"), Case(2, 2, 1, 1, False, "last_token")]
    chosen += [Case(3, 2, 2, 1, False, "autoregressive"), Case(2, 3, 1, 4, True, "last_token")]
    chosen += [Case(4, 2, 1, 3, False, "classification")]  # equal thresholds, but for rounding
    chosen += [Case({0: 6, 1: 2}, 2, 2, 2, True, task) for task in TASKS]  # levels of all sizes
    chosen += [Case({0: 2, 1: 4, 2: 3}, 2, 3, 1, False, task) for task in TASKS]
    chance = random.Random(0)  # noqa: S311 (nothing secret)
    rest = [case for case in known if case not in chosen]
    return chosen + chance.sample(rest, number - len(chosen))


def run(study: str, folder: Path, scale: str = "") -> list[Path]:
    """Make all products, tables and figures of a study; those files."""
    made = []
    torch.set_num_threads(1)
    with contextlib.chdir(folder):
        plan = Plan(parse_study(study, "study.yaml", scale=scale))
        for kind in KINDS:
            for one in plan.products[kind].values():
                files = {role: Path(path) for role, path in one.files.items()}
                sources = {role: Path(path) for role, path in one.sources.items()}
                record = files["record"]
                record.parent.mkdir(parents=True, exist_ok=True)
                make = importlib.import_module(f"rhm_scaling.steps.products.{STEPS[kind]}").make
                make(one.specification, sources, files)
                outputs = [path for path in files.values() if path != record]
                how = {"core_seconds": 0.0, "threads": 1}
                write_record(record, one.specification, outputs, how)
                made += [folder / path for path in outputs]
        for stage in stages(plan).values():
            if stage.outputs:
                make = importlib.import_module(f"rhm_scaling.steps.tables.{stage.name}").make
                with warnings.catch_warnings():
                    warnings.simplefilter("error", RuntimeWarning)  # no number is made of nothing
                    make(stage.specification, Path("results", plan.study.name), Path())
                made += [folder / path for path in stage.outputs]
    return made


def main() -> int:
    """Run all, and print those that fail."""
    known, failed = list(cases()), 0
    for number, case in enumerate(known, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                missing = [path for path in run(case.study, Path(folder)) if not path.is_file()]
                assert not missing, missing
            except Exception as error:
                failed += 1
                place = traceback.extract_tb(error.__traceback__)[-1]
                print(f"{case}: {type(error).__name__}: {error} ({place.filename}:{place.lineno})")
        if number % 100 == 0:
            print(f"{number} of {len(known)}", flush=True)
    print(f"{len(known) - failed} of {len(known)} grammars and tasks run to their last figure")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
