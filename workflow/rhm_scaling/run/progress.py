"""What state a study's run is in, from its files, its lock and what SLURM says.

It changes nothing, so it can be asked at any time.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from ..core import texts
from ..core.errors import UserError
from ..study.artifacts import TRAINED, Product
from ..study.cost import Rates
from .batches import FOLDER, Batch
from .dry_run import TABLES, duration, paces, stale
from .estimates import STAGE, cost_of, seconds_of_work
from .logs import LogTail, tails
from .slurm import BADLY, QueuedJob
from .status import Status

STATES = ("running", "waiting", "failed", "interrupted")
_SKEW = 60.0  # seconds by which the clocks of nodes may differ
_STEP = re.compile(r": step (\d+), \d+ of (\d+) active")
_MOST = 20  # items that are listed of each state


class Item(NamedTuple):
    """A product, or tables and figures (without one), that are needed and not made."""

    kind: str
    name: str
    path: str  # of the log to look at, or of what a job without one was to make
    product: Product | None
    log: LogTail | None = None  # its end, if there is one
    state: str = "waiting"
    says: str = ""  # why it failed, or which job of a cluster makes it

    def seconds(self, rates: Rates) -> float:
        """Expected seconds of work until it is made, on one thread."""
        if self.product is None:
            return STAGE
        whole = seconds_of_work(self.product, rates)
        steps = (
            [step for text in self.log.lines if (step := _STEP.search(text))] if self.log else []
        )
        if self.state != "running" or self.kind not in TRAINED or not steps:
            return whole
        # of a block that is trained in parts, those before this one are not known
        done, replicas = map(int, steps[-1].groups())
        cost = cost_of(self.product)
        return whole * (1 - min(1.0, done / cost.steps) * min(1.0, replicas / cost.replicas))


class Progress:
    """What state everything is in that a study needs.

    `jobs` are those of the project that SLURM holds, ended ones too; `began` is when the run began
    that is under way on this machine, or is just `over`, if there is one; `rates` are this
    machine's.
    """

    def __init__(
        self,
        status: Status,
        jobs: Iterable[QueuedJob],
        began: float | None,
        rates: Rates,
        over: bool = False,
    ) -> None:
        self.status, self.began, self.rates, self.over = status, began, rates, over
        found = [*self._of_this_study(sorted(jobs, key=_rank))]
        self.jobs = [job for job, _ in found if _lives(job)]
        # a run without a job in the queue makes its products here, whatever became of earlier jobs
        here = began is not None and not over and not self.jobs
        self._makers = {} if here else {key: job for job, made in found for key in made.products}

    def _of_this_study(self, jobs: Iterable[QueuedJob]) -> Iterator[tuple[QueuedJob, Batch]]:
        """Jobs with their batches; one that cannot be read is named and left out."""
        known = self.status.plan.products
        for job in jobs:
            path = self.status.root / FOLDER / f"{job.batch}.json"
            try:
                made = Batch.read(path)
            except UserError as error:
                print(f"rhm_scaling: {error}", file=sys.stderr)
                continue
            if any(name in known.get(kind, {}) for kind, name in made.products):
                yield job, made

    @cached_property
    def items(self) -> list[Item]:
        """All that is needed and not made: products, then tables and figures."""
        found = [Item(p.kind, p.name, p.log, p) for p in self.status.needed()]
        found += [Item(TABLES, name, log, None) for name, log in stale(self.status).items()]
        logs = tails(self.status.root, [item.path for item in found])
        return [self._judged(item, logs.get(item.path)) for item in found]

    def _judged(self, item: Item, log: LogTail | None) -> Item:
        """In the state that its log, and whoever would make it, tell."""
        job = self._makers.get((item.kind, item.name))
        since = -math.inf if self.began is None else self.began
        works = self.began is not None and not self.over and not (self.jobs and item.product)
        if job is not None:
            works = _lives(job) and job.state != "PENDING"
            since = job.start - _SKEW if works else math.inf if _lives(job) else -math.inf
        if log and log.written < since:  # of an earlier attempt
            log = None
        item = item._replace(log=log)
        if log and log.stopped:
            return item._replace(state="interrupted")
        if log and log.failure is not None:
            return item._replace(state="failed", says=log.failure)
        if log and works:
            return item._replace(state="running", says=f"job {job.number}" if job else "")
        if job and job.state in BADLY:
            path, says = item.path, f"job {job.number}: {job.state}"
            if log is None:
                path, log = job.log, LogTail.read(self.status.root / job.log)
            if log is None:  # cancelled in the queue, say
                path, says = f"{FOLDER}/{job.batch}.json", f"{says}, before it wrote a log"
            return item._replace(state="failed", says=says, path=path, log=log)
        return item._replace(state="interrupted") if log and not log.made else item

    def in_state(self, state: str) -> list[Item]:
        """Items in a state, those first whose logs were written last."""
        found = [item for item in self.items if item.state == state]
        return sorted(found, key=lambda item: item.log.written if item.log else 0.0, reverse=True)

    def failures(self, asked: bool) -> Iterator[str]:
        """A line, with the log, for each job of the run that has left nothing, once it is over.

        Whoever was `asked` to stop, a run and its jobs with it, was interrupted.
        """
        how = "interrupted" if asked else "ended without a word: killed, perhaps for its memory"
        for item in self.items:
            if item.state in ("failed", "interrupted"):
                own = item.log.failure if item.log else None
                said = item.says or how
                yield f"{item.path}: {own or f'{said}; run again to go on where it was'}"

    @cached_property
    def table(self) -> pd.DataFrame:
        """How many are made and in each state, a row a kind."""
        totals = {kind: len(known) for kind, known in self.status.plan.products.items()}
        totals[TABLES] = sum(bool(stage.outputs) for stage in self.status.stages.values())
        counts = Counter((item.kind, item.state) for item in self.items)
        rows = {kind: [counts[kind, state] for state in STATES] for kind in totals if totals[kind]}
        return pd.DataFrame(
            [(kind, totals[kind] - sum(row), *row) for kind, row in rows.items()],
            columns=["kind", "made", *STATES],
        )

    def lines(self, cores: int) -> Iterator[str]:
        """For a person at a machine of so many cores, of at most some tens of items."""
        counts = self.table.set_index("kind")["made"]
        total = sum(map(len, self.status.plan.products.values()))
        tables = sum(bool(stage.outputs) for stage in self.status.stages.values())
        yield (
            f"{self.status.plan.study.name}: {counts.drop(TABLES).sum()} of {total} products "
            f"made, {counts[TABLES]} of {tables} {TABLES} up to date"
        )
        running = sum(job.state != "PENDING" for job in self.jobs)
        if self.jobs:
            yield f"jobs on the cluster: {running} running, {len(self.jobs) - running} waiting"
        elif self.began is None:
            yield "no run is under way"
        else:
            began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.began))
            yield f"a run is under way here since {began}"
        yield self.table.to_string(index=False)
        if bare := len(self.status.bare & self.status.made):
            yield f"{bare} trainings are rows alone, without networks"
        yield from _listed("running:", [*map(_at_work, self.in_state("running"))])
        groups: dict[tuple[str, str], list[Item]] = {}
        for item in self.in_state("failed"):
            groups.setdefault((item.says, item.path), []).append(item)
        yield from _listed("failed:", [*map(self._failed, groups.values())])
        yield self._time_left(cores, running or len(self.jobs))

    def _failed(self, items: Sequence[Item]) -> str:
        """What one job could not make, its log and the end of that."""
        first, more = items[0], f" and {len(items) - 1} more" if len(items) > 1 else ""
        last = [f"      {_shown(text)}" for text in first.log.lines[-3:]] if first.log else []
        head = f"  {first.kind}/{first.name}{more}: {_shown(first.says)}"
        return "\n".join([head, f"    {first.path}", *last])

    def _time_left(self, cores: int, jobs: int) -> str:
        if not self.items:
            return "nothing is left to do"
        when = "" if self.jobs or self.began is not None else " once it runs"
        where = f"jobs at a time: {jobs}" if self.jobs else f"cores: {cores}"
        basis = ""
        if work := {kind: sum(each) for kind, each in self._work.items() if kind != TABLES}:
            most = max(work, key=lambda kind: work[kind])
            pace, made = self._paces.get(most, (1.0, 0))
            took = f"{most} times {pace:.2g}, as the {made} made took"
            basis = f"; {took if made else f'none of the {most} is made yet'}"
        return (
            f"about {duration(self.seconds_left(jobs or cores))} left{when}; {where} "
            f"(from operations counted{basis})"
        )

    def seconds_left(self, slots: int) -> float:
        """Expected seconds until all is made, in so many slots at once, at the pace so far."""
        work = [own for kind, each in self._work.items() if kind != TABLES for own in each]
        last = sum(self._work.get(TABLES, []))  # one after another
        return max(sum(work) / slots, max(work, default=0.0)) + last

    @cached_property
    def _work(self) -> dict[str, list[float]]:
        """Expected seconds of all that is left, by kind, each kind at the pace of what is made."""
        found: dict[str, list[float]] = {}
        for item in self.items:
            pace, _ = self._paces.get(item.kind, (1.0, 0))
            found.setdefault(item.kind, []).append(pace * item.seconds(self.rates))
        return found

    @cached_property
    def _paces(self) -> dict[str, tuple[float, int]]:
        """`paces` of the kinds of which something is left."""
        left = {item.kind for item in self.items if item.product}
        return paces(self.status, self.rates, left)


def _lives(job: QueuedJob) -> bool:
    return job.state != "COMPLETED" and job.state not in BADLY


def _rank(job: QueuedJob) -> tuple[bool, bool, int]:
    """Of several jobs that make the same, the last counts: one that runs, waits, or is latest."""
    number = re.match(r"\d+", job.number)
    return _lives(job), job.state != "PENDING", int(number[0]) if number else 0


def _at_work(item: Item) -> str:
    says = f" ({item.says})" if item.says else ""
    written, last = (item.log.written, item.log.last) if item.log else (time.time(), "")
    ago = duration(max(0.0, time.time() - written))
    return f"  {item.kind}/{item.name}{says}: {_shown(last)}, {ago} ago"


def _shown(text: str) -> str:
    return texts.cut(texts.line(text), 200)


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    """Lines below a title, as many as a person reads."""
    if lines:
        yield from [title, *lines[:_MOST]]
        if len(lines) > _MOST:
            yield f"  ... and {len(lines) - _MOST} more"
