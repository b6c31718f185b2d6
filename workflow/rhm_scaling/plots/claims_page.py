"""One page for all claims: a small figure, a verdict and its criteria for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..claims.frozen import frozen, rules_of
from ..claims.names import ClaimName
from ..claims.verdicts import AGREES, DISAGREES, NEARER
from .numbers import number, with_interval
from .pages import document, image, link, text

_STYLE = """
section { break-inside: avoid; }
h2 { font-size: 1.05em; margin: 0.3em 0; }
table { width: 100%; }
img { width: 25em; }
.verdict { padding: 0.1em 0.5em; border-radius: 0.3em; white-space: nowrap; }
.verdict { color: white; background: #666; }
nav span { display: inline-block; margin: 0.1em 0.6em 0.1em 0; }
.agrees { background: #0173b2; } .nearer { background: #1b7f9e; }
.disagrees { background: #c04e00; } .limited { background: #7a3b8f; }
"""

_KINDS = {AGREES: "agrees", NEARER: "nearer", DISAGREES: "disagrees"}


@dataclass(frozen=True)
class Decided:
    """A study that decides a claim, with its criteria; none (None) if it is not finished."""

    study: str
    file: str
    name: ClaimName
    criteria: pd.DataFrame | None

    @classmethod
    def read(cls, study: str, file: str, name: ClaimName, results: Path) -> Decided:
        """``claims.csv`` of a study below a folder of results."""
        table = results / study / "claims.csv"
        return cls(study, file, name, pd.read_csv(table) if table.is_file() else None)

    @property
    def verdict(self) -> str:
        """On the claim."""
        return "not run" if self.criteria is None else str(self.criteria["claim_verdict"].iloc[0])


def subject(row: Mapping[Any, Any]) -> str:
    """What a row of ``claims.csv`` is about: its criterion, and of which network."""
    return str(row["criterion"]) + ("" if pd.isna(row["about"]) else f" ({row['about']})")


def training(criteria: pd.DataFrame) -> tuple[str, list[str], list[str]]:
    """What controls say of a study's curves: a summary, those limited by training, those worse.

    Nothing, if the study has no controls.
    """
    names = ("controls", "limited_by_training", "controls_differ")
    row = criteria.iloc[0].reindex(names).fillna("")
    limited, differing = (row[name].split("; ") if row[name] else [] for name in names[1:])
    return str(row["controls"]), limited, differing


def predicted(row: Mapping[Any, Any]) -> str:
    """What is predicted for these rule draws, with its range; of an inequality, its bound."""
    if not pd.isna(row["bound"]):
        return f"above {number(row['bound'])}"
    low, high = (row.get(f"prediction_{end}", row["prediction"]) for end in ("low", "high"))
    within = "" if number(low) == number(high) else f" ({number(low)} to {number(high)})"
    return number(row["prediction"]) + within


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
                    "criterion": subject(row),
                    "predicted": predicted(row),
                    "rival": number(row["rival"]),
                    "measured": with_interval(row["estimate"], row["low"], row["high"], "–"),
                    "alone": row["verdict"],
                    "decisive": "yes" if row["decisive"] else "no",
                    "needed": "" if pd.isna(row["needed"]) else row["needed"],
                }
            )
    return pd.DataFrame(rows).fillna("")


def errors_table(studies: Iterable[Decided]) -> pd.DataFrame:
    """How often made-up studies agree, of the claim and of its rival: a row a criterion."""
    rows = [
        {
            "claim": study.name,
            "criterion": subject(row),
            "rival": row["rival_is"],
            "claim agrees": f"{row['claim_agrees']:.0%}",
            "rival agrees": f"{row['rival_agrees']:.0%}",
            "decisive": "yes" if row["decisive"] else "no",
        }
        for study in studies
        if study.criteria is not None
        for row in study.criteria.dropna(subset=["claim_agrees"]).to_dict("records")
    ]
    return pd.DataFrame(rows)


def _family(studies: Iterable[Decided]) -> str:
    """How likely any of the rivals is to get its claim's badge, over the claims."""
    decisive = [
        study.criteria[study.criteria["decisive"]]
        for study in studies
        if study.criteria is not None and study.criteria["decisive"].any()
    ]
    count = sum(map(len, decisive))
    # a badge needs all criteria of a claim, so the strictest of them bounds it
    error = sum(float(criteria["rival_agrees"].min()) for criteria in decisive)
    said = "less than 1%" if error < 0.01 else f"at most {min(error, 1.0):.0%}"
    return (
        f"{count} criteria of {len(decisive)} claims are decisive. Were every claim false and its "
        f"rival true, one of them or more would be called {AGREES!r} with a probability of {said} "
        "(the sum over claims of their strictest criterion's, each found from "
        f"{frozen().made_up} made-up studies)."
    )


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
    rules = frozen()
    counts = pd.Series([study.verdict for study in studies]).value_counts()
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    links = " ".join(f'<a href="#{s.name}">{s.name}</a> {_badge(s.verdict)}' for s in studies)
    sections = "".join(_section(study, results) for study in studies)
    body = (
        f"<p>{text(told)}. Every verdict is computed, by criteria that were fixed on {rules.date} "
        f"(their hash is <code>{rules.hash}</code>, from which the rule seeds of these studies "
        f"derive). A criterion <i>{AGREES}</i> if the 95 % interval over rule draws holds what is "
        "predicted for these very draws and lies nearer to it than to the rival; it is <i>"
        f"{NEARER}</i> if it lies nearer, but leaves the prediction out; it <i>{DISAGREES}</i> if "
        "it leaves it out and lies nearer the rival. It is decisive if at least "
        f"{rules.claim_agrees:.0%} of made-up studies that obey the claim agree and at most "
        f"{rules.rival_agrees:.0%} of those that obey its rival. A claim's verdict is that of its "
        f"weakest decisive criterion, and at best undetermined while one of its criteria decides "
        f"nothing. {text(_family(studies))}</p><nav>{links}</nav>{sections}"
    )
    return document(title, body, _STYLE)


def _badge(verdict: str) -> str:
    return f'<span class="verdict {_KINDS.get(verdict, "")}">{text(verdict)}</span>'


def _section(study: Decided, results: Path) -> str:
    statement = text(rules_of(study.name).claims[study.name].statement)
    head = f'<section id="{study.name}"><h2>{study.name} {_badge(study.verdict)}'
    if study.criteria is None:
        command = f"make run STUDY={study.file}"
        why = f"<p>Not run, or not finished: <code>{text(command)}</code></p></section>"
        return f"{head} {statement}</h2>{why}"
    controls, limited, differing = training(study.criteria)
    mark = ' <span class="verdict limited">limited by training</span>' if limited else ""
    head = f"{head}{mark} {statement}</h2>"
    said = "<br>".join(map(text, [*limited, *differing, f"Controls: {controls or 'none'}."]))
    draws, replicas = (study.criteria[c].max() for c in ("rule_draws", "replicas"))
    # the page and what is beside it are kept without the report
    beside = {"guide.md": "guide", "claims.csv": "all numbers"}
    there = {
        file: name for file, name in beside.items() if (results / study.study / file).is_file()
    }
    links = ", ".join(link(f"../{study.study}/{file}", name) for file, name in there.items())
    foot = (
        f"<p><small>{said}</small></p><p><small>{draws} rule draws, {replicas} replicas a point. "
        f"{links}</small></p></section>"
    )
    return head + _figure(study, results) + _criteria(study.criteria) + foot


def _figure(study: Decided, results: Path) -> str:
    path = results / study.study / "figures" / f"claim-{study.name}.png"
    if not path.is_file():
        command = f"make run STUDY={study.file}"
        return f"<p>No figure; it is drawn by <code>{text(command)}</code></p>"
    return image(path, f"{study.name}: measured and predicted, and its criteria ({study.verdict})")


def _criteria(criteria: pd.DataFrame) -> str:
    rows = []
    for row in criteria.to_dict("records"):
        limit = "" if pd.isna(row["limit"]) else f" <small>(limit {number(row['limit'])})</small>"
        told = [text(row["verdict"])]
        told += [] if row["decisive"] else ["<small>not decisive</small>"]
        told += [] if pd.isna(row["needed"]) else [f"<small>{text(row['needed'])}</small>"]
        left = row.get("left_out")
        told += (
            []
            if not left or pd.isna(left)
            else [f"<small>left out, for want of {text(left)}</small>"]
        )
        cells = [
            f"{text(subject(row))}<br><small>{text(row['rule'])}</small>",
            text(predicted(row)) + limit,
            f"{number(row['rival'])}<br><small>{text(row['rival_is'])}</small>",
            with_interval(row["estimate"], row["low"], row["high"], "–"),
            _yes(row["holds"]),
            _yes(row["nearer"]),
            _yes(row["holds_limit"]),
            "<br>".join(told),
            f"{_share(row['claim_agrees'])} / {_share(row['rival_agrees'])}",
        ]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    heads = ("criterion", "predicted", "rival", "measured", "holds it", "nearer it", "holds limit")
    head = "".join(f"<th>{name}</th>" for name in (*heads, "verdict"))
    head += "<th>made-up studies that agree: of the claim / its rival</th>"
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="table"><table><tr>{head}</tr>{body}</table></div>'


def _yes(said: Any) -> str:
    return "–" if pd.isna(said) else "yes" if said in (True, "True") else "no"


def _share(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.0%}"
