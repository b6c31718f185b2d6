"""One set of pins: for pip and for conda, and what is installed here."""

import re
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def pins() -> dict[str, str]:
    lines = (ROOT / "envs" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower(): pinned for name, pinned in found}


def test_conda_has_the_pins_of_pip() -> None:
    text = (ROOT / "envs" / "environment.yaml").read_text(encoding="utf-8")
    dependencies = yaml.safe_load(text)["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert {name.lower(): pinned for name, pinned in (pin.split("==") for pin in pip)} == pins()
    assert "python=3.11" in dependencies


def test_every_direct_requirement_is_pinned() -> None:
    lines = (ROOT / "envs" / "requirements.in").read_text(encoding="utf-8").splitlines()
    direct = {re.split(r"[=<>]", line)[0].lower() for line in lines if line[:1].isalpha()}
    assert direct <= set(pins())


def test_what_is_installed_is_what_is_pinned() -> None:
    for name, pinned in pins().items():
        assert version(name).split("+")[0] == pinned, name  # a build tag is the platform's own
