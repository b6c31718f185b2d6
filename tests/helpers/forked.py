"""Runs of Snakemake, and commands of the project, without their second of imports, by the hundred.

Each runs in a process of its own, forked from one in which Snakemake and pandas are imported, and
nothing of the project. To it, that is `python -m`: it has its arguments, folder and environment.
"""

from __future__ import annotations

import functools
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# what Snakemake imports before it reads a workflow, and what ours imports from elsewhere
IMPORTED = (
    *("snakemake.cli", "snakemake_executor_plugin_slurm.efficiency_report"),
    *("pandas", "pydantic", "yaml"),
)


def run_module(
    module: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What `python -m module` does in a folder."""
    parent = _parent()
    assert parent.stdin is not None and parent.stdout is not None
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, errors)]
        asked = [module, [*arguments], str(folder), {**environment}, files]
        parent.stdin.write(json.dumps(asked) + "\n")
        parent.stdin.flush()
        status = int(parent.stdout.readline())
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([*arguments], status, out.read(), errors.read())


@functools.cache
def _parent() -> subprocess.Popen[str]:
    """The process of which the others are forked; it ends with this one."""
    environment = {**os.environ, "PYTHONPATH": ""}
    pipe = subprocess.PIPE
    command = [sys.executable, __file__]
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True, cwd="/")


def _serve() -> None:
    for module in IMPORTED:
        __import__(module)
    assert not any(name.startswith("rhm_scaling") for name in sys.modules)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(*json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(
    module: str,
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    files: list[str],
) -> None:
    """Be `python -m module`, and end."""
    for number, path in enumerate(["/dev/null", *files]):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[1:] = arguments
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
    _serve()
