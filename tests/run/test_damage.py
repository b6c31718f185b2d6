"""Damaged files: never read as good, named by `make verify`, made again the same."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import TINY, Project, call, making
from rhm_scaling.core.errors import UserError
from rhm_scaling.publish.loading import load_network, load_runs
from rhm_scaling.run import clean, records
from rhm_scaling.run.status import Status
from rhm_scaling.study.artifacts import KINDS, Product
from rhm_scaling.study.plan import Plan


def flip(path: Path) -> None:
    """Change one bit in the middle of a file, and nothing else."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@contextlib.contextmanager
def damaged(path: Path, damage: Callable[[Path], None]) -> Iterator[None]:
    whole = path.read_bytes()
    damage(path)
    try:
        yield
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["grammars", "sentences", "exact"])
@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(b"")])
def test_a_damaged_input_is_never_read_as_good(
    project: Project, plan: Plan, kind: str, damage: Callable[[Path], None]
) -> None:
    readers = [known for products in plan.products.values() for known in products.values()]
    reader = next(p for p in readers if any(i.kind == kind for i in p.inputs.values()))
    read = next(known for known in reader.inputs.values() if known.kind == kind)
    path = project.folder / read.files["product"]
    with damaged(path, damage):
        status, _, errors = call(project, *making(reader))
    assert status == 1
    assert len(errors) == 1
    assert errors[0].startswith(f"rhm_scaling: {read.files['product']}: damaged (")
    assert errors[0].endswith(f"delete {read.files['record']} and run again")
    assert not (project.folder / "by-hand").exists() or not any(
        (project.folder / "by-hand").glob("*record.json")
    )


@pytest.mark.parametrize("kind", ["models", "counts", "theory", "survey", "coordinates"])
def test_a_damaged_table_of_the_store_does_not_reach_the_tables(
    project: Project, plan: Plan, kind: str
) -> None:
    product = next(iter(plan.products[kind].values()))
    role = "runs" if "runs" in product.files else next(iter(product.files))
    stage = {
        **{"models": "gather_runs", "counts": "gather_runs", "theory": "tabulate_theory"},
        **{"survey": "draw_theory", "coordinates": "compare_rates"},
    }[kind]
    (order,) = (project.folder / "results" / "tiny" / "stages").glob(f"{stage}-*.json")
    with damaged(project.folder / product.files[role], flip):
        status, _, errors = call(project, "stage", str(order))
    assert status == 1
    assert errors == [
        f"rhm_scaling: {product.files[role]}: damaged (its SHA-256 is not the recorded one); "
        f"delete {product.files['record']} and run again"
    ]


# the tiny study measures nothing of trained networks, has no blanks, and predicts no siblings
_OTHERS = {
    *("representations", "rule_errors", "learning_times", "sensitivity"),
    *("sparse", "latents", "predictors", "denoising", "denoisers"),
}


@pytest.mark.parametrize("kind", sorted({*KINDS} - _OTHERS))
def test_verify_names_every_damaged_file_and_a_truncated_one_is_made_again(
    project: Project, plan: Plan, kind: str
) -> None:
    product = next(iter(plan.products[kind].values()))
    paths = [project.folder / path for path in product.files.values()]
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(damaged(path, flip))
        found = [file for _, file, _ in clean.damaged(project.folder)]
        # a damaged record cannot vouch for its files
        assert found == [project.folder / product.files["record"]]
    *files, _ = paths
    with contextlib.ExitStack() as stack:
        for path in files:
            stack.enter_context(damaged(path, flip))
        assert {file for _, file, _ in clean.damaged(project.folder)} == set(files)
        status, lines, errors = call(project, "verify")
        assert status == 1
        assert [line.split(": ")[0] for line in lines] == [
            str(path.relative_to(project.folder)) for path in sorted(files)
        ]
        assert errors == [
            f"rhm_scaling: {len(files)} damaged files; make verify REMOVE=1, then make run"
        ]
    with damaged(files[0], lambda path: os.truncate(path, 10)):
        needed = Status(plan, root=project.folder).needed([kind])
        assert [(known.kind, known.name) for known in needed] == [(kind, product.name)]
    assert list(clean.damaged(project.folder)) == []


def test_damaged_products_are_removed_on_request_and_made_again_the_same(
    project: Project, block: Product
) -> None:
    weights = project.folder / block.files["weights"]
    table = project.folder / "results" / "tiny" / "fits.csv"
    before = weights.read_bytes(), table.read_bytes()
    flip(weights)
    flip(table)
    cell = {"task": "last_token", "architecture": "transformer", "train_size": 16}
    with pytest.raises(UserError, match="damaged"):
        load_network("tiny", project.folder, rule_seed=0, **cell)
    status, lines, _ = call(project, "verify", "--remove")
    assert status == 0
    assert lines[-1].endswith("2 damaged files removed")
    assert not weights.exists()
    jobs = project.planned()
    assert jobs == {"train_block": 1, "fit_curves": 1}
    project.snakemake("--config", f"study={TINY}")
    assert (weights.read_bytes(), table.read_bytes()) == before


def test_damaged_tables_are_not_loaded(project: Project) -> None:
    with (
        damaged(project.folder / "results" / "tiny" / "runs.csv", flip),
        pytest.raises(UserError, match=r"runs\.csv: damaged \(its SHA-256"),
    ):
        load_runs("tiny", project.folder)


def test_a_product_without_a_record_is_not_finished(project: Project, block: Product) -> None:
    record = project.folder / block.files["record"]
    kept = record.read_bytes()
    record.unlink()
    try:
        assert project.planned() == {"train_block": 1}
    finally:
        record.write_bytes(kept)


def test_another_product_of_the_same_name_is_refused(
    project: Project, plan: Plan, block: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = project.folder / block.files["record"]
    store = project.folder / "results" / "store"
    other = next(path for path in store.rglob("*record.json") if path != record).read_bytes()
    with damaged(record, lambda path: path.write_bytes(other)):
        found = [(file, problem) for _, file, problem in clean.damaged(project.folder)]
        assert found == [(record, "damaged (describes another product)")]
        assert project.planned() == {"train_block": 1}
        # were their hashes the same, neither could be told from the other's name
        other_one = json.loads(other)["specification"]
        monkeypatch.setattr(records, "identity", lambda _: block.identity)
        sealed = {**json.loads(record.read_bytes()), "identity": block.identity}
        del sealed["sha256"]
        sealed["files"] = {"runs.csv": {"bytes": 1, "sha256": ""}}
        text = json.dumps({**sealed, "sha256": records._seal(sealed)})
        record.write_text(text, encoding="utf-8")
        assert records.read_record(record)["specification"] == other_one
        with pytest.raises(UserError, match="describes another product of the same name"):
            Status(plan, root=project.folder)


OLD = Path(__file__).parents[1] / "data" / "store-1"  # results of a version without formats


def test_a_store_of_an_earlier_version_is_read_or_refused_in_a_line(tmp_path: Path) -> None:
    shutil.copytree(OLD / "results", tmp_path / "results")
    (block,) = (tmp_path / "results" / "store").rglob("record.json")
    # what stands in the store can be read and checked, but has the identity of other code
    record = records.read_record(block)
    assert "format" not in record
    records.check(block)
    assert list(clean.damaged(tmp_path)) == []
    with pytest.raises(UserError, match=r"runs\.csv: has no record of this version; run the study"):
        load_runs("tiny", tmp_path)


def test_a_store_of_a_later_version_is_refused_in_a_line(tmp_path: Path) -> None:
    shutil.copytree(OLD / "results", tmp_path / "results")
    (path,) = (tmp_path / "results" / "store").rglob("record.json")
    specification = records.read_record(path)["specification"]
    made = {"core_seconds": 1.0, "threads": 1}
    records.write_record(path, specification, [path.with_name("runs.csv")], made)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record.pop("format") == records.FORMAT and record.pop("sha256")
    later = {"format": records.FORMAT + 1, **record}
    path.write_text(json.dumps({**later, "sha256": records._seal(later)}), encoding="utf-8")
    with pytest.raises(UserError, match=r"record\.json: has format 3, of a later version; use"):
        records.read_record(path)
