"""The table of exponents that a run ends with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .curves import CURVE_KEY


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"


def exponent_table(fits: pd.DataFrame) -> pd.DataFrame:
    """`fits.csv` as text for reading: predicted and fitted exponents, interval, window."""
    rows = []
    for _, fit in fits.iterrows():
        curve = " ".join(str(fit[column]) for column in CURVE_KEY[:3])
        shape = f"w{fit['width']} d{fit['depth']}"
        known = np.isfinite(fit["low"])
        rows.append(
            {
                "curve": f"{curve} {shape}" if fit["width"] else curve,
                "asymptotic": _number(fit["predicted_asymptotic"]),
                "same fit": _number(fit["predicted_same_fit"]),
                "from uniform": _number(fit["predicted_smooth_fit"]),
                "fitted": _number(fit["exponent"]),
                "95% interval": f"{fit['low']:.2f} to {fit['high']:.2f}" if known else "-",
                "sizes": int(fit["points"]),
                "window": fit["window_reason"],
            }
        )
    return pd.DataFrame(rows)
