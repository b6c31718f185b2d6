"""Kinds of damage to a product, each of which `verify` names; alone, it prints what is said.

The product is a folder with two files and a record; every damage gets a copy of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rhm_scaling.core.hashing import identity
from rhm_scaling.run import records
from rhm_scaling.run.clean import damaged

Damage = Callable[[Path], None]


def product(root: Path) -> Path:
    """The record of a sound product of a store, of two files of which one is not small."""
    specification = {"kind": "models", "size": 16, "inputs": {"test": "0" * 12}}
    folder = root / "results" / "store" / "models" / "a" / f"r000-{identity(specification)}"
    folder.mkdir(parents=True)
    (folder / "runs.csv").write_text("loss,seconds\n0.5,1.0\n", encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(bytes(range(256)) * 16)
    files = [folder / "runs.csv", folder / "weights.safetensors"]
    made = {"core_seconds": 1.0, "threads": 1}
    records.write_record(folder / "record.json", specification, files, made)
    return folder / "record.json"


def _bytes(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(record: Path) -> None:
        path = record.with_name(name)
        path.write_bytes(change(path.read_bytes()))

    return damage


def _sealed(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """A record that says something else, with a right seal."""

    def damage(record: Path) -> None:
        content = json.loads(record.read_bytes())
        del content["sha256"]
        content = change(content) or content
        seal = {"sha256": records._seal(content)} if isinstance(content, dict) else {}
        text = json.dumps({**content, **seal} if seal else content)
        record.write_text(text, encoding="utf-8")

    return damage


def _set(*keys: str, to: Any) -> Damage:
    def change(content: dict[str, Any]) -> None:
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to

    return _sealed(change)


def _without(*keys: str) -> Damage:
    def change(content: dict[str, Any]) -> None:
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]

    return _sealed(change)


def _instead(name: str, make: Callable[[Path], object]) -> Damage:
    """Something else where a file was, which is kept beside the project."""

    def damage(record: Path) -> None:
        path = record.with_name(name)
        path.rename(record.parents[5] / "away")
        make(path)

    return damage


def _link_to_what_was_there(path: Path) -> None:
    path.symlink_to(path.parents[5] / "away")


def _socket(path: Path) -> None:
    # a socket's path is short
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def _other(record: Path) -> None:
    """The record of another product."""
    specification = {"kind": "models", "size": 32}
    files = [record.with_name("runs.csv")]
    records.write_record(record, specification, files, {"core_seconds": 1.0, "threads": 1})


def _renamed(record: Path) -> None:
    record.parent.rename(record.parent.with_name(f"r000-{'1' * 12}"))


DATA, TABLE, RECORD = "weights.safetensors", "runs.csv", "record.json"
NAMED = {  # a file of a record by another name
    "an absolute name": "/etc/hostname",
    "a name that leads out": "../../../../outside",
    "a name in a folder above": "../runs.csv",
    "a name in a folder below": "more/runs.csv",
    "the folder itself": ".",
    "the folder above": "..",
    "an empty name": "",
    "a name with a NUL": "a\0b",
}
DAMAGES: dict[str, Damage] = {
    # of files
    "a bit flipped in data": _bytes(DATA, lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:]),
    "a bit flipped in a table": _bytes(TABLE, lambda b: b[:9] + bytes([b[9] ^ 1]) + b[10:]),
    "data cut": _bytes(DATA, lambda b: b[:-1]),
    "data longer": _bytes(DATA, lambda b: b + b"\0"),
    "data empty": _bytes(DATA, lambda b: b""),
    "data all zeros": _bytes(DATA, lambda b: bytes(len(b))),
    "two blocks swapped": _bytes(DATA, lambda b: b[256:512] + b[1:256] + b[:1] + b[512:]),
    "line ends of Windows": _bytes(TABLE, lambda b: b.replace(b"\n", b"\r\n")),
    "a byte-order mark": _bytes(TABLE, lambda b: b"\xef\xbb\xbf" + b),
    "a value edited": _bytes(TABLE, lambda b: b.replace(b"0.5", b"0.4")),
    "lines swapped": _bytes(TABLE, lambda b: b"\n".join(b.splitlines()[::-1]) + b"\n"),
    "a folder for data": _instead(DATA, Path.mkdir),
    "a pipe for data": _instead(DATA, os.mkfifo),
    "a socket for data": _instead(DATA, _socket),
    "a link to the data": _instead(DATA, _link_to_what_was_there),
    "a link to /dev/zero": _instead(DATA, lambda path: path.symlink_to("/dev/zero")),
    "a link to itself": _instead(DATA, lambda path: path.symlink_to(path.name)),
    "a link to nothing": _instead(DATA, lambda path: path.symlink_to("nothing")),
    # of the record as a file
    "record: a bit flipped": _bytes(RECORD, lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:]),
    "record: cut": _bytes(RECORD, lambda b: b[:100]),
    "record: empty": _bytes(RECORD, lambda b: b""),
    "record: zeros": _bytes(RECORD, lambda b: bytes(100)),
    "record: no UTF-8": _bytes(RECORD, lambda b: b"\xff\xfe" + b),
    "record: deep": _bytes(RECORD, lambda b: b"[" * 200_000),
    "record: huge": lambda path: os.truncate(path, 2**33),
    "record: a number of many digits": _bytes(RECORD, lambda b: b"1" * 10_000),
    "record: a folder": _instead(RECORD, Path.mkdir),
    "record: a pipe": _instead(RECORD, os.mkfifo),
    "record: a link to itself": _instead(RECORD, lambda path: path.symlink_to(path.name)),
    "record: a link to the record": _instead(RECORD, _link_to_what_was_there),
    # of what the record says, under a right seal
    "record: a list": _sealed(lambda content: [content]),
    "record: null": _sealed(lambda content: "null"),
    "record: nothing": _sealed(lambda content: {"format": 2}),
    "record: no files": _without("files"),
    "record: files of nothing": _set("files", to={}),
    "record: files a list": _set("files", to=["runs.csv"]),
    "record: a file without its size": _without("files", TABLE, "bytes"),
    "record: a size below zero": _set("files", TABLE, "bytes", to=-1),
    "record: a size that is text": _set("files", TABLE, "bytes", to="21"),
    "record: a checksum that is a number": _set("files", TABLE, "sha256", to=5),
    "record: no specification": _without("specification"),
    "record: another specification": _set("specification", "size", to=32),
    "record: another identity": _set("identity", to="2" * 12),
    "record: no account of its making": _without("made"),
    "record: no date": _set("made", "at", to="yesterday"),
    "record: no core-seconds": _set("made", "core_seconds", to=None),
    "record: no versions": _set("made", "versions", to=[]),
    "record: of a later version": _set("format", to=99),
    "record: of another product": _other,
    "a folder of another name": _renamed,
    **{
        f"record: {what}": _sealed(
            lambda content, name=name: content["files"].update({name: content["files"][TABLE]})
        )
        for what, name in NAMED.items()
    },
}


def found(root: Path) -> Iterator[str]:
    """What `verify` would say."""
    for _, file, problem in damaged(root):
        yield f"{file.relative_to(root)}: {problem}"


def main() -> int:
    """A line for each kind: what is said of it."""
    missed = 0
    for what, damage in DAMAGES.items():
        with tempfile.TemporaryDirectory() as name:
            record = product(Path(name, "project"))
            damage(record)
            said = [*found(Path(name, "project"))]
            missed += not said
            print(f"{what:45} {said[0].rpartition('/')[2] if said else 'NOT NAMED'}")
            shutil.rmtree(name, ignore_errors=True)
            Path(name).mkdir(exist_ok=True)
    print(f"{len(DAMAGES) - missed} of {len(DAMAGES)} kinds are named")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
