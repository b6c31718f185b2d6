"""How to cite the project and the papers, as ``CITATION.cff`` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ..core.fingerprint import PACKAGE


def read_citation() -> dict[str, Any]:
    """The content of ``CITATION.cff``."""
    text = (PACKAGE.parents[1] / "CITATION.cff").read_text(encoding="utf-8")
    known: dict[str, Any] = yaml.safe_load(text)
    return known


def arxiv(reference: Mapping[str, Any]) -> str:
    """Number of a paper on arXiv."""
    (number,) = [known["value"].removeprefix("arXiv:") for known in reference["identifiers"]]
    return str(number)


def license_url(citation: Mapping[str, Any]) -> str:
    """The page that identifies the license."""
    return f"https://spdx.org/licenses/{citation['license']}"


def bibtex(citation: Mapping[str, Any]) -> str:
    """Entries for BibTeX: the project, then the papers."""
    project = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(f"{{{author['name']}}}" for author in citation["authors"]),
        "version": citation["version"],
        "year": str(citation["date-released"])[:4],
    }
    entries = [_entry("software", "rhm-scaling", project)]
    for paper in citation["references"]:
        authors = [f"{one['family-names']}, {one['given-names']}" for one in paper["authors"]]
        published = "booktitle" if paper["type"] == "conference-paper" else "journal"
        fields = {
            "title": f"{{{paper['title']}}}",
            "author": " and ".join(authors),
            published: paper.get("collection-title") or paper.get("journal"),
            "year": paper["year"],
            "eprint": arxiv(paper),
            "archiveprefix": "arXiv",
        }
        first = paper["authors"][0]["family-names"].lower()
        kind = "inproceedings" if published == "booktitle" else "article"
        entries.append(_entry(kind, f"{first}-{arxiv(paper)}", fields))
    return "\n\n".join(entries)


def _entry(kind: str, key: str, fields: Mapping[str, Any]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
