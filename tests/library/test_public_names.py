"""What ``import rhm_scaling`` promises: these names, each documented, and a quick start."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rhm_scaling as rhm
from conftest import Project

ROOT = Path(__file__).parents[2]
NAMES = [
    *("critical_fraction", "denoise", "draw_curves", "draw_grammar", "entropies", "load_curves"),
    *("load_history", "load_network", "load_runs", "posterior", "read_grammar", "restore"),
    *("sample", "solve", "train"),
]
READING = [name for name in NAMES if name.startswith("load_")]


def test_the_promised_names_are_these() -> None:
    assert rhm.__all__ == dir(rhm) == NAMES
    with pytest.raises(AttributeError, match="has no attribute 'drawgrammar'"):
        rhm.drawgrammar  # noqa: B018


def run_examples(name: str) -> int:
    """Run the examples of a docstring; how many there are."""
    function = getattr(rhm, name)
    (test,) = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    runner = doctest.DocTestRunner(verbose=False)
    told: list[str] = []
    runner.run(test, out=told.append)
    assert not runner.failures, "".join(told)
    return len(test.examples)


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_give_what_comes_back_and_what_is_raised(name: str) -> None:
    function: Any = getattr(rhm, name)
    text = inspect.getdoc(function) or ""
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text, section
    raised = text.split("\nRaises\n")[1].split("\nExamples\n")[0]
    assert "ValueError" in raised and ("TypeError" in raised or name == "draw_grammar")
    for parameter in inspect.signature(function).parameters:
        described = text.split("\nParameters\n")[1].split("\nReturns\n")[0]
        assert parameter in described.replace(",", " ").split(), parameter
    returned = text.split("\nReturns\n")[1].split("\nRaises\n")[0]
    assert "``" in returned  # shapes, columns or attributes
    assert inspect.signature(function).return_annotation not in (inspect.Signature.empty, "Any")


def test_the_page_has_the_first_line_of_every_docstring() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert sorted(found) == NAMES
    for name, said in found.items():
        told = (inspect.getdoc(getattr(rhm, name)) or "").split("\n\n")[0]
        assert said == told.replace("\n", " ")


def test_a_grammar_and_a_task_come_first() -> None:
    for name in NAMES:
        parameters = list(inspect.signature(getattr(rhm, name)).parameters)
        if "task" in parameters:
            assert parameters[:2] == ["grammar", "task"], name
        elif "grammar" in parameters:
            assert parameters[0] == "grammar", name


@pytest.mark.parametrize("name", [name for name in NAMES if name not in READING])
def test_the_examples_run(name: str) -> None:
    assert run_examples(name) >= 2


@pytest.mark.parametrize("name", READING)
def test_the_examples_that_read_results_run(
    name: str, finished_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_tiny)
    assert run_examples(name) >= 2


@pytest.mark.parametrize("module", ["rhm_scaling", "rhm_scaling.cli.jobs"])
def test_torch_is_not_imported_before_it_is_needed(module: str) -> None:
    told = f"import sys, {module}; print({{'torch', 'pandas', 'matplotlib'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_notebook_keeps_its_figures(project: Project) -> None:
    program = (
        "import matplotlib; matplotlib.use('svg'); import rhm_scaling as rhm; "
        "from matplotlib import pyplot, rcParams; rcParams['font.size'] = 5; "
        "rhm.draw_curves(rhm.load_curves('tiny', task='last_token')); "
        "print(matplotlib.get_backend(), rcParams['font.size'], pyplot.get_fignums())"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["svg", "5.0", "[1]"]


def test_a_wheel_holds_types_and_criteria(tmp_path: Path) -> None:
    copied = ("pyproject.toml", "README.md", "LICENSE")
    Project(ROOT).copy(tmp_path / "source", results=False)
    for name in copied:
        (tmp_path / "source" / name).write_bytes((ROOT / name).read_bytes())
    program = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "source", capture_output=True, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.namelist()
    assert {"rhm_scaling/py.typed", "rhm_scaling/claims/criteria.yaml"} <= {*packed}
    assert "rhm_scaling/claims/newest.yaml" in packed
    assert "rhm_scaling/claims/denoising.yaml" in packed
    assert "rhm_scaling/library/training.py" in packed
