"""Rows that git keeps: another machine goes on from them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, TABLES, TINY, Project, call
from rhm_scaling.core.errors import UserError
from rhm_scaling.publish.loading import load_network
from rhm_scaling.run import records
from rhm_scaling.run.locks import exclusive
from rhm_scaling.run.records import LEFT_OUT, read_record
from rhm_scaling.run.rows import KINDS, ROWS
from rhm_scaling.run.status import Status
from rhm_scaling.study.artifacts import RESULTS, STORE, Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

# measured of trained networks, of which the tiny study measures nothing
MEASURED = {
    **dict.fromkeys(("representations", "learning_times"), "last_token"),
    "rule_errors": "classification",
}
# it has none of these
OTHERS = {"sensitivity", "latents", "predictors", "denoising", "denoisers"}


def status_of(project: Project, study: str = TINY) -> Status:
    return Status(Plan(load_study(project.folder / study)), root=project.folder)


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def tables(project: Project) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in (project.folder / "results/tiny").glob("*.csv")
    }


@pytest.fixture(scope="module")
def kept(project: Project) -> Path:
    """The rows of the finished study."""
    status, lines, errors = call(project, "rows", TINY)
    assert (status, errors) == (0, [])
    known = status_of(project).plan.products
    number = sum(len(known[kind]) for kind in KINDS)
    assert lines[0].startswith(f"results/rows: {number} of {number} products, 0.")
    return project.folder / ROWS


@pytest.fixture
def clone(project: Project, kept: Path, tmp_path: Path) -> Project:
    """A project of the same sources that has the rows alone."""
    fresh = project.copy(tmp_path / "clone", results=False)
    shutil.copytree(kept, fresh.folder / ROWS)
    return fresh


@pytest.fixture
def row(clone: Project) -> Product:
    """One of the blocks whose rows are kept."""
    return next(iter(Plan(load_study(clone.folder / TINY)).products["models"].values()))


def place(clone: Project, product: Product, role: str) -> Path:
    """A file of a product among the rows that are kept."""
    return clone.folder / ROWS / Path(product.files[role]).relative_to(STORE)


def test_rows_are_the_stores_without_networks(project: Project, kept: Path) -> None:
    rows, store = files_below(kept), files_below(project.folder / STORE)
    assert {name.split("/")[0] for name in rows} == {*KINDS} - {*MEASURED} - OTHERS
    expected = {name for name in store if name.split("/")[0] in KINDS}
    assert {*rows} == {name for name in expected if not name.endswith(LEFT_OUT)}
    for name, content in rows.items():
        if not name.endswith("record.json"):
            assert content == store[name]
            continue
        one, whole = read_record(kept / name), read_record(project.folder / STORE / name)
        weights = one["files"].get(*LEFT_OUT, {})
        assert weights.pop("left_out", False) == name.startswith("models/")
        assert one == whole
    assert sum(map(len, rows.values())) < 2**19


def test_git_keeps_rows_and_nothing_else_of_results(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".gitignore", tmp_path)
    files = ("rows/models/a/runs.csv", "rows/a.record.json", "README.md", "reference/a/runs.csv")
    others = ("rows/models/a/.runs.csv.x1.csv", "rows/models/a/weights.safetensors")
    others += ("store/models/a/runs.csv", "tiny/runs.csv")
    for name in (*files, *others):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    listed = [*git, "ls-files", "--others", "--exclude-standard", "results"]
    done = subprocess.run(listed, check=True, capture_output=True, text=True)
    assert {*done.stdout.split()} == {f"results/{name}" for name in files}


def test_a_clone_has_what_was_kept_and_keeps_the_same(clone: Project, kept: Path) -> None:
    now = status_of(clone)
    known = now.plan.products
    assert {kind for kind, _ in now.made} == {*KINDS} - {*MEASURED} - OTHERS
    assert all(now.needed([kind]) == [] for kind in (*RESULTS, "theory"))
    assert {name for _, name in now.bare} == {*known["models"]}
    assert not [*(clone.folder / STORE).rglob(*LEFT_OUT)]
    assert status_of(clone).made == now.made  # from the store
    status, lines, _ = call(clone, "plan", TINY)
    assert status == 0
    assert lines[0].startswith("tiny: 0 of 75 products to make in ")
    status, lines, _ = call(clone, "status", TINY)
    assert status == 0
    assert f"{len(now.bare)} trainings are rows alone, without networks" in lines
    assert call(clone, "rows", TINY, "--folder", "again")[0] == 0
    assert files_below(clone.folder / "again") == files_below(kept)


@pytest.mark.parametrize("name", ["runs", "history"])
def test_rows_that_were_changed_are_refused(clone: Project, row: Product, name: str) -> None:
    path = place(clone, row, name)
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    shown = path.relative_to(clone.folder)
    for command in ("plan", "status", "rows"):
        status, lines, errors = call(clone, command, TINY)
        assert (status, lines) == (1, [])
        record = shown.with_name("record.json")
        said = f"{shown}: damaged (its SHA-256 is not the recorded one); delete {record} and run"
        assert [line for line in errors if "squeue" not in line] == [f"rhm_scaling: {said} again"]
    done = clone.snakemake("--config", f"study={TINY}", check=False)
    assert done.returncode == 1
    assert f"{TINY}: {said} again" in done.stderr.splitlines()
    status, lines, _ = call(clone, "verify")
    assert status == 1
    assert lines == [f"{shown}: its SHA-256 is not the recorded one"]
    place(clone, row, "record").unlink()
    assert ("models", row.name) not in status_of(clone).made


def test_a_record_may_leave_out_networks_alone(clone: Project, row: Product) -> None:
    path = place(clone, row, "record")
    record = read_record(path)
    record["files"]["runs.csv"]["left_out"] = True
    sealed = {**record, "sha256": records._seal(record)}
    path.write_text(json.dumps(sealed), encoding="utf-8")
    place(clone, row, "runs").unlink()
    with pytest.raises(UserError, match=r"record\.json: damaged \(leaves out what tables read\)"):
        status_of(clone)


def test_rows_of_other_code_are_not_used(clone: Project) -> None:
    with clone.source("models/cnn", ".relu_()", ".tanh_()"):
        status, lines, _ = call(clone, "plan", TINY)
    assert status == 0
    blocks = [line for line in lines if "/" in line and " models " in line]
    assert blocks
    assert all("/cnn-" in line for line in blocks)


def test_a_cell_that_is_missing_is_made_alone(clone: Project, row: Product) -> None:
    shutil.rmtree(place(clone, row, "record").parent)
    needed = status_of(clone).needed()
    assert [product.name for product in needed if product.kind in RESULTS] == [row.name]
    assert {product.kind for product in needed} == {"models", "grammars", "sentences", "exact"}


def test_what_another_process_makes_is_left_to_it(clone: Project, row: Product) -> None:
    with exclusive(f"models-{row.identity}", print, clone.folder / "results"):
        assert ("models", row.name) not in status_of(clone).made
        assert not (clone.folder / row.files["record"]).exists()
    assert ("models", row.name) in status_of(clone).made


def test_what_was_interrupted_is_over(clone: Project, row: Product) -> None:
    checkpoint = (clone.folder / row.files["record"]).with_name("checkpoint-000-001")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    assert ("models", row.name) in status_of(clone).made
    assert not checkpoint.exists()


def test_networks_are_trained_again_only_to_be_measured(project: Project, clone: Project) -> None:
    tasks = {kind: f"    task: {task}\n" for kind, task in MEASURED.items()}
    changes = [(task, f"{task}    {kind}: true\n") for kind, task in tasks.items()]
    for where in (project, clone):
        study = where.edited("measured", *changes)
    measured = status_of(project, study).needed()
    assert {product.kind for product in measured} == {*MEASURED}
    now = status_of(clone, study)
    networks = {source.name for p in measured for source in p.inputs.values()} & {
        *now.plan.products["models"]
    }
    needed = now.needed()
    assert {product.name for product in needed if product.kind == "models"} == networks
    status, lines, _ = call(clone, "plan", study)
    assert status == 0
    assert any(line.endswith("its networks are not kept") for line in lines)
    assert {*MEASURED} <= {line.split()[0] for line in lines if line.strip()}
    (clone.folder / study).unlink()
    (project.folder / study).unlink()


@pytest.fixture(scope="module")
def gone_on(project: Project, kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone in which the study is finished."""
    fresh = project.copy(tmp_path_factory.mktemp("gone") / "on", results=False)
    shutil.copytree(kept, fresh.folder / ROWS)
    done = fresh.snakemake("--config", f"study={TINY}")
    assert "0 products to make" in done.stderr
    assert not [*(fresh.folder / "results" / "batches").glob("*.done")]
    return fresh


def test_tables_of_a_clone_are_the_same(project: Project, gone_on: Project) -> None:
    assert tables(gone_on) == tables(project)
    assert status_of(gone_on).complete
    with pytest.raises(UserError, match="is not kept with the rows; delete"):
        load_network(
            "tiny",
            gone_on.folder,
            architecture="transformer",
            task="last_token",
            train_size=16,
            rule_seed=0,
        )
    assert call(gone_on, "report", TINY)[0] == 0
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, gone_on.folder)
    assert call(gone_on, "archive", TINY)[0] == 0
    status, lines, errors = call(gone_on, "verify")
    assert (status, errors) == (0, [])
    assert lines[-1].endswith("verified, 0 damaged files removed")


def test_a_cell_that_is_missing_is_trained_and_changes_no_number(
    project: Project, gone_on: Project, tmp_path: Path
) -> None:
    fresh = gone_on.copy(tmp_path / "again")
    block = next(iter(status_of(fresh).plan.products["models"].values()))
    for folder in (place(fresh, block, "record").parent, (fresh.folder / block.files["record"])):
        shutil.rmtree(folder if folder.is_dir() else folder.parent)
    assert fresh.planned()["train_block"] == 1
    fresh.snakemake(*TABLES, "--config", f"study={TINY}")
    assert ("models", block.name) not in status_of(fresh).bare
    made, before = fresh.table("runs"), project.table("runs")
    assert made.drop(columns=["seconds"]).equals(before.drop(columns=["seconds"]))
    others = {name: text for name, text in tables(fresh).items() if name != "runs.csv"}
    assert others == {name: text for name, text in tables(project).items() if name != "runs.csv"}
