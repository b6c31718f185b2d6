"""The command line: every rule of the workflow calls it, and so can a person.

Heavy imports stay inside the stages that need them.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .failures import FAILED
from .lifeline import end_with_the_run
from .provenance import UserError, fingerprint, identity, remove_leftovers, write_text


def _pairs(values: Sequence[str]) -> dict[str, Path]:
    """``role=path`` arguments."""
    return {role: Path(path) for role, _, path in (value.partition("=") for value in values)}


def _logger(path: Path | None) -> Callable[[str], None]:
    """Appends a time-stamped line to the log as it comes, so that progress can be followed."""
    if path is None:
        return lambda line: None
    path.parent.mkdir(parents=True, exist_ok=True)

    def log(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")

    return log


def _same_code(planned: str, *modules: str) -> None:
    """Refuse to mix results when the sources were edited after the run was planned."""
    if fingerprint(*modules) != planned:
        raise UserError(
            f"the source of {modules[0]} changed after this run was planned; start the run again"
        )


def _make(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Make one heavy product from its specification."""
    from .products import STORE
    from .records import check, record_path, write_record

    log("started")
    end_with_the_run()
    specification = json.loads(arguments.specification)
    module = f"stages.{specification['kind']}"
    by_name: list[str] = []
    options: dict[str, Any] = {}
    threads = 1
    if "architecture" in specification:
        by_name = [f"models.{specification['architecture']['kind']}"]
    inputs, outputs = _pairs(arguments.inputs), _pairs(arguments.outputs)
    record = outputs["record"]
    if specification["kind"] == "models":
        device, threads = _torch(arguments.device, arguments.threads), arguments.threads
        options = {"device": device, "pack": arguments.pack, "log": log}
        options["every"] = arguments.checkpoint_seconds
    _same_code(specification["code"], module, *by_name)
    for path in inputs.values():
        if path.is_relative_to(STORE):  # not a file of the user's
            check(record_path(path), path)
    make = importlib.import_module(f".{module}", __package__).make
    start = time.perf_counter()
    make(specification, inputs, outputs, **options)
    spent = threads * (time.perf_counter() - start)
    log(f"made in {spent:.2f} core-seconds")
    made = {"core_seconds": round(spent, 2), "threads": threads}
    files = [path for path in outputs.values() if path != record]
    write_record(record, specification, files, made)
    for path in record.parent.glob("checkpoint-*") if "weights" in outputs else ():
        path.unlink()
    for path in outputs.values():
        remove_leftovers(path)


def _torch(device: str, threads: int) -> str:
    """Set PyTorch's threads and choose the device."""
    import torch

    torch.set_num_threads(threads)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda asked for, but PyTorch finds no GPU here; set device: cpu")
    return device


def _stage(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Make the tables or figures of one light stage of a study."""
    from .records import check, record_path, write_record

    log("started")
    end_with_the_run()
    folder, name = arguments.share.parents[1], arguments.share.stem
    share = json.loads(arguments.share.read_text(encoding="utf-8"))
    if identity(share) != arguments.identity:
        raise UserError(
            f"{arguments.share}: the study changed after this run was planned; start the run again"
        )
    _same_code(share["code"], f"stages.{name}")
    for path in share["reads"]["store"]:
        check(record_path(Path(path)), Path(path))
    for earlier in share["reads"]["stages"]:
        check(folder / "stages" / f"{earlier}.record.json")
    make = importlib.import_module(f".stages.{name}", __package__).make
    start = time.perf_counter()
    make(share, folder, Path())
    spent = time.perf_counter() - start
    log(f"made in {spent:.2f} core-seconds")
    *files, record = arguments.outputs
    write_record(record, share, files, {"core_seconds": round(spent, 2), "threads": 1})
    for path in arguments.outputs:
        remove_leftovers(path)


def _spent(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Print how the time of a study's run was spent, from its logs."""
    from .cells import Plan
    from .reading import load_study
    from .spent import spent

    table = spent(Plan(load_study(arguments.study)), Path(), arguments.cores)
    print(table.to_string(index=False, float_format="{:.2f}".format))


def _show(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Print the table of exponents of a finished study."""
    import pandas as pd

    from .reading import load_study
    from .summary import exponent_table

    folder = Path("results") / load_study(arguments.study).name
    fits = pd.read_csv(folder / "fits.csv")
    table = exponent_table(fits).drop(columns="window")
    print(table.to_string(index=False))
    if diverged := int(fits["diverged"].sum()):
        print(f"{diverged} replicas diverged; they are marked in {folder}/runs.csv")
    print(f"report: {folder}/report.html   tables: {folder}/*.csv   figures: {folder}/figures/")


def _name(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Check a study and print its name."""
    from .reading import load_study

    print(load_study(arguments.study).name)


def _plan(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Print what a run of a study would do and why, what it would take, and what it took."""
    from . import outlook
    from .cells import Plan
    from .cost import Rates
    from .reading import load_study
    from .standing import Standing

    study = load_study(arguments.study)
    standing, rates = Standing(Plan(study)), Rates.read(Path("results", "machine.json"))
    needed, table = standing.needed(), outlook.outlook(standing, rates)
    total = sum(map(len, standing.plan.products.values()))
    print(f"{study.name}: {len(needed)} of {total} products to make, {table['jobs'].sum()} jobs")
    if len(table):
        print(outlook.cells(needed).to_string(index=False), "\n")
        print(table.to_string(index=False, float_format="{:.0f}".format))
        here = outlook.elapsed(table, arguments.cores)
        there = outlook.elapsed(table, arguments.jobs, _CLUSTER_OVERHEAD)
        print(f"here, {arguments.cores} cores: about {_duration(here)}")
        slots = f"{arguments.jobs} jobs at a time, {_CLUSTER_OVERHEAD:.0f} s to start each"
        print(f"on a cluster, {slots}: about {_duration(there)}")
    if len(made := outlook.foretold(standing, rates)):
        print("trainings that are made, core-seconds:")
        print(made.to_string(index=False, float_format="{:.2f}".format))


_CLUSTER_OVERHEAD = 12.0  # seconds, of a SLURM job that starts Snakemake and Python on its node


def _duration(seconds: float) -> str:
    """Seconds in the unit that a person would use."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _verify(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Compare every file below results/ with its recorded checksum; name those that differ."""
    from .housekeeping import damaged, records, remove

    found = list(damaged(Path()))
    for record, file, problem in found:
        print(f"{file}: {problem}")
        if arguments.remove:
            remove({file, record})
    if found and not arguments.remove:
        raise UserError(f"{len(found)} damaged files; make verify REMOVE=1, then make run")
    print(f"{len(list(records(Path())))} products verified, {len(found)} damaged files removed")


def _clean(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """List products that no study refers to, with age and size; remove them on request."""
    from .housekeeping import leftovers, remove
    from .takeover import alone

    found = leftovers(Path())
    for leftover in found:
        print(f"{leftover.size / 2**20:8.1f} MiB {leftover.age:6.1f} days  {leftover.path}")
    size = sum(leftover.size for leftover in found) / 2**20
    print(f"{len(found)} products of {size:.1f} MiB that no study refers to", end="")
    if not arguments.remove:
        print("; make clean REMOVE=1 removes them" if found else "")
        return
    if not alone(Path(".snakemake")):
        print()
        raise UserError("a run is under way here; clean when it has ended")
    for leftover in found:
        remove(leftover.files)
    print(", removed")


def _bench(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Measure inference, sampler, training and the cost model: ratios to loops and to peaks."""
    from .bench import cost, inference, sampler, training

    parts: dict[str, Callable[[], Any]] = {
        (inference.__doc__ or ""): inference.measure,
        (sampler.__doc__ or ""): sampler.measure,
        (training.__doc__ or ""): training.measure,
        (cost.__doc__ or ""): lambda: cost.predictions(cost.calibrate()),
        (cost.growth.__doc__ or ""): cost.growth,
    }
    for title, measure in parts.items():
        print(title.splitlines()[0])
        table = measure().to_string(index=False, float_format="{:.2f}".format, na_rep="-")
        print(table, flush=True)


def _calibrate(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Measure this machine's rates, from which times are estimated; a minute or two."""
    from .bench.cost import calibrate

    path = Path("results", "machine.json")
    write_text(path, calibrate().json())
    print(f"{path}: {path.read_text(encoding='utf-8')}", end="")


def _docs(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Write what is generated from the configuration models under ``config/``."""
    from . import reference

    for path, text in reference.generated(Path("config")).items():
        write_text(path, text)
        print(path)


def _archive(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Write the archive of a finished study: one zip file, for a paper."""
    from .archive import write_archive

    path = write_archive(arguments.study, arguments.output, arguments.datasets)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


def _reproduce(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Unpack an archive, set up its environment, show that it is complete, or make all of it again.

    It runs the code in the archive.
    """
    from .reproduce import reproduce

    reproduce(arguments.archive, arguments.folder, arguments.force)


def _compare(arguments: argparse.Namespace, log: Callable[[str], None]) -> None:
    """Compare the tables of two folders: identical, within replica noise, or different."""
    from .reproduce import same_tables

    same_tables(*arguments.folders)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rhm_scaling", description=__doc__)
    commands = parser.add_subparsers(required=True)

    make = commands.add_parser("make", help=_make.__doc__)
    make.add_argument("specification", help="JSON, as recorded beside the product")
    make.add_argument("--inputs", nargs="*", default=[], metavar="ROLE=PATH")
    make.add_argument("--outputs", nargs="+", required=True, metavar="ROLE=PATH")
    make.add_argument("--device", choices=["cpu", "cuda", "auto"], default="cpu")
    make.add_argument("--threads", type=int, default=1)
    make.add_argument("--pack", type=int, help="replicas trained side by side")
    make.add_argument("--checkpoint-seconds", type=float, default=60, help="between checkpoints")
    make.set_defaults(run=_make)

    stage = commands.add_parser("stage", help=_stage.__doc__)
    stage.add_argument("share", type=Path, help="results/<study>/stages/<stage>.json")
    stage.add_argument("identity", help="of the share, as planned")
    stage.add_argument("--outputs", nargs="+", type=Path, required=True, help="the record last")
    stage.set_defaults(run=_stage)

    show = commands.add_parser("show", help=_show.__doc__)
    show.add_argument("study", type=Path, help="the study's YAML file")
    show.set_defaults(run=_show)

    name = commands.add_parser("name", help=_name.__doc__)
    name.add_argument("study", type=Path, help="the study's YAML file")
    name.set_defaults(run=_name)

    spent = commands.add_parser("spent", help=_spent.__doc__)
    spent.add_argument("study", type=Path, help="the study's YAML file")
    spent.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="of the run")
    spent.set_defaults(run=_spent)

    plan = commands.add_parser("plan", help=_plan.__doc__)
    plan.add_argument("study", type=Path, help="the study's YAML file")
    plan.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="of this machine")
    plan.add_argument("--jobs", type=int, default=50, help="at a time on a cluster")
    plan.set_defaults(run=_plan)

    verify = commands.add_parser("verify", help=_verify.__doc__)
    verify.add_argument("--remove", action="store_true", help="what is damaged")
    verify.set_defaults(run=_verify)

    clean = commands.add_parser("clean", help=_clean.__doc__)
    clean.add_argument("--remove", action="store_true", help="what is listed")
    clean.set_defaults(run=_clean)

    bench = commands.add_parser("bench", help=_bench.__doc__)
    bench.set_defaults(run=_bench)

    calibrate = commands.add_parser("calibrate", help=_calibrate.__doc__)
    calibrate.set_defaults(run=_calibrate)

    docs = commands.add_parser("docs", help=_docs.__doc__)
    docs.set_defaults(run=_docs)


    archive = commands.add_parser("archive", help=_archive.__doc__)
    archive.add_argument("study", type=Path, help="the study's YAML file")
    archive.add_argument("--datasets", action="store_true", help="with the sentences")
    archive.add_argument("--output", type=Path, help="results/<study>/<study>.crate.zip")
    archive.set_defaults(run=_archive)

    reproduce = commands.add_parser("reproduce", help=_reproduce.__doc__)
    reproduce.add_argument("archive", type=Path)
    reproduce.add_argument("--folder", type=Path, help="reproduced/<study>; must be new or empty")
    reproduce.add_argument("--force", action="store_true", help="make all of it again")
    reproduce.set_defaults(run=_reproduce)

    compare = commands.add_parser("compare", help=_compare.__doc__)
    compare.add_argument("folders", type=Path, nargs=2, help="results/<study> of two runs")
    compare.set_defaults(run=_compare)

