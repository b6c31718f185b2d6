"""What state a study's run is in, from its files, its lock and what SLURM says.

It changes nothing, so it can be asked at any time.
"""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from ..core import texts
from ..core.errors import UserError
from ..study.artifacts import Product
from ..study.cost import Rates
from .batches import Batch
from .estimates import STAGE, core_seconds, cost_of
from .logs import Log
from .outlook import duration, foretold
from .slurm import BADLY, QueuedJob
from .status import Standing

STATES = ("running", "waiting", "failed", "interrupted")
_TABLES = "tables and figures"
_SKEW = 60.0  # seconds by which the clocks of nodes may differ
_STEP = re.compile(r": step (\d+), \d+ of (\d+) active")
_MOST = 20  # items that are listed of each state
_WIDTH = 200  # characters that are shown of a line


@dataclass(frozen=True)
class Maker:
    """Who would make something that is not made: a run on this machine, or a job of a cluster.

    Attributes
    ----------
    since
        Since when; older logs are not its own.
    works
        Whether it is at work.
    says
        What a person wants to know of it.
    lost
        How its job ended, if badly.
    log
        Path of its own log, if it has one.
    """

    since: float = -math.inf
    works: bool = False
    says: str = ""
    lost: str = ""
    log: str = ""


@dataclass(frozen=True)
class Item:
    """Something that is needed and not made.

    Attributes
    ----------
    kind, name
        Of a product; or the name of a light stage.
    state
        One of `STATES`.
    says
        Why it failed or waits; where it runs.
    path
        Of the log to look at.
    log
        Its end, if there is one.
    product
        None for a light stage.
    """

    kind: str
    name: str
    state: str
    says: str
    path: str
    log: Log | None
    product: Product | None

    def core_seconds(self, rates: Rates) -> float:
        """Expected core-seconds until it is made."""
        if self.product is None:
            return STAGE
        return core_seconds(self.product, rates) * (1 - self._done(self.product))

    def _done(self, product: Product) -> float:
        """The part of a running training that its log says is behind it."""
        if self.state != "running" or self.log is None:
            return 0.0
        found = [step for line in self.log.lines if (step := _STEP.search(line))]
        if not found or product.kind != "models":
            return 0.0
        # of a block that is trained in parts, those before this one are not known
        steps, replicas = map(int, found[-1].groups())
        cost = cost_of(product)
        return min(1.0, steps / cost.steps) * min(1.0, replicas / cost.replicas)


class Progress:
    """What state everything is in that a study needs.

    Parameters
    ----------
    standing
        The study's plan and what of it is made.
    jobs
        The project's jobs that SLURM holds, those that have ended too.
    began
        When the run began that is under way on this machine, if there is one.
    rates
        Of this machine.
    """

    def __init__(
        self, standing: Standing, jobs: Iterable[QueuedJob], began: float | None, rates: Rates
    ) -> None:
        self.standing, self.began, self.rates = standing, began, rates
        self.needed = standing.needed()
        found = sorted(self._of_this_study(jobs), key=lambda pair: _rank(pair[0]))
        self.jobs = [job for job, _ in found if _lives(job)]
        # a run without a job in the queue makes its products here, whatever became of earlier jobs
        self.makers = {
            key: _maker(job, batch)
            for job, batch in (found if self.jobs or began is None else [])
            for key in batch.products
        }

    def _of_this_study(self, jobs: Iterable[QueuedJob]) -> Iterator[tuple[QueuedJob, Batch]]:
        """Jobs with their batches; one that cannot be read is named and left out."""
        folder = self.standing.root / "results" / self.standing.plan.study.name / "batches"
        for job in jobs:
            path = folder / f"{job.batch}.json"
            if path.is_file():  # otherwise of another study
                try:
                    yield job, Batch.read(path)
                except UserError as error:
                    print(f"rhm_scaling: {error}", file=sys.stderr)

    @cached_property
    def items(self) -> list[Item]:
        """All that is needed and not made: products, then light stages."""
        since = -math.inf if self.began is None else self.began
        run = Maker(since, works=self.began is not None)
        waits = Maker(since) if self.jobs else run  # its job is not in the queue yet
        stages = [
            stage
            for name, stage in self.standing.stages.items()
            if stage.outputs and name not in self.standing.current
        ]
        logs = _present(
            self.standing.root, [*(p.log for p in self.needed), *(s.log for s in stages)]
        )
        products = [
            _item(p.kind, p.name, p.log, logs, self.makers.get((p.kind, p.name), waits), p)
            for p in self.needed
        ]
        return [*products, *(_item(_TABLES, s.name, s.log, logs, run) for s in stages)]

    def of(self, state: str) -> list[Item]:
        """Items in a state, those first whose logs were written last."""
        found = [item for item in self.items if item.state == state]
        return sorted(found, key=lambda item: item.log.written if item.log else 0.0, reverse=True)

    @cached_property
    def table(self) -> pd.DataFrame:
        """How many are made and in each state, a row a kind."""
        totals = {kind: len(known) for kind, known in self.standing.plan.products.items()}
        totals[_TABLES] = sum(bool(stage.outputs) for stage in self.standing.stages.values())
        counts = Counter((item.kind, item.state) for item in self.items)
        rows = []
        for kind, total in totals.items():
            states = {state: counts[kind, state] for state in STATES}
            rows.append({"kind": kind, "made": total - sum(states.values()), **states})
        table = pd.DataFrame(rows)
        return table[table.drop(columns="kind").any(axis=1)]

    def report(self, cores: int) -> Iterator[str]:
        """Lines for a person at a machine of so many cores, of at most some tens of items."""
        name, products = self.standing.plan.study.name, self.standing.plan.products
        total = sum(map(len, products.values()))
        tables = [stage for stage in self.standing.stages.values() if stage.outputs]
        current = sum(stage.name in self.standing.current for stage in tables)
        yield (
            f"{name}: {total - len(self.needed)} of {total} products made, "
            f"{current} of {len(tables)} tables and figures up to date"
        )
        yield self._under_way()
        yield self.table.to_string(index=False)
        yield from self._running()
        yield from self._waiting()
        yield from self._failed()
        yield self._time_left(cores)

    def _under_way(self) -> str:
        if self.jobs:
            running = sum(job.state != "PENDING" for job in self.jobs)
            return f"jobs on the cluster: {running} running, {len(self.jobs) - running} waiting"
        if self.began is None:
            return "no run is under way"
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.began))
        return f"a run is under way here since {began}"

    def _running(self) -> Iterator[str]:
        def line(item: Item) -> str:
            says, log = f" ({item.says})" if item.says else "", item.log
            ago = f", {duration(max(0.0, time.time() - log.written))} ago" if log else ""
            return f"  {item.kind}/{item.name}{says}: {_shown(log.last if log else '')}{ago}"

        yield from _listed("running:", [line(item) for item in self.of("running")])

    def _waiting(self) -> Iterator[str]:
        reasons = Counter(item.says for item in self.of("waiting") if item.says)
        for reason, count in reasons.most_common(_MOST):
            yield f"waiting in the queue {reason}: {count}"
        if interrupted := len(self.of("interrupted")):
            yield f"interrupted, to go on with the next run: {interrupted}"

    def _failed(self) -> Iterator[str]:
        groups: dict[tuple[str, str], list[Item]] = {}
        for item in self.of("failed"):
            groups.setdefault((item.says, item.path), []).append(item)

        def lines(items: list[Item]) -> str:
            first, more = items[0], f" and {len(items) - 1} more" if len(items) > 1 else ""
            log = first.log or Log.read(self.standing.root / first.path)
            last = [f"      {_shown(line)}" for line in log.lines[-3:]] if log else []
            head = f"  {first.kind}/{first.name}{more}: {_shown(first.says)}"
            return "\n".join([head, f"    {first.path}", *last])

        shown = [lines(items) for items in list(groups.values())[:_MOST]]
        yield from _listed("failed:", shown, len(groups))

    def _time_left(self, cores: int) -> str:
        if not self.items:
            return "nothing is left to do"
        running = sum(job.state != "PENDING" for job in self.jobs)
        slots = running or len(self.jobs) or cores
        pace, blocks = self._pace
        left = duration(self.seconds_left(slots))
        when = "" if self.jobs or self.began is not None else " once it runs"
        where = f"jobs at a time: {slots}" if self.jobs else f"cores: {cores}"
        basis = "from operations counted; no training is made yet"
        if blocks:
            basis = f"from operations counted, times {pace:.2g} as in the {blocks} trainings made"
        return f"about {left} left{when}; {where} ({basis})"

    def seconds_left(self, slots: int) -> float:
        """Expected seconds until all is made, in so many slots at once, at the pace so far."""
        work = [item.core_seconds(self.rates) for item in self.items if item.product]
        # tables and figures run at the end, one after another
        last = sum(item.core_seconds(self.rates) for item in self.items if not item.product)
        return self._pace[0] * (max(sum(work) / slots, max(work, default=0.0)) + last)

    @cached_property
    def _pace(self) -> tuple[float, int]:
        """How many times the estimate the trainings took that are made, and how many these are."""
        made = foretold(self.standing, self.rates)
        if made.empty:
            return 1.0, 0
        return float(made["actual"].sum() / made["estimated"].sum()), int(made["blocks"].sum())


def _lives(job: QueuedJob) -> bool:
    return job.state != "COMPLETED" and job.state not in BADLY


def _rank(job: QueuedJob) -> tuple[bool, bool, int]:
    """Of several jobs that make the same, the last counts: one that runs, waits, or is latest."""
    number = re.match(r"\d+", job.number)
    return _lives(job), job.state != "PENDING", int(number[0]) if number else 0


def _maker(job: QueuedJob, batch: Batch) -> Maker:
    """What a job makes of a batch's products."""
    who = f"job {job.number}"
    if job.state == "PENDING":  # logs are of earlier attempts
        return Maker(math.inf, says=texts.line(job.reason))
    if not _lives(job):
        log = str(Path(batch.file).with_suffix(".log"))
        return Maker(lost=f"{who}: {job.state}" if job.state in BADLY else "", log=log)
    says = f"{who} on {texts.line(job.reason)}, {job.left} until its limit"
    return Maker(time.time() - _seconds(job.elapsed) - _SKEW, works=True, says=says)


def _seconds(elapsed: str) -> float:
    """Seconds of a time as SLURM writes it, ``days-hours:minutes:seconds``."""
    days, _, clock = elapsed.rpartition("-")
    total = 0
    try:
        for part in clock.split(":"):
            total = 60 * total + int(part)
        return total + 86400 * int(days or 0)
    except ValueError:  # INVALID
        return math.inf


def _present(root: Path, paths: Sequence[str]) -> dict[str, Log]:
    """The ends of those logs that exist; folders are listed, as most do not."""
    wanted = set(paths)
    found = {}
    for folder in {os.path.dirname(path) for path in paths}:  # noqa: PTH120 (ten thousands)
        try:
            with os.scandir(root / folder) as entries:
                names = [f"{folder}/{entry.name}" for entry in entries if entry.is_file()]
        except OSError:
            continue
        for path in wanted.intersection(names):
            if log := Log.read(root / path):
                found[path] = log
    return found


def _item(
    kind: str,
    name: str,
    path: str,
    logs: dict[str, Log],
    maker: Maker,
    product: Product | None = None,
) -> Item:
    """Something that is not made, in the state that its log and its maker tell."""
    log = logs.get(path)
    if log and log.written < maker.since:
        log = None
    if log and log.stopped:
        state, says = "interrupted", ""
    elif log and log.failure is not None:
        state, says = "failed", log.failure
    elif log and maker.works:
        state, says = "running", maker.says
    elif maker.lost:
        state, says = "failed", maker.lost
        path = path if log else maker.log
    elif log and log.unfinished:
        state, says = "interrupted", ""
    else:
        state, says = "waiting", "" if maker.works else maker.says
    return Item(kind, name, state, says, path, log, product)


def _shown(line: str) -> str:
    return texts.cut(texts.line(line), _WIDTH)


def _listed(title: str, lines: Sequence[str], total: int | None = None) -> Iterator[str]:
    """Lines below a title, as many as a person reads."""
    total = len(lines) if total is None else total
    if lines:
        yield title
        yield from lines[:_MOST]
        if total > _MOST:
            yield f"  ... and {total - _MOST} more"
