"""What MkDocs is told of this project: pages that stand elsewhere, files that pages name, formulas.

Pages are written so that their links work where the code is hosted. In the site, a link to a page
that stands elsewhere leads to its place there, and any other file of the project that a page names
is copied. Formulas, `$...$`, are drawn when the site is built, so that no script has to be fetched.
"""

from __future__ import annotations

import base64
import html
import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from posixpath import normpath

from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebooks import page as page_of_notebook

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "config/README.md": "keys.md",
    "results/README.md": "tables.md",
    "results/reference/README.md": "reference-results.md",
    "workflow/profiles/slurm/README.md": "clusters.md",
}
SOURCES = {page: source for source, page in PAGES.items()}
# code, in which nothing is meant; the target of a link, less those that begin with a scheme or `#`;
# or a formula
_PATTERN = re.compile(
    r"^```.*?^```|`[^`\n]+`|(?<=\]\()(?![a-z]+:|#)(?P<target>[^)#\s]+)"
    r"|(?P<dollars>\$\$?)(?P<formula>[^$]+)(?P=dollars)",
    re.M | re.S,
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere, notebooks as pages, and the files that any page names."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for notebook in ROOT.glob("docs/*.ipynb"):
        text, images = page_of_notebook(notebook)
        files.append(File.generated(config, f"{notebook.stem}.md", content=text))
        for name, image in images.items():
            files.append(File.generated(config, name, content=image))
    named = {name for page in files.documentation_pages() for name in _named(page)}
    for name in sorted(named):
        files.append(File.generated(config, _place(name), abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where things are in the site, and draw formulas."""

    def replaced(found: re.Match[str]) -> str:
        if found["target"]:
            return _place(_resolved(_source(page.file), found["target"]))
        if found["formula"]:
            return _drawn(found["formula"], display=found["dollars"] == "$$")
        return found[0]

    return _PATTERN.sub(replaced, markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Copy what the HTML files link to that were copied: a text of Markdown stays one for them."""
    copies = Path(config.site_dir, "files")
    for page in copies.rglob("*.html"):
        folder = page.relative_to(copies).parent.as_posix()
        for target in re.findall(r'(?:href|src)="([^":#]+)"', page.read_text(encoding="utf-8")):
            name = _resolved(f"{folder}/{page.name}", target)
            if not name.startswith("..") and (ROOT / name).is_file():
                (copies / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, copies / name)


def _source(file: File) -> str:
    """Path of a page in the project."""
    return SOURCES.get(file.src_uri, f"docs/{file.src_uri}")


def _resolved(source: str, target: str) -> str:
    """Path in the project of what a page links to."""
    return normpath(PurePosixPath(source).parent / target)


def _place(name: str) -> str:
    """Where a file of the project is in the site, as seen from any page."""
    if name in PAGES:
        return PAGES[name]
    inside = name.removeprefix("docs/")
    return inside if inside != name else f"files/{name}"


def _named(file: File) -> Iterator[str]:
    """Files of the project that a page names and that the site does not have by itself."""
    for found in _PATTERN.finditer(file.content_string):
        name = _resolved(_source(file), found["target"]) if found["target"] else ""
        if name not in PAGES and not name.startswith("docs/") and (ROOT / name).is_file():
            yield name


def _drawn(formula: str, display: bool) -> str:
    """A formula as an image on the line of the text, as large as it."""
    formula = " ".join(formula.split())
    own = re.sub(r"\\([gl]e)\b", r"\\\1q", formula)  # as matplotlib calls the sign
    if display:
        own = own.replace(r"\frac", r"\dfrac")
    image, size = BytesIO(), FontProperties(size=12)
    depth = math_to_image(f"${own}$", image, prop=size, dpi=72, format="svg")
    source = f"data:image/svg+xml;base64,{base64.b64encode(image.getvalue()).decode()}"
    drawn = (
        f'<img class="formula" alt="{html.escape(formula)}" src="{source}" '
        f'style="vertical-align: {-depth:.1f}pt">'
    )
    return f'<p class="formula">{drawn}</p>' if display else drawn
