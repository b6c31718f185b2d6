"""A data set described for machines, in the vocabulary Croissant 1.1.

http://mlcommons.org/croissant/1.1: files with their checksums, and of each grammar draw and sample
a set of records with its fields, the split among them, which is read off a file's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..study.schema import Study
from .citation import arxiv, bibtex, license_url
from .sentences import SPLITS, Column, Configuration, Shard

CONFORMS = "http://mlcommons.org/croissant/1.1"
# terms of the vocabulary itself, by how they are written below
_TERMS = (
    *("annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty"),
    *("excludes", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path"),
    *("readLines", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("separator", "source", "subField", "transform", "value"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    **{term: f"cr:{term}" for term in _TERMS},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
}
_TYPES = {1: "cr:UInt8", 2: "cr:UInt16", 4: "cr:UInt32", 8: "cr:UInt64"}  # by bytes


def croissant(
    study: Study,
    found: Sequence[Configuration],
    shards: Mapping[str, Sequence[Shard]],
    citation: Mapping[str, Any],
) -> str:
    """The content of ``croissant.json``.

    Parameters
    ----------
    study
        Whose sentences they are.
    found
        Its configurations.
    shards
        Files of each, by its name.
    citation
        The content of ``CITATION.cff``.
    """
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": study.name,
        "description": (
            f"Sentences of random hierarchy models, with which the networks of the study "
            f"{study.name} are trained, validated and tested."
        ),
        "license": license_url(citation),
        "url": f"https://arxiv.org/abs/{arxiv(citation['references'][0])}",
        "version": citation["version"],
        "datePublished": str(citation["date-released"]),
        "creator": [
            {"@type": "sc:Organization", "name": author["name"]} for author in citation["authors"]
        ],
        "keywords": ["random hierarchy model", "context-free grammar", "scaling laws", "synthetic"],
        "isLiveDataset": False,
        "citeAs": bibtex(citation),
        "distribution": [entry for one in found for entry in _files(one.name, shards[one.name])],
        "recordSet": [_splits(), *map(_records, found)],
    }
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _files(name: str, shards: Sequence[Shard]) -> list[dict[str, Any]]:
    """Each file of a configuration, and all of them as a set."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": shard.path,
            "name": shard.path.rpartition("/")[2],
            "description": f"Sentences of {name}, {shard.split}.",
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": shard.sha256,
        }
        for shard in shards
    ]
    every = {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "description": f"All sentences of {name}.",
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{name}/*.parquet",
    }
    return [*files, every]


def _splits() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "Names of the splits.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": "splits/name",
                "name": "name",
                "description": "Name of the split.",
                "dataType": "sc:Text",
            }
        ],
        "data": [{"splits/name": split} for split in SPLITS],
    }


def _records(one: Configuration) -> dict[str, Any]:
    """The records of a configuration."""
    files = {"fileSet": {"@id": f"{one.name}-files"}}
    split = {
        "@type": "cr:Field",
        "@id": f"{one.name}/split",
        "name": "split",
        "description": "The split that the sentence belongs to.",
        "dataType": "sc:Text",
        "source": {
            **files,
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": rf"^({'|'.join(SPLITS)})\b.*"},
        },
        "references": {"field": {"@id": "splits/name"}},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": one.name,
        "name": one.name,
        "description": (
            f"Grammar {one.of}, rules drawn with seed {one.rule_seed}, sample {one.sample_seed}: "
            + ", ".join(f"{size} sentences to {split}" for split, size in one.sizes.items())
            + "."
        ),
        "field": [split, *(_field(one.name, column, files) for column in one.columns)],
    }


def _field(name: str, column: Column, files: Mapping[str, Any]) -> dict[str, Any]:
    array = {"isArray": True, "arrayShape": str(column.width)} if column.width else {}
    return {
        "@type": "cr:Field",
        "@id": f"{name}/{column.name}",
        "name": column.name,
        "description": f"{column.meaning[0].upper()}{column.meaning[1:]}.",
        "dataType": _TYPES[np.dtype(column.kind).itemsize],
        **array,
        "source": {**files, "extract": {"column": column.name}},
    }
