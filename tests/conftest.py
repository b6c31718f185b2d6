"""What several tests share: grammars small enough to enumerate, a project that has been run."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rhm_scaling.grammar.json_file import user_grammar
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

ROOT = Path(__file__).parents[1]
TINY = "config/studies/tiny.yaml"

# shapes that differ in everything: n and v, s, per-level m, Zipf rules at either level
SHAPES = {
    "square": Parameters.make(v=4, s=2, L=2, m=2),
    "wide": Parameters.make(v=3, n=2, s=3, L=2, m={1: 2, 2: 3}),
    "zipf": Parameters.make(v=4, n=3, s=2, L=2, m={1: 3, 2: 2}, zipf={1: 1.0, 2: 0.5}),
    "deep": Parameters.make(v=3, n=2, s=2, L=3, m={1: 2, 2: 1, 3: 2}),
}


# shared tuples at two levels, symbols with different numbers of rules, an unequal root
AMBIGUOUS = """{
  "v": 3,
  "rules": {
    "1": [[[0, 1], [2, 2], [1, 1]], [[0, 1], [1, 0]], [[2, 0]]],
    "2": [[[0, 1], [1, 2]], [[0, 1], [2, 0], [2, 2]]],
    "3": [[[0, 0]], [[1, 0], [0, 1]], [[0, 0], [1, 1]]]
  },
  "probabilities": {
    "1": [[0.5, 0.3, 0.2], [0.9, 0.1], [1]],
    "2": [[0.25, 0.75], [0.1, 0.2, 0.7]]
  },
  "root": [0.5, 0.2, 0.3]
}"""
GRAMMARS = {name: Grammar.draw(shape, rule_seed=3) for name, shape in SHAPES.items()}
GRAMMARS["ambiguous"] = user_grammar(AMBIGUOUS)


@dataclass(frozen=True)
class Language:
    """Every derivation of a tiny grammar: symbols by level, from the tokens to the root.

    `symbols[l]` has shape ``(derivations, nodes)``; `probability` is that of the derivation.
    """

    grammar: Grammar
    symbols: list[np.ndarray]
    probability: np.ndarray

    @property
    def tokens(self) -> np.ndarray:
        """Symbols of level 0."""
        return self.symbols[0]

    def given(self, row: int, known: np.ndarray) -> np.ndarray:
        """Probabilities of the derivations that agree with the known tokens of one of them."""
        agree = (self.tokens[:, known] == self.tokens[row, known]).all(axis=1)
        return np.where(agree, self.probability, 0.0) / self.probability[agree].sum()


def expand(grammar: Grammar, level: int, symbol: int) -> list[tuple[list[list[int]], float]]:
    """All (symbols by level, probability) that a symbol derives, by plain recursion."""
    if level == 0:
        return [([[symbol]], 1.0)]
    found = []
    rules, weights = grammar.rules_of(level)[symbol], grammar.probabilities_of(level)[symbol]
    for rule, f in zip(rules, weights, strict=True):
        if f == 0:
            continue
        parts = [expand(grammar, level - 1, int(child)) for child in rule]
        for choice in itertools.product(*parts):
            levels = zip(*(part for part, _ in choice), strict=True)
            below = [list(itertools.chain(*nodes)) for nodes in levels]
            found.append(([*below, [symbol]], f * float(np.prod([p for _, p in choice]))))
    return found


def enumerate_language(grammar: Grammar) -> Language:
    rows = [
        (symbols, p * grammar.root[label])
        for label in range(grammar.parameters.n)
        for symbols, p in expand(grammar, grammar.parameters.L, label)
    ]
    symbols, probability = zip(*rows, strict=True)
    by_level = [np.array(level) for level in zip(*symbols, strict=True)]
    return Language(grammar, by_level, np.array(probability))


@pytest.fixture(params=list(GRAMMARS), scope="session")
def language(request: pytest.FixtureRequest) -> Language:
    return enumerate_language(GRAMMARS[request.param])


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

    def planned(
        self, *arguments: str, study: str = TINY, settings: Sequence[str] = ()
    ) -> dict[str, int]:
        """Number of jobs by rule in a dry run."""
        done = self.snakemake("-n", *arguments, "--config", f"study={study}", *settings)
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

    @contextlib.contextmanager
    def source(self, module: str, old: str, new: str) -> Iterator[None]:
        """The project with an edited source, for a while."""
        path = self.folder / "workflow" / "rhm_scaling" / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def without_memory(self) -> Iterator[None]:
        """The project without what Snakemake remembers, for a while."""
        memory, away = self.folder / ".snakemake", self.folder / "away"
        memory.rename(away)
        try:
            yield
        finally:
            shutil.rmtree(memory, ignore_errors=True)
            away.rename(memory)

    def copy(self, folder: Path, results: bool = True) -> Project:
        """Another project of the same sources, with the results but not Snakemake's memory."""
        folder.mkdir(exist_ok=True)
        names = ["Snakefile", "workflow", "config", "envs", *(["results"] if results else [])]
        for name in names:
            copy = shutil.copytree if (self.folder / name).is_dir() else shutil.copyfile
            copy(self.folder / name, folder / name)  # with new time stamps, in any order
        return Project(folder)

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables of the tiny study."""
        return pd.read_csv(self.folder / "results" / "tiny" / f"{name}.csv")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(ROOT).copy(tmp_path_factory.mktemp("project"), results=False)
    report = ["--report", "results/tiny/report.html", "--report-after-run"]
    made.snakemake("--config", f"study={TINY}", *report)
    return made


def command(project: Project, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "rhm_scaling", *arguments]


def environment(project: Project, **more: str) -> dict[str, str]:
    here = {"PYTHONPATH": str(project.folder / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **here, **more}


def call(
    project: Project, *arguments: str, prepare: Callable[[], None] | None = None
) -> tuple[int, list[str], list[str]]:
    """Exit status, lines and error lines of a command."""
    done = subprocess.run(
        command(project, *arguments),
        cwd=project.folder,
        env=environment(project),
        capture_output=True,
        text=True,
        preexec_fn=prepare,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def making(product: Product, folder: str = "by-hand") -> list[str]:
    """Arguments with which a rule makes a product, but into another folder."""
    outputs = [f"{role}={folder}/{Path(path).name}" for role, path in product.files.items()]
    inputs = [f"{role}={path}" for role, path in product.sources.items()]
    return ["make", product.json, "--outputs", *outputs, "--inputs", *inputs]


def labels_only(project: Project, name: str, *changes: tuple[str, str]) -> str:
    """The first experiment of the tiny study, for one grammar: four blocks."""
    study = project.edited(
        name, ("name: tiny", f"name: {name}"), ("[flat, zipf]", "[zipf]"), *changes
    )
    path = project.folder / study
    labels = path.read_text(encoding="utf-8").split("  last:\n")[0]
    path.write_text(labels + "block: {rule_draws: 2}\n", encoding="utf-8")
    return study


@pytest.fixture
def plan(project: Project) -> Plan:
    return Plan(load_study(project.folder / TINY))


@pytest.fixture
def block(plan: Plan) -> Product:
    return next(block for curve, block in plan.blocks if curve.architecture == "transformer")
