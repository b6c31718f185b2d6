"""The project's own files, and which version of the code they are: as git knows, where it does."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What makes a working project; git may track more, such as results of reference.
CODE = (
    *("Snakefile", "workflow", "config", "envs", "tests", ".ci", "Makefile", "pyproject.toml"),
    *("README.md", "CONTRIBUTING.md", "LICENSE", "CITATION.cff", ".gitignore"),
    "results/README.md",  # it explains every table
)


@dataclass(frozen=True)
class Version:
    """Which code this is.

    Attributes
    ----------
    commit
        Of git; none if git does not know this folder.
    changed
        Files that differ from the commit, as ``git status --porcelain`` lists them.
    patch
        What was changed in files that git tracks; empty if nothing.
    """

    commit: str | None
    changed: list[str]
    patch: bytes

    def summary(self) -> dict[str, Any]:
        """For a person who looks for the code."""
        if self.commit is None:
            return {"commit": None, "note": "not a git repository: no version but the files"}
        return {"commit": self.commit, "changed": self.changed}


def version(root: Path) -> Version:
    """The version of the code in the project's folder."""
    commit = _git(root, "rev-parse", "HEAD") if _is_repository(root) else None
    if commit is None:
        return Version(None, [], b"")
    there = _there(root)
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *there) or b""
    patch = _git(root, "diff", "--binary", "--no-color", "--no-ext-diff", "HEAD", "--", *CODE)
    return Version(commit.decode().strip(), status.decode().splitlines(), patch or b"")


def code_files(root: Path) -> list[str]:
    """Paths of the project's files, sorted: tracked, or new and not ignored."""
    there = _there(root)
    listed = None
    if _is_repository(root):
        listed = _git(root, "ls-files", "-z", "-co", "--exclude-standard", "--", *there)
    if listed is None:
        found = [path for name in there for path in _files(root / name)]
        names = {path.relative_to(root).as_posix() for path in found}
    else:
        names = set(filter(None, listed.decode().split("\0")))
    return sorted(name for name in names if (root / name).is_file())


def _there(root: Path) -> list[str]:
    return [name for name in CODE if (root / name).exists()]


def _files(path: Path) -> list[Path]:
    """Files of a folder, or the file itself, without what Python and tools leave behind."""
    if path.is_file():
        return [path]
    found = []
    for folder, below, files in os.walk(path):
        below[:] = [
            name
            for name in below
            if name != "__pycache__" and name[0] != "." and not name.endswith(".egg-info")
        ]
        found += [Path(folder, name) for name in files]
    return found


def _is_repository(root: Path) -> bool:
    """Whether this very folder is one: inside another project's repository it is not."""
    top = _git(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(os.fsdecode(top.rstrip(b"\n"))).resolve() == root.resolve()


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git prints; none if it cannot answer."""
    # it reads only, and quotes no names
    command = ["git", "--no-optional-locks", "-c", "core.quotepath=off", "-C", str(root)]
    try:
        done = subprocess.run([*command, *arguments], capture_output=True, check=False)  # noqa: S603
    except OSError:  # no git here
        return None
    return done.stdout if done.returncode == 0 else None
