"""A GPU for each job of a machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PAUSE = 1.0  # seconds between two looks for a free one
_mine: dict[tuple[str, ...], int] = {}  # of all that are seen, the one that this process has


def claim(uuids: Sequence[str], visible: str | None, log: Callable[[str], None]) -> int:
    """Take the first GPU that no other job of this user has; wait for one if all are taken.

    It is this process's, for all that it makes, until it ends, however it ends.

    Parameters
    ----------
    uuids
        Of the GPUs that this process sees, in its order.
    visible
        What ``CUDA_VISIBLE_DEVICES`` holds.
    log
        Takes a line.

    Returns
    -------
    int
        Its place in that order.
    """
    # Not by index: where a scheduler hides the GPUs of others, each job counts its own from zero,
    # and would wait for jobs on other GPUs. A process sees a single part of a GPU (MIG), of which
    # the UUID may be that of the whole, but not the name.
    part = visible.split(",")[0] if visible and visible.startswith("MIG") else None
    names = (part,) if part else tuple(uuids)
    if names not in _mine:
        _mine[names] = _lock(names, log)
    return _mine[names]


def _lock(names: Sequence[str], log: Callable[[str], None]) -> int:
    """Lock the first free one; the lock ends with the process, as its file is never closed."""
    folder = Path(tempfile.gettempdir(), f"rhm-scaling-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    files = [
        os.open(folder / name.replace("/", "-"), os.O_WRONLY | os.O_CREAT, 0o600) for name in names
    ]
    free = _first_free(files)
    if free is None:
        log(f"waits for a GPU; all {len(names)} are taken by other jobs")
    while free is None:
        time.sleep(_PAUSE)
        free = _first_free(files)
    log(f"has GPU {free} ({names[free]})")
    return free


def _first_free(files: Sequence[int]) -> int | None:
    """Index of the first file that could be locked."""
    for index, file in enumerate(files):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return index
    return None
