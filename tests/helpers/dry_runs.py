"""Dry runs of Snakemake without its second of imports, by the hundred.

Each runs in a process of its own, forked from one in which Snakemake is imported, and nothing of
the project. To it, that is `python -m snakemake`: it has its arguments, folder and environment.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# what Snakemake imports before it reads a workflow, and pandas, which each of ours imports
IMPORTED = ("snakemake.cli", "snakemake_executor_plugin_slurm.efficiency_report", "pandas")


def dry_run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What `python -m snakemake` would do in a folder."""
    parent = _parent()
    assert parent.stdin is not None and parent.stdout is not None
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, errors)]
        asked = [[*arguments], str(folder), {**environment}, files]
        parent.stdin.write(json.dumps(asked) + "\n")
        parent.stdin.flush()
        status = int(parent.stdout.readline())
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([*arguments], status, out.read(), errors.read())


@functools.cache
def _parent() -> subprocess.Popen[str]:
    """The process of which the dry runs are forked; it ends with this one."""
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
    arguments: list[str], folder: str, environment: dict[str, str], files: list[str]
) -> None:
    """Be Snakemake, and end."""
    for number, path in enumerate(["/dev/null", *files]):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    import snakemake
    from snakemake.cli import main

    sys.argv = [str(Path(snakemake.__file__).with_name("__main__.py")), *arguments]
    sys.path[0] = folder
    status: int | str | None = 1
    try:
        main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


if __name__ == "__main__":
    _serve()
