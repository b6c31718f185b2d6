"""What several tests share: tiny languages, a project that has been run."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch

from helpers.forked import run_module
from helpers.grammars import GRAMMARS, Language, enumerate_language
from rhm_scaling.run.batches import RULES
from rhm_scaling.study.artifacts import STEPS, Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

for variable in ("PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "PYTHONNOUSERSITE"):
    os.environ.pop(variable, None)  # as with a user who calls Snakemake
ROOT = Path(__file__).parents[1]
TINY = "config/studies/tiny.yaml"
# all tables of the tiny study, and no figures
TABLES = ("fits", *(f"results/tiny/{n}.csv" for n in ("thresholds", "recovered_at", "best_rates")))


@pytest.fixture(params=list(GRAMMARS), scope="session")
def language(request: pytest.FixtureRequest) -> Language:
    return enumerate_language(GRAMMARS[request.param])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


# the files that take longest begin first, then the others that run studies, so that those of
# seconds fill the cores at the end
LONGEST = (
    *("test_slurm", "test_guide", "test_reruns", "test_faults", "test_kills", "test_batches"),
    *("test_precise_runs", "test_studies", "test_archive", "test_side_by_side", "test_workflow"),
    *("test_rows", "test_network_files", "test_clean", "test_surroundings", "test_tutorial"),
    *("test_recipes", "test_small_grammars", "test_fingerprint", "test_power_law"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = set[Path]()
    for item in items:
        of_seconds = item.path.parent.name in ("cluster", "plots")
        if of_seconds or "finished_tiny" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
        if item.get_closest_marker("slow"):
            slow.add(item.path)
    items.sort(key=lambda item: (_place(item), item.path not in slow))


def _place(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


@dataclass(frozen=True)
class Project:
    """A copy of the project in which studies are run."""

    folder: Path

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user would."""
        arguments = ("--cores", "2", *arguments)
        # nothing on the path or in the environment: a plain call has to do
        environment = {**os.environ, "PYTHONPATH": ""}
        done = run_module("snakemake", arguments, self.folder, environment)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(
        self, *arguments: str, study: str = TINY, settings: Sequence[str] = ()
    ) -> dict[str, int]:
        """Products by step, and jobs by rule of all else, of a dry run."""
        text = self._dry_run(*arguments, "--config", f"study={study}", *settings)
        found = Counter({rule: n for rule, n in jobs_of(text).items() if rule not in RULES})
        for made in re.findall(r"^Job \d+: .*\((\d+ .*): \S+\)$", text, re.M):
            for count, kind in (part.split() for part in made.split(", ")):
                found[STEPS[kind]] += int(count)
        return {**found}

    def jobs(self, *arguments: str, study: str = TINY) -> dict[str, int]:
        """Jobs by rule of a dry run."""
        return jobs_of(self._dry_run(*arguments, "--config", f"study={study}"))

    def _dry_run(self, *arguments: str) -> str:
        done = self.snakemake("-n", *arguments)
        return done.stdout + done.stderr

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
        if self.folder == ROOT:
            compiled()
        folder.mkdir(exist_ok=True)
        names = ["Snakefile", "workflow", "config", "envs", *(["results"] if results else [])]
        for name in names:
            copy = shutil.copytree if (self.folder / name).is_dir() else shutil.copyfile
            copy(self.folder / name, folder / name)  # with new time stamps, in any order
        return Project(folder)

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables of the tiny study."""
        return pd.read_csv(self.folder / "results" / "tiny" / f"{name}.csv")


@functools.cache
def compiled() -> None:
    """Compile this project, and take the fingerprints of its steps: its copies have them then."""
    code = (
        "from pathlib import Path; from rhm_scaling.steps.plan import stages; "
        "from rhm_scaling.study.plan import Plan; from rhm_scaling.study.reading import load_study;"
        f"stages(Plan(load_study(Path({TINY!r}))))"
    )
    path = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=path, check=True)


def jobs_of(text: str) -> dict[str, int]:
    """Jobs by rule, as Snakemake lists them."""
    if "Nothing to be done" in text:
        return {}
    table = text.split("Job stats:")[1].split("total")[0]
    found = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
    found.pop("everything", None)  # the target itself
    return found


@pytest.fixture(scope="session")
def finished_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the tiny study is finished: one for all processes that run tests."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = shared / "finished"
        if not finished.exists():
            made = Project(ROOT).copy(shared / "unfinished", results=False)
            made.snakemake("--config", f"study={TINY}")
            status, _, errors = call(made, "report", TINY)
            assert (status, errors) == (0, [])
            made.folder.rename(finished)
    return finished


@pytest.fixture(scope="module")
def project(finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished project for the tests of one file, with all that Snakemake remembers."""
    folder = tmp_path_factory.mktemp("projects") / "project"
    return Project(Path(shutil.copytree(finished_tiny, folder)))


def command(project: Project, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "rhm_scaling", *arguments]


def environment(project: Project, **more: str) -> dict[str, str]:
    here = {"PYTHONPATH": str(project.folder / "workflow")}
    return {**os.environ, **here, **more}


def call(
    project: Project, *arguments: str, prepare: Callable[[], None] | None = None
) -> tuple[int, list[str], list[str]]:
    """Exit status, lines and error lines of a command."""
    if prepare is None:
        done = run_module("rhm_scaling", arguments, project.folder, environment(project))
    else:
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
