"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhm_scaling.core import files


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    files.write_text(path, "old")

    def fail(aside: Path) -> None:
        aside.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_aside(path, fail)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


def test_unchanged_text_keeps_its_time_stamp(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    assert files.write_if_changed(path, "one")
    stamp = path.stat().st_mtime_ns
    assert not files.write_if_changed(path, "one")
    assert path.stat().st_mtime_ns == stamp
    assert files.write_if_changed(path, "two")
