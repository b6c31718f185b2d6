"""The tables of exponents that a run ends with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..analysis.curves import CURVE_KEY


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"


def _window(context: int) -> list[str]:
    return [f"last {context} tokens"] if context else []


_NAMES = {
    "size_exponent": "N",
    "data_exponent": "data",
    "optimal_size_exponent": "best N for compute",
    "frontier_loss_exponent": "loss for compute",
}


def scaling_table(scaling: pd.DataFrame) -> pd.DataFrame:
    """Exponents of `scaling.csv` as text for reading, of fits with the exact floor."""
    rows = []
    for _, fit in scaling[scaling["floor"] == "exact"].iterrows():
        if fit["quantity"] not in _NAMES:
            continue
        size = fit["train_size"]
        at = {"joint": "all P", "online": "online, every step"}.get(
            fit["fit"], f"P={size:.0f}" if np.isfinite(size) else "online"
        )
        known = np.isfinite(fit["low"])
        rows.append(
            {
                "networks": " ".join(
                    [*(str(fit[column]) for column in CURVE_KEY[:3]), *_window(fit["context"])]
                ),
                "fitted over": at,
                "exponent of": _NAMES[fit["quantity"]],
                "fitted": _number(fit["estimate"]),
                "95% interval": f"{fit['low']:.2f} to {fit['high']:.2f}" if known else "-",
                "cells": int(fit["cells"]),
            }
        )
    columns = ["networks", "fitted over", "exponent of", "fitted", "95% interval", "cells"]
    return pd.DataFrame(rows, columns=columns)


def exponent_table(fits: pd.DataFrame) -> pd.DataFrame:
    """`fits.csv` as text for reading: predicted and fitted exponents, interval, window."""
    rows = []
    for _, fit in fits.iterrows():
        curve = " ".join(str(fit[column]) for column in CURVE_KEY[:3])
        shape = [f"w{fit['width']} d{fit['depth']}"] if fit["width"] else []
        shape += ["online"] if fit["protocol"] == "online" else []
        shape += _window(fit["context"])
        known = np.isfinite(fit["low"])
        rows.append(
            {
                "curve": " ".join([curve, *shape]),
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
