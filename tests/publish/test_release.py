"""What names a version agrees on it, and the page of exports does what it says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conftest import ROOT, Project
from rhm_scaling.publish.citation import arxiv, bibtex, read_citation
from rhm_scaling.publish.version import CODE
from rhm_scaling.steps.columns import field

# of a legacy deposit of Zenodo, what is used of it
ZENODO = {
    "type": "object",
    "required": ["title", "description", "upload_type", "version", "creators", "license"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string"},
        "description": {"type": "string", "minLength": 50},
        "upload_type": {"const": "software"},
        "version": {"type": "string"},
        "publication_date": {"type": "string", "format": "date"},
        "access_right": {"const": "open"},
        "license": {"type": "string"},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "creators": {"type": "array", "minItems": 1, "items": {"required": ["name"]}},
        "related_identifiers": {
            "type": "array",
            "items": {"required": ["identifier", "relation", "scheme"]},
        },
    },
}


@pytest.fixture(scope="module")
def zenodo() -> dict[str, Any]:
    known: dict[str, Any] = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    return known


def test_all_that_names_a_version_agrees(zenodo: dict[str, Any]) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    citation = read_citation()
    released = citation["version"], str(citation["date-released"])
    assert released == (project["version"], zenodo["publication_date"])
    assert citation["version"] == zenodo["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *versions = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changes, re.MULTILINE)
    assert first == ("Unreleased", "")
    assert versions[0] == released
    assert versions == sorted(versions, key=lambda known: known[1], reverse=True)
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {*re.findall(r"^### (.+)$", changes, re.MULTILINE)} <= known
    assert {"CHANGELOG.md", ".zenodo.json", "CITATION.cff"} <= {*CODE}


def test_citations_say_the_same(zenodo: dict[str, Any]) -> None:
    jsonschema.validate(zenodo, ZENODO)
    citation = read_citation()
    for key in ("title", "license", "keywords"):
        assert zenodo[key] == citation[key]
    assert [one["name"] for one in zenodo["creators"]] == [a["name"] for a in citation["authors"]]
    papers = [arxiv(paper) for paper in citation["references"]]
    related = [known["identifier"] for known in zenodo["related_identifiers"]]
    assert related == [f"arXiv:{number}" for number in papers]
    entries = bibtex(citation)
    kinds = re.findall(r"^@(\w+)\{", entries, re.MULTILINE)
    assert kinds == ["software", "inproceedings", "article"]
    assert all(f"eprint = {{{number}}}" in entries for number in papers)
    assert entries.count("{") == entries.count("}")


def test_the_tables_of_a_run_are_described(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    (shown,) = [code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "json" in code]
    monkeypatch.chdir(project.folder)
    exec(shown.replace("laptop", "tiny"))  # noqa: S102
    told = eval(capsys.readouterr().out)  # noqa: S307
    header = (Path("results/tiny/runs.csv").read_text(encoding="utf-8")).split("\n")[0]
    assert list(told) == header.split(",")
    assert told["overlap"] == field("runs.csv", "overlap")["description"]
    assert field("runs.csv", "val_loss")["unit"] == "nats"
    # a column is explained where it stands: in its own table, or in the one that it is like there
    assert field("curves.csv", "train_size")["description"].startswith("size `P` of the training")
    assert "fitted against" in field("curves.csv", "train_size")["description"]
    assert field("best_rates.csv", "chosen")["type"] == "number"
    with pytest.raises(KeyError, match=r"runs\.csv: other"):
        field("runs.csv", "other")
