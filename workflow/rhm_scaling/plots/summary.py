"""The tables of exponents that a run ends with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..analysis.curves import CURVE_KEY
from ..analysis.power_law import why_no_fit, why_no_interval

EXPONENT_COLUMNS = {
    "asymptotic": "predicted for deep grammars, many rules; -: none (uniform rules: error drops)",
    "same fit": "of the curve predicted for these grammars, fitted at the same sizes; -: none",
    "from uniform": "the same, predicted from the curve of uniform rules; -: none was measured",
    "fitted": "the error (of classes) or the excess, loss less entropy, falls as P to minus this",
    "95% interval": "of the fitted exponent, over rule draws and replicas",
    "sizes": "how many training sizes enter the fit",
}
SCALING_COLUMNS = {
    "fitted over": "which cells of network size and training sentences P enter the fit",
    "exponent of": "the excess falls as N, or data, to minus this; the best N grows with compute",
    "fitted": "with the floor at the exact entropy; -: the fit has no such exponent",
    "95% interval": "over rule draws and replicas; -: there is one rule draw and one replica",
    "cells": "how many cells enter the fit",
}

SCAN_COLUMNS = {
    "P over": "by what sizes P are divided: predicted P* (exact, or the papers' form), measured P*",
    "constant": "where half is learnt, over that; the one number that theory leaves free",
    "residual": "typical factor by which a grammar's curve is off the common one; 1: all are one",
    "95% interval": "of the residual, over grammars and rule draws",
    "shuffled": "the residual if every grammar has the P* of another",
    "within": "how many grammars lie within this factor (in brackets) of the common curve",
}
_OVER = {"predicted": "P* exact", "bare": "P* papers' form", "measured": "P* measured"}


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"


def _curve(fit: pd.Series) -> str:
    named = [str(fit[column]) for column in CURVE_KEY[:3]]
    shape = [f"w{fit['width']} d{fit['depth']}"] if fit["width"] else []
    online = ["online"] if fit["protocol"] == "online" else []
    return " ".join([*named, *shape, *online, *_window(fit["context"])])


def _window(context: int) -> list[str]:
    return [f"last {context} tokens"] if context else []


_NAMES = {
    "size_exponent": "N",
    "data_exponent": "data",
    "optimal_size_exponent": "best N for compute",
    "frontier_loss_exponent": "excess for compute",
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
    return pd.DataFrame(rows, columns=["networks", *SCALING_COLUMNS])


def scan_table(collapsed: pd.DataFrame) -> pd.DataFrame:
    """`scan_collapse.csv` as text for reading."""
    told = collapsed[collapsed["scaled_by"].isin(_OVER)]
    return pd.DataFrame(
        {
            "scan": told["experiment"] + " " + told["architecture"],
            "P over": told["scaled_by"].map(_OVER),
            "constant": told["constant"].map(_number),
            "residual": told["residual"].map(_number),
            "95% interval": [
                f"{low:.2f} to {high:.2f}" for low, high in zip(told["low"], told["high"])
            ],
            "shuffled": told["shuffled"].map(_number),
            "within": [
                f"{row.inside} of {row.points} ({row.factor:g})" for row in told.itertuples()
            ],
        }
    )


def exponent_table(fits: pd.DataFrame) -> pd.DataFrame:
    """`fits.csv` as text for reading: predicted and fitted exponents, interval, window."""
    rows = []
    for _, fit in fits.iterrows():
        known = np.isfinite(fit["low"])
        none = why_no_fit(fit["points"], fit["window_reason"])
        rows.append(
            {
                "curve": _curve(fit),
                "asymptotic": _number(fit["predicted_asymptotic"]),
                "same fit": _number(fit["predicted_same_fit"]),
                "from uniform": _number(fit["predicted_smooth_fit"]),
                "fitted": "no fit" if none else _number(fit["exponent"]),
                "95% interval": f"{fit['low']:.2f} to {fit['high']:.2f}" if known else "-",
                "sizes": int(fit["points"]),
                "window": none or fit["window_reason"],
            }
        )
    return pd.DataFrame(rows)


def exponent_notes(fits: pd.DataFrame) -> list[str]:
    """What the columns of `exponent_table` are, and why a curve has no fit or no interval."""
    reasons = {
        f"no fit of {_curve(fit)}": why_no_fit(fit["points"], fit["window_reason"])
        for _, fit in fits.iterrows()
    }
    unfitted = [f"{what}: {why}" for what, why in reasons.items() if why]
    return [*columns(EXPONENT_COLUMNS), *unfitted, *without_interval(fits)]


def without_interval(fits: pd.DataFrame) -> list[str]:
    """Which fits of `fits.csv` have no interval, and why."""
    return [
        f"no interval of {_curve(fit)}: {why_no_interval(fit['rule_draws'], fit['replicas'])}"
        for _, fit in fits.iterrows()
        if not (why_no_fit(fit["points"], fit["window_reason"]) or np.isfinite(fit["low"]))
    ]


def columns(meanings: Mapping[str, str]) -> list[str]:
    """A line for each column of a table."""
    width = max(map(len, meanings))
    return [f"  {name:<{width}}  {meaning}" for name, meaning in meanings.items()]
