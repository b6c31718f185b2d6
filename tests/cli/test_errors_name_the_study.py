"""Whatever is wrong with a study, the line that says so begins with its file, in every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhm_scaling.cli.jobs import main
from rhm_scaling.core.errors import UserError
from rhm_scaling.run.clean import referred

STUDY = """
name: flawed
grammars: {g: {v: 4, s: 2, L: 2, m: 2}}
architectures: {net: {kind: cnn, width: 8}, count: {kind: counting}}
experiments:
  e: {task: last_token, grammars: [g], architectures: [net, count], train_sizes: [8, 16]}
"""
FULL = ("m: 2", "m: 4")  # all tuples are grammatical, so that nothing can be learnt
FLAWS = {
    "experiments.e.train_sizes: grammar 'g': all correlations": [FULL, ("[8, 16]", "auto")],
    "experiments.e.train_sizes: grammar 'g': the first": [("[8, 16]", "{largest: 8}")],
    "experiments.e.replacement: false needs": [("[8, 16]", "[8, 16], replacement: false")],
    "experiments.e.controls.train_sizes: 9 is no": [
        ("[8, 16]", "[8, 16], controls: {train_sizes: [9]}")
    ],
    "experiments.e.train_sizes: the study asks": [
        ("[8, 16]", f"{[*range(1, 1001)]}, replicas: {{rule_draws: 1000}}")
    ],
    "experiments.e.task: input should be": [("last_token", "last")],
    "scales: no 'night' defined": [],
}


@pytest.fixture
def flawed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The name of a study with one of the flaws, in a folder where commands are called."""
    text = STUDY
    for old, new in FLAWS[request.param]:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "config" / "studies" / "flawed.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    scale = ":night" if request.param.startswith("scales") else ""
    return f"config/studies/flawed.yaml{scale}"


COMMANDS = ("plan", "status", "settled", "rows", "archive", "report", "dataset")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flawed", FLAWS, indirect=True)
def test_a_line_names_the_file_and_the_key(
    flawed: str, command: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    assert main([command, flawed]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"rhm_scaling: {flawed}: {request.node.callspec.params['flawed']}")


@pytest.mark.parametrize("flawed", [next(iter(FLAWS))], indirect=True)
def test_cleaning_names_the_file_that_keeps_it_from_knowing_what_to_keep(flawed: str) -> None:
    with pytest.raises(UserError, match=rf"^{flawed}: experiments\.e\.train_sizes: "):
        referred(Path())


def test_a_command_in_another_folder_is_told_where_to_call_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command in ("plan", "status"):
        assert main([command, "s.yaml"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        begins = "rhm_scaling: config/config.yaml: cannot be read (No such file or directory); "
        assert line == f"{begins}call this in the project's folder, which has it"
