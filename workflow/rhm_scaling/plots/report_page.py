"""The report of a study: one page to scroll, with every figure, how to read it, and the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..analysis.controls import told
from ..analysis.curves import FAILED
from .captions import HEADINGS, caption
from .pages import document, image, link, prose, table, text
from .summary import (
    EXPONENT_COLUMNS,
    SCALING_COLUMNS,
    exponent_table,
    scaling_table,
    without_interval,
)

MOST_ROWS = 100  # of a table that are shown
_STYLE = """
body { max-width: 72em; }
.figure { display: flex; flex-wrap: wrap; gap: 0.5em 2em; margin: 1em 0 2em; }
.panels { display: flex; flex-wrap: wrap; gap: 1em 1.5em; align-items: flex-start; }
.panels figure { flex: 0 1 23em; margin: 0; break-inside: avoid; }
figcaption { flex: 1 1 18em; font-size: 0.92em; }
figcaption p { margin: 0; } .literal { font-family: monospace; }
.panels figcaption { font-size: 0.85em; }
.exponents td { white-space: nowrap; }
.exponents td:last-child { white-space: normal; min-width: 13em; }
.sortable th { cursor: pointer; white-space: nowrap; }
th[aria-sort="ascending"]::after { content: " \\25b2"; }
th[aria-sort="descending"]::after { content: " \\25bc"; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 0.8em; font-size: 0.88em; }
dd { margin: 0; }
details { margin: 0.4em 0; } summary { cursor: pointer; }
@media print {
  body { margin: 0; font-size: 9pt; } nav, #tables { display: none; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; } .table { overflow: visible; }
  .exponents td { white-space: normal; }
}
@media (max-width: 30em) {
  dl { display: block; } dd { margin: 0 0 0.4em 1em; }
  th, td { padding: 0.2em; } .exponents td { white-space: normal; }
}
"""
# a click on a heading sorts by that column: numbers by size, what is no number last
_SORT = """
for (const head of document.querySelectorAll(".sortable th")) head.onclick = () => {
  const body = head.closest("table").tBodies[0], at = head.cellIndex;
  const down = head.ariaSort === "ascending", cell = row => row.cells[at].textContent;
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const order = (a, b) => !a || !b ? !a - !b :
    (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b) * (down ? -1 : 1);
  body.append(...[...body.rows].sort((a, b) => order(cell(a), cell(b))));
};
"""


@dataclass(frozen=True)
class Report:
    """What a report shows of a study.

    Attributes
    ----------
    title
        Its heading.
    folder
        Of the study's results, in which the page lies.
    files
        Paths from there of all figures and tables.
    titles
        Of the experiments, by their names.
    grammars, experiments
        A row each, of what was run.
    made
        With what all of it was made: a line by name.
    """

    title: str
    folder: Path
    files: Sequence[str]
    titles: Mapping[str, str]
    grammars: pd.DataFrame
    experiments: pd.DataFrame
    made: Mapping[str, str]

    def read(self, name: str) -> pd.DataFrame | None:
        """A table, if the study has it."""
        return pd.read_csv(self.folder / name) if name in self.files else None


def page(report: Report) -> str:
    """The page, in one file; equal reports make equal pages."""
    known = _figures(report)
    before, after = {"Exponents": _exponents, "Controls": _controls}, {"Claim": _guide}
    sections = {"What was run": _run(report)}
    for kind, heading in HEADINGS.items():
        content = before[heading](report) if heading in before else ""
        content += _together(report, kind, known[kind])
        content += after[heading](report) if heading in after else ""
        sections[heading] = sections.get(heading, "") + content
    sections = {name: content for name, content in sections.items() if content}
    sections |= {"Tables": _tables(report), "How it was made": _facts(report.made)}
    links = "".join(link(f"#{_place(name)}", name) for name in sections)
    body = "".join(
        f'<section id="{_place(name)}"><h2>{name}</h2>{content}</section>'
        for name, content in sections.items()
    )
    return document(report.title, f"<nav>{links}</nav>{body}", _STYLE, _SORT)


def _place(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _figures(report: Report) -> dict[str, list[tuple[str, str]]]:
    """The path and the rest of the name of all figures, by their kind."""
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in HEADINGS}
    for file in report.files:
        path = Path(file)
        if path.suffix == ".png":
            kind, _, rest = path.stem.partition("-")
            kind, rest = ("theory", path.stem) if path.parent.name == "theory" else (kind, rest)
            found[kind].append((file, rest))
    return found


def _together(report: Report, kind: str, figures: list[tuple[str, str]]) -> str:
    """Figures of a kind; those that are read alike stand side by side, above one caption."""
    alike: dict[str, list[str]] = {}
    for file, rest in figures:
        alike.setdefault(caption(kind, rest), []).append(_panel(report, kind, file, rest))
    return "".join(
        f'<figure class="figure"><div class="panels">{"".join(panels)}</div>'
        f"<figcaption>{read}</figcaption></figure>"
        for read, panels in alike.items()
    )


def _panel(report: Report, kind: str, file: str, rest: str) -> str:
    name = report.titles.get(rest, rest)
    if kind == "theory":
        known = rest.removesuffix("-correlations")
        grammar, _, task = known.rpartition("-")
        name = f"{grammar}, {task.replace('_', ' ')}{': correlations' if known != rest else ''}"
    shown = image(report.folder / file, f"{HEADINGS[kind]}: {name}")
    pdf = link(Path(file).with_suffix(".pdf").as_posix(), "PDF")
    return f"<figure>{shown}<figcaption>{text(name)} ({pdf})</figcaption></figure>"


def _run(report: Report) -> str:
    if report.experiments.empty:
        return f"<p>What is exactly known, without training.</p>{table(report.grammars)}"
    return (
        "<p>Networks are trained on sentences of random hierarchy models, and their learning "
        "curves stand beside what theory says of each grammar exactly, before any training. "
        f"</p>{table(report.grammars)}{table(report.experiments)}"
    )


def _exponents(report: Report) -> str:
    found = ""
    if (fits := report.read("fits.csv")) is not None and len(fits):
        meanings = {
            **EXPONENT_COLUMNS,
            "window": "the sizes that enter the fit, and why no others; or why there is no fit",
        }
        shown = table(exponent_table(fits), meanings)
        found += f'<div class="exponents">{shown}</div>{_lines(without_interval(fits))}'
    if (scaling := report.read("scaling.csv")) is not None and len(scaling_table(scaling)):
        shown = table(scaling_table(scaling), SCALING_COLUMNS)
        found += f'<h3>Network size</h3><div class="exponents">{shown}</div>'
    if (runs := report.read("runs.csv")) is None:
        return found
    failed = [f"{(runs['status'] == status).sum()} {status}" for status in FAILED]
    return f"{found}<p>Of {len(runs)} replicas, {' and '.join(failed)}; they enter no fit.</p>"


def _guide(report: Report) -> str:
    path = report.folder / "guide.md"
    return prose(path.read_text(encoding="utf-8")) if "guide.md" in report.files else ""


def _controls(report: Report) -> str:
    if (controls := report.read("controls.csv")) is None:
        return ""
    said = told(controls)
    return f"<p>{text(said.summary)}.</p>{_lines([*said.limited, *said.differing])}"


def _lines(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _tables(report: Report) -> str:
    return "".join(_details(report)) + (
        "<p><small>A click on a column's name sorts the rows that are shown.</small></p>"
    )


def _details(report: Report) -> Iterator[str]:
    for file in sorted(file for file in report.files if file.endswith(".csv")):
        rows = pd.read_csv(report.folder / file)
        shown = f"first {MOST_ROWS} of " if len(rows) > MOST_ROWS else ""
        yield (
            f'<details class="sortable"><summary>{text(file)}: {shown}{len(rows)} rows</summary>'
            f"{table(rows.head(MOST_ROWS))}<p>All of it: {link(file, file)}</p></details>"
        )


def _facts(made: Mapping[str, str]) -> str:
    told = "".join(f"<dt>{text(name)}</dt><dd>{text(line)}</dd>" for name, line in made.items())
    return f"<dl>{told}</dl>"
