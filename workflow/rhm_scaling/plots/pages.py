"""What pages in HTML share: one file each, readable without a network, on paper and in grey."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

STYLE = """
body { font-family: sans-serif; margin: 2em auto; padding: 0 1em; max-width: 66em; color: #222;
  line-height: 1.4; }
nav a { margin-right: 0.8em; }
section { border-top: 1px solid #ccc; padding: 0.8em 0; }
img { max-width: 100%; }
.table { overflow-x: auto; margin: 0.5em 0 1em; }
table { border-collapse: collapse; font-size: 0.85em; }
th, td { text-align: left; vertical-align: top; padding: 0.2em 0.6em; }
td { border-bottom: 1px solid #ddd; }
small { color: #555; }
"""


def text(value: Any) -> str:
    """Any value as text of a page."""
    return html.escape(str(value))


def document(title: str, body: str, style: str = "", script: str = "") -> str:
    """A page: `title` is text, the others are written as they are."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{text(title)}</title><style>{STYLE}{style}</style>"
    run = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body><h1>{text(title)}</h1>'
        f"{body}{run}</body></html>\n"
    )


def link(address: str, name: str) -> str:
    """A link to a file, by its path from the page's folder."""
    return f'<a href="{text(address)}">{text(name)}</a>'


def image(path: Path, shows: str) -> str:
    """A PNG inside the page, with what it shows for those who cannot see it."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{text(shows)}">'


def table(frame: pd.DataFrame, meanings: Mapping[str, str] | None = None) -> str:
    """A table that is scrolled where it is too wide; below it a line for each column explained."""
    head = "".join(f"<th>{text(name)}</th>" for name in frame.columns)
    rows = ("".join(f"<td>{text(_short(cell))}</td>" for cell in row) for row in frame.to_numpy())
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    told = "".join(
        f"<dt>{text(name)}</dt><dd>{text(meaning)}</dd>"
        for name, meaning in (meanings or {}).items()
    )
    return (
        f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{f'<dl>{told}</dl>' if told else ''}"
    )


def _short(cell: Any) -> Any:
    if isinstance(cell, float):
        return "" if pd.isna(cell) else f"{cell:.5g}"
    return cell


def prose(markdown: str) -> str:
    """The Markdown of a guide: paragraphs, lists, code, bold and slanted words."""
    found = []
    for part in markdown.strip().split("\n\n"):
        if part.startswith("- "):
            items = (f"<li>{_words(item)}</li>" for item in part.removeprefix("- ").split("\n- "))
            found.append(f"<ul>{''.join(items)}</ul>")
        elif part.startswith("# "):
            found.append(f"<h3>{_words(part.removeprefix('# '))}</h3>")
        else:
            found.append(f"<p>{_words(part)}</p>")
    return "".join(found)


def _words(markdown: str) -> str:
    """What stands between backticks is code, in which no star means anything."""
    plain, *others = text(markdown).split("`")
    found = [_marked(plain)]
    for number, part in enumerate(others):
        found.append(_marked(part) if number % 2 else f"<code>{part}</code>")
    return "".join(found)


def _marked(words: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", words)
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", bold)
