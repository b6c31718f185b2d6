"""Reading an archive that may come from anyone: nothing is written before all of it is plausible.

The manifest tells damage, not forgery: whoever changes a file can change the manifest with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..core.errors import UserError
from .archive import FACTS, MANIFEST

_RATIO = 200  # a file that shrinks more is no table, figure or array of results
_SMALL = 10 * 2**20  # bytes; below that any ratio is harmless
_LARGEST_TEXT = 64 * 2**20  # bytes of the manifest, and of what is read into memory
_CHUNK = 2**20


class Archive:
    """An archive whose names, sizes and manifest are plausible; hashes are checked while reading.

    Attributes
    ----------
    path
        Of the zip file.
    facts
        The content of ``archive.json``.

    Raises
    ------
    UserError
        One line that names the archive and what is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reading() as archive:
            self._entries = self._checked(archive)
            self._sums = self._manifest(archive)
            self.facts: dict[str, Any] = self._facts(archive)

    @property
    def study(self) -> str:
        """Path of the study's YAML file, in the archive, with its scale."""
        scale = self.facts.get("scale")
        return f"{self.facts['study']}:{scale}" if scale else str(self.facts["study"])

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self.facts["name"])

    def unpack(self, folder: Path, results: bool = True) -> int:
        """Write the files into a folder, which must not exist or be empty, and count them.

        Parameters
        ----------
        folder
            Where to.
        results
            Whether those below ``results/`` are written too.

        Raises
        ------
        UserError
            If a file is not what the manifest says; then nothing of the archive stays.
        """
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError(f"{folder}: is not a folder; give another one")
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; empty it or give another folder")
        names = [name for name in self._entries if results or not name.startswith("results/")]
        folder.mkdir(parents=True, exist_ok=True)
        need, free = (
            sum(self._entries[name].file_size for name in names),
            shutil.disk_usage(folder).free,
        )
        if need > free:
            raise UserError(f"{folder}: needs {need} bytes, {free} are free; make room")
        try:
            with self._reading() as archive:
                for name in names:
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("xb") as file:
                        self._copy(archive, name, file)
                    runs = self._entries[name].external_attr >> 16 & stat.S_IXUSR
                    target.chmod(0o755 if runs else 0o644)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return len(names)

    @contextmanager
    def _reading(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except (FileNotFoundError, IsADirectoryError) as error:
            if str(error.filename) != str(self.path):
                raise
            raise UserError(f"{self.path}: is no file; give an archive, ARCHIVE=FILE") from error
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise self._wrong(f"is no readable zip file ({error})") from error

    def _wrong(self, what: str) -> UserError:
        return UserError(f"{self.path}: {what}; get the archive again from where it came from")

    def _checked(self, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
        """The entries by name, if every one could be a file of a project."""
        found: dict[str, zipfile.ZipInfo] = {}
        folded: set[str] = set()
        for entry in archive.infolist():
            name, shown = entry.filename, ascii(entry.orig_filename)
            if problem := _unsafe(entry):
                raise self._wrong(f"{shown}: {problem}")
            if name.casefold() in folded:
                raise self._wrong(f"{shown}: is there twice")
            if entry.file_size > max(_SMALL, _RATIO * entry.compress_size):
                raise self._wrong(f"{shown}: unpacks to {entry.file_size} bytes, far too many")
            folded.add(name.casefold())
            found[name] = entry
        for name in found:
            for parent in PurePosixPath(name).parents:
                if parent.as_posix().casefold() in folded:
                    raise self._wrong(f"{parent.as_posix()!a}: is both a file and a folder")
        if sum(entry.compress_size for entry in found.values()) > self.path.stat().st_size:
            raise self._wrong("its files overlap")
        return found

    def _manifest(self, archive: zipfile.ZipFile) -> dict[str, str]:
        """SHA-256 of every file by name: of those that are there, no more and no less."""
        sums: dict[str, str] = {}
        for line in self._text(archive, MANIFEST).splitlines():
            match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
            if match is None or match[2] in sums:
                raise self._wrong(f"{MANIFEST}: cannot be read at {line[:80]!a}")
            sums[match[2]] = match[1]
        there = set(self._entries) - {MANIFEST}
        for name in sorted(there - set(sums)):
            raise self._wrong(f"{name!a}: is not in {MANIFEST}")
        for name in sorted(set(sums) - there):
            raise self._wrong(f"{name!a}: is missing")
        return sums

    def _facts(self, archive: zipfile.ZipFile) -> dict[str, Any]:
        try:
            facts = json.loads(self._text(archive, FACTS))
            sound = (
                facts["study"] in self._entries
                and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", facts["name"])
                and re.fullmatch(r"[a-z0-9_-]{0,63}", facts.get("scale", ""))
                and isinstance(facts["code"], dict)
            )
        except (ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise self._wrong(f"{FACTS}: is not what an archive of a study has")
        return dict(facts)

    def _text(self, archive: zipfile.ZipFile, name: str) -> str:
        """A small file of the archive."""
        if name not in self._entries:
            raise self._wrong(f"{name}: is missing, so it is no archive of a study")
        if self._entries[name].file_size > _LARGEST_TEXT:
            raise self._wrong(f"{name}: is far too large")
        content = archive.read(self._entries[name])
        if name != MANIFEST and hashlib.sha256(content).hexdigest() != self._sums[name]:
            raise self._wrong(f"{name}: its SHA-256 is not that of {MANIFEST}")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise self._wrong(f"{name}: is not UTF-8 text") from error

    def _copy(self, archive: zipfile.ZipFile, name: str, target: IO[bytes]) -> None:
        """Copy one file; stop when it is longer than declared or not what the manifest says."""
        left, sum_so_far = self._entries[name].file_size, hashlib.sha256()
        with archive.open(self._entries[name]) as source:
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise self._wrong(f"{name!a}: is longer than it says")
                sum_so_far.update(chunk)
                target.write(chunk)
        if name != MANIFEST and sum_so_far.hexdigest() != self._sums[name]:
            raise self._wrong(f"{name!a}: its SHA-256 is not that of {MANIFEST}")


def _unsafe(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is not written, if so."""
    name = entry.orig_filename
    parts = name.split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    if ".." in parts:
        return "leads outside the folder"
    if kind == stat.S_IFLNK:
        return "is a link"
    if kind not in (0, stat.S_IFREG) or name.endswith("/"):
        return "is not a plain file"
    if "" in parts or "." in parts or re.search(r"[\\\x00-\x1f\x7f]", name):
        return "has no plain name"
    if entry.flag_bits & 1:
        return "is encrypted"
    return None
