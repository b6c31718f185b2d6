"""The report of a finished study: one page of its tables and figures, with a record of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.errors import UserError
from ..core.files import write_text
from ..core.fingerprint import PACKAGE
from ..grammar.sparse import dense_of
from ..plots.report_page import Report, page
from ..run.records import check, is_made, read_record, write_record
from ..run.status import Status
from .finished import Finished
from .provenance import provenance
from .version import version


def write_report(study: Path) -> Path:
    """Write the report of a study, ``results/<study>/report.html``; the same for the same results.

    Raises
    ------
    UserError
        If the study is not complete, or a table or figure is damaged.
    """
    finished = Finished.read(study)
    for stage in finished.status.stages.values():
        if stage.outputs:
            check(Path(stage.record))
    path, record = _paths(finished.name)
    start = time.process_time()
    write_text(path, page(_shown(finished)))
    made = {"core_seconds": round(time.process_time() - start, 2), "threads": 1}
    write_record(record, _specification(finished.status), [path], made)
    return path


def _shown(finished: Finished) -> Report:
    """What the page shows."""
    study, folder = finished.plan.study, Path("results", finished.name)
    stages = finished.status.stages.values()
    return Report(
        title=study.title or study.name,
        folder=folder,
        files=[Path(o).relative_to(folder).as_posix() for s in stages for o in s.outputs],
        titles={name: known.title or name for name, known in study.experiments.items()},
        grammars=_grammars(finished),
        experiments=_experiments(finished, folder / "curves.csv"),
        made=_facts(finished),
    )


def _grammars(finished: Finished) -> pd.DataFrame:
    rows = []
    for name in finished.plan.study.grammars:
        p, blanks = dense_of(finished.plan.parameters(name))
        zipf = ", ".join(f"Zipf {a:g} at level {level}" for level, a in enumerate(p.zipf, 1) if a)
        by_level = {
            key: ", ".join(map(str, values[:1] if len({*values}) == 1 else values))
            for key, values in (("v", p.v), ("m", p.m))
        }
        rules = "from a file" if p.file else zipf or "uniform"
        rules += f", {blanks} blanks beside every symbol" if blanks else ""
        rows.append({"grammar": name, **by_level, "n": p.n, "s": p.s, "L": p.L, "rules": rules})
    return pd.DataFrame(rows)


def _experiments(finished: Finished, path: Path) -> pd.DataFrame:
    """What experiments measured, as ``curves.csv`` has it; no row if there are none."""
    rows = list[dict[str, str]]()
    curves = pd.read_csv(path) if finished.plan.curves else pd.DataFrame()
    for name, experiment in finished.plan.study.experiments.items():
        mine = [curve.key() for curve in finished.plan.curves if curve.experiment == name]
        points = curves.merge(pd.DataFrame(mine))
        row = {"experiment": experiment.title or name, "task": experiment.task.replace("_", " ")}
        for column, named in (("grammar", "grammars"), ("architecture", "networks and baselines")):
            row[named] = ", ".join(points[column].unique())
        for column, named in (("sentences", "training sentences"), ("rule_draws", "rule draws")):
            low, high = points[column].min(), points[column].max()
            row[named] = f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _facts(finished: Finished) -> dict[str, str]:
    """With what the study was made, a line each."""
    code = version(PACKAGE.parents[1]).summary()
    known = provenance([read_record(path)["made"] for path in _records(finished)])
    changed = f", with {len(code['changed'])} changed files" if code.get("changed") else ""
    return {
        "Study": finished.name,
        "Code": f"commit {code['commit']}{changed}" if code["commit"] else code["note"],
        "Made": f"from {known['first_made']} to {known['last_made']}",
        "Work": f"{known['core_seconds']:.0f} core-seconds",
        "Machines": "; ".join(
            f"{one['processor']}, {one['cores']} cores, {one['system']}"
            for one in known["machines"]
        ),
        "Versions": "; ".join(
            ", ".join(f"{package} {number}" for package, number in one.items())
            for one in known["versions"]
        ),
    }


def _records(finished: Finished) -> Iterator[Path]:
    """Those of all that is made."""
    for stage in finished.status.stages.values():
        if stage.outputs:
            yield Path(stage.record)
    for kind, name in sorted(finished.status.made):
        yield Path(finished.plan.products[kind][name].files["record"])


def report_files(finished: Finished) -> list[Path]:
    """The report of a study and its record; none if there is no report.

    Raises
    ------
    UserError
        If it is damaged, or shows other tables and figures than there are.
    """
    path, record = _paths(finished.name)
    if not path.exists():
        return []
    if not is_made(record, _specification(finished.status)):
        raise UserError(
            f"{path}: is not known to show these tables and figures; make it again with "
            f"python -m rhm_scaling report {finished.path}, or delete it"
        )
    check(record, path)
    return [path, record]


def _paths(name: str) -> tuple[Path, Path]:
    folder = Path("results", name)
    return folder / "report.html", folder / "stages" / "report.record.json"


def _specification(status: Status) -> dict[str, Any]:
    """What a report shows."""
    shown = {name: stage.identity for name, stage in status.stages.items() if stage.outputs}
    return {"study": status.plan.study.name, "shows": shown}
