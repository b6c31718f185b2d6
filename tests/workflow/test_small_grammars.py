"""Small grammars of every kind get all their tables and figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.small_grammars import Case, run, sample


@pytest.mark.slow
@pytest.mark.parametrize("case", sample(20), ids=str)
def test_every_table_and_figure_is_made(case: Case, tmp_path: Path) -> None:
    made = run(case, tmp_path)
    assert all(path.is_file() for path in made)
    assert {"theory.csv", "curves.csv"} <= {path.name for path in made}
    assert any(path.suffix == ".pdf" for path in made)
