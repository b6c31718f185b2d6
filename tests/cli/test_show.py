"""What is printed of a finished study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import ROOT, TINY, Project, call
from rhm_scaling.cli.jobs import main
from rhm_scaling.plots.summary import exponent_notes
from rhm_scaling.run.records import write_record


def test_tables_that_a_study_no_longer_asks_for_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / TINY, tmp_path)
    folder = tmp_path / "results" / "tiny"
    (folder / "stages").mkdir(parents=True)
    tables = {"gather_runs": "runs", "compare_controls": "controls", "fit_scans": "scan_points"}
    for step, table in tables.items():
        path = folder / f"{table}.csv"
        path.write_text("status\nok\n", encoding="utf-8")
        made = {"core_seconds": 1.0, "threads": 1}
        write_record(folder / "stages" / f"{step}.record.json", {"study": "tiny"}, [path], made)
    assert main(["show", "tiny.yaml"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "tables: results/tiny/*.csv" and len(said) == 2


def test_a_finished_study_is_shown(project: Project) -> None:
    status, lines, errors = call(project, "show", TINY)
    assert (status, errors) == (0, [])
    fits = project.table("fits")
    assert lines[1 + len(fits) : -1] == "\n".join(exponent_notes(fits)).splitlines()
    assert lines[-1].startswith("report: results/tiny/report.html ")


def test_what_is_shown_of_an_unfinished_study_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    results = Path("results", "tiny")
    (results / "stages").mkdir(parents=True)
    (results / "runs.csv").write_text("status\nok\n", encoding="utf-8")
    record = results / "stages" / "gather_runs.record.json"
    made = {"core_seconds": 0.0, "threads": 1}
    write_record(record, {}, [results / "runs.csv"], made)
    assert main(["show", str(ROOT / TINY)]) == 0
    lacks = f"yet; run `make run STUDY={ROOT / TINY}`"
    said = capsys.readouterr().out.splitlines()
    assert said == ["tables: results/tiny/*.csv", f"no report and no figures {lacks}"]
    (results / "figures").mkdir()
    assert main(["show", str(ROOT / TINY)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "tables: results/tiny/*.csv   figures: results/tiny/figures",
        f"no report {lacks}",
    ]
