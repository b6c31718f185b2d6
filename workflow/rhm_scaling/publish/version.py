"""The project's own files, and which version of the code they are: as git knows, where it does."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What makes a working project; git may track more, such as results of reference.
CODE = (
    *("Snakefile", "workflow", "config", "envs", "docs", "tests", ".ci", "Makefile"),
    *("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"),
    *("CITATION.cff", ".zenodo.json", ".gitignore"),
    "results/README.md",  # it explains every table
)


@dataclass(frozen=True)
class Version:
    """Which code this is.

    Attributes
    ----------
    commit
        Of git; none if it is not certainly this folder's.
    note
        Why there is no commit.
    changed
        Files that differ from the commit, as ``git status --porcelain`` lists them.
    patch
        What was changed in files that git tracks; empty if nothing.
    """

    commit: str | None
    note: str
    changed: list[str]
    patch: bytes

    def summary(self) -> dict[str, Any]:
        """For a person who looks for the code."""
        if self.commit is None:
            return {"commit": None, "note": f"{self.note}: no version but the files"}
        return {"commit": self.commit, "changed": self.changed}


def version(root: Path) -> Version:
    """The version of the code in the project's folder."""
    try:
        _check_repository(root)
        commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        there = _there(root)
        status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *there)
        patch = _git(root, "diff", "--binary", "--no-color", "--no-ext-diff", "HEAD", "--", *CODE)
    except _GitError as error:
        return Version(None, str(error), [], b"")
    return Version(commit.decode().strip(), "", status.decode().splitlines(), patch)


def code_files(root: Path) -> list[str]:
    """Paths of the project's files, sorted: tracked, or new and not ignored."""
    there = _there(root)
    try:
        _check_repository(root)
        listed = _git(root, "ls-files", "-z", "-co", "--exclude-standard", "--", *there)
        names = set(filter(None, listed.decode().split("\0")))
    except _GitError:
        found = [path for name in there for path in _files(root / name)]
        names = {path.relative_to(root).as_posix() for path in found}
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


class _GitError(Exception):
    """Why git says nothing of this folder."""


def _check_repository(root: Path) -> None:
    """Raise `_GitError` unless this very folder is a repository, not one inside another."""
    top = Path(os.fsdecode(_git(root, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    if top.resolve() != root.resolve():
        raise _GitError("inside another git repository")


# what git says where it does not answer, and what that means
_REASONS = {
    "dubious ownership": "a git repository of another user, which git does not trust",
    "not a git repository": "not a git repository",
}


# whatever a user's own are
_SETTINGS = {
    "core.quotepath": "off",
    "core.excludesFile": "",
    "diff.noprefix": "false",
    "diff.mnemonicPrefix": "false",
}


def _git(root: Path, *arguments: str) -> bytes:
    """What git prints; a `_GitError` if it does not answer."""
    # it reads only, quotes no names, and asks this folder alone
    command = ["git", "--no-optional-locks", "-C", str(root)]
    for key, value in _SETTINGS.items():
        command += ["-c", f"{key}={value}"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own |= {"LC_ALL": "C"}
    try:
        done = subprocess.run([*command, *arguments], env=own, capture_output=True, check=False)  # noqa: S603
    except OSError as error:
        raise _GitError("git is not installed here") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        known = (reason for text, reason in _REASONS.items() if text in said)
        raise _GitError(
            next(known, "a git repository without a commit" if not said else "git fails")
        )
    return done.stdout
