"""Jobs that end with the run that started them."""

from __future__ import annotations

import os
import threading
import time
from functools import cache

RUN = "RHM_SCALING_RUN"  # environment variable: process that started the job


@cache
def end_with_the_run() -> None:
    """End this job, from a thread, once the run that started it is gone.

    A run that is killed for good cannot stop its jobs; left alone they would go on beside those of
    the next run.
    """
    run = os.environ.get(RUN)
    if run is not None:
        threading.Thread(target=_watch, args=(int(run),), daemon=True).start()


def _watch(run: int) -> None:
    while True:
        try:
            os.kill(run, 0)
        except ProcessLookupError:
            os._exit(1)
        except PermissionError:  # alive, and another user's
            pass
        time.sleep(1)


def outlive_the_run() -> None:
    """Let jobs of this process go on alone: a cluster's job runs elsewhere than its run."""
    os.environ.pop(RUN, None)
