"""Logs of jobs: when one was written last, and how it ends."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.files import open_plain

FAILED = "failed: "  # begins the last entry in the log of a job that could say why
_STOPPED = ("stopped by a signal", "interrupted")  # begin why it failed, if it was asked to
MADE = "made in "  # begins the last entry of a job that made what it should
_TAIL = 2**13  # bytes that are read of a log
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


@dataclass(frozen=True)
class LogTail:
    """The end of a job's log.

    Attributes
    ----------
    written
        When it was written last, as a time stamp.
    lines
        The last ones that are not empty.
    """

    written: float
    lines: list[str]

    @classmethod
    def read(cls, path: Path) -> LogTail | None:
        """The end of a log; none if it cannot be read."""
        try:
            with open_plain(path) as file:
                status = os.fstat(file.fileno())
                file.seek(max(0, status.st_size - _TAIL))
                text = file.read(_TAIL).decode("utf-8", errors="replace")
        except OSError:
            return None
        return cls(status.st_mtime, [line for line in text.splitlines() if line.strip()])

    @property
    def last(self) -> str:
        """The first line of the last entry, without its time stamp."""
        # an error's message can have lines of its own, which have no stamp
        entries = [line for line in self.lines if _STAMP.match(line)] or self.lines
        return _STAMP.sub("", entries[-1]) if entries else ""

    @property
    def failure(self) -> str | None:
        """Why the job failed, if it could say so."""
        return self.last.removeprefix(FAILED) if self.last.startswith(FAILED) else None

    @property
    def stopped(self) -> bool:
        """Whether the job was asked to stop; a training has kept what it needs to go on."""
        return (self.failure or "").startswith(_STOPPED)

    @property
    def made(self) -> bool:
        """Whether the job made what it should; if not, and it did not fail, it breaks off."""
        return self.last.startswith(MADE)


def tails(root: Path, paths: Sequence[str]) -> dict[str, LogTail]:
    """The ends of those logs that exist, in the order of `paths`."""
    there = set()
    for folder in {os.path.dirname(path) for path in paths}:  # noqa: PTH120 (ten thousands)
        try:  # folders are listed, as most logs do not exist
            there |= {f"{folder}/{name}" for name in os.listdir(root / folder)}  # noqa: PTH208
        except OSError:
            continue
    found = ((path, LogTail.read(root / path)) for path in paths if path in there)
    return {path: log for path, log in found if log}
