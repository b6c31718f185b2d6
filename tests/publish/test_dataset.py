"""Sentences as Parquet: those that networks see, in files that describe themselves."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from numpy.typing import NDArray

from conftest import ROOT, TINY, Project, call
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.json_file import from_json
from rhm_scaling.grammar.model import Grammar
from rhm_scaling.publish import dataset, sentences
from rhm_scaling.publish.croissant import CONTEXT
from rhm_scaling.steps.products import draw_grammar, sample_sentences
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study
from rhm_scaling.theory.solve import solve

# tokens that need two bytes, two samples, sets of several sizes, without replacement, a grammar
# from a file in which sentences have several derivations, an endless stream
STUDY = """\
name: sets
grammars:
  wide: {v: {0: 300, 1: 6}, n: 3, s: 2, L: 2, m: {1: 4, 2: 2}, zipf: {1: 1.0}}
  deep: {v: 8, s: 2, L: 3, m: 3}
  mine: {file: mine.json}
architectures:
  cnn: {kind: cnn, width: 8, training: {max_steps: 40}}
experiments:
  labels:
    task: classification
    grammars: [wide]
    architectures: [cnn]
    train_sizes: [16, 5000]
    validation_size: 100
    test_size: 50
    replicas: {rule_draws: 2, samples: 2}
  more:
    task: last_token
    grammars: [wide]
    architectures: [cnn]
    train_sizes: [32]
    validation_size: 10
    test_size: 70
    replicas: {rule_draws: 1}
  apart:
    task: last_token
    grammars: [deep]
    architectures: [cnn]
    train_sizes: [256]
    replacement: false
    validation_size: 60
    test_size: 90
    replicas: {rule_draws: 1}
  fresh:
    task: last_token
    grammars: [mine]
    architectures: [cnn]
    online: true
    validation_size: 60
    test_size: 90
    replicas: {rule_draws: 1}
"""
MINE = """{"v": 3, "root": [0.4, 0.6], "rules": {
    "1": [[[0, 1], [2, 2]], [[0, 1], [1, 0]]], "2": [[[0, 1]], [[1, 1], [1, 0]]]}}"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "mine.json").write_text(MINE, encoding="utf-8")
    (folder / "sets.yaml").write_text(STUDY, encoding="utf-8")
    return folder / "sets.yaml"


@pytest.fixture(scope="module")
def plan(study: Path) -> Plan:
    return Plan(load_study(study))


@pytest.fixture(scope="module")
def written(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of the study, in several files a split."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dataset, "_SHARD", 30_000)
        path = tmp_path_factory.mktemp("made") / "sets"
        assert dataset.write_dataset(study, path, say=said.append) == path
    number = (4 * 5000 + 4 * 100 + 70 + 3 * 50) + (256 + 60 + 90) + (40 * 128 + 60 + 90)
    assert said[0].startswith(f"{path}: {number} sentences of 6 grammar draws and samples, ")
    return path


def read(folder: Path, name: str, split: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "data" / name / f"{split}-*.parquet")


def numbers(table: pl.DataFrame, column: str) -> NDArray[Any]:
    return np.asarray(table[column].to_numpy())


def made_by_the_workflow(plan: Plan, folder: Path) -> Iterator[tuple[Product, NDArray[np.void]]]:
    """Every set of sentences of a plan, made as the workflow makes it."""
    for product in plan.products["sentences"].values():
        grammar = product.inputs["grammar"]
        rules, path = folder / f"{grammar.identity}.json", folder / f"{product.identity}.npy"
        if not rules.exists():
            files = {role: Path(file) for role, file in grammar.reads.items()}
            draw_grammar.make(grammar.specification, files, {"product": rules})
        sample_sentences.make(product.specification, {"grammar": rules}, {"product": path})
        yield product, np.load(path)


def test_the_sentences_are_those_that_networks_see(
    plan: Plan, written: Path, tmp_path: Path
) -> None:
    labels = {plan.parameters(name).label(): name for name in plan.study.grammars}
    seen = set()
    for product, stored in made_by_the_workflow(plan, tmp_path):
        what = product.specification
        name = labels[product.name.split("/")[0]]
        place = f"{name}-r{what['rule_seed']:03d}-s{what['sample_seed']:03d}"
        place += "-distinct-60-90" if name == "deep" else ""
        table = read(written, place, what["stream"])
        size = min(len(table), len(stored))
        assert size >= 10
        for column in ("label", "tokens"):
            found = numbers(table, column)
            assert found.dtype == stored[column].dtype
            np.testing.assert_array_equal(found[:size], stored[column][:size])
        # no more than the largest set: a file of the store may have more than it is used for
        sizes = [
            block.specification["train_size"] if what["stream"] == "train" else what["size"]
            for _, block in plan.blocks
            if product in block.inputs.values()
        ]
        assert len(table) >= max(sizes)
        seen.add((place, what["stream"]))
    there = {tuple(p.name.split("-")[:1]) for p in (written / "data").iterdir()}
    assert there == {("wide",), ("deep",), ("mine",)}
    # the training set of an online training is nowhere in the store
    every = {(p.name, split) for p in (written / "data").iterdir() for split in sentences.SPLITS}
    assert every - seen == {("mine-r000-s000", "train")}
    sizes = {split: len(read(written, "wide-r000-s000", split)) for split in sentences.SPLITS}
    assert sizes == {"train": 5000, "validation": 100, "test": 70}
    assert len(read(written, "wide-r001-s001", "test")) == 50
    assert len(read(written, "mine-r000-s000", "train")) == 40 * 128


def test_derivations_make_the_sentences(written: Path) -> None:
    for name, derived in (("wide-r001-s001", True), ("mine-r000-s000", False)):
        table = read(written, name, "train")
        rules = (written / "data" / name / "grammar.json").read_text(encoding="utf-8")
        grammar = from_json(rules)
        columns = ["label", "tokens", "symbols_1", "ranks_1", "ranks_2"]
        assert table.columns == (columns if derived else columns[:2])
        if derived:
            symbols = [numbers(table, name) for name in ("tokens", "symbols_1")]
            symbols.append(numbers(table, "label")[:, None])
            for level in (1, 2):
                taken = numbers(table, f"ranks_{level}").astype(int) - 1
                children = grammar.rules_of(level)[symbols[level], taken]
                below = symbols[level - 1]
                np.testing.assert_array_equal(children.reshape(below.shape), below)
            assert numbers(table, "ranks_1").max() > 1
    sets = [read(written, "deep-r000-s000-distinct-60-90", split) for split in sentences.SPLITS]
    everything = np.concatenate([numbers(table, "tokens") for table in sets])
    assert len(np.unique(everything, axis=0)) == len(everything) == 256 + 60 + 90


def test_the_same_study_gives_the_same_bytes(study: Path, written: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rhm_scaling.publish import dataset;"
        "dataset._SHARD = 30_000; dataset.write_dataset(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    own = {**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "POLARS_MAX_THREADS": "1"}
    arguments = [sys.executable, "-c", code, str(study), str(tmp_path / "again")]
    subprocess.run(arguments, check=True, env=own, cwd=tmp_path, capture_output=True)
    files = [p.relative_to(written) for p in sorted(written.rglob("*")) if p.is_file()]
    assert len(files) > 30
    for path in files:
        assert (tmp_path / "again" / path).read_bytes() == (written / path).read_bytes(), path


def front(folder: Path) -> tuple[dict[str, Any], str]:
    """What hubs read of the data card, and its text."""
    _, head, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), text


def test_the_data_card_says_what_the_files_hold(written: Path) -> None:
    head, text = front(written)
    assert head["license"] == "mit" and head["size_categories"] == ["10K<n<100K"]
    assert head["task_categories"] == ["text-classification", "text-generation"]
    assert "- `last_token`: " in text and "mask" not in text
    names = sorted(path.name for path in (written / "data").iterdir())
    assert sorted(config["config_name"] for config in head["configs"]) == names
    types = {"uint8": pl.UInt8, "uint16": pl.UInt16}
    for config, info in zip(head["configs"], head["dataset_info"]):
        name = config["config_name"]
        assert info["config_name"] == name
        for files, split in zip(config["data_files"], info["splits"]):
            assert files["split"] == split["name"]
            table = pl.read_parquet(written / files["path"])
            assert len(table) == split["num_examples"]
            assert sum(numbers(table, c).nbytes for c in table.columns) == split["num_bytes"]
            for feature, (column, kind) in zip(info["features"], table.schema.items(), strict=True):
                assert feature["name"] == column
                inner = types[feature.get("sequence") or feature["dtype"]]
                length = feature.get("length")
                assert kind == (pl.Array(inner, length) if length else inner)
        files = [*(written / "data" / name).glob("*.parquet")]
        assert info["download_size"] == sum(path.stat().st_size for path in files)
        assert info["dataset_size"] == sum(split["num_bytes"] for split in info["splits"])
        assert f"| {name} |" in text
    # several files of a split, in order
    shards = sorted(p.name for p in (written / "data" / "wide-r000-s000").glob("train-*"))
    assert shards[0].startswith("train-00000-of-000") and len(shards) > 2
    assert shards[-1] == f"train-{len(shards) - 1:05d}-of-{len(shards):05d}.parquet"
    assert (written / "study.yaml").read_text(encoding="utf-8") == STUDY


def test_what_is_masked_is_told_as_hubs_know_it(tmp_path: Path) -> None:
    wanted = STUDY[: STUDY.index("architectures:")].replace("  mine: {file: mine.json}\n", "")
    wanted += """\
architectures:
  unet: {kind: unet, width: 8, training: {max_steps: 40}}
  cnn: {kind: cnn, width: 8, training: {max_steps: 40}}
experiments:
  hidden:
    task: masked
    grammars: [deep]
    architectures: [unet]
    train_sizes: [16]
    masked_fractions: [0.25, 0.5]
    validation_size: 10
    test_size: 10
    replicas: {rule_draws: 1}
  window:
    task: last_token
    grammars: [deep]
    architectures: [cnn]
    train_sizes: [16]
    context: 4
    replicas: {rule_draws: 1}
"""
    (tmp_path / "one.yaml").write_text(wanted, encoding="utf-8")
    head, text = front(dataset.write_dataset(tmp_path / "one.yaml", tmp_path / "sets"))
    assert head["task_categories"] == ["text-generation", "fill-mask"]
    assert "- `masked`: all masked `tokens` of a sentence at once from the others" in text
    assert "- `classification`: " not in text
    assert "| hidden | masked (0.25, 0.5) | deep | 16 | 10 | 10 |" in text
    assert "| window | last_token (last 4 tokens) | deep | 16 |" in text


def test_the_entropies_of_the_data_card_are_those_of_theory(plan: Plan, written: Path) -> None:
    _, text = front(written)
    told = dict(re.findall(r"^\| (\S+) \| [0-9.]+ \| ([0-9., ]+) \|$", text, re.MULTILINE))
    assert len(told) == 6
    grammar = Grammar.draw(plan.parameters("wide"), 1)
    known = solve(grammar, "last_token", 1).quantities.query("quantity == 'entropy'")["value"]
    assert told["wide-r001-s000"] == ", ".join(f"{value:.6g}" for value in known)


def ids(value: Any) -> Iterator[tuple[str, str]]:
    """References to other entities in a description, by the key that they stand under."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict) and list(inner) == ["@id"]:
            yield key, inner["@id"]
        elif isinstance(inner, dict | list):
            yield from ids(inner)


def test_croissant_describes_every_file_and_column(written: Path) -> None:
    known = json.loads((written / "croissant.json").read_text(encoding="utf-8"))
    assert known["@context"] == CONTEXT and CONTEXT["cr"] == "http://mlcommons.org/croissant/"
    assert known["@type"] == "sc:Dataset"
    assert known["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    needed = ("name", "description", "license", "url", "version", "datePublished", "creator")
    assert all(known[key] for key in (*needed, "citeAs"))
    assert known["license"] == "https://spdx.org/licenses/MIT"
    assert "2505.07067" in known["citeAs"] and "2505.07070" in known["citeAs"]
    entries = {entry["@id"]: entry for entry in known["distribution"]}
    objects = {i: e for i, e in entries.items() if e["@type"] == "cr:FileObject"}
    sets = {i: e for i, e in entries.items() if e["@type"] == "cr:FileSet"}
    paths = {p.relative_to(written).as_posix(): p for p in written.rglob("*.parquet")}
    assert {entry["contentUrl"] for entry in objects.values()} == set(paths)
    for entry in objects.values():
        content = paths[entry["contentUrl"]].read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["contentSize"] == f"{len(content)} B"
    covered = [p for entry in sets.values() for p in written.glob(entry["includes"])]
    assert sorted(covered) == sorted(paths.values())
    splits, *records = known["recordSet"]
    names = [next(iter(row.values())) for row in splits["data"]]
    assert names == ["train", "validation", "test"]
    types = {"cr:UInt8": pl.UInt8, "cr:UInt16": pl.UInt16}
    for record in records:
        split, *fields = record["field"]
        (files,) = {field["source"]["fileSet"]["@id"] for field in (split, *fields)}
        pattern = re.compile(split["source"]["transform"]["regex"])
        for path in written.glob(sets[files]["includes"]):
            found = pattern.match(path.name)
            assert found and found[1] in names and path.name.startswith(f"{found[1]}-")
            schema = pl.read_parquet_schema(path)
            assert [field["source"]["extract"]["column"] for field in fields] == list(schema)
            for field, kind in zip(fields, schema.values()):
                width = field.get("arrayShape")
                inner = types[field["dataType"]]
                assert kind == (pl.Array(inner, int(width)) if width else inner)
                assert bool(width) == field.get("isArray", False)
                assert field["description"]
    # every identifier is unique, and every reference leads to one
    fields_of = [field for record in known["recordSet"] for field in record["field"]]
    every = [e["@id"] for e in (*known["distribution"], *known["recordSet"], *fields_of)]
    assert len(every) == len(set(every))
    assert {target for _, target in ids(known)} - {*every} == {
        term["@id"] for term in CONTEXT.values() if isinstance(term, dict) and [*term] == ["@id"]
    }


def test_the_first_rule_draws_alone(study: Path, tmp_path: Path) -> None:
    dataset.write_dataset(study, tmp_path / "few", rule_draws=1)
    names = sorted(path.name for path in (tmp_path / "few" / "data").iterdir())
    assert names == [
        "deep-r000-s000-distinct-60-90",
        "mine-r000-s000",
        *("wide-r000-s000", "wide-r000-s001"),
    ]


def test_nothing_is_written_over_other_files(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "mine"):
        with pytest.raises(UserError, match="is not empty; give a new folder"):
            dataset.write_dataset(study, folder)
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"
    # what fails half-way leaves nothing behind
    monkeypatch.setattr(dataset, "data_card", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        dataset.write_dataset(study, tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_the_command_writes_what_the_store_has(project: Project) -> None:
    shutil.copy(ROOT / "CITATION.cff", project.folder)
    status, lines, errors = call(project, "dataset", TINY, "--rule-draws", "1")
    folder = project.folder / "datasets" / "tiny"
    assert (status, errors) == (0, [])
    assert lines[0] == (
        "datasets/tiny: 1472 sentences of 3 grammar draws and samples, 0.01 MB before compression"
    )
    assert re.fullmatch(r"datasets/tiny: 15 files, 0\.\d\d MB", lines[1])
    shapes = {"v6-n6-s2-L2-m2": "small"}
    found = 0
    for path in (project.folder / "results" / "store" / "sentences").rglob("r000-s000-*.npy"):
        if (name := shapes.get(path.parent.name)) is None:
            continue
        stream, stored = path.name.split("-")[2], np.load(path)
        table = read(folder, f"{name}-r000-s000", stream)
        size = min(len(table), len(stored))
        np.testing.assert_array_equal(numbers(table, "tokens")[:size], stored["tokens"][:size])
        np.testing.assert_array_equal(numbers(table, "label")[:size], stored["label"][:size])
        found += 1
    assert found >= 3
    again = call(project, "dataset", TINY)
    message = "rhm_scaling: datasets/tiny: is not empty; give a new folder, DIR=FOLDER"
    assert again == (1, [], [message])
    odd = call(project, "dataset", TINY, "--folder", "x", "--rule-draws", "0")
    assert odd == (1, [], ["rhm_scaling: --rule-draws: must be at least 1, not 0"])
