"""``claims.csv``: the criteria of the study's claim, with their estimates and verdicts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ...analysis.controls import told
from ...analysis.curves import CURVE_KEY, REPLICA_KEY
from ...claims.deciding import findings
from ...claims.evidence import of_study, replicas_of
from ...claims.frozen import rules_of
from ...claims.generated import Generated
from ...claims.names import GENERATION_CLAIMS, TRANSITION_CLAIMS
from ...claims.verdicts import together
from ...core.files import write_text
from ...grammar.model import Parameters
from ...study.tables import Part, Plan
from ..claimed import as_row, claimed
from ..read_tables import read_points


def planned(plan: Plan) -> Part:
    """The curves that decide the study's claim."""
    outputs = ["claims.csv"] if plan.study.claim else []
    after = (
        *("gather_runs", "gather_histories", "tabulate_theory", "gather_representations"),
        "compare_controls",
        *(["gather_denoising"] if plan.study.claim in TRANSITION_CLAIMS else []),
        *(["gather_denoisers"] if plan.study.claim in GENERATION_CLAIMS else []),
    )
    return Part({**claimed(plan), "controls": bool(plan.controls)}, outputs, after=after)


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Decide the claim."""
    name = specification["claim"]
    rules = rules_of(name)
    evidence, replicas = _evidence(specification, folder)
    found = findings(name, evidence)
    trained = told(pd.read_csv(folder / "controls.csv")) if specification["controls"] else None
    verdict = together((criterion.name, finding) for criterion, _, finding in found)
    rows = [
        {
            "study": specification["study"],
            "claim": name,
            "statement": rules.claims[name].statement,
            "claim_verdict": verdict,
            **as_row(criterion, about, finding),
            **asdict(finding.measured),
            "replicas": replicas,
            # they stand beside the verdict, which does not depend on them
            "controls": trained.summary if trained else "",
            "limited_by_training": "; ".join(trained.limited) if trained else "",
            "controls_differ": "; ".join(trained.differing) if trained else "",
            "criteria": rules.hash,
            "frozen": rules.date,
        }
        for criterion, about, finding in found
    ]
    write_text(folder / "claims.csv", pd.DataFrame(rows).to_csv(index=False))


def _evidence(specification: dict[str, Any], folder: Path) -> tuple[Any, int]:
    """What decides the claim, and how many replicas are behind it."""
    if specification["claim"] in TRANSITION_CLAIMS:
        table = pd.read_csv(folder / "transitions.csv")
        return table, table["rule_seed"].nunique()
    if specification["claim"] in GENERATION_CLAIMS:
        runs, table = (pd.read_csv(folder / f"{name}.csv") for name in ("runs", "generation"))
        same = [*CURVE_KEY, "lr", "train_size", *REPLICA_KEY]
        good = runs.loc[runs["chosen"] & (runs["status"] == "ok"), same]
        grammars = {
            name: Parameters.from_specification(known)
            for name, known in specification["grammars"].items()
        }
        generated = Generated(table.merge(good, on=same), grammars, specification["learners"])
        return generated, replicas_of(good)
    points = read_points(folder, specification["curves"])
    represented = any(curve["represented"] for curve in specification["curves"])
    layers = pd.read_csv(folder / "representations.csv") if represented else pd.DataFrame()
    theory = pd.read_csv(folder / "theory.csv")
    return of_study(specification, points, theory, layers), replicas_of(points)
