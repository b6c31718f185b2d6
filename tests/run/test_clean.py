"""What a run would do and take, what no study refers to any more, and what is not kept."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from conftest import ROOT, TINY, Project, call, labels_only
from rhm_scaling.core.errors import UserError
from rhm_scaling.run import outlook
from rhm_scaling.run.batches import batches
from rhm_scaling.run.clean import leftovers
from rhm_scaling.run.estimates import disk
from rhm_scaling.run.machine import CLUSTER, Machine
from rhm_scaling.run.status import Standing
from rhm_scaling.study.artifacts import KINDS
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study


def standing(project: Project, study: str = TINY) -> Standing:
    return Standing(Plan(load_study(project.folder / study)), root=project.folder)


@pytest.mark.parametrize(
    ("changes", "whys"),
    [
        ([("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]")], {"models": "new"}),
        (
            [("max_steps: 64", "max_steps: 65")],
            {"models": "settings.max_steps: 64 -> 65"},
        ),
        (
            [("zipf: {1: 1.0}", "zipf: {1: 2.0}")],
            dict.fromkeys(("grammars", "sentences", "exact", "theory", "survey", "models"), "new"),
        ),
        ([("test_size: 256", "test_size: 512")], {"sentences": "new", "exact": "new"}),
    ],
)  # fmt: skip
def test_the_plan_says_why(
    project: Project, changes: list[tuple[str, str]], whys: dict[str, str]
) -> None:
    now = standing(project, project.edited("planned", *changes))
    table = outlook.cells(now.needed(), project.folder)
    for kind, why in whys.items():
        assert set(table.loc[table["kind"] == kind, "why"]) == {why}
    if "test_size" in changes[0][0]:
        assert set(table.loc[table["kind"] == "models", "why"]) == {"what it is made from"}
    assert table["jobs"].sum() == len(now.needed())


def test_the_plan_names_changed_sources(project: Project) -> None:
    with project.source("models/cnn", ".relu_()", ".tanh_()"):
        status, lines, _ = call(project, "plan", TINY)
    assert status == 0
    assert lines[0] == "tiny: 14 of 75 products to make, 20 jobs"
    blocks = [line.split() for line in lines if line.strip().startswith("models") and "/" in line]
    assert {tuple(words[-2:]) for words in blocks} == {("source", "changed")}
    assert all("/cnn-" in words[1] for words in blocks)
    text = "\n".join(lines)
    assert re.search(r"^here, \d+ cores: about \d+ (seconds|minutes)$", text, re.MULTILINE)
    assert re.search(
        r"^on the cluster of config/cluster.yaml: \d+ jobs, 50 at a time, .*: about", text, re.M
    )


def test_the_plan_of_a_finished_study_compares_estimates_with_what_it_took(
    project: Project,
) -> None:
    now = standing(project)
    assert now.needed() == []
    assert outlook.outlook(now, Rates()).empty
    assert outlook.elapsed(outlook.outlook(now, Rates()), 2) == 0.0
    table = outlook.foretold(now, Rates())
    assert table["blocks"].sum() == len(now.plan.products["models"])
    assert (table["actual"] > 0).all()
    status, lines, _ = call(project, "plan", TINY)
    assert status == 0
    assert lines[0] == "tiny: 0 of 75 products to make, 0 jobs"
    assert lines[1] == "trainings that are made, core-seconds:"


def test_time_follows_slots_and_disk_is_of_the_right_size(project: Project, tmp_path: Path) -> None:
    """A study never run, and the sizes of what is there."""
    study = load_study(ROOT / "config" / "studies" / "laptop.yaml")
    nothing = Standing(Plan(study), root=tmp_path)
    table = outlook.outlook(nothing, Rates())
    times = [outlook.elapsed(table, slots) for slots in (1, 2, 4, 1000)]
    assert times[0] > 1.7 * times[1] > 1.7 * times[2] > times[3]
    assert times[3] >= table["longest"].max()
    found = batches(nothing, Machine.read(ROOT, CLUSTER), Rates(), 50, {}, {})
    there = [outlook.on_cluster(found, slots, table) for slots in (1, 50)]
    assert there[0] > there[1] > max(batch.seconds for batch in found)
    for kind, known in standing(project).plan.products.items():
        expected = sum(disk(product) for product in known.values()) * 2**20
        files = [project.folder / path for p in known.values() for path in p.files.values()]
        real = sum(path.stat().st_size for path in files)
        assert real / 4 < expected < 4 * real, kind


def test_what_no_study_refers_to_is_listed_and_removed_on_request(
    project: Project, tmp_path: Path
) -> None:
    small = project.copy(tmp_path)
    shutil.rmtree(tmp_path / "results" / "tiny" / "stages")
    for path in (tmp_path / "config" / "studies").glob("*.yaml"):
        path.unlink()
    shutil.copy(project.folder / TINY, tmp_path / TINY)
    study = labels_only(small, "labels")
    (tmp_path / TINY).unlink()
    mine = standing(small, study)
    assert leftovers(tmp_path) == []  # every study that was run has its study.json
    for path in (tmp_path / "results").glob("*/study.json"):
        path.unlink()
    kept = {
        tmp_path / "results" / "store" / kind / name
        for kind, known in mine.plan.products.items()
        for name in known
    }
    old = time.time() - 3 * 86400
    block = next(iter(mine.plan.products["models"].values()))
    orphan = (tmp_path / block.files["weights"]).parent.with_name("r000-001-0123456789ab")
    orphan.mkdir()
    (orphan / "checkpoint-000-001").write_bytes(bytes(2**20))
    os.utime(orphan / "checkpoint-000-001", (old, old))
    half = tmp_path / "results" / "store" / "sentences" / "half"
    half.mkdir()
    (half / ".r000-s000-train-1024-0123456789ab.npy.x1y2.npy").write_bytes(bytes(100))
    found = leftovers(tmp_path)
    paths = {leftover.path for leftover in found}
    assert not paths & kept
    assert {orphan, half / "r000-s000-train-1024-0123456789ab"} <= paths
    largest = found[0]
    assert largest.path == orphan
    assert largest.size == 2**20
    assert 2.9 < largest.age < 3.1
    assert {path.relative_to(tmp_path).parts[2] for path in paths} == set(KINDS)
    status, lines, _ = call(small, "clean")
    assert status == 0
    assert len(lines) == len(found) + 1
    assert lines[0].split()[:2] == ["1.0", "MiB"]
    assert all(leftover.files[0].exists() for leftover in found)
    status, lines, _ = call(small, "clean", "--remove")
    assert status == 0
    assert lines[-1].endswith(", removed")
    assert leftovers(tmp_path) == []
    assert not orphan.exists()
    assert {("models", block.name)} <= standing(small, study).made


def test_a_study_that_cannot_be_read_makes_nothing_a_leftover(
    project: Project, tmp_path: Path
) -> None:
    small = project.copy(tmp_path)
    (tmp_path / "config" / "studies" / "tiny.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"tiny\.yaml: not valid YAML"):
        leftovers(small.folder)


def test_temporary_files_go_once_they_have_served(project: Project) -> None:
    study = labels_only(
        project, "sweep", ("v: 6, n: 3", "v: 5, n: 3"), ("zipf: {v: 6", "zipf: {v: 5")
    )
    setting = ["--config", f"study={study}", "temporary=[datasets,models]"]
    project.snakemake(*setting)
    plan = Plan(load_study(project.folder / study))
    files = {
        role: [project.folder / p.files[role] for p in plan.products[kind].values()]
        for kind, role in (("sentences", "product"), ("models", "weights"), ("models", "runs"))
    }
    assert not any(path.exists() for path in [*files["product"], *files["weights"]])
    assert all(path.is_file() for path in files["runs"])
    done = project.snakemake("-n", *setting)
    assert "Nothing to be done" in done.stdout + done.stderr
    # one more size draws the sentences again, and trains nothing twice
    text = (project.folder / study).read_text(encoding="utf-8")
    more = text.replace("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]")
    (project.folder / study).write_text(more, encoding="utf-8")
    done = project.snakemake("-n", *setting)
    assert re.search(r"^train_block +1$", done.stdout + done.stderr, re.MULTILINE)
    # networks that are to be kept from now on are trained again
    done = project.snakemake("-n", "--config", f"study={study}")
    assert re.search(r"^train_block +5$", done.stdout + done.stderr, re.MULTILINE)
