"""What a person asks for on the command line, beside the jobs of the workflow.

Heavy imports stay inside the commands that need them.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import write_text


def spent(arguments: Namespace) -> None:
    """Print how the time of a study's run was spent, from its logs."""
    from ..run.spent import spent
    from ..study.plan import Plan
    from ..study.reading import load_study

    table = spent(Plan(load_study(arguments.study)), Path(), arguments.cores)
    print(table.to_string(index=False, float_format="{:.2f}".format))


def show(arguments: Namespace) -> None:
    """Print the tables of exponents of a finished study."""
    import pandas as pd

    from ..plots.summary import exponent_table, scaling_table
    from ..run.records import check
    from ..study.reading import load_study

    folder = Path("results") / load_study(arguments.study).name

    def made(stage: str) -> pd.DataFrame | None:
        if not (folder / f"{stage}.csv").is_file():  # the study has no such curves
            return None
        check(folder / "stages" / f"{stage}.record.json", folder / f"{stage}.csv")
        return pd.read_csv(folder / f"{stage}.csv")

    runs = made("runs")
    if runs is None:
        raise UserError(f"{folder}/runs.csv: is missing; run the study first")
    if (fits := made("fits")) is not None:
        print(exponent_table(fits).drop(columns="window").to_string(index=False))
    if (scaling := made("scaling")) is not None:
        print(scaling_table(scaling).to_string(index=False))
    if diverged := int((runs["status"] == "diverged").sum()):
        print(f"{diverged} replicas diverged; they are marked in {folder}/runs.csv")
    print(f"report: {folder}/report.html   tables: {folder}/*.csv   figures: {folder}/figures/")


def name(arguments: Namespace) -> None:
    """Check a study and print its name."""
    from ..study.reading import load_study

    print(load_study(arguments.study).name)


def claims(arguments: Namespace) -> None:
    """Print the verdicts of finished studies, and write one page with all of them."""
    from ..core.files import write_text
    from ..plots.claims_page import Decided, claims_table, page
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
    print(claims_table(found).to_string(index=False))
    scale = scales.pop()
    target = results / "claims" / f"{scale or 'index'}.html"
    title = f"The claims of the theory{f', {scale} scale' if scale else ''}"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, page(found, results, title))
    print(f"page: {target}")


def plan(arguments: Namespace) -> None:
    """Print what a run of a study would do and why, what it would take, and what it took."""
    from ..run import outlook
    from ..run.machine import CLUSTER, Machine
    from ..run.status import Standing
    from ..study.cost import Rates
    from ..study.plan import Plan
    from ..study.reading import load_study

    study, machine = load_study(arguments.study), Machine.read(Path())
    standing = Standing(Plan(study), machine.spared)
    rates = Rates.read(Path("results", "machine.json"))
    needed, table = standing.needed(), outlook.outlook(standing, rates)
    total = sum(map(len, standing.plan.products.values()))
    print(f"{study.name}: {len(needed)} of {total} products to make, {table['jobs'].sum()} jobs")
    if len(table):
        print(outlook.cells(needed).to_string(index=False), "\n")
        print(table.to_string(index=False, float_format="{:.0f}".format))
        here = outlook.elapsed(table, arguments.cores)
        print(f"here, {arguments.cores} cores: about {outlook.duration(here)}")
        if Path(CLUSTER).is_file():
            print(f"on the cluster of {_on_cluster(standing, rates, table)}")
    if len(made := outlook.foretold(standing, rates)):
        print("trainings that are made, core-seconds:")
        print(made.to_string(index=False, float_format="{:.2f}".format))


def _on_cluster(standing: Any, rates: Any, table: Any) -> str:
    """What a run on the cluster would be, by its profile and `config/cluster.yaml`."""
    from ..run import outlook
    from ..run.batches import batches
    from ..run.machine import CLUSTER, Machine, slots

    machine, jobs = Machine.read(Path(), CLUSTER), slots(Path())
    if machine.cluster is None:
        raise UserError(f"{CLUSTER}: holds no cluster:")
    found = batches(standing, machine, rates, jobs, {}, {})
    cores = max((batch.threads for batch in found), default=0)
    memory = max((batch.memory for batch in found), default=0)
    longest = outlook.duration(max((batch.seconds for batch in found), default=0.0))
    whole = outlook.duration(outlook.on_cluster(found, jobs, table))
    return (
        f"{CLUSTER}: {len(found)} jobs, {jobs} at a time, with up to {cores} cores, {memory} MiB "
        f"and {longest} each: about {whole}"
    )


def status(arguments: Namespace) -> None:
    """Print what state a study's run is in: what is made, runs, waits, failed; the time left."""
    from ..run.locks import under_way
    from ..run.machine import Machine
    from ..run.progress import Progress
    from ..run.slurm import queued
    from ..run.status import Standing
    from ..study.cost import Rates
    from ..study.plan import Plan
    from ..study.reading import load_study

    plan, machine = Plan(load_study(arguments.study)), Machine.read(Path())
    rates = Rates.read(Path("results", "machine.json"))
    try:
        jobs = queued(Path(), ended=True)
    except UserError as error:
        jobs = []
        print(f"rhm_scaling: {error}", file=sys.stderr)
    began = under_way(Path(".snakemake"))
    # asked last, so that nothing is taken for unfinished whose job has ended meanwhile
    progress = Progress(Standing(plan, machine.spared), jobs, began, rates)
    print("\n".join(progress.report(arguments.cores)))


def verify(arguments: Namespace) -> None:
    """Compare every file below results/ with its recorded checksum; name those that differ."""
    from ..run.clean import damaged, records, remove

    found = list(damaged(Path()))
    for record, file, problem in found:
        print(f"{file}: {problem}")
        if arguments.remove:
            remove({file, record})
    if found and not arguments.remove:
        raise UserError(f"{len(found)} damaged files; make verify REMOVE=1, then make run")
    print(f"{len(list(records(Path())))} products verified, {len(found)} damaged files removed")


def clean(arguments: Namespace) -> None:
    """List products that no study refers to, with age and size; remove them on request."""
    from ..run.clean import leftovers, remove
    from ..run.locks import alone

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


def bench(arguments: Namespace) -> None:
    """Measure inference, sampler, training, cost model, planning: ratios to loops and to peaks."""
    import torch

    from benchmarks import cost, feeds, inference, planning, sampler, training

    parts: dict[str, Callable[[], Any]] = {
        (inference.__doc__ or ""): inference.measure,
        (sampler.__doc__ or ""): sampler.measure,
        (training.__doc__ or ""): training.measure,
        (feeds.__doc__ or ""): feeds.measure,
        (cost.__doc__ or ""): lambda: cost.predictions(cost.calibrate()),
        (cost.growth.__doc__ or ""): cost.growth,
        (planning.__doc__ or ""): planning.measure,
    }
    if torch.cuda.is_available():
        parts |= {
            f"On a GPU. {training.__doc__}": lambda: training.measure("cuda"),
            f"On a GPU. {cost.__doc__}": lambda: cost.predictions(cost.calibrate("cuda"), "cuda"),
        }
    for title, measure in parts.items():
        print(title.splitlines()[0])
        table = measure().to_string(index=False, float_format="{:.2f}".format, na_rep="-")
        print(table, flush=True)


def calibrate(arguments: Namespace) -> None:
    """Measure this machine's rates, from which times are estimated; a minute or two."""
    from benchmarks.cost import calibrate

    path = Path("results", "machine.json")
    write_text(path, calibrate().json())
    print(f"{path}: {path.read_text(encoding='utf-8')}", end="")


def docs(arguments: Namespace) -> None:
    """Write what is generated from the configuration models under ``config/``."""
    from ..study import reference

    for path, text in reference.generated(Path("config")).items():
        write_text(path, text)
        print(path)


def archive(arguments: Namespace) -> None:
    """Write the archive of a finished study: one zip file, for a paper."""
    from ..publish.archive import write_archive

    path = write_archive(arguments.study, arguments.output, arguments.datasets)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


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
