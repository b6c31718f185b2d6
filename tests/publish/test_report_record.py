"""A report is made of checked tables and figures, and packed only if it shows what is there."""

from __future__ import annotations

import json

import pytest

from conftest import TINY, Project, call
from helpers.states import undone  # noqa: F401 (a fixture)

pytestmark = pytest.mark.slow
REPORT = "results/tiny/report.html"


@pytest.mark.parametrize("name", ["fits.csv", "figures/learning_curves-last.png"])
def test_no_report_is_made_of_what_is_damaged(small: Project, name: str) -> None:
    path = small.folder / "results" / "tiny" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = (small.folder / REPORT).read_bytes()
    status, lines, errors = call(small, "report", TINY)
    assert (status, lines) == (1, [])
    assert len(errors) == 1
    assert f"results/tiny/{name}: damaged (its SHA-256 is not the recorded one)" in errors[0]
    assert (small.folder / REPORT).read_bytes() == before


def test_only_the_report_of_these_tables_is_archived(small: Project) -> None:
    report = small.folder / REPORT
    assert call(small, "archive", TINY)[0] == 0
    whole = report.read_bytes()
    report.write_bytes(whole + b"<!-- more -->")
    status, _, errors = call(small, "archive", TINY)
    assert status == 1 and f"{REPORT}: is not known to show these tables" in errors[0]
    assert call(small, "verify")[1][0].startswith(f"{REPORT}: ")
    report.write_bytes(whole[:-1] + b"x")
    status, _, errors = call(small, "archive", TINY)
    assert status == 1 and f"{REPORT}: damaged (its SHA-256" in errors[0]
    report.write_bytes(whole)
    record = small.folder / "results" / "tiny" / "stages" / "report.record.json"
    kept = record.read_text(encoding="utf-8")
    record.unlink()
    status, _, errors = call(small, "archive", TINY)
    assert status == 1 and "make it again with python -m rhm_scaling report" in errors[0]
    record.write_text(kept, encoding="utf-8")
    assert set(json.loads(kept)["specification"]) == {"study", "shows"}
    report.unlink()  # none is none
    assert call(small, "archive", TINY)[0] == 0
