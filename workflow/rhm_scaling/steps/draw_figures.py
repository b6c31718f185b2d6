"""Figures (PDF and PNG) of every experiment, and the table of exponents for the report."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.files import write_text
from ..grammar.model import Parameters
from ..plots.claim_panels import Tables
from ..plots.claims import claim, invariance
from ..plots.curves import learning_curves, local_exponents, recoveries, save, style
from ..plots.rates import learning_rates
from ..plots.sizes import network_sizes
from ..plots.summary import exponent_table

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: exponents</title><style>
body {{ font-family: sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.3em 0.8em; text-align: right; border-bottom: 1px solid #ccc; }}
th:first-child, td:first-child, td:last-child, th:last-child {{ text-align: left; }}
</style></head><body><h1>{title}</h1><p>Predicted and fitted exponents; every curve falls as
<i>P</i> to minus its exponent.</p>{table}</body></html>
"""


def make(stage: dict[str, Any], folder: Path, root: Path) -> None:
    """Draw everything under ``figures/``."""
    style()
    # identical tables make identical files: no time stamps inside
    if stage["curves"]:
        _draw_curves(stage, folder)
    if stage["claim"]:
        _draw_claim(stage, folder)
    for experiment in dict.fromkeys(curve["experiment"] for curve in stage["represented"]):
        keys = _keys(stage["represented"], experiment)
        tables = [pd.read_csv(folder / f"{name}.csv") for name in ("invariance", "thresholds")]
        drawn = invariance(tables[0].merge(keys), tables[1], stage["titles"][experiment])
        save(drawn, folder, f"invariance-{experiment}")
    for experiment in stage["recovering"]:
        recovery = pd.read_csv(folder / "recovery.csv")
        found = pd.read_csv(folder / "recovered_at.csv")
        keys = _keys(stage["curves"], experiment)
        title = stage["titles"][experiment]
        drawn = recoveries(recovery.merge(keys), found.merge(keys), title)
        save(drawn, folder, f"recovery-{experiment}")
    for experiment in stage["sweeping"]:
        keys = _keys(stage["swept"], experiment)
        names = ("rates", "best_rates", "rate_scaling", "coordinates")
        networks = keys[["grammar", "task", "architecture", "depth"]].drop_duplicates()
        tried = [pd.read_csv(folder / f"{name}.csv").merge(networks) for name in names]
        drawn = learning_rates(stage["titles"][experiment], *tried)
        save(drawn, folder, f"learning_rates-{experiment}")
    for experiment in dict.fromkeys(family["experiment"] for family in stage["families"]):
        families = [family for family in stage["families"] if family["experiment"] == experiment]
        named = ("sizes", "scaling", "compute", "frontier", "levels")
        tables = [pd.read_csv(folder / f"{name}.csv") for name in named]
        drawn = network_sizes(stage["titles"][experiment], families, *tables)
        save(drawn, folder, f"scaling-{experiment}")


def _draw_claim(stage: dict[str, Any], folder: Path) -> None:
    """What decides the study's claim."""
    names = ("curves", "fits", "crossings", "thresholds", "theory")
    given = {name: pd.read_csv(folder / f"{name}.csv") for name in names}
    represented = bool(stage["represented"])
    given["invariance"] = pd.read_csv(folder / "invariance.csv") if represented else pd.DataFrame()
    grammars = {
        name: Parameters.from_specification(known) for name, known in stage["grammars"].items()
    }
    decided = pd.read_csv(folder / "claims.csv")
    drawn = claim(stage["claim"], decided, Tables(**given, grammars=grammars))
    save(drawn, folder, f"claim-{stage['claim']}")


def _keys(curves: list[dict[str, Any]], experiment: str) -> pd.DataFrame:
    """The columns that identify the curves of an experiment, to pick its rows of a table."""
    members = [curve for curve in curves if curve["experiment"] == experiment]
    return pd.DataFrame(members).drop(columns="experiment")


def _draw_curves(stage: dict[str, Any], folder: Path) -> None:
    """Learning curves and local exponents of every experiment, and the table of exponents."""
    curves, fits, local, theory = (
        pd.read_csv(folder / f"{name}.csv")
        for name in ("curves", "fits", "local_exponents", "theory")
    )
    for experiment in dict.fromkeys(curve["experiment"] for curve in stage["curves"]):
        keys, title = _keys(stage["curves"], experiment), stage["titles"][experiment]
        mine = curves.merge(keys)
        mine["learner"] = mine["architecture"].map(stage["learners"])
        known = theory[theory["grammar"].isin(keys["grammar"])]
        known = known[known["task"] == keys["task"].iloc[0]]
        save(learning_curves(mine, fits, known, title), folder, f"learning_curves-{experiment}")
        save(local_exponents(mine, local, fits, title), folder, f"local_exponents-{experiment}")
    table = exponent_table(fits).to_html(index=False, border=0)
    page = _PAGE.format(title=html.escape(stage["title"]), table=table)
    write_text(folder / "figures" / "exponents.html", page)
