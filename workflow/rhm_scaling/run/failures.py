"""What went wrong in a run: a line for every job that failed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .logs import tails
from .status import Standing


def failures(standing: Standing, since: float, interrupted: bool = False) -> Iterator[str]:
    """A line, with the log, for each job of a run since a moment that has left nothing.

    Parameters
    ----------
    standing
        As it is now, after the run.
    since
        When the run started, as a time stamp.
    interrupted
        Whether the run was asked to stop, and its jobs with it.
    """
    undone = [
        product.log
        for kind, known in standing.plan.products.items()
        for name, product in known.items()
        if (kind, name) not in standing.made
    ]
    undone += [stage.log for name, stage in standing.stages.items() if name not in standing.current]
    how = "interrupted" if interrupted else "ended without a word: killed, perhaps for its memory"
    for path, log in tails(standing.root, undone).items():
        if log.written >= since:
            yield f"{path}: {log.failure or f'{how}; run again to go on where it was'}"


def note_stops() -> list[int]:
    """Signals that ask this process to stop, as they come; they go on doing what they did."""
    came: list[int] = []

    def note(before: Callable[[int, Any], Any], number: int, frame: Any) -> None:
        came.append(number)
        before(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):  # neither ignored nor deadly
            signal.signal(number, partial(note, before))
    return came
