"""What state a study's run is in, on a laptop and on a cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import TINY, Project, call
from helpers import soak
from helpers.states import STAMP, STEP, progress, run_since, states, undone, unmake, write  # noqa: F401 (a fixture)
from rhm_scaling.run.dry_run import TABLES, calibration
from rhm_scaling.run.estimates import STAGE, seconds_of_work
from rhm_scaling.run.locks import LOCK, acquire, running_since
from rhm_scaling.run.progress import Progress
from rhm_scaling.run.records import write_record
from rhm_scaling.run.status import Status
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study


def test_a_finished_study(small: Project) -> None:
    status, lines, errors = call(small, "status", TINY)
    assert (status, errors) == (0, [])
    assert lines[0] == "tiny: 75 of 75 products made, 10 of 10 tables and figures up to date"
    assert lines[1] == "no run is under way"
    assert lines[-1] == "nothing is left to do"


def test_what_logs_say_where_no_run_is_under_way(small: Project, plan: Plan) -> None:
    blocks = [*plan.products["models"].values()][:9]
    failed, broken, killed, ended, _, folder, garbage, stopped, asked = blocks
    unmake(small, blocks)
    # by a person: a training that keeps a checkpoint, and a job that keeps nothing
    write(small, stopped.log, "failed: stopped by a signal; run again to go on from here")
    write(small, asked.log, "started", "failed: interrupted; run again")
    write(small, failed.log, "started", STEP, "failed: out of memory; use smaller blocks")
    # the message of an error can have more than one line
    write(small, broken.log, "Traceback\n  one\n", "failed: RuntimeError: bad\nsizes; see above")
    write(small, killed.log, "started", STEP)
    write(small, ended.log, "started", "made in 3.00 core-seconds")
    (small.folder / folder.log).mkdir(parents=True)
    write(small, garbage.log)
    (small.folder / garbage.log).write_bytes(bytes(range(256)) * 100)
    stage = "results/tiny/logs/fit_curves.log"
    (small.folder / "results/tiny/fits.csv").unlink()
    write(small, stage, "failed: a\x1b[31mtable is odd")
    status, lines, errors = call(small, "status", TINY)
    assert (status, errors) == (0, [])
    assert lines[0] == "tiny: 66 of 75 products made, 9 of 10 tables and figures up to date"
    table = {" ".join(words[:-5]): words[-5:] for words in map(str.split, lines[2:12])}
    # made, running, waiting, failed, interrupted
    assert table["models"] == ["13", "0", "3", "2", "4"]
    assert table["tables and figures"] == ["9", "0", "0", "1", "0"]
    assert table["counts"] == ["9", "0", "0", "0", "0"]
    place = lines.index(f"  models/{failed.name}: out of memory; use smaller blocks")
    assert lines[place + 1 : place + 5] == [
        f"    {failed.log}",
        f"      {STAMP} started",
        f"      {STAMP} {STEP}",
        f"      {STAMP} failed: out of memory; use smaller blocks",
    ]
    assert f"  models/{broken.name}: RuntimeError: bad" in lines
    place = lines.index(r"  tables and figures/fit_curves: a\x1b[31mtable is odd")
    assert lines[place + 1] == f"    {stage}"
    assert re.match(
        r"about \d+ \w+ left once it runs; cores: \d+ \(.*; models times .*, as the 13 made took",
        lines[-1],
    )


def test_a_run_under_way_has_the_logs_since_it_began(small: Project, plan: Plan) -> None:
    running, stopped, again, failed, none = [*plan.products["models"].values()][:5]
    unmake(small, [running, stopped, again, failed, none])
    write(small, running.log, "started", STEP, age=30)
    write(small, stopped.log, "started", STEP, age=90)
    write(small, again.log, "failed: no room", age=90)
    write(small, failed.log, "failed: no room", age=30)
    with run_since(small, 60):
        status, lines, errors = call(small, "status", TINY)
        began = running_since(small.folder / "results")
    assert (status, errors) == (0, [])
    assert lines[1].startswith("a run is under way here since 20")
    place = lines.index("running:")
    assert re.fullmatch(
        rf"  models/{running.name}: {re.escape(STEP)}, \d+ seconds ago", lines[place + 1]
    )
    assert lines[place + 2] == "failed:"
    assert lines[place + 3] == f"  models/{failed.name}: no room"
    assert re.match(r"about \d+ \w+ left; cores: \d+", lines[-1])
    assert states(progress(small, began=began)) == {
        **{running.name: ("running", ""), failed.name: ("failed", "no room")},
        **{product.name: ("waiting", "") for product in (stopped, again, none)},
    }


def test_time_left_counts_what_running_trainings_have_behind_them(
    small: Project, plan: Plan
) -> None:
    one, other = [*plan.products["models"].values()][:2]
    unmake(small, [one, other])
    write(small, one.log, "started", "x: step 8, 1 of 2 active, validation 1.6")

    def left(found: Progress) -> dict[str, float]:
        return {item.name: item.seconds(found.rates) for item in found.items}

    before, now = left(progress(small)), left(progress(small, began=time.time() - 60))
    assert now[other.name] == before[other.name]
    assert 0 < now[one.name] < before[one.name]
    write(small, one.log, "started", f"x: step {10**6}, 2 of 2 active, validation 1.6")
    assert left(progress(small, began=time.time() - 60))[one.name] == 0

    # a machine of other rates: the pace so far makes up for it
    found = progress(small)
    known = found.rates
    half = Rates(known.operation / 2, known.number / 2, known.call / 2, start=0.0)
    other_rates = progress(small, rates=half)
    assert found.seconds_left(1) == pytest.approx(other_rates.seconds_left(1))
    assert found.seconds_left(1) > found.seconds_left(2)
    assert found.seconds_left(2) == found.seconds_left(1000)  # each training runs in one slot


def test_a_person_who_stops_a_run_is_not_taken_for_a_lack_of_memory(
    small: Project, plan: Plan
) -> None:
    failed, killed, stopped, earlier = [*plan.products["models"].values()][:4]
    unmake(small, [failed, killed, stopped, earlier])
    write(small, failed.log, "failed: no room")
    write(small, killed.log, "started", STEP)
    write(small, stopped.log, "failed: interrupted; run again")
    write(small, earlier.log, "started", age=100)
    over = progress(small, began=time.time() - 50, over=True)
    own = {f"{failed.log}: no room", f"{stopped.log}: interrupted; run again"}
    assert {*over.failures(asked=False)} == {
        *own,
        f"{killed.log}: ended without a word: killed, perhaps for its memory; run again to go on "
        "where it was",
    }
    assert {*over.failures(asked=True)} == {
        *own,
        f"{killed.log}: interrupted; run again to go on where it was",
    }


def test_signals_are_noted_and_do_what_they_did() -> None:
    code = """
import os, signal, sys
from rhm_scaling.run.setup import note_stops
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs the tests may ignore it
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
came = note_stops()
os.kill(os.getpid(), signal.SIGTERM)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
print(came == [signal.SIGTERM, signal.SIGINT])
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as after nohup
note_stops()
print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
"""
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True
    )
    assert done.stdout.decode().split() == ["handled", "interrupted", "True", "True"]


def test_lists_end(small: Project, plan: Plan) -> None:
    blocks = [*plan.products["models"].values()]
    unmake(small, blocks)
    for age, block in enumerate(blocks):
        write(small, block.log, STEP, age=age)
    lines = "\n".join(progress(small, began=0.0).lines(2)).splitlines()
    place = lines.index("running:")
    assert f"models/{blocks[0].name}:" in lines[place + 1]  # the last written
    assert lines[place + 21] == "  ... and 2 more"
    for block in blocks:
        write(small, block.log, "failed: no room")
    lines = "\n".join(progress(small).lines(2)).splitlines()
    assert lines[lines.index("failed:") + 3 * 20 + 1] == "  ... and 2 more"
    assert lines[-1].endswith("(from operations counted; none of the models is made yet)")


def test_a_study_that_is_not_there_is_a_line(small: Project) -> None:
    status, lines, errors = call(small, "status", "config/studies/none.yaml")
    assert (status, lines) == (1, [])
    assert len(errors) == 1
    assert "config/studies/none.yaml: cannot be read" in errors[0]


def test_asking_for_the_lock_leaves_no_trace(tmp_path: Path) -> None:
    memory = tmp_path / "results"
    assert running_since(memory) is None
    assert not memory.exists()
    memory.mkdir()
    assert running_since(memory) is None
    (memory / LOCK).touch()
    os.utime(memory / LOCK, (1000, 1000))
    assert running_since(memory) is None
    assert acquire(memory)
    assert running_since(memory) == 1000


def until(project: Project, study: str, what: str) -> list[str]:
    """The lines of the first `status` that says something."""
    for _ in range(60):
        status, lines, _ = call(project, "status", study)
        assert status == 0
        if what in "\n".join(lines):
            return lines
        time.sleep(0.3)
    raise AssertionError("\n".join(lines))


@pytest.mark.slow
def test_a_run_from_its_beginning_to_its_end_by_force(tmp_path: Path) -> None:
    folder = soak.project(tmp_path / "run")
    path, study = folder / "config" / "studies" / "soak.yaml", "config/studies/soak.yaml"
    text = soak.STUDY.replace("900", "1000000").replace("[cnn, transformer, counting]", "[cnn]")
    path.write_text(text.replace("rule_draws: 2", "rule_draws: 1"), encoding="utf-8")
    mine = Project(folder)
    status, lines, _ = call(mine, "status", study)  # before it was ever run
    assert status == 0
    assert lines[1] == "no run is under way"
    assert not (folder / ".snakemake").exists()
    run = soak.start(folder, tmp_path / "run.log")
    try:
        lines = until(mine, study, ": step ")
        assert lines[1].startswith("a run is under way here since")
        step = re.compile(
            r"  models/\S+: cnn last_token P=\d+: step \d+, 1 of 1 active, validation"
        )
        assert any(step.match(text) for text in lines[lines.index("running:") :])
    finally:
        soak.kill(run, 9)
    lines = until(mine, study, "no run is under way")
    assert "running:" not in lines
    counts = dict(zip(lines[2].split(), next(x for x in lines if "models" in x).split()))
    assert int(counts["interrupted"]) > 0


SIBLINGS = """
name: siblings
grammars: {g: {v: 8, s: 2, L: 3, m: 2}}
architectures:
  codes: {kind: latent_network, steps: 20000}
  unet: {kind: unet, width: 8}
experiments:
  labels: {task: classification, grammars: [g], architectures: [codes], train_sizes: [64, 128]}
  filled:
    task: masked
    grammars: [g]
    architectures: [unet]
    train_sizes: [64, 128]
    masked_fractions: [0.5]
"""


def test_each_kind_of_work_goes_on_at_its_own_pace(tmp_path: Path) -> None:
    plan, rates = Plan(parse_study(SIBLINGS, "s.yaml")), Rates()
    factors = {"predictors": 3.0, "denoisers": 0.5, "theory": 2.0}
    for kind, factor in factors.items():
        first, *_ = plan.products[kind].values()
        finished(tmp_path, first, factor * seconds_of_work(first, rates))
    now = Status(plan, root=tmp_path)
    cells = calibration(now, rates)
    assert [*cells["blocks"]] == [1, 1]
    assert [*cells["ratio"]] == pytest.approx([1 / 3, 2], rel=0.02)  # of codes, and of the U-net
    found = Progress(now, [], None, rates)
    tables = [item for item in found.items if item.kind == TABLES]
    work = sum(
        factors.get(item.kind, 1.0) * item.seconds(rates) for item in found.items if item.product
    )
    assert found.seconds_left(1) == pytest.approx(work + STAGE * len(tables), rel=0.02)
    *_, last = found.lines(2)
    assert last.endswith("; predictors times 3, as the 1 made took)")


def finished(root: Path, product: Product, seconds: float) -> None:
    """A product that is made, of empty files."""
    paths = {role: root / path for role, path in product.files.items()}
    record = paths.pop("record")
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_record(
        record, product.specification, [*paths.values()], {"core_seconds": seconds, "threads": 1}
    )
