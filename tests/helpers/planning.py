"""Planning of studies that may be hostile: all that is done before Snakemake knows its jobs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers.grammars import AMBIGUOUS
from rhm_scaling.run.estimates import disk
from rhm_scaling.run.machine import Machine
from rhm_scaling.run.planning import Run
from rhm_scaling.run.setup import one_line

ROOT = Path(__file__).parents[2]
BASE = """
name: base
grammars: {g: {v: 6, s: 2, L: 2, m: 2}}
architectures:
  net: {kind: cnn, width: 8}
  tf: {kind: transformer, width: 8}
experiments:
  e:
    task: last_token
    grammars: [g]
    architectures: [net, tf]
    train_sizes: [16, 32]
    replicas: {rule_draws: 2}
"""
STUDIES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "config" / "studies").glob("*.yaml"))
    if path.stem != "authors"  # it reads files beside it; "own" stands for such studies
}
STUDIES["own"] = """
name: own
grammars: {mine: {file: mine.json}}
architectures: {c: {kind: counting}, n: {kind: ngram}}
experiments:
  e:
    task: classification
    grammars: [mine]
    architectures: [c, n]
    train_sizes: auto
    replicas: {rule_draws: 1}
"""
SECONDS = 20.0  # for planning anything that is accepted, on a busy machine
MEBIBYTES = 600  # by which planning may grow this process


@contextlib.contextmanager
def only_studies_in(here: Path) -> Iterator[Path]:
    """A project's folder to plan in; nothing but studies may appear in it, nor beside it."""
    here.mkdir()
    (here / "mine.json").write_text(AMBIGUOUS, encoding="utf-8")
    with contextlib.chdir(here):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield here
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEBIBYTES * 1024
    assert {path.name for path in here.iterdir()} <= {"mine.json", "s.yaml"}
    assert [path.name for path in here.parent.iterdir()] == [here.name]


def planned(config: dict[str, Any]) -> Run | list[str]:
    """The plan, with all that a run would then ask of it, or the lines that refuse it."""
    said = io.StringIO()
    start = time.monotonic()
    try:
        with contextlib.redirect_stderr(said), one_line():
            found = Run(Machine.from_settings(config), Path(), 2)
        (status,) = found.studies.values()
        text = json.dumps(status.resolved(), allow_nan=False)
        assert len(text) > 100
        assert sum(map(disk, status.needed())) > 0
        for known in found.products.values():
            for product in known.values():
                for path in product.files.values():
                    assert os.path.normpath(path) == path
                    assert path.startswith("results/store/")
                    assert all(len(part) < 230 for part in path.split("/"))
        for stage in status.stages.values():
            for path in [*stage.outputs, stage.record, stage.log, stage.file]:
                assert os.path.normpath(path) == path
                assert path.startswith(f"results/{status.plan.study.name}/")
        assert all(job.threads > 0 and 0 <= job.seconds < 1e300 for job in found.batches.values())
    except SystemExit as end:
        assert end.code == 1
        lines = said.getvalue().split("\n")
        assert lines.pop() == ""
        assert lines
        for line in lines:
            assert line.isprintable(), line
            assert len(line) < 700, line
        return lines
    finally:
        assert time.monotonic() - start < SECONDS
    return found


def refused(text: str) -> list[str]:
    """The lines that refuse a study, each with its file and its key; none if it is accepted."""
    Path("s.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = planned({"study": "s.yaml"})
    if isinstance(found, Run):
        return []
    whole = ("not valid YAML", "must hold keys", "aliases stand for", "is not UTF-8", "is larger")
    for line in found:
        assert line.startswith("s.yaml: ")
        rest = line.removeprefix("s.yaml: ")
        assert ": " in rest or rest.startswith(whole) or rest.endswith("more problems"), line
    return found
