"""One set of pins for pip and conda, here and on every Python; which Pythons these are."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def pins() -> dict[str, str]:
    lines = (ROOT / "envs" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower(): pinned for name, pinned in found}


def requires_python() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["requires-python"])


def pythons() -> list[str]:
    """Every Python that `pyproject.toml` admits: `>=3.11,<3.14` admits 3.11, 3.12 and 3.13."""
    first, end = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", requires_python()).groups()
    return [f"3.{minor}" for minor in range(int(first), int(end))]


def test_conda_has_the_pins_of_pip() -> None:
    text = (ROOT / "envs" / "environment.yaml").read_text(encoding="utf-8")
    dependencies = yaml.safe_load(text)["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert {name.lower(): pinned for name, pinned in (pin.split("==") for pin in pip)} == pins()
    assert f"python{requires_python()}" in dependencies


def test_every_direct_requirement_is_pinned() -> None:
    lines = (ROOT / "envs" / "requirements.in").read_text(encoding="utf-8").splitlines()
    direct = {re.split(r"[=<>]", line)[0].lower() for line in lines if line[:1].isalpha()}
    assert direct <= set(pins())


def test_what_is_installed_is_what_is_pinned() -> None:
    for name, pinned in pins().items():
        assert version(name).split("+")[0] == pinned, name  # a build tag is the platform's own


def test_no_pin_is_for_some_pythons_only() -> None:
    for name, pinned in pins().items():
        assert re.fullmatch(r"[\w.]+", pinned), name


def test_every_place_names_the_same_pythons() -> None:
    *others, last = pythons()
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in pythons()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"\nPYTHONS := {' '.join(pythons())}\n" in makefile
    for name in ("README.md", "docs/quick-start.md", "workflow/profiles/slurm/README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f"Python {', '.join(others)} or {last}" in text, name


@pytest.mark.parametrize("minor", [int(pythons()[0][2:]) - 1, int(pythons()[-1][2:]) + 1])
def test_setup_refuses_other_pythons_in_a_line(tmp_path: Path, minor: int) -> None:
    python = tmp_path / "python"
    pretend = f"import sys; sys.version_info = (3, {minor}, 0); exec(sys.argv[3])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    call = ["make", "--no-print-directory", "setup", f"PYTHON={python}"]
    # not what a `make test` above tells the makes below it
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(call, cwd=tmp_path, env=own, capture_output=True, text=True, timeout=60)
    said, failed = done.stderr.splitlines()
    assert said == (
        f"{python} is Python 3.{minor}, needed is one of {' '.join(pythons())}; "
        "name its file: make setup PYTHON=FILE"
    )
    assert failed.startswith("make: ***") and done.returncode and not done.stdout
    assert not (tmp_path / ".venv").exists()
