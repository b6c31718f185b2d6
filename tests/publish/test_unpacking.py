"""Hostile and damaged archives: refused in a line, and nothing of them stays."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rhm_scaling.core.errors import UserError
from rhm_scaling.publish.archive import FACTS, MANIFEST
from rhm_scaling.publish.unpacking import Archive

# A small archive, and one way after another to make it hostile

Entries = list[tuple[zipfile.ZipInfo, bytes]]


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def small(change: Callable[[dict[str, Any]], None] = lambda facts: None) -> dict[str, bytes]:
    facts: dict[str, Any] = {"study": "study.yaml", "name": "a", "code": {"commit": None}}
    change(facts)
    return {FACTS: json.dumps(facts).encode(), "study.yaml": b"name: a\n", "data": b"1" * 99}


def listed(there: dict[str, bytes]) -> Entries:
    """With a manifest of them all, so that only what is tested is wrong."""
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in there.items())
    return [(entry(name), data) for name, data in {**there, MANIFEST: sums.encode()}.items()]


def write(path: Path, entries: Entries) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return path


def added(name: str) -> Entries:
    return listed({**small(), name: b"evil"})


def linked() -> Entries:
    entries = listed({**small(), "link": b"/etc/passwd"})
    return [(entry(i.filename, stat.S_IFLNK | 0o777) if i.filename == "link" else i, d)
            for i, d in entries]  # fmt: skip


def without(name: str) -> Entries:
    return [(info, data) for info, data in listed(small()) if info.filename != name]


HOSTILE: dict[str, tuple[Callable[[], Entries], str]] = {
    "absolute": (lambda: added("/evil"), "has an absolute path"),
    "drive": (lambda: added("C:/evil"), "has an absolute path"),
    "parent": (lambda: added("../evil"), "leads outside"),
    "parent inside": (lambda: added("workflow/../../evil"), "leads outside"),
    "backslash": (lambda: added("..\\evil"), "has no plain name"),
    "not normal": (lambda: added("workflow//evil"), "has no plain name"),
    "folder": (lambda: added("evil/"), "is not a plain file"),
    "link": (linked, "is a link"),
    "device": (lambda: [*listed(small()), (entry("d", stat.S_IFCHR), b"")], "not a plain file"),
    "twice": (lambda: [*listed(small()), (entry("data"), b"evil")], "is there twice"),
    "twice but for case": (lambda: added("DATA"), "is there twice"),
    "file and folder": (lambda: added("data/evil"), "both a file and a folder"),
    "bomb": (lambda: listed({**small(), "bomb": bytes(2**25)}), "far too many"),
    "other content": (
        lambda: [(i, b"2" * 99 if i.filename == "data" else d) for i, d in listed(small())],
        "its SHA-256 is not",
    ),
    "not in the manifest": (lambda: [*listed(small()), (entry("new"), b"")], "is not in manifest"),
    "missing": (lambda: without("data"), "is missing"),
    "no manifest": (lambda: without(MANIFEST), "is missing"),
    "bad manifest": (lambda: [*without(MANIFEST), (entry(MANIFEST), b"x\n")], "cannot be read"),
    "name that leads away": (
        lambda: listed(small(lambda facts: facts.update(name="../../evil"))),
        "is not what an archive",
    ),
    "study that is not there": (
        lambda: listed(small(lambda facts: facts.update(study="../evil"))),
        "is not what an archive",
    ),
}


def refused(path: Path, folder: Path) -> str:
    """Why an archive is not unpacked; nothing of it may stay."""
    with pytest.raises(UserError) as caught:
        Archive(path).unpack(folder)
    assert not folder.exists()
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("way", HOSTILE)
def test_hostile_archives_are_refused(way: str, tmp_path: Path) -> None:
    good = write(tmp_path / "good.zip", listed(small()))
    assert Archive(good).unpack(tmp_path / "good") == 4
    entries, why = HOSTILE[way]
    path = write(tmp_path / "evil.zip", entries())
    assert why in refused(path, tmp_path / "out")
    assert sorted(known.name for known in tmp_path.iterdir()) == ["evil.zip", "good", "good.zip"]


def test_damaged_zip_files_are_refused(tmp_path: Path) -> None:
    content = write(tmp_path / "good.zip", listed(small())).read_bytes()
    path = tmp_path / "cut.zip"
    path.write_bytes(content[: len(content) // 2])
    assert "no readable zip" in refused(path, tmp_path / "out")
    # a size that is a lie: less is declared than there is
    lie = content.replace((99).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert lie != content
    path.write_bytes(lie)
    refused(path, tmp_path / "out")
    with pytest.raises(UserError, match="is no file; give an archive"):
        Archive(tmp_path / "none.zip")
