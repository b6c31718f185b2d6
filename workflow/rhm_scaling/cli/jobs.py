"""The command line: every rule of the workflow calls it, and so can a person.

Heavy imports stay inside the stages that need them.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
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
from ..core.files import naming, read_json, remove_leftovers, write_text
from ..core.fingerprint import PACKAGE, fingerprint
from ..run.gpus import claim
from ..run.lifeline import end_with_the_run
from ..run.locks import exclusive
from ..run.logs import FAILED, MADE
from . import commands

_BEGAN = time.time()  # when this process did


def _pairs(values: Sequence[str]) -> dict[str, Path]:
    """``role=path`` arguments."""
    return {role: Path(path) for role, _, path in (value.partition("=") for value in values)}


def _logger(path: Path | None) -> Callable[[str], None]:
    """Appends a time-stamped line to the log as it comes, so that progress can be followed."""
    if path is None:
        return lambda line: None
    path.parent.mkdir(parents=True, exist_ok=True)

    def log(line: str) -> None:
        with naming(path), path.open("a", encoding="utf-8") as file:
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
    """Make one product from its specification."""
    from ..core.hashing import identity
    from ..run.records import is_made

    log = _logger(arguments.log)
    log("started")
    end_with_the_run()
    specification = json.loads(arguments.specification)
    inputs, outputs = _pairs(arguments.inputs), _pairs(arguments.outputs)
    record = outputs["record"]
    with exclusive(f"{specification['kind']}-{identity(specification)}", log):
        # this job was told to make it, so it was not there when the job began
        if is_made(record, specification) and record.stat().st_mtime >= _BEGAN:
            log(f"{MADE}another run")
        else:
            _make_locked(arguments, specification, inputs, outputs, log)


def _make_locked(
    arguments: argparse.Namespace,
    specification: dict[str, Any],
    inputs: dict[str, Path],
    outputs: dict[str, Path],
    log: Callable[[str], None],
) -> None:
    from ..architecture.registry import adopt, network_code
    from ..run.records import check, record_path, write_record
    from ..study.artifacts import STEPS, STORE, TRAINED

    module = f"steps.products.{STEPS[specification['kind']]}"
    by_name: list[str] = []
    options: dict[str, Any] = {}
    scratch, threads = None, 1
    own = inputs.get("architecture")  # a user's file
    if "architecture" in specification:
        by_name = [network_code(specification["architecture"]["kind"], own)]
    record = outputs["record"]
    if specification["kind"] in TRAINED:
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
    if own:
        adopt(own)
    start = time.perf_counter()
    make(specification, inputs, outputs, **options)
    spent = threads * (time.perf_counter() - start)
    log(f"{MADE}{spent:.2f} core-seconds")
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
    from ..study.tables import table_identity

    log = _logger(arguments.log)
    log("started")
    end_with_the_run()
    file: Path = arguments.order
    order = read_json(file)
    specification, record = order["specification"], Path(order["record"])
    name, _, planned = file.stem.rpartition("-")
    if table_identity(specification) != planned:
        raise UserError(f"{file}: is not what was planned; start the run again")
    _same_code(specification["code"], f"steps.tables.{name}:make")
    for path in specification["reads"]["store"]:
        check(record_path(Path(path)), Path(path))
    folder = record.parents[1]
    for earlier in specification["reads"]["stages"]:
        check(folder / "stages" / f"{earlier}.record.json")
    make = importlib.import_module(f"..steps.tables.{name}", __package__).make
    start = time.perf_counter()
    make(specification, folder, Path())
    spent = time.perf_counter() - start
    log(f"{MADE}{spent:.2f} core-seconds")
    files = [Path(path) for path in order["outputs"]]
    made = {"core_seconds": round(spent, 2), "threads": 1}
    write_record(record, specification, files, made, table_identity(specification))
    for path in [*files, record]:
        remove_leftovers(path)
    for other in file.parent.glob(f"{name}-{'?' * len(planned)}.json"):
        if other != file:  # of an earlier plan
            other.unlink(missing_ok=True)
    _tell(f"{specification['study']}/{name}", spent)


def _tell(what: str, seconds: float, how: str = "made") -> None:
    """A line for a person who watches the run."""
    with contextlib.suppress(OSError):  # nobody does any more
        print(f"{what}: {how}, {seconds:.1f} s", file=sys.stderr, flush=True)


def _batch(arguments: argparse.Namespace) -> None:
    """Make the products of a batch, one after another, and leave a receipt."""
    from ..run.batches import Batch
    from ..study.artifacts import RESULTS

    log = _logger(arguments.log)
    log("started")
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


@functools.cache
def _parser() -> argparse.ArgumentParser:
    """All commands: made once for all products of a batch."""
    parser = argparse.ArgumentParser(prog="rhm_scaling", description=__doc__)
    known = parser.add_subparsers(required=True)

    def command(run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = known.add_parser(run.__name__.lstrip("_"), help=run.__doc__)
        added.set_defaults(run=run)
        return added

    make, stage, batch = map(command, (_make, _stage, _batch))
    make.add_argument("specification", help="JSON, as recorded beside the product")
    make.add_argument("--inputs", nargs="*", default=[], metavar="ROLE=PATH")
    make.add_argument("--outputs", nargs="+", required=True, metavar="ROLE=PATH")
    make.add_argument("--device", choices=["cpu", "cuda", "auto"], default="cpu")
    make.add_argument("--threads", type=int, default=1)
    make.add_argument("--pack", type=int, help="replicas trained side by side")
    make.add_argument("--checkpoint-seconds", type=float, default=60, help="between checkpoints")
    make.add_argument("--scratch", default="", help="folder on this node's disk, for checkpoints")
    stage.add_argument("order", type=Path, help="results/<study>/stages/<step>-<identity>.json")
    batch.add_argument("receipt", type=Path, help="results/batches/<rule>-<batch>.done, at the end")
    for job in (make, stage, batch):
        job.add_argument("--log", type=Path, help="file to which plain lines are appended")

    plan, status, archive = map(command, (commands.plan, commands.status, commands.archive))
    rows, dataset = map(command, (commands.rows, commands.dataset))
    others = map(command, (commands.name, commands.show, commands.report, commands.settled))
    for study in (plan, status, archive, rows, dataset, *others):
        study.add_argument("study", type=Path, help="the study's YAML file")
    for asked in (plan, status):
        asked.add_argument("--cores", type=int, default=commands.CORES, help="of this machine")
    archive.add_argument("--datasets", action="store_true", help="with the sentences")
    archive.add_argument("--output", type=Path, help="results/<study>/<study>.crate.zip")
    rows.add_argument("--folder", type=Path, help="results/rows")
    dataset.add_argument("--folder", type=Path, help="datasets/<study>; must be new or empty")
    dataset.add_argument("--rule-draws", type=int, help="of each grammar, the first so many")
    for looks_after in (command(commands.verify), command(commands.clean)):
        looks_after.add_argument("--remove", action="store_true", help="what is listed")

    claims = command(commands.claims)
    claims.add_argument("study", type=Path, nargs="+", help="studies' YAML files, at one scale")
    claims.add_argument("--page", type=Path, help="to write, with figures")
    reproduce = command(commands.reproduce)
    reproduce.add_argument("archive", type=Path)
    reproduce.add_argument("--folder", type=Path, help="reproduced/<study>; must be new or empty")
    reproduce.add_argument("--force", action="store_true", help="make all of it again")
    compare = command(commands.compare)
    compare.add_argument("folders", type=Path, nargs=2, help="results/<study> of two runs")
    command(commands.schema)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it succeeded. A user's mistake ends in one line, not a traceback."""
    return int(_outcome(argv) != 0)


def _outcome(argv: Sequence[str] | None) -> int:
    """How a command ended: 0, `_FAILED` or `_STOPPED`."""
    arguments = _parser().parse_args(argv)
    log = _logger(getattr(arguments, "log", None))
    try:
        if arguments.run not in (_make, _stage, _batch):
            _of_this_folder()
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
        if error.errno is None or error.filename is None:
            raise
        return _fail(f"{error.strerror} ({error.filename}); mend that and run again", log)
    except Exception as error:
        log(traceback.format_exc())
        log(f"{FAILED}{type(error).__name__}: {error}; see the lines above")
        raise
    return 0


def _of_this_folder() -> None:
    """Refuse to speak for a project's folder with the code of another one."""
    here = Path("workflow", PACKAGE.name)
    if here.is_dir() and not here.samefile(PACKAGE):
        raise UserError(
            f"this is the code of {PACKAGE.parents[1]}; call make, or python -m rhm_scaling with "
            f"PYTHONPATH={here.parent.absolute()}"
        )


def _fail(message: str, log: Callable[[str], None], status: int = _FAILED) -> int:
    print(f"rhm_scaling: {message}", file=sys.stderr)
    with contextlib.suppress(OSError):  # the disk may be the trouble
        log(FAILED + message)
    return status
