"""Batches: products of one kind of work that one job makes one after another.

A job starts Python and imports packages; that of a cluster also waits in a queue. Most products
take no longer, so a job is given several, of one rule: grammars, then data, then what is computed
from them.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import UserError
from ..core.files import read_json
from ..core.hashing import identity
from ..study.artifacts import KINDS, TRAINED, Product
from ..study.cost import Rates
from .records import is_made
from .resources import Job, check_memory, in_batches
from .slurm import queued

if TYPE_CHECKING:  # a job need not wait for what reads settings
    from .machine import Machine

Key = tuple[str, str]  # kind and name of a product
FOLDER = "results/batches"
# By rule, the kinds of products that its batches hold, and which they read of rules before it
RULES = {
    "draw_grammars": ("grammars", "sparse"),
    "sample_datasets": ("sentences", "exact"),
    "solve_grammars": ("theory", "survey", "denoising"),
    "train_networks": ("models", "denoisers", "coordinates"),
    "measure_networks": ("representations", "rule_errors", "learning_times", "sensitivity"),
    "count_symbols": ("counts", "latents"),
    "train_predictors": ("predictors",),
}
_RULE = {kind: rule for rule, kinds in RULES.items() for kind in kinds}


@dataclass(frozen=True)
class Batch:
    """Products that one job makes.

    Attributes
    ----------
    name
        The rule whose job makes it, and a hash of what it makes.
    products
        Kind and name of each product, in the order in which they are made.
    commands
        Arguments of ``python -m rhm_scaling`` for each.
    spared
        Names of files that are not kept.
    seconds, threads, memory, gpu
        The sum, and the largest, of what its products take.
    waits
        Names of batches that make what it reads.
    after
        Jobs of an earlier run that make the same, and that it lets end first.
    again
        Whether it makes also what is made already.
    """

    name: str
    products: list[Key]
    commands: list[list[str]]
    spared: list[str]
    seconds: float
    threads: int
    memory: int
    gpu: bool
    waits: list[str]
    after: list[str]
    again: bool = False

    @property
    def rule(self) -> str:
        """The rule whose job makes it."""
        return self.name.rpartition("-")[0]

    @property
    def identity(self) -> str:
        """The hash that ends its name."""
        return self.name.rpartition("-")[2]

    @property
    def makes(self) -> str:
        """What it makes, in a line: how many products of each kind, and the first."""
        counts = Counter(kind for kind, _ in self.products)
        return f"{', '.join(f'{n} {kind}' for kind, n in counts.items())}: {self.products[0][1]}"

    @property
    def file(self) -> str:
        """Path of its description, which its job reads."""
        return f"{FOLDER}/{self.name}.json"

    @property
    def receipt(self) -> str:
        """Path of the file that says that it is done."""
        return f"{FOLDER}/{self.name}.done"

    @property
    def receipts(self) -> list[str]:
        """What says that the batches are done that it waits for."""
        return [f"{FOLDER}/{name}.done" for name in self.waits]

    @property
    def minutes(self) -> int:
        """Limit of its job: twice what is expected, and time to start."""
        return math.ceil(5 + 2 * self.seconds / 60)

    @property
    def dependency(self) -> str:
        """SLURM's option for what it lets end first."""
        return f"--dependency=afterany:{':'.join(self.after)}" if self.after else ""

    def json(self) -> str:
        """The text that `read` understands."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Batch:
        """The batch that a run has written.

        Raises
        ------
        UserError
            If it is not readable.
        """
        try:
            known = read_json(path)
            products = [(str(kind), str(name)) for kind, name in known.pop("products")]
            return cls(products=products, **known)
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise UserError(f"{path}: not readable ({error}); start the run again") from error

    @classmethod
    def find(cls, identity: str) -> Batch:
        """`read` the batch whose name ends in an identity."""
        return cls.read(next(Path(FOLDER).glob(f"*-{identity}.json"), Path(FOLDER, identity)))

    def pending(self) -> Iterator[tuple[Key, list[str]]]:
        """Products, with their commands, that are not made when it comes to them."""
        for key, command in zip(self.products, self.commands):
            made = is_made(_record(command), json.loads(command[1]), self.spared)
            if self.again or not made:
                yield key, command

    def spare(self, command: Sequence[str]) -> None:
        """Remove what is not kept of a product, if it is made."""
        record = _record(command)
        for name in self.spared if record.is_file() else ():
            record.with_name(name).unlink(missing_ok=True)


def _record(command: Sequence[str]) -> Path:
    """The record that a command writes."""
    word = next(word for word in command if word.startswith("record="))
    return Path(word.removeprefix("record="))


# seconds of work for which a job is worth its start, on a cluster and on this machine; and how many
# jobs each slot has, one after another, so that all end together
_LEAST, _ROUNDS = {True: 120.0, False: 5.0}, {True: 1, False: 6}


def batches(
    needed: Sequence[Product],
    machine: Machine,
    rates: Rates,
    slots: int,
    blocks: Mapping[str, Job],
    alive: Mapping[str, tuple[Batch, list[str]]],
    makers: Mapping[Key, Batch] | None = None,
    root: Path = Path(),
    run: str = "",
) -> list[Batch]:
    """Batches that make products, so that all slots work and end together.

    Parameters
    ----------
    needed
        What is to be made, with all that it is made from and that is not made.
    machine, rates
        What there is to compute with.
    slots
        Jobs at the same time.
    blocks
        What networks are given on this machine; not used on a cluster.
    alive
        By name, batches of an earlier run whose jobs still wait or run, with the jobs' numbers.
    makers
        Batches of this run that make what is read, by product.
    root
        The project's folder.
    run
        What tells this run from others with the same results, whose batches have other names.

    Raises
    ------
    UserError
        If a network does not fit into the memory that a job is given.
    """
    jobs = in_batches(needed, machine, rates, blocks)
    check_memory((product, jobs[_key(product)]) for product in needed)
    left = {_key(product): product for product in needed}
    unused = partial(_unused, root, run)
    found = [*_taken(alive, left, unused)]
    maker = {key: batch.name for key, batch in (makers or {}).items()}
    maker |= {key: batch.name for batch in found for key in batch.products}
    there = machine.cluster is not None
    fair = sum(job.seconds for job in jobs.values()) / slots / _ROUNDS[there]
    most = min(60.0 * machine.batch_minutes, max(fair, _LEAST[there]))
    for rule in RULES:
        mine = [product for product in left.values() if _RULE[product.kind] == rule]
        groups = _alike(mine, jobs) if rule == "train_networks" else _by_grammar(mine)
        for group in _filled(groups, jobs, most):
            keys = [_key(product) for product in group]
            reads = [_key(source) for product in group for source in product.inputs.values()]
            given = [jobs[key] for key in keys]
            batch = Batch(
                name=unused(rule, keys),
                products=keys,
                commands=[_command(*pair, machine) for pair in zip(group, given)],
                spared=[*machine.spared],
                seconds=sum(job.seconds for job in given),
                threads=given[0].threads,
                memory=max(job.memory for job in given),
                gpu=given[0].device != "cpu",
                waits=sorted({maker[key] for key in reads if key in maker}),
                after=[],
            )
            found.append(batch)
            maker |= dict.fromkeys(keys, batch.name)
    return found


def _unused(root: Path, run: str, rule: str, keys: Sequence[Key]) -> str:
    """A name for a batch that no earlier one with a receipt had.

    A receipt says that a batch's job is through, not that its products are still there.
    """
    attempts = (f"{rule}-{identity([run, *map(list, keys), attempt])}" for attempt in count())
    return next(name for name in attempts if not (root / FOLDER / f"{name}.done").exists())


def _taken(
    alive: Mapping[str, tuple[Batch, list[str]]],
    left: dict[Key, Product],
    unused: Callable[[str, Sequence[Key]], str],
) -> Iterator[Batch]:
    """What living jobs of an earlier run still make of what is `left`, which they are taken from.

    A job of this run waits for each of them to end, and makes what they did not. It has a name of
    its own, so that the receipt of the living one stays that one's.
    """
    rest = {
        name: {
            key: word for key, word in zip(batch.products, batch.commands) if left.pop(key, None)
        }
        for name, (batch, _) in alive.items()
    }
    names = {
        name: unused(alive[name][0].rule, [("after", name), *mine])
        for name, mine in rest.items()
        if mine
    }
    for name, new in names.items():
        batch, numbers = alive[name]
        yield replace(
            batch,
            name=new,
            products=[*rest[name]],
            commands=[*rest[name].values()],
            waits=[names[earlier] for earlier in batch.waits if earlier in names],
            after=numbers,
        )


def alive(root: Path = Path()) -> dict[str, tuple[Batch, list[str]]]:
    """Batches of an earlier run whose jobs still wait or run, with their numbers.

    Raises
    ------
    UserError
        If SLURM is there and does not answer.
    """
    found: dict[str, tuple[Batch, list[str]]] = {}
    for job in queued(root):
        with contextlib.suppress(UserError):  # of an earlier version of the project
            path = root / FOLDER / f"{job.batch}.json"
            batch, numbers = found.get(job.batch, (Batch.read(path), []))
            found[job.batch] = batch, [*numbers, job.number]
    return found


def _key(product: Product) -> Key:
    return product.kind, product.name


def _command(product: Product, job: Job, machine: Machine) -> list[str]:
    """What a rule calls to make a product, without the command line's name."""
    outputs = [f"{role}={path}" for role, path in product.files.items()]
    inputs = [f"{role}={path}" for role, path in product.sources.items()]
    how = []
    if product.kind in TRAINED:
        how = [
            *("--device", job.device, "--threads", str(job.threads), "--pack", str(job.pack)),
            *("--checkpoint-seconds", str(machine.checkpoint_seconds)),
            f"--scratch={machine.scratch}",
        ]
    return [
        "make",
        product.json,
        "--log",
        product.log,
        *how,
        "--inputs",
        *inputs,
        "--outputs",
        *outputs,
    ]


def _grammars(product: Product) -> tuple[str, ...]:
    """Names of the grammars that a product is made from in the end."""
    if product.kind == "grammars":
        return (product.name,)
    found = {name for source in product.inputs.values() for name in _grammars(source)}
    return tuple(sorted(found))


def _by_grammar(products: Iterable[Product]) -> Iterator[list[Product]]:
    """What is made from one grammar stays together, in the order in which it can be made."""
    groups: dict[tuple[str, ...], list[Product]] = {}
    for product in products:
        groups.setdefault(_grammars(product), []).append(product)
    for grammar in sorted(groups):
        yield sorted(groups[grammar], key=lambda product: KINDS.index(product.kind))


def _alike(products: Iterable[Product], jobs: Mapping[Key, Job]) -> Iterator[list[Product]]:
    """Products one by one, those together that need the same of a machine and the same data."""

    def order(product: Product) -> tuple[str, int, tuple[str, ...], str, str]:
        job = jobs[_key(product)]
        return job.device, job.threads, _grammars(product), product.kind, product.name

    for product in sorted(products, key=order):
        yield [product]


def _filled(
    groups: Iterable[list[Product]], jobs: Mapping[Key, Job], most: float
) -> Iterator[list[Product]]:
    """Groups joined until a batch is full, or a job of another kind is needed."""
    batch: list[Product] = []
    spent, kind = 0.0, None
    for group in groups:
        mine = [jobs[_key(product)] for product in group]
        seconds, needs = sum(job.seconds for job in mine), (mine[0].device, mine[0].threads)
        if batch and (spent + seconds > most or needs != kind):
            yield batch
            batch, spent = [], 0.0
        batch, spent, kind = [*batch, *group], spent + seconds, needs
    if batch:
        yield batch
