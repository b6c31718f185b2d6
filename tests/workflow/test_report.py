"""The report in a real browser, as a reader opens it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from conftest import Project

# Opens each category of the report as a reader does and notes what is shown.
PROBE = """<script>
window.addEventListener("load", async () => {
  const notes = [], pause = () => new Promise(done => setTimeout(done, 700));
  const press = (name) => [...document.querySelectorAll("nav a")]
    .find(link => link.textContent.trim() === name).click();
  try {
    await pause();
    const categories = ["Theory", "Learning curves", "Local exponents", "Recovered symbols"];
    for (const category of [...categories, "Learning rates", "Exponents"]) {
      press(category);
      await pause();
      const rows = document.querySelectorAll("nav tbody tr").length;
      document.querySelector('nav tbody a[iconname="eye"]').click();
      await pause();
      const image = [...document.querySelectorAll("#app img")].find(i => i.naturalWidth > 500);
      const frame = document.querySelector("#app iframe");
      const inner = frame && await (await fetch(frame.src)).text();
      notes.push([category, rows, image ? image.naturalWidth : 0, inner || ""]);
      press("Results");
      await pause();
    }
  } catch (error) { notes.push(["error", 0, 0, String(error)]); }
  const shown = document.createElement("pre");
  shown.id = "probe";
  shown.textContent = JSON.stringify(notes);
  document.body.append(shown);
});
</script>"""


def test_the_report_shows_figures_and_exponents(project: Project, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium here: install it to check the report")
    text = (project.folder / "results" / "tiny" / "report.html").read_text(encoding="utf-8")
    page = tmp_path / "report.html"
    page.write_text(PROBE.join(text.rsplit("</body>", 1)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--no-first-run"]
    options += [f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=40000"]
    done = subprocess.run(
        [browser, *options, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    notes = {category: rest for category, *rest in json.loads(unescape(found.group(1)))}
    rows = {"Theory": 7, "Learning curves": 4, "Local exponents": 4}
    rows |= {"Recovered symbols": 1, "Learning rates": 1}
    for category, count in rows.items():
        assert notes[category][0] == count
        assert notes[category][1] > 500
    assert "zipf classification cnn" in notes["Exponents"][2]
