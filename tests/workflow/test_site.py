"""The documentation: pages are in the navigation, what they name is there, no network is needed."""

import base64
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml

import rhm_scaling as rhm
from helpers.documents import text_of

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "docs" / "site" / "mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does; `--strict` makes an error of each warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", CONFIG]
    done = subprocess.run(
        [*command, "--site-dir", folder],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Page(HTMLParser):
    """What a page loads and links to, and the names of its places."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        given = {name: value for name, value in attrs if value}
        if "id" in given:
            self.places.add(given["id"])
        if "src" in given:
            self.loads.append(given["src"])
        if "href" in given:
            (self.loads if tag == "link" else self.links).append(given["href"])


def test_the_readme_is_short_and_says_how_to_test() -> None:
    text = text_of("README.md")
    assert len(text.splitlines()) <= 150
    assert re.search(r"^make test ", text, re.M)


def named(entry: object) -> Iterator[str]:
    """Pages of the navigation, or of a part of it."""
    if isinstance(entry, str):
        yield entry
    else:
        parts = entry.values() if isinstance(entry, dict) else entry
        yield from (page for part in parts for page in named(part))  # type: ignore[attr-defined]


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [*named(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["nav"])]
    assert len(pages) == len({*pages})
    assert {path.name for path in (ROOT / "docs").rglob("*.md")} <= {*pages}


def test_documents_link_to_files_that_exist() -> None:
    """As they are read where the code is hosted; the site has its own links."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]
    documents += [ROOT / "results" / "reference" / "README.md"]
    documents += [ROOT / "workflow" / "profiles" / "slurm" / "README.md"]
    for document in documents:
        text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
        for target in re.findall(r"\]\(((?!https?:)[^)#]+)", text):
            assert (document.parent / target).exists(), f"{document}: {target}"


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    pages = {file: Page(file) for file in site.rglob("*.html")}
    assert len(pages) > 20
    for file, page in pages.items():
        for link in (*page.links, *page.loads):
            address = urlsplit(link)
            if address.scheme:
                continue
            target = (file.parent / unquote(address.path)).resolve() if address.path else file
            if file.name == "404.html":  # which may be shown anywhere, so its links begin with /
                target = site / unquote(address.path).lstrip("/")
            copies = site / "files"
            if copies in file.parents and not (ROOT / target.relative_to(copies)).exists():
                continue  # the file that was copied does not have it either
            assert target.exists(), f"{file.name}: {link}"
            if address.fragment and target in pages:
                assert unquote(address.fragment) in pages[target].places, f"{file.name}: {link}"


def test_the_site_loads_nothing_from_a_network(site: Path) -> None:
    for file in site.glob("*.html"):
        assert all(not urlsplit(name).netloc for name in Page(file).loads), file.name
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), sheet.name


def test_a_notebook_is_a_page_and_formulas_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(CONFIG.parent)
    hooks = importlib.import_module("hooks")
    figure = {"image/png": base64.b64encode(b"drawn").decode(), "text/plain": "<Figure>"}
    printed = nbformat.v4.new_output("stream", text="1.5\n")
    drawn = nbformat.v4.new_output("display_data", data=figure)
    text = "Of $P^{-1}$, $l\n\\ge 2$, not `$P$`; see [a](../envs/docs.txt) and [b](../README.md)."
    cells = [
        nbformat.v4.new_markdown_cell(text),
        nbformat.v4.new_code_cell("draw()", outputs=[printed, drawn]),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "tour.ipynb")
    markdown, images = hooks.page_of_notebook(tmp_path / "tour.ipynb")
    assert images == {"tour-1.png": b"drawn"}
    assert "```python\ndraw()\n```\n\n```text\n1.5\n```\n\n![" in markdown
    page = SimpleNamespace(file=SimpleNamespace(src_uri="tour.md"))
    made = hooks.on_page_markdown(markdown, page, None, None)
    assert re.search(r'^Of <img class="formula" alt="P\^{-1}" src="data:image/svg', made)
    assert made.count('alt="l \\ge 2"') == 1
    assert "not `$P$`; see [a](files/envs/docs.txt) and [b](index.md)." in made


def test_the_api_has_every_promised_name(site: Path) -> None:
    assert {f"rhm_scaling.{name}" for name in rhm.__all__} <= Page(site / "api.html").places


def test_pages_are_found_without_a_server(site: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    assert browser, "install chromium"
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom"),
            f"{(site / 'limits.html').as_uri()}?q=half+invariant",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.findall(r'<a href="(\S+?)" class="md-search-result__link"', done.stdout)
    assert any("/tables.html" in link for link in found), done.stdout[-2000:]
