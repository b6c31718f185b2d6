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

from helpers import damaged_archives
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


def packed(how: int) -> Entries:
    entries = listed(small())
    for info, _ in entries:
        info.compress_type = how
    return entries


def facts(text: str | bytes) -> Entries:
    content = text if isinstance(text, bytes) else text.encode()
    return listed({**small(), FACTS: content})


HOSTILE: dict[str, tuple[Callable[[], Entries], str]] = {
    "absolute": (lambda: added("/evil"), "is no plain path"),
    "drive": (lambda: added("C:/evil"), "is no plain path"),
    "parent": (lambda: added("../evil"), "is no plain path"),
    "parent inside": (lambda: added("workflow/../../evil"), "is no plain path"),
    "backslash": (lambda: added("..\\evil"), "is no plain path"),
    "not normal": (lambda: added("workflow//evil"), "is no plain path"),
    "folder": (lambda: added("evil/"), "is no plain path"),
    "link": (linked, "is no plain file"),
    "device": (lambda: [*listed(small()), (entry("d", stat.S_IFCHR), b"")], "is no plain file"),
    "twice": (lambda: [*listed(small()), (entry("data"), b"evil")], "is there twice"),
    "twice but for case": (lambda: added("DATA"), "is there twice"),
    "file and folder": (lambda: added("data/evil"), "is a file and a folder"),
    "bomb": (lambda: listed({**small(), "bomb": bytes(2**25)}), "far too many"),
    "other content": (
        lambda: [(i, b"2" * 99 if i.filename == "data" else d) for i, d in listed(small())],
        "its SHA-256 is not",
    ),
    "not in the manifest": (
        lambda: [*listed(small()), (entry("new"), b"")],
        "not once in",
    ),
    "missing": (lambda: without("data"), "not once in"),
    "no manifest": (lambda: without(MANIFEST), "is missing"),
    "bad manifest": (
        lambda: [*without(MANIFEST), (entry(MANIFEST), b"x\n")],
        "not once in",
    ),
    "name that leads away": (
        lambda: listed(small(lambda facts: facts.update(name="../../evil"))),
        "name",
    ),
    "study that is not there": (
        lambda: listed(small(lambda facts: facts.update(study="../evil"))),
        "names a study that is not there",
    ),
    "many bombs": (
        lambda: listed({**small(), **{f"bomb{i}": bytes(10 * 2**20) for i in range(12)}}),
        "far too many",
    ),
    "bzip2": (lambda: packed(zipfile.ZIP_BZIP2), "is packed in another way"),
    "lzma": (lambda: packed(zipfile.ZIP_LZMA), "is packed in another way"),
    "a long name": (lambda: added("a" * 256), "is no plain path"),
    "a deep path": (lambda: added("a/" * 16000 + "a"), "is no plain path"),
    "an escape in a name": (lambda: added("\x1b[2Jevil"), "is no plain path"),
    "facts: no object": (lambda: facts("[1]"), "should be an object"),
    "facts: no text": (lambda: facts("\udc80".encode("utf-8", "surrogatepass")), "invalid"),
    "facts: deep": (lambda: facts("[" * 10**5), "nvalid JSON"),
    "facts: a commit that is none": (
        lambda: listed(small(lambda facts: facts.update(code={"commit": "\x1b[2J"}))),
        "code.commit",
    ),
    "facts: code of another kind": (
        lambda: listed(small(lambda facts: facts.update(code={"commit": None, "changed": 5}))),
        "code.changed",
    ),
    "facts: a scale of another kind": (
        lambda: listed(small(lambda facts: facts.update(scale={"a": 1}))),
        "scale",
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
    assert "is no sound archive of a study" in refused(path, tmp_path / "out")
    # a size that is a lie: less is declared than there is
    lie = content.replace((99).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert lie != content
    path.write_bytes(lie)
    refused(path, tmp_path / "out")
    with pytest.raises(UserError, match="is no file; give an archive"):
        Archive(tmp_path / "none.zip")


def test_damage_of_any_kind_is_a_line(tmp_path: Path) -> None:
    counts = damaged_archives.tried(tmp_path, 200, seed=1)
    assert counts["a traceback"] == 0 and counts["refused in a line"] > 100, counts


def test_a_note_is_shown_in_one_line(tmp_path: Path) -> None:
    note = {"commit": None, "note": "a\x1b[2J\nb"}
    path = write(tmp_path / "a.zip", listed(small(lambda facts: facts.update(code=note))))
    assert Archive(path).version == r"a\x1b[2J\nb"
