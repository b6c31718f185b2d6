"""What the workflow does before it plans: whose code its jobs run, and readable settings."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.fingerprint import PACKAGE


def use_this_library() -> None:
    """Let every job run this copy of the library with the interpreter that plans it, and only that.

    So neither an activated environment nor an installation is needed, and a job cannot run other
    code than the one that was planned with: nothing of the user's own path, home or folder that
    has the name of a module.
    """
    rest = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), *rest])
    os.environ["PYTHONPATH"] = str(PACKAGE.parent)
    os.environ |= dict.fromkeys(("PYTHONSAFEPATH", "PYTHONNOUSERSITE"), "1")
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.pop("MATPLOTLIBRC", None)
    try:
        getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name, which Snakemake asks for
        os.environ["LOGNAME"] = f"user-{os.getuid()}"
    # the C library keeps freed memory: activations are allocated anew at every step, and giving
    # their pages back and clearing them again took up to a third of a transformer's time
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32))


def check_folders(*folders: Path) -> None:
    """Refuse folders of whose path Snakemake would format a part, as if it were a wildcard.

    Raises
    ------
    UserError
        If a path has braces.
    """
    for folder in folders:
        if set("{}") & set(str(folder)):
            raise UserError(f"{folder}: Snakemake takes no braces in a path; rename the folder")


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """End Snakemake with a line where the user has to mend something."""
    try:
        yield
    except UserError as error:
        said = str(error)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}; mend that and run again"
    except KeyboardInterrupt:  # while it waits for another run
        said = "interrupted; run again"
    else:
        return
    print(said, file=sys.stderr)
    sys.exit(1)


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
