"""Faults: each ends in one clear line or mends itself, and nothing finished is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from conftest import TINY, Project, call, command, environment, labels_only, making
from rhm_scaling.run.batches import Batch
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.training.checkpoints import Checkpoint

MAKES_PRODUCTS = {
    "train_block",
    "count_block",
    "sample_sentences",
    "predict_exactly",
    "draw_grammar",
}


def test_sources_edited_under_way_stop_the_jobs(project: Project, block: Product) -> None:
    planned = dataclasses.replace(block, specification={**block.specification, "code": "0" * 12})
    status, _, errors = call(project, *making(planned))
    assert status == 1
    assert len(errors) == 1
    assert "changed after this run was planned; start the run again" in errors[0]
    stages = project.folder / "results" / "tiny" / "stages"
    (order,) = stages.glob("fit_curves-*.json")
    with project.source("analysis/power_law", "HUBER = 0.1", "HUBER = 0.2"):
        status, _, errors = call(project, "stage", str(order))
    assert status == 1
    assert "the source of steps.tables.fit_curves changed after this run was planned" in errors[0]
    other = stages / f"fit_curves-{'0' * 12}.json"
    shutil.copyfile(order, other)
    status, _, errors = call(project, "stage", str(other))
    other.unlink()
    assert status == 1
    assert "is not what was planned; start the run again" in errors[0]
    assert len(errors) == 1


def test_jobs_end_with_the_run_that_started_them(project: Project, plan: Plan) -> None:
    long = next(block for curve, block in plan.blocks if curve.architecture == "attention")
    settings = {**long.specification["settings"], "max_steps": 10**6, "min_steps": 10**6}
    endless = dataclasses.replace(long, specification={**long.specification, "settings": settings})
    run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    job = subprocess.Popen(
        command(project, *making(endless, "endless")),
        cwd=project.folder,
        env=environment(project, RHM_SCALING_RUN=str(run.pid)),
    )
    try:
        time.sleep(3)
        assert job.poll() is None
        run.kill()
        # nobody asks how it ended, as in a container whose first process does not
        assert job.wait(timeout=20) == 1
        run.wait()
    finally:
        job.kill()


def test_a_stopped_training_says_so_and_keeps_its_state(project: Project, plan: Plan) -> None:
    long = next(block for curve, block in plan.blocks if curve.architecture == "attention")
    settings = {**long.specification["settings"], "max_steps": 10**6, "min_steps": 10**6}
    endless = dataclasses.replace(long, specification={**long.specification, "settings": settings})
    log = project.folder / "stopped.log"
    job = subprocess.Popen(
        command(project, *making(endless, "stopped"), "--log", str(log)),
        cwd=project.folder,
        env=environment(project),
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if log.is_file() and "step 8," in log.read_text(encoding="utf-8"):
            break
        time.sleep(0.1)
    job.send_signal(signal.SIGTERM)
    _, errors = job.communicate(timeout=30)
    assert job.returncode == 1
    lines = [line for line in errors.splitlines() if "rhm_scaling" in line]
    assert lines == ["rhm_scaling: stopped by a signal; run again to go on from here"]
    (path,) = (project.folder / "stopped").glob("checkpoint-*")
    what = {"members": [], "threads": 1, "device": "cpu"}
    said: list[str] = []
    assert Checkpoint(path, what, 1.0, said.append).load() is None
    assert said[0].endswith("of another training; not taken up")  # sound, then


def test_a_worker_out_of_memory_is_a_line(project: Project, block: Product) -> None:
    architecture = {**block.specification["architecture"], "width": 20000}
    specification = {**block.specification, "architecture": architecture}
    huge = dataclasses.replace(block, specification=specification)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (5 * 2**30, 5 * 2**30))

    status, _, errors = call(project, *making(huge, "huge"), prepare=limit)
    assert status == 1
    assert errors[-1] == (
        "rhm_scaling: out of memory; use smaller blocks (block: in the study) or sizes"
    )
    assert not any("Traceback" in line for line in errors)


def test_a_limit_on_the_size_of_files_is_a_line(project: Project, block: Product) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    status, _, errors = call(project, *making(block, "limited"), prepare=limit)
    says = "File too large (limited/weights.safetensors); mend that and run again"
    assert (status, errors) == (1, [f"rhm_scaling: {says}"])
    assert not list((project.folder / "limited").iterdir())


def test_a_folder_where_a_file_should_be_is_a_line(project: Project, block: Product) -> None:
    (project.folder / "folder" / "weights.safetensors").mkdir(parents=True)
    status, _, errors = call(project, *making(block, "folder"))
    says = "Is a directory (folder/weights.safetensors); mend that and run again"
    assert (status, errors) == (1, [f"rhm_scaling: {says}"])


def test_an_order_that_is_no_file_is_a_line(project: Project) -> None:
    order = project.folder / "results" / "tiny" / "stages" / f"fit_curves-{'1' * 12}.json"
    for make, says in ((os.mkfifo, "it is no plain file"), (os.mkdir, "it is a folder")):
        make(order)
        status, _, errors = call(project, "stage", str(order))
        order.rmdir() if order.is_dir() else order.unlink()
        assert (status, errors) == (
            1,
            [f"rhm_scaling: {says} ({order}); mend that and run again"],
        )


def test_a_killed_worker_is_named_and_the_others_go_on(project: Project) -> None:
    study = labels_only(project, "killed", ("width: 16\n", "width: 17\n"))
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/laptop"),
            *("--cores", "2", "--config", f"study={study}", "batch_minutes=0.000001"),
        ],
        cwd=project.folder,
        env=environment(project, PYTHONPATH=""),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killed = None
    for _ in range(600):
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                ours = (entry / "cwd").readlink() == project.folder
                if ours and words[1:4] == [b"-m", b"rhm_scaling", b"batch"]:
                    receipt = project.folder / words[4].decode()
                    (kind, name), *_ = Batch.read(receipt.with_suffix(".json")).products
                    log = f"results/logs/{kind}/{name}.log"
                    if kind == "models" and (project.folder / log).exists():
                        os.kill(int(entry.name), signal.SIGKILL)
                        killed = log
                        break
        if killed:
            break
        time.sleep(0.1)
    output, _ = run.communicate()
    assert killed is not None
    assert run.returncode == 1
    assert f"{killed}: ended without a word: killed, perhaps for its memory" in output
    jobs = project.planned(study=study)
    assert jobs["train_block"] == 1  # keep-going: only the killed one is left
    project.snakemake("fits", "--config", f"study={study}")


def test_the_lock_of_a_killed_run_needs_no_hand_but_that_of_a_live_one_holds(
    project: Project,
) -> None:
    memory, alive = project.folder / ".snakemake", project.folder / "results" / "running.lock"
    study = project.edited("locked", ("name: tiny", "name: locked"))
    target = "results/locked/theory.csv"

    def lock() -> None:
        (memory / "locks").mkdir(exist_ok=True)
        (memory / "locks" / "0.output.lock").write_text(f"{target}\n", encoding="utf-8")

    lock()
    with alive.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        held = project.snakemake(target, "--config", f"study={study}", check=False)
    assert held.returncode == 1
    assert "cannot be locked" in held.stdout + held.stderr
    lock()
    freed = project.snakemake(target, "--config", f"study={study}")
    assert "a run was killed here; going on where it was" in freed.stdout + freed.stderr
    assert (project.folder / target).is_file()


def test_a_clock_that_was_set_back(project: Project, block: Product) -> None:
    future = time.time() + 10 * 86400
    for path in (project.folder / "results").rglob("*"):
        os.utime(path, (future, future))
    weights = project.folder / block.files["weights"]
    kept = load_file(weights)
    shutil.rmtree(weights.parent)
    with project.source("analysis/power_law", "HUBER = 0.1", "HUBER = 0.2"):
        assert project.planned() == {**{"train_block": 1, "fit_curves": 1, "draw_figures": 1}}
    project.snakemake("--config", f"study={TINY}")
    again = load_file(weights)
    assert all((kept[name] == again[name]).all() for name in kept)
    assert project.planned() == {}


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Callable[[str], None]]:
    """A file system in memory at a folder, and a way to change its options."""
    mount = ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems can be mounted by root only")

    def change(option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)

    try:
        yield change
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def products_of(jobs: dict[str, int]) -> int:
    return sum(count for rule, count in jobs.items() if rule in MAKES_PRODUCTS)


def test_a_full_disk_ends_in_a_line_and_the_rest_is_made_later(
    project: Project, tmp_path: Path
) -> None:
    with mounted(tmp_path, "-o", "size=40M"):
        small = project.copy(tmp_path, results=False)
        used = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        full = small.snakemake("--config", "study=config/studies/laptop.yaml", check=False)
        assert full.returncode == 1
        assert "results: " in full.stderr + full.stdout
        assert "MiB free on this disk, about" in full.stderr + full.stdout
        # it fills while jobs run
        study = labels_only(small, "labels")
        begun = small.planned(study=study)
        ballast = tmp_path / "ballast"
        ballast.write_bytes(bytes(20 * 2**20 - used))  # the rest is what a run asks for
        run = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"study={study}"],
            cwd=tmp_path,
            env=environment(small, PYTHONPATH=""),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while run.poll() is None and not any(tmp_path.glob("results/store/models/**/runs.csv")):
            time.sleep(0.05)
        more = tmp_path / "more"
        with contextlib.suppress(OSError), more.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**12))
        output, _ = run.communicate()
        assert run.returncode != 0
        assert "No space left on device" in output
        more.unlink()
        ballast.unlink()
        left = small.planned(study=study)
        assert 0 < products_of(left) < products_of(begun)
        small.snakemake("curves", "--config", f"study={study}")
        again = pd.read_csv(tmp_path / "results" / "labels" / "runs.csv")
        before = project.table("runs").query("grammar == 'zipf'").reset_index(drop=True)
        ignored = ["study", "seconds"]
        again, before = (table.drop(columns=ignored) for table in (again, before))
        pd.testing.assert_frame_equal(again, before, check_exact=True, check_dtype=False)


def test_read_only_results_are_a_line(project: Project, tmp_path: Path) -> None:
    with mounted(tmp_path) as change:
        copy = project.copy(tmp_path)
        study = copy.edited("other", ("name: tiny", "name: other"))
        results = tmp_path / "results"
        subprocess.run(["mount", "--bind", results, results], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", results], check=True)
        done = copy.snakemake("--config", f"study={study}", check=False)
        subprocess.run(["umount", results], check=True)
        assert done.returncode == 1
        text = done.stdout + done.stderr
        assert re.search(r"results/other/\S+: Read-only file system; mend that and run again", text)
        assert "Traceback" not in text
        change("ro")
        done = copy.snakemake("--config", f"study={study}", check=False)
        change("rw")
        assert done.returncode == 1
        assert ".snakemake: cannot be written; copy the project" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
