"""What is printed of a finished study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import ROOT, TINY
from rhm_scaling.cli.jobs import main
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
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("report: results/tiny/report.html ")
