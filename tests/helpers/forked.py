"""Runs of Snakemake, its jobs, and commands of the project, without their imports, by the hundred.

Each runs in a process of its own, forked from one in which packages are imported, and nothing of
the project. To it, that is `python -m`: it has its arguments, folder, environment and files. To
Snakemake, its own `python` is one that asks for such a process, so that jobs are forked, too. What
is about processes (kills, clusters, surroundings) starts Python itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# what Snakemake imports before it reads a workflow, and what ours imports from elsewhere
IMPORTED = (
    *("snakemake.cli", "snakemake_executor_plugin_slurm.efficiency_report", "smart_open"),
    *("pandas", "pydantic", "yaml", "torch", "safetensors.torch", "seaborn", "fontTools.subset"),
    *("matplotlib.backends.backend_pdf", "matplotlib.backends.backend_agg"),
)
ASKING = Path(__file__).with_name("asking.py")


def run_module(
    module: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What `python -m module` does in a folder."""
    server, _ = _server()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        status = subprocess.run(
            [str(server / "python"), "-m", module, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            check=False,
        ).returncode
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([*arguments], status, out.read(), errors.read())


@functools.cache
def _server() -> tuple[Path, subprocess.Popen[bytes]]:
    """The folder of a `python` that asks a process to fork itself, and that process.

    It ends with this one, which closes its input.
    """
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    python = folder / "python"
    command = f'{sys.executable} -ISE {ASKING} {folder} "$@"'
    python.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    python.chmod(0o755)
    # as Snakemake sets it for jobs of one core
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    server = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        env={**os.environ, "PYTHONPATH": "", **threads},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
    )
    assert server.stdout is not None and server.stdout.readline() == b"ready\n"
    return folder, server


def _serve(folder: Path) -> None:
    """Fork whatever is asked for, until nobody can ask any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()
        for module in IMPORTED:
            __import__(module)
        assert not any(name.startswith("rhm_scaling") for name in sys.modules)
        gc.freeze()  # pages that no collection touches stay shared
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            asked, _ = listener.accept()
            with asked:
                if os.fork() == 0:
                    _answer(asked, folder / "python")


def _answer(asked: socket.socket, python: Path) -> None:
    """Fork a process, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, *_ = socket.recv_fds(asked, 2**20, 3)
    child = os.fork()
    if child == 0:
        _become(*json.loads(text), files, str(python))
    _, status = os.waitpid(child, 0)
    asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    files: list[int],
    python: str,
) -> None:
    """Be `python`, and end."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    here = [] if environment.get("PYTHONSAFEPATH") else [folder]
    sys.path[:1] = [*here, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.executable = python
    _, module, *sys.argv[1:] = arguments
    status: int | str | None = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # an interpreter that was forked takes a second to take itself apart
    os._exit(status or 0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
