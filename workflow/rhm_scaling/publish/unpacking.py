"""Reading an archive that may come from anyone: all of it is checked before anything is written.

The manifest tells damage, not forgery: whoever changes a file can change the manifest with it.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from ..core import texts
from ..core.errors import UserError
from ..core.files import naming
from .archive import FACTS, MANIFEST

_RATIO = 200  # files that shrink more are no tables, figures and arrays of results
_SMALL = 10 * 2**20  # bytes that are harmless at any ratio
_LARGEST_TEXT = 64 * 2**20  # bytes of what is read into memory
_LONGEST_PATH, _LONGEST_NAME = 1024, 255
_PART = re.compile(r"[^\\:\x00-\x1f\x7f-\x9f]+")  # of a path, on any system


class _Code(TypedDict):
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")] | None
    changed: NotRequired[list[str]]
    note: NotRequired[str]


class _Facts(TypedDict):
    """What is read of ``archive.json``."""

    study: str
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    scale: NotRequired[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]]
    code: _Code


class Archive:
    """An archive in which every name, size, checksum and fact is what it should be.

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
            self._check_sums(archive)
            self.facts = TypeAdapter(_Facts).validate_json(self._text(archive, FACTS))
            if self.facts["study"] not in self._entries:
                raise ValueError(f"{FACTS}: names a study that is not there")

    @property
    def study(self) -> str:
        """Path of the study's YAML file, in the archive, with its scale."""
        scale = self.facts.get("scale")
        return f"{self.facts['study']}:{scale}" if scale else self.facts["study"]

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.facts["name"]

    @property
    def version(self) -> str:
        """Which code it holds, in a line."""
        code = self.facts["code"]
        changed = f", with {len(code['changed'])} changed files" if code.get("changed") else ""
        commit, note = code["commit"], texts.line(code.get("note", "unknown"))
        return f"{f'commit {commit}' if commit else note}{changed}"

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
            If it is not such a folder, or its disk has too little room.
        """
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError(f"{folder}: is not a folder; give another one")
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; empty it or give another folder")
        names = [name for name in self._entries if results or not name.startswith("results/")]
        folder.mkdir(parents=True, exist_ok=True)
        need, free = sum(self._entries[n].file_size for n in names), shutil.disk_usage(folder).free
        if need > free:
            raise UserError(f"{folder}: needs {need} bytes, {free} are free; make room")
        try:
            with naming(folder), self._reading() as archive:
                archive.extractall(folder, names)
            for name in names:
                runs = self._entries[name].external_attr >> 16 & stat.S_IXUSR
                (folder / name).chmod(0o755 if runs else 0o644)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return len(names)

    @contextmanager
    def _reading(self) -> Iterator[zipfile.ZipFile]:
        """The open zip file, whatever is wrong with which is a line."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except (FileNotFoundError, IsADirectoryError) as error:
            if str(error.filename) != str(self.path):
                raise
            raise UserError(f"{self.path}: is no file; give an archive, ARCHIVE=FILE") from error
        except Exception as error:  # of a damaged file, anything can come out of its readers
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # of the disk
            said = texts.cut(texts.line(" ".join(str(error).split())), 200)
            raise UserError(
                f"{self.path}: is no sound archive of a study ({said or type(error).__name__}); "
                "get it again from where it came from"
            ) from error

    def _checked(self, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
        """The entries by name, if every one could be a file of a project."""
        found: dict[str, zipfile.ZipInfo] = {}
        folded: set[str] = set()
        for entry in archive.infolist():
            name = entry.orig_filename
            if problem := _problem(entry):
                raise ValueError(f"{texts.short(name)}: {problem}")
            if name.casefold() in folded:
                raise ValueError(f"{texts.short(name)}: is there twice")
            folded.add(name.casefold())
            found[name] = entry
        for name in found:
            for parent in PurePosixPath(name).parents:
                if parent.as_posix().casefold() in folded:
                    raise ValueError(f"{texts.short(parent.as_posix())}: is a file and a folder")
        there = self.path.stat().st_size
        if sum(entry.compress_size for entry in found.values()) > there:
            raise ValueError("its files overlap")
        if (size := sum(e.file_size for e in found.values())) > _SMALL + _RATIO * there:
            raise ValueError(f"unpacks to {size} bytes, far too many")
        return found

    def _check_sums(self, archive: zipfile.ZipFile) -> None:
        """Compare the files with the manifest: those that are there, no more and no less."""
        lines = self._text(archive, MANIFEST).splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        there = self._entries.keys() - {MANIFEST}
        if len(sums) < len(lines) or (odd := sums.keys() ^ there):
            first = f"{texts.short(min(odd))}: is " if len(sums) == len(lines) else "names are "
            raise ValueError(f"{first}not once in {MANIFEST} and in the archive")
        for name in sorted(there):
            with archive.open(self._entries[name]) as file:
                digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
                if digest.hexdigest() != sums[name]:
                    raise ValueError(f"{texts.short(name)}: its SHA-256 is not that of {MANIFEST}")

    def _text(self, archive: zipfile.ZipFile, name: str) -> str:
        """A small file of the archive."""
        if name not in self._entries or self._entries[name].file_size > _LARGEST_TEXT:
            raise ValueError(f"{name}: is missing, or far too large")
        return archive.read(self._entries[name]).decode()


def _problem(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is not written, if so."""
    parts = entry.orig_filename.split("/")
    plain = len(entry.orig_filename) <= _LONGEST_PATH and all(
        _PART.fullmatch(part) and part.strip(".") and len(part.encode()) <= _LONGEST_NAME
        for part in parts
    )
    if not plain:
        return "is no plain path of a file"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is no plain file"
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in another way than archives of studies are"
    return None
