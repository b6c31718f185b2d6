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
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import StoppedError, UserError
from ..core.files import remove_leftovers, write_text
from ..core.fingerprint import fingerprint
from ..run.gpus import claim
from ..run.lifeline import end_with_the_run
from ..run.logs import FAILED
from . import commands


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


def _same_code(planned: str, *roots: str) -> None:
    """Refuse to mix results when the sources were edited after the run was planned."""
    if fingerprint(*roots) != planned:
        module = roots[0].partition(":")[0]
        raise UserError(
            f"the source of {module} changed after this run was planned; start the run again"
        )


def _make(arguments: argparse.Namespace) -> None:
    """Make one heavy product from its specification."""
    from ..run.records import check, record_path, write_record
    from ..study.artifacts import STEPS, STORE

    log = _logger(arguments.log)
    log("started")
    end_with_the_run()
    specification = json.loads(arguments.specification)
    module = f"steps.products.{STEPS[specification['kind']]}"
    by_name: list[str] = []
    options: dict[str, Any] = {}
    scratch, threads = None, 1
    if "architecture" in specification:
        by_name = [f"models.{specification['architecture']['kind']}:Network"]
    inputs, outputs = _pairs(arguments.inputs), _pairs(arguments.outputs)
    record = outputs["record"]
    if specification["kind"] == "models":
        from ..training.checkpoints import scratch_folder

        threads = arguments.threads
        device = _torch(arguments.device, threads, log)
        every = arguments.checkpoint_seconds
        scratch = scratch_folder(arguments.scratch, record.parent, log)
        options = {"device": device, "pack": arguments.pack, "log": log}
        options |= {"every": every, "scratch": scratch}
    _same_code(specification["code"], f"{module}:make", *by_name)
    for path in inputs.values():
        if path.is_relative_to(STORE):  # not a file of the user's
            check(record_path(path), path)
    make = importlib.import_module(f"..{module}", __package__).make
    start = time.perf_counter()
    make(specification, inputs, outputs, **options)
    spent = threads * (time.perf_counter() - start)
    log(f"made in {spent:.2f} core-seconds")
    made = {"core_seconds": round(spent, 2), "threads": threads}
    files = [path for path in outputs.values() if path != record]
    write_record(record, specification, files, made)
    for path in record.parent.glob("*checkpoint-*") if "weights" in outputs else ():
        path.unlink()
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
    for path in outputs.values():
        remove_leftovers(path)


def _torch(device: str, threads: int, log: Callable[[str], None]) -> str:
    """Set PyTorch's threads and choose the device, of several GPUs one that no other job has."""
    import torch

    torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise UserError(
                "device: cuda asked for, but PyTorch finds no GPU here; set device: cpu"
            )
        count = torch.cuda.device_count()
        uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in range(count)]
        torch.cuda.set_device(claim(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"), log))
    return device


def _stage(arguments: argparse.Namespace) -> None:
    """Make the tables or figures of one stage of a study."""
    from ..run.records import check, record_path, write_record
    from ..study.tables import share_identity

    log = _logger(arguments.log)
    log("started")
    end_with_the_run()
    file: Path = arguments.order
    order = json.loads(file.read_text(encoding="utf-8"))
    share, record = order["share"], Path(order["record"])
    name, _, planned = file.stem.rpartition("-")
    if share_identity(share) != planned:
        raise UserError(f"{file}: is not what was planned; start the run again")
    _same_code(share["code"], f"steps.tables.{name}:make")
    for path in share["reads"]["store"]:
        check(record_path(Path(path)), Path(path))
    folder = record.parents[1]
    for earlier in share["reads"]["stages"]:
        check(folder / "stages" / f"{earlier}.record.json")
    make = importlib.import_module(f"..steps.tables.{name}", __package__).make
    start = time.perf_counter()
    make(share, folder, Path())
    spent = time.perf_counter() - start
    log(f"made in {spent:.2f} core-seconds")
    files = [Path(path) for path in order["outputs"]]
    made = {"core_seconds": round(spent, 2), "threads": 1}
    write_record(record, share, files, made, share_identity(share))
    for path in [*files, record]:
        remove_leftovers(path)
    for other in file.parent.glob(f"{name}-{'?' * len(planned)}.json"):
        if other != file:  # of an earlier plan
            other.unlink(missing_ok=True)
    _tell(f"{share['study']}/{name}", spent)


def _tell(what: str, seconds: float, how: str = "made") -> None:
    """A line for a person who watches the run."""
    with contextlib.suppress(OSError):  # nobody does any more
        print(f"{what}: {how}, {seconds:.1f} s", file=sys.stderr, flush=True)


def _batch(arguments: argparse.Namespace) -> None:
    """Make the products of a batch, one after another, and leave a receipt."""
    from ..run.batches import Batch
    from ..run.slurm import given
    from ..run.status import RESULTS

    log = _logger(arguments.log)
    log("started")
    if allocation := given():
        log(allocation)
    end_with_the_run()
    batch = Batch.read(arguments.receipt.with_suffix(".json"))
    failed: list[str] = []
    small: list[float] = []
    for (kind, name), command in batch.pending():
        start = time.perf_counter()
        try:
            status = _outcome(command)
        except Exception:
            traceback.print_exc()
            status = _FAILED
        if status == _STOPPED:
            raise StoppedError("stopped by a signal; run again to go on from here")
        failed += [f"{kind}/{name}"] if status else []
        seconds = time.perf_counter() - start
        if status or kind in RESULTS:
            _tell(f"{kind}/{name}", seconds, "failed" if status else "made")
        else:
            small.append(seconds)
        batch.spare(command)
    if small:
        _tell(f"{len(small)} products of data and theory", sum(small))
    if failed:
        number = len(batch.products)
        raise UserError(
            f"{len(failed)} of {number} products failed, {failed[0]} first; see its log"
        )
    log("done")
    write_text(arguments.receipt, "")


_FAILED, _STOPPED = 1, 2  # how a command ended


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rhm_scaling", description=__doc__)
    known = parser.add_subparsers(required=True)

    make = known.add_parser("make", help=_make.__doc__)
    make.add_argument("specification", help="JSON, as recorded beside the product")
    make.add_argument("--inputs", nargs="*", default=[], metavar="ROLE=PATH")
    make.add_argument("--outputs", nargs="+", required=True, metavar="ROLE=PATH")
    make.add_argument("--device", choices=["cpu", "cuda", "auto"], default="cpu")
    make.add_argument("--threads", type=int, default=1)
    make.add_argument("--pack", type=int, help="replicas trained side by side")
    make.add_argument("--checkpoint-seconds", type=float, default=60, help="between checkpoints")
    make.add_argument("--scratch", default="", help="folder on this node's disk, for checkpoints")
    make.set_defaults(run=_make)

    stage = known.add_parser("stage", help=_stage.__doc__)
    stage.add_argument("order", type=Path, help="results/<study>/stages/<step>-<identity>.json")
    stage.set_defaults(run=_stage)

    batch = known.add_parser("batch", help=_batch.__doc__)
    batch.add_argument("receipt", type=Path, help="results/batches/<rule>-<batch>.done, at the end")
    batch.set_defaults(run=_batch)

    show = known.add_parser("show", help=commands.show.__doc__)
    show.add_argument("study", type=Path, help="the study's YAML file")
    show.set_defaults(run=commands.show)

    name = known.add_parser("name", help=commands.name.__doc__)
    name.add_argument("study", type=Path, help="the study's YAML file")
    name.set_defaults(run=commands.name)

    claims = known.add_parser("claims", help=commands.claims.__doc__)
    claims.add_argument("study", type=Path, nargs="+", help="studies' YAML files, at one scale")
    claims.add_argument("--page", type=Path, help="results/claims/<scale>.html")
    claims.set_defaults(run=commands.claims)

    spent = known.add_parser("spent", help=commands.spent.__doc__)
    spent.add_argument("study", type=Path, help="the study's YAML file")
    spent.add_argument("--cores", type=int, default=commands.CORES, help="of the run")
    spent.set_defaults(run=commands.spent)

    plan = known.add_parser("plan", help=commands.plan.__doc__)
    plan.add_argument("study", type=Path, help="the study's YAML file")
    plan.add_argument("--cores", type=int, default=commands.CORES, help="of this machine")
    plan.set_defaults(run=commands.plan)

    status = known.add_parser("status", help=commands.status.__doc__)
    status.add_argument("study", type=Path, help="the study's YAML file")
    status.add_argument("--cores", type=int, default=commands.CORES, help="of this machine")
    status.set_defaults(run=commands.status)

    verify = known.add_parser("verify", help=commands.verify.__doc__)
    verify.add_argument("--remove", action="store_true", help="what is damaged")
    verify.set_defaults(run=commands.verify)

    clean = known.add_parser("clean", help=commands.clean.__doc__)
    clean.add_argument("--remove", action="store_true", help="what is listed")
    clean.set_defaults(run=commands.clean)

    docs = known.add_parser("docs", help=commands.docs.__doc__)
    docs.set_defaults(run=commands.docs)

    archive = known.add_parser("archive", help=commands.archive.__doc__)
    archive.add_argument("study", type=Path, help="the study's YAML file")
    archive.add_argument("--datasets", action="store_true", help="with the sentences")
    archive.add_argument("--output", type=Path, help="results/<study>/<study>.crate.zip")
    archive.set_defaults(run=commands.archive)

    reproduce = known.add_parser("reproduce", help=commands.reproduce.__doc__)
    reproduce.add_argument("archive", type=Path)
    reproduce.add_argument("--folder", type=Path, help="reproduced/<study>; must be new or empty")
    reproduce.add_argument("--force", action="store_true", help="make all of it again")
    reproduce.set_defaults(run=commands.reproduce)

    compare = known.add_parser("compare", help=commands.compare.__doc__)
    compare.add_argument("folders", type=Path, nargs=2, help="results/<study> of two runs")
    compare.set_defaults(run=commands.compare)

    for job in (make, stage, batch):
        job.add_argument("--log", type=Path, help="file to which plain lines are appended")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it succeeded. A user's mistake ends in one line, not a traceback."""
    return int(_outcome(argv) != 0)


def _outcome(argv: Sequence[str] | None) -> int:
    """How a command ended: 0, `_FAILED` or `_STOPPED`."""
    arguments = _parser().parse_args(argv)
    log = _logger(getattr(arguments, "log", None))
    try:
        arguments.run(arguments)
    except StoppedError as error:
        return _fail(str(error), log, _STOPPED)
    except UserError as error:
        return _fail(str(error), log)
    except KeyboardInterrupt:
        return _fail("interrupted; run again", log, _STOPPED)
    except MemoryError:
        return _fail("out of memory; use smaller blocks (block: in the study) or sizes", log)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOENT):
            raise
        where = f" ({error.filename})" if error.filename else ""
        return _fail(f"{os.strerror(error.errno)}{where}; mend that and run again", log)
    except Exception as error:
        log(traceback.format_exc())
        log(f"{FAILED}{type(error).__name__}: {error}; see the lines above")
        raise
    return 0


def _fail(message: str, log: Callable[[str], None], status: int = _FAILED) -> int:
    print(f"rhm_scaling: {message}", file=sys.stderr)
    with contextlib.suppress(OSError):  # the disk may be the trouble
        log(FAILED + message)
    return status
