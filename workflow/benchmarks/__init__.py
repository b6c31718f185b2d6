"""Benchmarks: ratios measured in one run, to a plain loop or to this machine's own peak.

`make bench` prints them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def rate(work: Callable[[], object], amount: float) -> float:
    """Amount a second."""
    start = time.perf_counter()
    work()
    return amount / (time.perf_counter() - start)
