"""The report of a study: one page, with all that it shows inside; also as a browser shows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from conftest import TINY, Project, call
from helpers.pages import Page
from rhm_scaling.plots.captions import HEADINGS, caption
from rhm_scaling.plots.report_page import MOST_ROWS
from rhm_scaling.plots.summary import EXPONENT_COLUMNS

# what a reader sees without a click: of each section its images and their widths, the captions;
# then the first column of a table, which is opened, before and after clicks on its heading
PROBE = """<script>
window.addEventListener("load", () => {
  const notes = {sections: {}, sorted: []};
  const seen = item => item.checkVisibility() && item.getBoundingClientRect().height > 0;
  for (const section of document.querySelectorAll("section")) {
    const images = [...section.querySelectorAll("img")].filter(seen);
    const captions = [...section.querySelectorAll(".figure > figcaption")].filter(seen);
    notes.sections[section.querySelector("h2").textContent] =
      [images.map(i => i.naturalWidth), captions.map(c => c.textContent)];
  }
  const table = [...document.querySelectorAll("details")]
    .find(each => each.querySelector("summary").textContent.startsWith("fits.csv:"));
  table.open = true;
  const column = [...table.querySelectorAll("th")].find(th => th.textContent === "points");
  for (let turn = 0; turn < 3; turn++) {
    notes.sorted.push([...table.querySelectorAll("tbody tr")]
      .map(row => Number(row.cells[column.cellIndex].textContent)));
    column.click();
  }
  notes.scripts = [...document.scripts].filter(each => each.src).length;
  notes.wide = document.documentElement.scrollWidth - window.innerWidth;
  const shown = document.createElement("pre");
  shown.id = "probe";
  shown.textContent = JSON.stringify(notes);
  document.body.append(shown);
});
</script>"""
FIGURES = {"Theory": 7, "Learning curves": 4, "Local exponents": 3}
FIGURES |= {"Recovered symbols": 1, "Learning rates": 1}


@pytest.fixture(scope="module")
def report(project: Project) -> Path:
    return project.folder / "results" / "tiny" / "report.html"


def test_all_is_inside_or_beside_the_page(report: Path) -> None:
    page = Page(report)
    assert page.dead() == []
    assert len(page.images) == sum(FIGURES.values())
    assert all(page.images) and len({*page.images}) == len(page.images)
    folder = report.parent
    there = [*folder.glob("*.csv"), *folder.glob("*/*.pdf")]
    links = {link for link in page.links if not link.startswith("#")}
    assert {path.relative_to(folder).as_posix() for path in there} == links


def test_text_says_how_to_read_what_is_shown(project: Project, report: Path) -> None:
    words = Page(report).words
    for meaning in EXPONENT_COLUMNS.values():
        assert meaning in words
    reason = "needs 3 sizes below half of chance and above the resolution, has 2: from 64"
    assert words.count(reason) == (project.table("fits")["points"] == 2).sum() > 0
    assert "no interval of flat classification cnn w16 d2: less than 90%" in words
    assert f"Of {len(project.table('runs'))} replicas, 0 diverged and 0 collapsed" in words
    assert "Zipf 1 at level 1" in words
    for text in ("core-seconds", "torch 2", "not a git repository"):
        assert text in words


def test_tables_are_shown_as_they_are(project: Project, report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for name in ("fits", "theory", "thresholds"):
        table = project.table(name)
        shown = text.split(f"<summary>{name}.csv: ")[1].split("</details>")[0]
        assert shown.count("<tr>") == 1 + min(len(table), MOST_ROWS)
        assert f"first {MOST_ROWS} of {len(table)} rows" in shown or len(table) <= MOST_ROWS
        assert f"{len(table)} rows" in shown
        names = [unescape(found) for found in re.findall(r"<th>(.*?)</th>", shown)]
        assert names == [*table.columns]


def test_equal_results_make_equal_reports(project: Project, report: Path) -> None:
    before = report.read_bytes()
    report.unlink()
    status, lines, errors = call(project, "report", TINY)
    assert (status, lines, errors) == (0, ["report: results/tiny/report.html"], [])
    assert report.read_bytes() == before


def test_every_kind_of_figure_has_a_caption_of_its_own() -> None:
    captions = {kind: caption(kind, "zipf-classification") for kind in HEADINGS}
    assert len({*captions.values()}) == len(captions)
    assert all(text.startswith("<p>") and len(text) > 100 for text in captions.values())
    tasks = ("classification", "last_token", "autoregressive", "last_token-correlations")
    assert len({caption("theory", f"some-{task}") for task in tasks}) == 4
    assert caption("theory", "a-b") == caption("theory", "correlations-last_token")


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_every_figure_with_its_caption(
    report: Path, tmp_path: Path, width: int
) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium here: install it to check the report")
    page = tmp_path / "report.html"
    text = report.read_text(encoding="utf-8")
    page.write_text(PROBE.join(text.rsplit("</body>", 1)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--no-first-run"]
    options += [f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=40000"]
    options += [f"--window-size={width},1000"]
    done = subprocess.run(
        [browser, *options, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    notes = json.loads(unescape(found.group(1)))
    for section, (images, captions) in notes["sections"].items():
        assert len(images) == FIGURES.get(section, 0)
        assert all(wide > 500 for wide in images)
        assert bool(captions) == bool(images) and all(len(said) > 100 for said in captions)
    first, upwards, downwards = notes["sorted"]
    assert upwards == sorted(first) != downwards == sorted(first, reverse=True)
    assert pd.Series(first).nunique() > 1
    assert notes["scripts"] == 0
    assert notes["wide"] <= 0
