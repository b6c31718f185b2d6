"""What several tests share: grammars small enough to enumerate, a project that has been run."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rhm_scaling.grammar import Grammar, Parameters

ROOT = Path(__file__).parents[1]
TINY = "config/studies/tiny.yaml"

# shapes that differ in everything: n and v, s, per-level m, Zipf rules at either level
SHAPES = {
    "square": Parameters.make(v=4, s=2, L=2, m=2),
    "wide": Parameters.make(v=3, n=2, s=3, L=2, m={1: 2, 2: 3}),
    "zipf": Parameters.make(v=4, n=3, s=2, L=2, m={1: 3, 2: 2}, zipf={1: 1.0, 2: 0.5}),
    "deep": Parameters.make(v=3, n=2, s=2, L=3, m={1: 2, 2: 1, 3: 2}),
}


@dataclass(frozen=True)
class Language:
    """Every sentence of a tiny grammar by its leftmost derivation, with label and probability."""

    grammar: Grammar
    tokens: np.ndarray
    labels: np.ndarray
    probability: np.ndarray


def expand(grammar: Grammar, level: int, symbol: int) -> list[tuple[tuple[int, ...], float]]:
    """All (tokens, probability) that a symbol derives, by plain recursion."""
    if level == 0:
        return [((symbol,), 1.0)]
    found = []
    for rule, f in zip(
        grammar.rules_of(level)[symbol], grammar.parameters.probabilities(level), strict=True
    ):
        parts = [expand(grammar, level - 1, int(child)) for child in rule]
        for choice in itertools.product(*parts):
            tokens = tuple(token for part, _ in choice for token in part)
            found.append((tokens, f * float(np.prod([p for _, p in choice]))))
    return found


@pytest.fixture(params=list(SHAPES))
def language(request: pytest.FixtureRequest) -> Language:
    grammar = Grammar.draw(SHAPES[request.param], rule_seed=3)
    rows = [
        (tokens, label, p / grammar.parameters.n)
        for label in range(grammar.parameters.n)
        for tokens, p in expand(grammar, grammar.parameters.L, label)
    ]
    tokens, labels, probability = zip(*rows, strict=True)
    return Language(grammar, np.array(tokens), np.array(labels), np.array(probability))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Project:
    """A copy of the project in which studies are run."""

    folder: Path

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user would."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        # nothing on the path or in the environment: a plain call has to do
        environment = {**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str, study: str = TINY) -> dict[str, int]:
        """Number of jobs by rule in a dry run."""
        done = self.snakemake("-n", *arguments, "--config", f"study={study}")
        text = done.stdout + done.stderr
        if "Nothing to be done" in text:
            return {}
        table = text.split("Job stats:")[1].split("total")[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}

    def edited(self, name: str, *changes: tuple[str, str]) -> str:
        """A changed copy of the tiny study."""
        text = (self.folder / TINY).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = self.folder / "config" / "studies" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path.relative_to(self.folder))

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables of the tiny study."""
        return pd.read_csv(self.folder / "results" / "tiny" / f"{name}.csv")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    for name in ("Snakefile", "workflow", "config", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    made = Project(folder)
    report = ["--report", "results/tiny/report.html", "--report-after-run"]
    made.snakemake("--config", f"study={TINY}", *report)
    return made
