"""An archive reproduced: unpacked, set up, shown to be complete, and made again from nothing.

Only the project's own commands are used, make and Snakemake, of the archive's own copy. They run
the code in the archive, so this is for archives from people whom you trust.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..analysis.compare import compare
from ..core.errors import UserError
from ..run.precision import UNSETTLED
from .unpacking import Archive


def reproduce(path: Path, folder: Path | None, force: bool) -> None:
    """Unpack an archive, set up its environment, and show that nothing is left to do.

    Parameters
    ----------
    path
        The archive.
    folder
        Where it is unpacked; ``reproduced/<study>`` if not given. Nothing else is written.
    force
        Whether everything is run again, in ``again/`` below the folder, and compared.

    Raises
    ------
    UserError
        If a step fails, or something is left to do, or a table is different.
    """
    archive = Archive(path)
    folder = folder or Path("reproduced", archive.name)
    count = archive.unpack(folder)
    _say(f"{folder}: {count} files unpacked; each is what the manifest says")
    _say(f"code: {archive.version}")
    _say(f"{folder}: setting up its environment (make setup)")
    python = set_up(folder)
    nothing_to_do(folder, archive.study, python)
    _say("nothing to be done: every table, figure and network is there and up to date")
    if force:
        again = folder / "again"
        archive.unpack(again, results=False)
        _say(f"{again}: running everything again, without results (snakemake)")
        run(again, archive.study, python)
        same_tables(folder / "results" / archive.name, again / "results" / archive.name)


def set_up(folder: Path) -> Path:
    """The Python of the environment that the project in a folder sets up for itself."""
    _call(folder, ["make", "--no-print-directory", "setup", f"PYTHON={sys.executable}"])
    return folder / ".venv" / "bin" / "python"


def nothing_to_do(folder: Path, study: str, python: Path) -> None:
    """Refuse a project of which Snakemake would make anything.

    Raises
    ------
    UserError
        If it would.
    """
    command = _snakemake(python, study)
    text = _call(folder, [*command, "--dry-run"], show=False)
    if "Nothing to be done" not in text:
        raise UserError(
            f"{folder}: not everything is there; `snakemake -n --config study={study}` in that "
            "folder says what"
        )


def run(folder: Path, study: str, python: Path) -> None:
    """Run a study in the project of a folder, again while its precision takes more rule draws."""
    settled = [str(python.absolute()), "-m", "rhm_scaling", "settled", study]
    own = {**_environment(folder), "PYTHONPATH": str(folder.absolute() / "workflow")}
    how = [*_snakemake(python, study), "--profile", "workflow/profiles/laptop"]
    while status := subprocess.run(settled, cwd=folder, env=own, check=False).returncode:  # noqa: S603
        if status != UNSETTLED:
            raise UserError(f"{folder}: `{' '.join(settled)}` failed; its last lines say why")
        _call(folder, [*how, "--", "precision"])
    _call(folder, how)


def same_tables(first: Path, second: Path) -> None:
    """Print the verdict on every table of two folders.

    Raises
    ------
    UserError
        If one is different.
    """
    verdicts = compare(first, second)
    width = verdicts["table"].str.len().max()
    for row in verdicts.itertuples():
        print(f"{row.table:{width}}  {row.verdict}  {row.detail}".rstrip())
    if different := list(verdicts.loc[verdicts["verdict"] == "different", "table"]):
        raise UserError(f"{second}: not as in {first}: {', '.join(different)}")
    noisy = int((verdicts["verdict"] == "within replica noise").sum())
    print(f"{len(verdicts) - noisy} tables identical, {noisy} within replica noise, none different")


def _snakemake(python: Path, study: str) -> list[str]:
    # not resolved: an environment's Python is a link to another one
    command = [str(python.absolute()), "-m", "snakemake", "--cores", "all"]
    return [*command, "--config", f"study={study}"]


def _call(folder: Path, command: list[str], show: bool = True) -> str:
    """Run a command in a folder; what it prints, if it is not shown.

    Raises
    ------
    UserError
        If it fails.
    """
    where = None if show else subprocess.PIPE
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env=_environment(folder),
            check=False,
            text=True,
            stdout=where,
            stderr=None if show else subprocess.STDOUT,
        )
    except FileNotFoundError as error:
        raise UserError(f"{command[0]}: is not installed; install it") from error
    if done.returncode:
        if not show:
            print(done.stdout, file=sys.stderr)
        raise UserError(f"{folder}: `{' '.join(command)}` failed; its last lines say why")
    return done.stdout or ""


def _environment(folder: Path) -> dict[str, str]:
    """Without this project's library, variables of the make that called, and caches elsewhere."""
    away = {"PYTHONPATH", "VIRTUAL_ENV", "SNAKEMAKE_PROFILE"}
    away |= {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL"}
    kept = {name: value for name, value in os.environ.items() if name not in away}
    return {**kept, "XDG_CACHE_HOME": str((folder / ".cache").absolute())}


def _say(line: str) -> None:
    print(line, flush=True)
