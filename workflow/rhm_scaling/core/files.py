"""Files that appear whole or not at all, and are opened only if they are plain files."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the operating system name a file, and not its temporary one, or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then move it into place.

    The file appears whole or not at all, whenever the process is killed.

    Raises
    ------
    OSError
        If it cannot be written; it names `path`.
    """
    with naming(path):
        _write_aside(path, write)


def _write_aside(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)  # mkstemp makes private files; results are shared
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` left beside it."""
    for aside in path.parent.glob(f".{glob.escape(path.name)}.*"):
        aside.unlink(missing_ok=True)


def open_plain(path: Path, most: float = float("inf")) -> BufferedReader:
    """A plain file of at most `most` bytes, to be read.

    It is opened once, as it is: no link is followed, no pipe is waited for.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OSError
        If it is anything else, or larger; `strerror` says what is wrong with it.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(path, flags)
    except OSError as error:
        if path.is_symlink():
            raise OSError(error.errno, "it is a link", str(path)) from error
        raise
    status = os.fstat(number)
    if stat.S_ISDIR(status.st_mode):
        wrong = "it is a folder"
    elif not stat.S_ISREG(status.st_mode):
        wrong = "it is no plain file"
    elif status.st_size > most:
        wrong = f"it has more than {most} bytes"
    else:
        return open(number, "rb")  # noqa: PTH123
    os.close(number)
    raise OSError(errno.EINVAL, wrong, str(path))


def read_json(path: Path, most: float = 2**28) -> Any:
    """The content of a plain file of JSON.

    Raises
    ------
    OSError
        As `open_plain` does.
    ValueError
        If it is no JSON.
    """
    with open_plain(path, most) as file:
        try:
            return json.loads(file.read())
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` whole or not at all."""
    write_aside(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_if_changed(path: Path, text: str) -> bool:
    """Write `text` only when it differs, so that the time stamp says when the *content* changed."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True
