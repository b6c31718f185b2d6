"""No report is made of damaged tables or figures."""

from __future__ import annotations

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
