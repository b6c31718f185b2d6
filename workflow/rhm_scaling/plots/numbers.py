"""Numbers as a reader of pages and figures sees them."""

from __future__ import annotations

import numpy as np


def number(value: float) -> str:
    """A number for a reader; an empty one is a dash."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # zero has no sign


def size(train_size: float) -> str:
    """A training size in few digits: 64, 512, 1.3k, 13k."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if float(f"{train_size:.3g}") >= unit:
            return f"{train_size / unit:.{1 if train_size < 9.95 * unit else 0}f}{letter}"
    return f"{train_size:.0f}"


def with_interval(estimate: float, low: float, high: float, nothing: str = "no fit") -> str:
    """An estimate, and its interval if it has one; `nothing` if there is no estimate."""
    if np.isnan(estimate):
        return nothing
    told = number(estimate)
    return told if np.isnan(low) else f"{told} [{number(low)}, {number(high)}]"
