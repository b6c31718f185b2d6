"""``claims.csv``: the criteria of the study's claim, with their estimates and verdicts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.curves import REPLICA_KEY, points
from ...analysis.learning_rates import at_chosen_rate
from ...claims.measured import of_study
from ...claims.power import weights_of
from ...claims.registry import CLAIMS, decided, expectations
from ...claims.verdicts import together
from ...core.files import write_text
from ...study.plan import Plan
from ...study.tables import Part
from ..claimed import claimed


def planned(plan: Plan) -> Part:
    """The curves that decide the study's claim."""
    outputs = ["claims.csv"] if plan.study.claim else []
    after = ("gather_runs", "tabulate_theory", "estimate_power", "measure_representations")
    return Part(claimed(plan), outputs, after=after)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Decide the claim."""
    name = specification["claim"]
    runs = points(at_chosen_rate(pd.read_csv(folder / "runs.csv")))
    represented = any(curve["representations"] for curve in specification["curves"])
    layers = pd.read_csv(folder / "representations.csv") if represented else None
    curves = of_study(specification, runs, pd.read_csv(folder / "theory.csv"), layers)
    replicas = len(runs[REPLICA_KEY].drop_duplicates())
    known = expectations(name, curves)
    found = decided(name, curves, known)
    weights = weights_of(pd.read_csv(folder / "power.csv"))
    verdict = together((f.verdict, weights[c.name]) for c, f in zip(known, found))
    rows = [
        {
            "study": specification["study"],
            "claim": name,
            "statement": CLAIMS[name].statement,
            "claim_verdict": verdict,
            "criterion": criterion.name,
            "rule": criterion.rule,
            "asymptotic": criterion.asymptotic[0],
            "prediction": there.prediction,
            "rival": there.rival,
            "region_low": there.region[0],
            "region_high": there.region[1],
            "estimate": finding.estimate,
            "low": finding.low,
            "high": finding.high,
            "rule_draws": finding.rule_draws,
            "replicas": replicas,
            "verdict": finding.verdict,
            **asdict(weights[criterion.name]),
            "needed": finding.needed,
        }
        for (criterion, there), finding in zip(known.items(), found)
    ]
    write_text(folder / "claims.csv", pd.DataFrame(rows).to_csv(index=False))
