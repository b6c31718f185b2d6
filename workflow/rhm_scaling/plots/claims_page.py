"""One page for all claims: a small figure, a verdict and its criteria for each."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..claims.names import ClaimName
from ..claims.registry import CLAIMS
from ..claims.verdicts import AGREES, DISAGREES

_STYLE = """
body { font-family: sans-serif; margin: 2em auto; max-width: 62em; color: #222; line-height: 1.35; }
nav a { margin-right: 0.8em; }
section { border-top: 1px solid #ccc; padding: 0.8em 0; break-inside: avoid; }
h2 { font-size: 1.05em; margin: 0.3em 0; }
img { max-width: 100%; }
table { border-collapse: collapse; font-size: 0.85em; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.2em 0.6em; }
td { border-bottom: 1px solid #ddd; }
.verdict { padding: 0.1em 0.5em; border-radius: 0.3em; color: white; background: #666; }
.agrees { background: #0173b2; } .disagrees { background: #c04e00; }
small { color: #555; }
"""

_WEIGHT = {True: "not decisive", False: "errs too often to count"}  # by whether it is sound


@dataclass(frozen=True)
class Decided:
    """A study that decides a claim, with its tables; none (None) if it is not finished."""

    study: str
    file: str
    name: ClaimName
    criteria: pd.DataFrame | None
    power: pd.DataFrame | None

    @classmethod
    def read(cls, study: str, file: str, name: ClaimName, results: Path) -> Decided:
        """The tables of a study below a folder of results."""
        tables = [results / study / f"{table}.csv" for table in ("claims", "power")]
        if not all(path.is_file() for path in tables):
            return cls(study, file, name, None, None)
        return cls(study, file, name, *(pd.read_csv(path) for path in tables))

    @property
    def verdict(self) -> str:
        """On the claim."""
        return "not run" if self.criteria is None else str(self.criteria["claim_verdict"].iloc[0])


def number(value: float) -> str:
    """A number for a reader; an empty one is a dash."""
    if np.isnan(value):
        return "–"
    return ("∞" if value > 0 else "−∞") if np.isinf(value) else f"{value:.2f}".replace("-", "−")


def with_interval(estimate: float, low: float, high: float) -> str:
    """An estimate and its interval."""
    return f"{number(estimate)} [{number(low)}, {number(high)}]"


def claims_table(studies: Iterable[Decided]) -> pd.DataFrame:
    """A row a criterion, for a terminal."""
    rows = []
    for study in studies:
        if study.criteria is None:
            rows.append({"claim": study.name, "verdict": study.verdict})
            continue
        for row in study.criteria.to_dict("records"):
            rows.append(
                {
                    "claim": study.name,
                    "verdict": study.verdict,
                    "criterion": row["criterion"],
                    "predicted": number(row["prediction"]),
                    "rival": number(row["rival"]),
                    "measured": with_interval(row["estimate"], row["low"], row["high"]),
                    "region": f"({number(row['region_low'])}, {number(row['region_high'])})",
                    "alone": row["verdict"],
                    "needed": "" if pd.isna(row["needed"]) else row["needed"],
                }
            )
    return pd.DataFrame(rows).fillna("")


def page(studies: list[Decided], results: Path, title: str) -> str:
    """The page, in one file.

    Parameters
    ----------
    studies
        In the order of the page.
    results
        The folder that holds the studies', one above the page's.
    title
        Its heading.
    """
    counts = pd.Series([study.verdict for study in studies]).value_counts()
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    links = " ".join(f'<a href="#{s.name}">{s.name}</a> {_badge(s.verdict)}' for s in studies)
    sections = "".join(_section(study, results) for study in studies)
    head = f'<meta charset="utf-8"><title>{_text(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body><h1>{_text(title)}</h1>'
        f"<p>{_text(told)}. Every verdict is computed: a criterion agrees if the whole 95 % "
        "interval of its estimate, over rule draws, lies inside a region fixed beforehand, and "
        f"disagrees if it lies outside.</p><nav>{links}</nav>{sections}</body></html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))


def _badge(verdict: str) -> str:
    kind = verdict if verdict in (AGREES, DISAGREES) else ""
    return f'<span class="verdict {kind}">{_text(verdict)}</span>'


def _section(study: Decided, results: Path) -> str:
    statement = _text(CLAIMS[study.name].statement)
    head = f'<section id="{study.name}"><h2>{study.name} {_badge(study.verdict)} {statement}</h2>'
    if study.criteria is None or study.power is None:
        command = f"make run STUDY={study.file}"
        return f"{head}<p>Not run, or not finished: <code>{_text(command)}</code></p></section>"
    draws, replicas = (study.criteria[c].iloc[0] for c in ("rule_draws", "replicas"))
    here = f"../{study.study}"
    foot = (
        f"<p><small>{draws} rule draws, {replicas} replicas a point. "
        f'<a href="{_text(here)}/guide.md">guide</a>, '
        f'<a href="{_text(here)}/report.html">report</a>, '
        f'<a href="{_text(here)}/claims.csv">all numbers</a></small></p></section>'
    )
    return head + _figure(study, results) + _criteria(study.criteria, study.power) + foot


def _figure(study: Decided, results: Path) -> str:
    path = results / study.study / "figures" / f"claim-{study.name}.png"
    if not path.is_file():
        return "<p>No figure.</p>"
    data = base64.b64encode(path.read_bytes()).decode()
    alt = _text(f"{study.name}: measured and predicted, and its criteria ({study.verdict})")
    return f'<img src="data:image/png;base64,{data}" alt="{alt}">'


def _criteria(criteria: pd.DataFrame, power: pd.DataFrame) -> str:
    rows = []
    for row in criteria.to_dict("records"):
        mine = power[power["criterion"] == row["criterion"]].set_index("assumed")
        right = mine.loc["claim", AGREES], mine.loc["rival", DISAGREES]
        cells = [
            f"{_text(row['criterion'])}<br><small>{_text(row['rule'])}</small>",
            f"{number(row['prediction'])} <small>(limit {number(row['asymptotic'])})</small>",
            number(row["rival"]),
            with_interval(row["estimate"], row["low"], row["high"]),
            f"({number(row['region_low'])}, {number(row['region_high'])})",
            _text(row["verdict"])
            + ("" if pd.isna(row["needed"]) else f"<br><small>{_text(row['needed'])}</small>")
            + ("" if row["decisive"] else f"<br><small>{_WEIGHT[row['sound']]}</small>"),
            f"±{number(mine.loc['claim', 'half_width'])}, {right[0]:.0%} / {right[1]:.0%}",
        ]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    heads = ("criterion", "predicted", "rival", "measured", "region", "verdict")
    head = "".join(f"<th>{name}</th>" for name in heads)
    head += "<th>expected before training: half-width, right if the claim / its rival holds</th>"
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
