"""The archive described as an RO-Crate, so that machines and repositories understand it.

Follows the profile Workflow Run Crate 0.5: the workflow is the Snakefile, its run one action with
the study as object and tables and figures as results.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .citation import arxiv, license_url, read_citation

METADATA = "ro-crate-metadata.json"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_FORMATS = {".yaml": "application/yaml", ".cff": "application/yaml", ".md": "text/markdown"}
_FOLDERS = {
    "workflow": "Rules and library",
    "config": "Settings and studies",
    "envs": "Pinned environment",
    "docs": "Documentation",
    "tests": "Tests",
    "results/store": "Products, addressed by what made them, with their records",
}
_FILES = {
    "README.md": "What the project is, and where to read on",
    "LICENSE": "License",
    "CITATION.cff": "How to cite the project and the papers",
    "CHANGELOG.md": "What changed from version to version",
    "config/config.yaml": "Settings of the machine",
    "envs/requirements.txt": "Pinned versions of all packages",
    "archive.json": "Study, code version, software and machines of this archive",
    "uncommitted.patch": "What the code differs by from its commit",
}


def describe(facts: Mapping[str, Any], files: Mapping[str, tuple[int, str]]) -> bytes:
    """The content of ``ro-crate-metadata.json``.

    Parameters
    ----------
    facts
        The content of ``archive.json``.
    files
        Size in bytes and SHA-256 of every file of the archive, by its path.

    Returns
    -------
    content
        JSON-LD; the same for the same arguments.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    # the context of RO-Crate 1.1 lacks this term, the one of Workflow Run Crate has it
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    citation = read_citation()
    own = f"results/{facts['name']}/"
    results = [
        name
        for name in files
        if name.startswith(own) and Path(name).suffix in (".csv", ".png", ".pdf", ".html")
    ]
    known = {
        **{name: text for name, text in _FILES.items() if name in files},
        facts["study"]: "The study as it was given",
        f"{own}study.json": "The study with every default filled in, and all its products",
        f"{own}datapackage.json": "Meaning, type and unit of every column of every table",
        **dict.fromkeys(results, ""),
    }
    for folder, text in _FOLDERS.items():
        if any(name.startswith(f"{folder}/") for name in files):
            properties = {"name": folder, "description": text}
            crate.add_dataset(dest_path=f"{folder}/", properties=properties)
    entities = {}
    for name, text in known.items():
        entities[name] = crate.add_file(dest_path=name, properties=_file(name, text, files[name]))
    workflow = _workflow(crate, facts, files["Snakefile"])
    parameter = _entity(
        crate, "#study", "FormalParameter", name="study", additionalType="File", valueRequired=True
    )
    parameter["workExample"] = entities[facts["study"]]
    entities[facts["study"]]["exampleOfWork"] = parameter
    workflow["input"] = parameter
    run = _entity(
        crate,
        "#run",
        "CreateAction",
        name=f"Run of the study {facts['name']}",
        description="Times are those at which the first and the last product were finished.",
        startTime=facts["first_made"],
        endTime=facts["last_made"],
        actionStatus="http://schema.org/CompletedActionStatus",
    )
    run["instrument"] = workflow
    run["object"] = entities[facts["study"]]
    run["result"] = [entities[name] for name in results]
    root = crate.root_dataset
    root["name"] = facts["title"]
    root["description"] = f"Archive of the study {facts['name']}: {citation['title']}"
    root["datePublished"] = facts["last_made"]
    root["mentions"] = run
    root["license"] = _entity(
        crate,
        license_url(citation),
        "CreativeWork",
        name=f"{citation['license']} license",
    )
    entities["README.md"]["about"] = root
    authors = [
        _entity(crate, f"#author-{number}", "Organization", name=author["name"])
        for number, author in enumerate(citation["authors"], 1)
    ]
    root["author"] = authors if len(authors) > 1 else authors[0]
    root["citation"] = [_paper(crate, reference) for reference in citation["references"]]
    root["conformsTo"] = [
        _entity(crate, url, "CreativeWork", name=name, version=number)
        for url, (name, number) in _PROFILES.items()
    ]
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def _entity(crate: Any, identifier: str, kind: str, **properties: Any) -> Any:
    """A new entity that is not a file."""
    from rocrate.model import ContextEntity

    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))


def _file(name: str, text: str, known: tuple[int, str]) -> dict[str, Any]:
    """Properties of a file."""
    suffix = Path(name).suffix
    guessed = _FORMATS.get(suffix) or mimetypes.types_map.get(suffix) or "text/plain"
    size, digest = known
    found = {"name": Path(name).name, "contentSize": str(size), "sha256": digest}
    return {**found, "encodingFormat": guessed, **({"description": text} if text else {})}


def _workflow(crate: Any, facts: Mapping[str, Any], known: tuple[int, str]) -> Any:
    """The main entity: the Snakefile, with the software that its jobs ran with."""
    workflow = crate.add_workflow(
        dest_path="Snakefile",
        main=True,
        lang="snakemake",
        lang_version=facts["versions"][-1]["snakemake"],
        properties=_file("Snakefile", "The workflow", known),
    )
    workflow["version"] = facts["code"]["commit"] or "not under version control"
    workflow["softwareRequirements"] = [
        _entity(
            crate,
            _release(package, number),
            "SoftwareApplication",
            name=package,
            softwareVersion=number,
            url=_release(package, number),
        )
        for package, number in sorted(
            {pair for versions in facts["versions"] for pair in versions.items()}
        )
    ]
    return workflow


def _release(package: str, number: str) -> str:
    """The page of a release, which identifies it; build tags have none of their own."""
    if package == "python":
        return f"https://www.python.org/downloads/release/python-{number.replace('.', '')}/"
    return f"https://pypi.org/project/{package}/{number}/"


def _paper(crate: Any, reference: Mapping[str, Any]) -> Any:
    """A paper of CITATION.cff."""
    authors = [f"{one['given-names']} {one['family-names']}" for one in reference["authors"]]
    return _entity(
        crate,
        f"https://arxiv.org/abs/{arxiv(reference)}",
        "ScholarlyArticle",
        name=reference["title"],
        author=authors,
        datePublished=str(reference["year"]),
    )
