"""What follows from the text of a package, kept beside its compiled modules for other processes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .files import read_json, write_text

_MOST = 32  # versions of the text of which it is kept, to go back and forth between them


class Remembered:
    """Texts by key that follow from the text of all modules of a package.

    They are kept in ``__pycache__``, in a file named after a hash of that text and of Python's
    version; so an edit of any byte forgets all of it. Where nothing can be written, nothing is.

    Parameters
    ----------
    package
        Its folder.
    modules
        The text of all its modules, by path.
    """

    def __init__(self, package: Path, modules: Mapping[Path, str]) -> None:
        told = hashlib.sha256()
        for path in sorted(modules):
            for part in (str(path.relative_to(package)), modules[path]):
                told.update(f"{len(part)} {part}".encode())
        folder, tag = package / "__pycache__", sys.implementation.cache_tag
        self._path = folder / f"fingerprints-{tag}-{told.hexdigest()[:32]}.json"
        self._known: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            found = read_json(self._path)
            if isinstance(found, dict):
                self._known = {k: v for k, v in found.items() if isinstance(v, str)}

    def found(self, key: str, find: Callable[[], str]) -> str:
        """The text of a key, which is found now if it is not known."""
        if key not in self._known:
            self._known[key] = find()
            if not sys.dont_write_bytecode:
                with contextlib.suppress(OSError):
                    self._write()
        return self._known[key]

    def _write(self) -> None:
        new = not self._path.exists()
        write_text(self._path, json.dumps(self._known))
        if new:
            others = self._path.parent.glob("fingerprints-*.json")
            for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-_MOST]:
                old.unlink(missing_ok=True)
