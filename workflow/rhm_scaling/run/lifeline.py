"""Jobs that end with the run that started them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from functools import cache

import psutil

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
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(run)
        # one that has ended, but whose parent never asks how, still has its number
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1)
    os._exit(1)


def outlive_the_run() -> None:
    """Let jobs of this process go on alone: a cluster's job runs elsewhere than its run."""
    os.environ.pop(RUN, None)
