"""Code that was compiled before an edit does not run after it, whatever the dates of files say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rhm_scaling.core.fingerprint import PACKAGE


def test_an_edit_of_equal_size_and_date_is_seen(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    package = Path(shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=ignored))
    source = package / "core" / "texts.py"
    before = source.stat()

    def found() -> str:
        code = "from rhm_scaling.core.texts import short; print(short.__defaults__)"
        path = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    for most in (60, 61, 62):  # compiled by date, then by hash, then again
        text = source.read_text(encoding="utf-8")
        source.write_text(
            text.replace(f"most: int = {most - 1}", f"most: int = {most}"), encoding="utf-8"
        )
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert source.stat().st_size == before.st_size
        assert found() == f"({most},)"
        assert list((source.parent / "__pycache__").glob("texts.*.pyc"))
