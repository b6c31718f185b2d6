"""What a person asks for on the command line, beside the jobs of the workflow.

Heavy imports stay inside the commands that need them.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..core import texts
from ..core.errors import UserError
from ..core.files import write_text

# cores that this process may use, as Snakemake counts them for `--cores all`
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print_table(table: Any, **how: Any) -> None:
    """Print a table of pandas; nothing if it is empty."""
    if len(table):
        print(table.to_string(index=False, **how))


def show(arguments: Namespace) -> None:
    """Print the tables of exponents of a finished study."""
    import pandas as pd

    from ..analysis.controls import told
    from ..analysis.curves import CURVE_KEY
    from ..plots.summary import (
        SCALING_COLUMNS,
        SCAN_COLUMNS,
        columns,
        exponent_notes,
        exponent_table,
        scaling_table,
        scan_table,
    )
    from ..run.precision import read_plan
    from ..run.records import check
    from ..steps.plan import stages

    plan = read_plan(arguments.study)
    study, asked = plan.study, {path for one in stages(plan).values() for path in one.outputs}
    folder = Path("results") / study.name

    def made(table: str, stage: str) -> pd.DataFrame | None:
        path = folder / f"{table}.csv"
        if str(path) not in asked or not path.is_file():  # the study has no such curves any more
            return None
        check(folder / "stages" / f"{stage}.record.json", path)
        return pd.read_csv(path)

    first = ("runs", "gather_runs") if study.experiments else ("transition", "gather_denoising")
    found = made(*first)
    if found is None:
        raise UserError(
            f"{folder}/{first[0]}.csv: is missing; first run `make run STUDY={arguments.study}`"
        )
    runs = found if study.experiments else None
    fits, scanned = made("fits", "fit_curves"), made("scan_points", "fit_scans")
    if fits is not None and scanned is not None:  # of a scan, curves are not told one by one
        single = ~fits[CURVE_KEY].apply(tuple, axis=1).isin(scanned[CURVE_KEY].apply(tuple, axis=1))
        fits = fits[single] if single.any() else None
    if fits is not None:
        _print_table(exponent_table(fits).drop(columns="window"))
        print("\n".join(exponent_notes(fits)))
    if (scaling := made("scaling", "compare_sizes")) is not None:
        laws = scaling_table(scaling)
        _print_table(laws)
        if len(laws):
            print("\n".join(columns(SCALING_COLUMNS)))
    if (collapsed := made("scan_collapse", "fit_scans")) is not None:
        _print_table(scan_table(collapsed))
        print("\n".join(columns(SCAN_COLUMNS)))
    if runs is not None:
        for status, failed in runs[runs["status"] != "ok"].groupby("status"):
            print(f"{len(failed)} replicas {status}; they are marked in {folder}/runs.csv")
    if (controls := made("controls", "compare_controls")) is not None:
        for line in told(controls).limited:
            print(line)
    figures = folder / ("figures" if study.experiments else "denoising")
    named = {"report": folder / "report.html", "tables": folder / "*.csv", "figures": figures}
    lacks = [what for what in ("report", "figures") if not named[what].exists()]
    print("   ".join(f"{what}: {path}" for what, path in named.items() if what not in lacks))
    if lacks:
        print(f"no {' and no '.join(lacks)} yet; run `make run STUDY={arguments.study}`")


def name(arguments: Namespace) -> None:
    """Check a study and print its name."""
    from ..study.reading import load_study

    print(load_study(arguments.study).name)


def claims(arguments: Namespace) -> None:
    """Print the verdicts of finished studies; write them on one page, if asked for one."""
    from ..core.files import write_text
    from ..plots.claims_page import Decided, claims_table, errors_table, page, training
    from ..study.reading import load_study, split_scale

    results, scales, found = Path("results"), set(), []
    for path in arguments.study:
        study = load_study(path)
        if study.claim is None:
            raise UserError(f"{path}: decides no claim; set claim: in it, or leave it out")
        scales.add(split_scale(path)[1])
        found.append(Decided.read(study.name, str(path), study.claim, results))
    if len(scales) > 1:
        raise UserError("the studies are at several scales; give those of one")
    _print_table(claims_table(found))
    print("\nhow often made-up studies agree:")
    _print_table(errors_table(found))
    for one in found:
        for line in training(one.criteria)[1] if one.criteria is not None else ():
            print(f"{one.name}: {line}")
    if arguments.page is None:
        return
    scale = scales.pop()
    title = f"The claims of the theory{f', {scale} scale' if scale else ''}"
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    write_text(arguments.page, page(found, results, title))
    print(f"page: {arguments.page}")


def plan(arguments: Namespace) -> None:
    """Print what a run of a study would do and why, what it would take, and what it took."""
    from ..run.dry_run import lines
    from ..run.machine import Machine
    from ..run.precision import read_plan
    from ..run.status import Status
    from ..study.cost import Rates

    status = Status(read_plan(arguments.study), Machine.read(Path()).spared)
    for line in lines(status, Rates.read(Path("results", "machine.json")), arguments.cores):
        print(line)


def settled(arguments: Namespace) -> None:
    """Say which curves may need more rule draws for the precision asked for; status 3 if any."""
    from ..run.machine import Machine
    from ..run.precision import UNSETTLED, read_plan, unsettled
    from ..run.status import Status

    plan = read_plan(arguments.study)
    if not plan.designs:
        return
    lines = unsettled(Status(plan, Machine.read(Path()).spared))
    for line in lines:
        print(line)
    if lines:
        sys.exit(UNSETTLED)


def status(arguments: Namespace) -> None:
    """Print what state a study's run is in: what is made, runs, waits, failed; the time left."""
    from ..run.locks import running_since
    from ..run.machine import Machine
    from ..run.precision import read_plan
    from ..run.progress import Progress
    from ..run.slurm import queued
    from ..run.status import Status
    from ..study.cost import Rates

    plan, machine = read_plan(arguments.study), Machine.read(Path())
    rates = Rates.read(Path("results", "machine.json"))
    try:
        jobs = queued(Path(), ended=True)
    except UserError as error:
        jobs = []
        said = str(error).partition(";")[0]
        print(f"{said}; only what runs here is shown", file=sys.stderr)
    began = running_since()
    # asked last, so that nothing is taken for unfinished whose job has ended meanwhile
    progress = Progress(Status(plan, machine.spared), jobs, began, rates)
    print("\n".join(progress.lines(arguments.cores)))


def rows(arguments: Namespace) -> None:
    """Write what is finished of a study, without its networks, where git keeps it."""
    from ..run.precision import read_plan
    from ..run.records import LEFT_OUT
    from ..run.rows import KINDS, ROWS, keep
    from ..run.status import Status

    folder = arguments.folder or Path(ROWS)
    status = Status(read_plan(arguments.study), LEFT_OUT)
    known = [product for kind in KINDS for product in status.plan.products[kind].values()]
    made = [product for product in known if (product.kind, product.name) in status.made]
    size = sum(keep(product, folder) for product in made) / 2**20
    print(f"{folder}: {len(made)} of {len(known)} products, {size:.1f} MiB")


def verify(arguments: Namespace) -> None:
    """Compare every file below results/ with its recorded checksum; name those that differ."""
    from ..run.clean import damaged, discard, made, records
    from ..run.dry_run import other_versions

    found, versions = list(damaged(Path())), list(other_versions(made(Path())))
    for record, file, problem in found:
        print(f"{texts.line(str(file))}: {problem}")
        if arguments.remove:
            discard(record, file)
    for line in versions:
        print(line)
    if found and not arguments.remove:
        raise UserError(f"{len(found)} damaged files; make verify REMOVE=1, then make run")
    print(f"{len(list(records(Path())))} products verified, {len(found)} damaged files removed")


def clean(arguments: Namespace) -> None:
    """List what no study refers to any more, with age and size; remove it on request."""
    from ..run.clean import leftovers, remove
    from ..run.locks import acquire

    found = leftovers(Path())
    for leftover in found:
        print(f"{leftover.size / 2**20:8.1f} MiB {leftover.age:6.1f} days  {leftover.path}")
    size = sum(leftover.size for leftover in found) / 2**20
    print(f"{len(found)} products of {size:.1f} MiB that no study refers to", end="")
    if not arguments.remove:
        print("; make clean REMOVE=1 removes them" if found else "")
        return
    if not acquire():
        print()
        raise UserError("a run is under way here; clean when it has ended")
    for leftover in found:
        remove(Path(), leftover.files)
    print(", removed")


def schema(arguments: Namespace) -> None:
    """Write what is generated: from configuration models, and from what is said of columns."""
    from ..run.machine import settings_schema
    from ..steps import columns
    from ..study import reference

    machine = {Path("workflow", "schemas", "config.schema.yaml"): settings_schema()}
    explained = {columns.EXPLAINED: columns.explained(columns.EXPLAINED.read_text("utf-8"))}
    for path, text in (reference.generated(Path("config")) | machine | explained).items():
        write_text(path, text)
        print(path)


def report(arguments: Namespace) -> None:
    """Write the report of a finished study, once its tables and figures are checked."""
    from ..publish.report import write_report

    print(f"report: {write_report(arguments.study)}")


def archive(arguments: Namespace) -> None:
    """Write the archive of a finished study: one zip file, for a paper."""
    from ..publish.archive import write_archive

    path = write_archive(arguments.study, arguments.output, arguments.datasets)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


def dataset(arguments: Namespace) -> None:
    """Write the sentences of a study's networks as Parquet, as hubs of data sets take them."""
    from ..publish.dataset import write_dataset

    folder = write_dataset(arguments.study, arguments.folder, arguments.rule_draws)
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{folder}: {len(files)} files, {size:.2f} MB")


def reproduce(arguments: Namespace) -> None:
    """Unpack an archive, set up its environment, show that it is complete, or make all of it again.

    It runs the code in the archive.
    """
    from ..publish.reproduce import reproduce

    reproduce(arguments.archive, arguments.folder, arguments.force)


def compare(arguments: Namespace) -> None:
    """Compare the tables of two folders: identical, within replica noise, or different."""
    from ..publish.reproduce import same_tables

    same_tables(*arguments.folders)
