"""What a run would do and take, what no study refers to any more, and what is not kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT, TINY, Project, call, environment, labels_only
from rhm_scaling.core.errors import UserError
from rhm_scaling.run import clean, dry_run, records
from rhm_scaling.run.batches import RULES, batches
from rhm_scaling.run.clean import leftovers
from rhm_scaling.run.estimates import disk
from rhm_scaling.run.machine import CLUSTER, Machine
from rhm_scaling.run.status import Status
from rhm_scaling.study.artifacts import FOLDERS, KINDS
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study


def status_of(project: Project, study: str = TINY) -> Status:
    return Status(Plan(load_study(project.folder / study)), root=project.folder)


GRAMMAR = ("grammars", "sentences", "exact", "theory", "survey", "models")
RATES = "[0.1, 0.4]"
AUTO = "train_sizes: {largest: 90, language_fraction: 1.0}"
LONG = [round(0.1 + 0.01 * i, 2) for i in range(40)]


@pytest.mark.parametrize(
    ("changes", "whys"),
    [
        ([("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]")], {"models": {"new: train_size"}}),
        ([("[16, 32, 64, 128]", "[16, 32, 64, 130]")], {"models": {"train_size: 128 -> 130"}}),
        # with another file of sentences, which is no reason of its own
        ([("[16, 32, 64, 128]", "[16, 32, 64, 2048]")], {"models": {"train_size: 128 -> 2048"}}),
        ([("max_steps: 64", "max_steps: 65")], {"models": {"settings.max_steps: 64 -> 65"}}),
        (
            [("max_steps: 64", "max_steps: 65"), ("min_steps: 16", "min_steps: 17")],
            {"models": {"settings.max_steps: 64 -> 65, settings.min_steps: 16 -> 17"}},
        ),
        (
            [("width: 16\n", "width: 16\n    optimizer: {kind: sgd, lr: 0.3}\n")],
            {"models": {"learning_rates: [0.5] -> [0.3]"}},
        ),
        (
            [(RATES, "[0.1, 0.2, 0.4]")],
            {
                "models": {"learning_rates: [0.1, 0.4] -> [0.1, 0.2, 0.4]"},
                "coordinates": {"learning_rate: 0.4 -> 0.2"},
            },
        ),
        (
            [(RATES, str(LONG)), ("block: {", "block: {learning_rates: 100, ")],
            {"models": {f"learning_rates: [0.1, 0.4] -> {str(LONG)[:30]}..."}},
        ),
        (
            [("replicas: {rule_draws: 2}\n  last:", "replicas: {rule_draws: 3}\n  last:")],
            {"models": {"new: replicas r002-002"}, "grammars": {"new"}},
        ),
        (
            [("block: {rule_draws: 2}", "block: {rule_draws: 1}")],
            {
                kind: {"replicas: r000-001 -> r000-000", "replicas: r000-001 -> r001-001"}
                for kind in ("models", "counts")
            },
        ),
        ([("width: [8, 16]", "width: [8, 16, 12]")], {"models": {"new: architecture.width 12"}}),
        ([("zipf: {1: 1.0}", "zipf: {1: 2.0}")], {kind: {"new"} for kind in GRAMMAR}),
        (
            [("test_size: 256", "test_size: 512")],
            {"sentences": {"new"}, "exact": {"new"}, "models": {"what it is made from"}},
        ),
    ],
)  # fmt: skip
def test_the_plan_says_why(
    project: Project, changes: list[tuple[str, str]], whys: dict[str, set[str]]
) -> None:
    now = status_of(project, project.edited("planned", *changes))
    table = dry_run.cells(now)
    for kind, why in whys.items():
        of_kind = table["kinds"].str.split(", ").map(lambda kinds, kind=kind: kind in kinds)
        assert set(table.loc[of_kind, "why"]) == why
    assert table["products"].sum() == len(now.needed())


def test_the_plan_says_which_training_sizes(project: Project) -> None:
    for change, sizes in (
        (("[16, 32, 64, 128]", "[16, 32, 64, 128, 1024, 256]"), {"256, 1024"}),
        (("max_steps: 64", "max_steps: 65"), {"16 to 128", "16, 64, 256", "64"}),
        (("rule_draws: 2}\n  last:", "rule_draws: 2}\n    online: true\n  last:"), {"online"}),
    ):
        table = dry_run.cells(status_of(project, project.edited("planned", change)))
        assert set(table.loc[table["kinds"].str.contains("models"), "P"]) == sizes


def test_the_plan_names_changed_sources(project: Project) -> None:
    with project.source("models/cnn", ".relu_()", ".tanh_()"):
        status, lines, _ = call(project, "plan", TINY)
    assert status == 0
    assert re.fullmatch(
        r"tiny: 14 of 75 products to make in \d+ jobs \(\d+ batches, 6 tables and figures\)",
        lines[0],
    )
    blocks = [line.split() for line in lines if "/" in line and " models " in line]
    assert {tuple(words[-2:]) for words in blocks} == {("source", "changed")}
    assert all("/cnn-" in words[0] for words in blocks)
    text = "\n".join(lines)
    assert re.search(r"^here, \d+ cores: about \d+ (seconds|minutes)$", text, re.MULTILINE)
    assert re.search(
        r"^on the cluster of config/cluster.yaml: \d+ jobs, 50 at a time, .*: about", text, re.M
    )


def test_the_plan_says_how_many_jobs_make_run_starts(project: Project, tmp_path: Path) -> None:
    """Of a study of which nothing is made, and of one of which a part is."""
    fresh = project.copy(tmp_path / "fresh", results=False)
    more = project.edited("planned", ("[16, 32, 64, 128]", "[16, 32, 64, 128, 256, 512]"))
    for where, study in ((fresh, "config/studies/laptop.yaml"), (project, more)):
        profile = ("--profile", "workflow/profiles/laptop", "--cores", "all", "--quiet", "host")
        jobs = where.jobs(*profile, study=study)
        _, lines, _ = call(where, "plan", study)
        said = re.search(r" in (\d+) jobs \((\d+) batches, (\d+) tables and figures\)$", lines[0])
        assert said is not None
        number, batches_, tables = map(int, said.groups())
        assert number == sum(jobs.values()) == batches_ + tables
        assert batches_ == sum(jobs.get(rule, 0) for rule in RULES)


def test_the_plan_counts_the_cores_that_it_may_use(project: Project) -> None:
    study = project.edited("planned", ("max_steps: 64", "max_steps: 65"))
    mine = os.sched_getaffinity(0)
    for cores in ({min(mine)}, mine):
        found = call(project, "plan", study, prepare=lambda: os.sched_setaffinity(0, cores))  # noqa: B023
        assert any(line.startswith(f"here, {len(cores)} cores: about") for line in found[1])


def test_the_plan_lists_the_sizes_that_were_chosen(project: Project) -> None:
    study = project.edited("planned", ("train_sizes: [16, 32, 64, 128]", AUTO))
    _, lines, _ = call(project, "plan", study)
    place = lines.index("training sizes that auto chose:")
    known = Plan(load_study(project.folder / study)).grids
    for line, grammar in zip(lines[place + 1 :], ("flat", "zipf")):
        grid = known["labels", grammar]
        assert line.startswith(
            f"  labels, {grammar}: {' '.join(map(str, grid.sizes))} (thresholds "
        )
        assert line.endswith(f"; end: {grid.ends})")
    assert "  last" not in lines[place + 3]  # whose sizes are listed in the study
    _, lines, _ = call(project, "plan", TINY)
    assert not any("auto chose" in line for line in lines)


def test_a_plan_that_fits_nowhere_says_so(project: Project, tmp_path: Path) -> None:
    small = project.copy(tmp_path)
    study = small.edited("wide", ("width: 16\n", "width: 60000\n"))
    settings = tmp_path / "config" / "config.yaml"
    text = settings.read_text(encoding="utf-8").replace("memory_mb: auto", "memory_mb: 1000")
    settings.write_text(text, encoding="utf-8")
    status, lines, _ = call(small, "plan", study)
    assert status == 0
    assert lines[0] == "tiny: 11 of 75 products to make"
    for where in (r"here, \d+ cores", "on the cluster of config/cluster.yaml"):
        fits = re.compile(
            rf"{where}: architectures: kind cnn, width 60000: one network needs \d+ MiB"
        )
        assert any(fits.match(line) for line in lines)


def test_the_plan_of_a_finished_study_compares_estimates_with_what_it_took(
    project: Project,
) -> None:
    now = status_of(project)
    assert now.needed() == []
    assert dry_run.costs(now, Rates()).empty
    assert dry_run.elapsed([], 2, 0) == 0.0
    table = dry_run.calibration(now, Rates())
    assert table["blocks"].sum() == len(now.plan.products["models"])
    assert (table["actual"] > 0).all()
    status, lines, _ = call(project, "plan", TINY)
    assert status == 0
    lines = [line for line in lines if "hardly have a fit" not in line]
    assert lines[:2] == [
        "tiny: 0 of 75 products to make in 0 jobs (0 batches, 0 tables and figures)",
        "trainings that are made, core-seconds:",
    ]
    assert len(lines) == 3 + len(table)  # and nothing of versions


def test_no_table_without_rows_is_printed(project: Project, tmp_path: Path) -> None:
    small = project.copy(tmp_path)
    (tmp_path / "results" / "tiny" / "fits.csv").unlink()
    _, lines, _ = call(small, "plan", TINY)
    assert lines[0] == "tiny: 0 of 75 products to make in 1 jobs (0 batches, 1 tables and figures)"
    assert next(line for line in lines if line.startswith(" ")).split() == [
        "work",
        "products",
        "core-seconds",
        "longest",
        "memory_mb",
        "disk_mb",
        *("what", "it", "is"),
    ]
    assert not any("Empty" in line for line in lines)


def test_other_versions_of_packages_are_named_and_nothing_is_made_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = project.copy(tmp_path)
    here = records.versions()
    monkeypatch.setattr(records, "versions", lambda: {**here, "torch": "1.2.3"})
    for block in [*status_of(small).plan.products["models"].values()][:3]:
        *files, record = (tmp_path / path for path in block.files.values())
        made = json.loads(record.read_text(encoding="utf-8"))["made"]
        kept = {key: made[key] for key in ("core_seconds", "threads")}
        records.write_record(record, block.specification, files, kept)
    says = f"made with torch 1.2.3, here {here['torch']}: 3 products"
    for arguments in (("plan", TINY), ("verify",)):
        status, lines, _ = call(small, *arguments)
        assert status == 0
        assert [line for line in lines if line.startswith("made with")] == [says]
    assert status_of(small).needed() == []


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("command", ["plan", "status", "verify", "clean"])
def test_who_has_read_enough_ends_a_command_quietly(
    project: Project, command: str, buffered: bool
) -> None:
    study = [TINY] if command in ("plan", "status") else []
    done = subprocess.Popen(
        [sys.executable, "-m", "rhm_scaling", command, *study],
        cwd=project.folder,
        env=environment(project, **({} if buffered else {"PYTHONUNBUFFERED": "1"})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.stdout is not None and done.stderr is not None
    done.stdout.close()
    assert done.wait() == 0
    assert [line for line in done.stderr if "squeue" not in line] == []


def test_time_follows_slots_and_disk_is_of_the_right_size(project: Project, tmp_path: Path) -> None:
    """A study never run, and the sizes of what is there."""
    study = load_study(ROOT / "config" / "studies" / "laptop.yaml")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    nothing = Status(Plan(study), root=tmp_path)
    here = dry_run.on_this_machine(nothing, Rates(), 4)
    times = [dry_run.elapsed(here, slots, 8) for slots in (1, 2, 4, 1000)]
    assert times[0] > 1.6 * times[1] > 1.6 * times[2] > times[3]
    assert times[3] > max(batch.seconds for batch in here) + 8
    found = batches(nothing.needed(), Machine.read(ROOT, CLUSTER), Rates(), 50, {}, {})
    there = [dry_run.elapsed(found, slots, 8, cluster=True) for slots in (1, 50)]
    assert there[0] > there[1] > max(batch.seconds for batch in found)
    for kind, known in status_of(project).plan.products.items():
        expected = sum(disk(product) for product in known.values()) * 2**20
        files = [project.folder / path for p in known.values() for path in p.files.values()]
        real = sum(path.stat().st_size for path in files)
        assert real / 4 <= expected <= 4 * real, kind


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
    mine = status_of(small, study)
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
    # the tiny study measures nothing of trained networks, has no blanks and predicts no siblings
    kinds = {path.relative_to(tmp_path).parts[2] for path in paths}
    measured = {"representations", "rule_errors", "learning_times", "sensitivity"}
    others = {"sparse", "latents", "predictors", "denoising", "denoisers"}
    assert kinds == {*KINDS} - measured - others
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
    assert {("models", block.name)} <= status_of(small, study).made


def test_a_study_that_cannot_be_read_makes_nothing_a_leftover(
    project: Project, tmp_path: Path
) -> None:
    small = project.copy(tmp_path)
    (tmp_path / "config" / "studies" / "tiny.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"tiny\.yaml: not valid YAML"):
        leftovers(small.folder)


def test_tables_that_a_study_no_longer_asks_for_are_listed_and_removed(tmp_path: Path) -> None:
    study = tmp_path / "config" / "studies" / "one.yaml"
    study.parent.mkdir(parents=True)
    shutil.copy(ROOT / TINY, study)
    folder = tmp_path / "results" / "tiny"
    tables = {
        "gather_runs": ["runs.csv"],  # is asked for
        "runs": ["runs.csv"],  # the same table, as an earlier version called its step
        "draw_denoising": ["denoising/transition-one.png", "denoising/transition-one.pdf"],
        "gather_sensitivity": ["sensitivity.csv"],
    }
    for step, names in tables.items():
        files = [folder / name for name in names]
        for path in (*files, folder / "logs" / f"{step}.log", folder / "mine.csv"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x", encoding="utf-8")
        record, made = (folder / "stages" / f"{step}.record.json"), {"core_seconds": 1.0}
        records.write_record(record, {"study": "tiny"}, files, {**made, "threads": 1})
    (folder / "study.json").write_text('{"file": "none.yaml", "products": {}}', encoding="utf-8")
    assert leftovers(tmp_path) == []  # of a study whose file is gone, all is kept
    resolved = {"file": "config/studies/one.yaml", "products": {}}
    (folder / "study.json").write_text(json.dumps(resolved), encoding="utf-8")
    found = leftovers(tmp_path)
    outdated = {"runs", "draw_denoising", "gather_sensitivity"}
    assert {one.path for one in found} == {folder / "stages" / step for step in outdated}
    for one in found:
        clean.remove(tmp_path, one.files)
    assert leftovers(tmp_path) == []
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    kept = {"runs.csv", "mine.csv", "study.json", "logs/gather_runs.log"}
    assert left == {*kept, "stages/gather_runs.record.json"}
    assert not (folder / "denoising").exists()


def test_temporary_files_go_once_they_have_served(project: Project) -> None:
    study = labels_only(
        project, "sweep", ("v: 6, n: 3", "v: 5, n: 3"), ("zipf: {v: 6", "zipf: {v: 5")
    )
    setting = ["temporary=[datasets,models]"]
    project.snakemake("fits", "--config", f"study={study}", *setting)
    plan = Plan(load_study(project.folder / study))
    files = {
        role: [project.folder / p.files[role] for p in plan.products[kind].values()]
        for kind, role in (("sentences", "product"), ("models", "weights"), ("models", "runs"))
    }
    assert not any(path.exists() for path in [*files["product"], *files["weights"]])
    assert all(path.is_file() for path in files["runs"])
    assert project.planned("fits", study=study, settings=setting) == {}
    # one more size draws the sentences again, and trains nothing twice
    text = (project.folder / study).read_text(encoding="utf-8")
    more = text.replace("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]")
    (project.folder / study).write_text(more, encoding="utf-8")
    assert project.planned("fits", study=study, settings=setting)["train_block"] == 1
    # networks that are to be kept from now on are trained again
    assert project.planned("fits", study=study)["train_block"] == 5


@pytest.mark.parametrize("kind", sorted({*KINDS} - {*FOLDERS}))
def test_files_belong_to_the_product_that_they_are_named_for(kind: str, tmp_path: Path) -> None:
    block = "r000-001.s000-000.i000-000-3159e799cf14"
    for name in (block, "r000-s000-test-64-3159e799cf14"):
        for file in (f"{name}.csv", f"{name}.record.json", f".{name}.npz.a1b2c3.npz"):
            assert clean._product(tmp_path, tmp_path / kind / "g" / file).name == name
