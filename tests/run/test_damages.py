"""Every kind of damage is named by `verify`, which touches nothing but the product itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.damages import DAMAGES, found, product
from rhm_scaling.core.errors import UserError
from rhm_scaling.run import records
from rhm_scaling.run.clean import damaged, discard
from rhm_scaling.steps.read_tables import read_table
from rhm_scaling.steps.tables import gather_runs


@pytest.mark.parametrize("what", DAMAGES)
def test_every_damage_is_named_and_not_read_as_good(tmp_path: Path, what: str) -> None:
    root = tmp_path / "project"
    record = product(root)
    assert list(found(root)) == []
    DAMAGES[what](record)
    (said,) = found(root)
    assert "\n" not in said and said.isprintable()
    if record.parent.exists():
        with pytest.raises(UserError) as caught:
            records.check(record)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", DAMAGES)
def test_what_is_damaged_is_removed_and_nothing_else(tmp_path: Path, what: str) -> None:
    root = tmp_path / "project"
    record = product(root)
    (tmp_path / "outside").write_text("mine", encoding="utf-8")
    (root / "outside").write_text("mine", encoding="utf-8")
    DAMAGES[what](record)
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(root / "results")}
    for path, file, _ in [*damaged(root)]:
        discard(path, file)
    after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(root / "results")}
    assert before == after
    assert Path("/etc/hostname").exists() and Path("/dev/zero").exists()
    left = [*found(root)]
    # a folder may hold what somebody needs
    assert all("it is a folder" in said for said in left), left
    assert not left or not os.path.lexists(record) or record.is_dir()


def test_figures_behind_a_link_are_left_alone(tmp_path: Path) -> None:
    stages = tmp_path / "results" / "study" / "stages"
    stages.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    figures = tmp_path / "results" / "study" / "figures"
    figures.symlink_to(elsewhere)
    (elsewhere / "a.png").write_text("good", encoding="utf-8")
    record = stages / "draw_figures.record.json"
    made = {"core_seconds": 1.0, "threads": 1}
    records.write_record(record, {"study": "study"}, [figures / "a.png"], made)
    assert [*found(tmp_path)] == ["results/study/figures/a.png: its folder is a link"]
    for path, file, _ in [*damaged(tmp_path)]:
        discard(path, file)
    assert not record.exists()
    assert (elsewhere / "a.png").read_text(encoding="utf-8") == "good"


def test_a_table_that_lacks_a_column_is_named_with_it(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("step,test_loss\n1,0.5\n", encoding="utf-8")
    assert list(read_table(path, ["step"])) == ["step", "test_loss"]
    says = rf"^{path}: damaged \(no column test_error\); delete it and run again$"
    with pytest.raises(UserError, match=says):
        read_table(path, ["step", "test_error"])
    # what a block is known by stands in no table of its own
    block = {"runs": "history.csv", **dict.fromkeys(gather_runs.COLUMNS[:-2], 0)}
    with pytest.raises(UserError, match=r"\(no column device\)"):
        gather_runs.gathered([block], "s", tmp_path)
