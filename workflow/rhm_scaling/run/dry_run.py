"""What a run would do, why, and what it would take; afterwards, how well that was estimated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from heapq import nsmallest
from operator import ne
from typing import Any

import pandas as pd

from ..core import texts
from ..core.errors import UserError
from ..study.artifacts import RESULTS, STORE, TRAININGS, Product
from ..study.cost import Rates
from ..study.plan import Plan
from .batches import Batch, batches
from .estimates import MEMORY, STAGE, core_seconds, disk, memory, seconds_of_work
from .machine import CLUSTER, Machine, slots
from .notes import beyond_language, chosen_sizes, no_fits, no_points, one_draw
from .precision import too_wide
from .records import read_record, versions
from .resources import NoRoomError, here
from .status import Status

TABLES = "tables and figures"
ABOUT = {
    "grammars": "the rules of each draw",
    "sparse": "the same rules with blanks",
    "sentences": "to train, validate and test",
    "exact": "posteriors of the best predictor",
    "theory": "thresholds, entropies, predicted curves",
    "survey": "correlations of many more rule draws",
    "denoising": "exact posteriors of corrupted sentences",
    "models": "networks, trained in packs",
    "counts": "learners that count",
    "latents": "a learner by the codes of siblings",
    "denoisers": "networks that denoise, trained in packs",
    "predictors": "networks that predict siblings",
    "coordinates": "how activations change with the width",
    "representations": "what hidden layers tell apart",
    "rule_errors": "errors by the rarest rule of a sentence",
    "learning_times": "what networks know of single contexts",
    "sensitivity": "what synonyms and moved blanks change",
    TABLES: "of all of these",
}
# seconds until a job works, and until its end is noticed: here, and as seen on a test cluster
_STARTS = {False: (3.0, 0.0), True: (8.0, 30.0)}
# rules of batches that run side by side, in the order in which a run comes to them
_LAYERS = (
    ("draw_grammars",),
    ("sample_datasets", "solve_grammars"),
    ("train_networks", "count_symbols", "train_predictors"),
    ("measure_networks",),
)
_DECIDE = ("torch", "numpy")  # packages whose versions may change results
_SIMILAR = 4  # records that are compared with what is missing
_WIDTH = 100  # characters of a reason
_FEW = 3  # training sizes that are listed one by one


def lines(status: Status, rates: Rates, cores: int) -> Iterator[str]:
    """For a person at a machine of so many cores."""
    plan, needed, tables = status.plan, status.needed(), stale(status)
    head = f"{plan.study.name}: {len(needed)} of {sum(map(len, plan.products.values()))} products"
    try:
        found = on_this_machine(status, rates, cores)
        count = f"{len(found)} batches, {len(tables)} {TABLES}"
        yield f"{head} to make in {len(found) + len(tables)} jobs ({count})"
        took = f"about {duration(elapsed(found, cores, len(tables)))}"
    except NoRoomError as error:
        yield f"{head} to make"
        took = str(error)
    yield from too_wide(plan)
    if plan.controls:
        counts = Counter(control for _, control, _ in plan.controls)
        named = ", ".join(f"{control} in {count} blocks" for control, count in counts.items())
        yield f"controls, which are part of no curve: {named}"
    if chosen := [*chosen_sizes(plan)]:
        yield from ["training sizes that auto chose:", *chosen]
    yield from one_draw(plan)
    yield from no_points(plan)
    yield from no_fits(plan)
    if needed:
        yield from beyond_language(plan)
        yield cells(status).to_string(index=False) + "\n"
    if needed or tables:
        work = costs(status, rates)
        what = work["work"].map(ABOUT)
        wide = what.str.len().max()
        work[f"{'what it is':<{wide}}"] = what.str.ljust(wide)
        told = work.to_string(index=False, float_format="{:.0f}".format)
        yield from (line.rstrip() for line in told.splitlines())
        yield f"here, {cores} cores: {took}"
        if (status.root / CLUSTER).is_file():
            yield f"on the cluster of {CLUSTER}: {_on_cluster(status, rates, len(tables))}"
    if len(made := calibration(status, rates)):
        yield "trainings that are made, core-seconds:"
        yield made.to_string(index=False, float_format="{:.2f}".format)
    yield from other_versions(made for _, made in _made(status, *plan.products))


def stale(status: Status) -> dict[str, str]:
    """Stages whose tables and figures a run makes, with the paths of their logs."""
    known = status.stages.items()
    return {name: s.log for name, s in known if s.outputs and name not in status.current}


def on_this_machine(status: Status, rates: Rates, cores: int) -> list[Batch]:
    """The batches of `make run`; a `NoRoomError` if a network does not fit into the memory."""
    machine = Machine.read(status.root)
    jobs = here(status.plan.trained, machine, cores, rates)
    return batches(status.needed(), machine, rates, cores, jobs, {}, root=status.root)


def _on_cluster(status: Status, rates: Rates, tables: int) -> str:
    """What a run on the cluster would be, by its profile and `CLUSTER`."""
    machine, jobs = Machine.read(status.root, CLUSTER), slots(status.root)
    if machine.cluster is None:
        raise UserError(f"{CLUSTER}: holds no cluster:")
    try:
        found = batches(status.needed(), machine, rates, jobs, {}, {}, root=status.root)
    except NoRoomError as error:
        return str(error)
    cores, most = (max((getattr(b, n) for b in found), default=0) for n in ("threads", "memory"))
    longest = duration(max((batch.seconds for batch in found), default=0.0))
    return (
        f"{len(found)} jobs, {jobs} at a time, with up to {cores} cores, {most} MiB and {longest} "
        f"each: about {duration(elapsed(found, jobs, tables, cluster=True))}"
    )


def elapsed(found: Sequence[Batch], slots: int, tables: int, cluster: bool = False) -> float:
    """Seconds of a run of batches, data first, then of so many tables and figures one by one.

    On a cluster, whose queue is empty, `slots` are jobs at a time; on this machine they are cores.
    """
    start, noticed = _STARTS[cluster]
    spent = STAGE * tables
    for rules in _LAYERS:
        mine = [batch for batch in found if batch.rule in rules]
        if mine:
            work = [(batch.seconds + start) * (1 if cluster else batch.threads) for batch in mine]
            spent += max(sum(work) / slots, *(batch.seconds + start for batch in mine)) + noticed
    return spent


def costs(status: Status, rates: Rates) -> pd.DataFrame:
    """Products, core-seconds, MiB at once and MiB on disk of a run, by kind."""
    needed, tables = status.needed(), len(stale(status))
    rows = [(TABLES, tables, STAGE * tables, STAGE, MEMORY, 2.0)] if tables else []
    for kind in dict.fromkeys(product.kind for product in needed):
        mine = [product for product in needed if product.kind == kind]
        seconds = [core_seconds(product, rates) for product in mine]
        sizes = max(map(memory, mine)), sum(map(disk, mine))
        rows.append((kind, len(mine), sum(seconds), max(seconds), *sizes))
    columns = ["work", "products", "core-seconds", "longest", "memory_mb", "disk_mb"]
    return pd.DataFrame(rows, columns=columns).sort_values("core-seconds", ascending=False)


def cells(status: Status) -> pd.DataFrame:
    """What is to be made: a row a cell and reason, with kinds, training sizes and products."""
    reasons, found = _Reasons(status), defaultdict[tuple[str, str], list[Product]](list)
    controls = _controls(status.plan)
    for product in status.needed():
        found[_cell(product, controls), reasons.why(product)].append(product)
    rows = [
        (cell, ", ".join(sorted({one.kind for one in made})), _sizes(made), len(made), why)
        for (cell, why), made in found.items()
    ]
    return pd.DataFrame(sorted(rows), columns=["cell", "kinds", "P", "products", "why"])


def _sizes(made: Iterable[Product]) -> str:
    """The training sizes of products, or the least and the largest of many."""
    given = (one.specification for one in made)
    sizes = {one["train_size"] for one in given if "train_size" in one}
    told = [str(size) for size in sorted(sizes - {"online"})]
    told = told if len(told) <= _FEW else [f"{told[0]} to {told[-1]}"]
    return ", ".join([*told, *({"online"} & sizes)])


def _controls(plan: Plan) -> dict[str, str]:
    """Names of controls by those of their blocks, but for blocks that are part of a curve too."""
    own = {block.name for _, block in plan.blocks}
    return {block.name: name for _, name, block in plan.controls if block.name not in own}


def _cell(product: Product, controls: Mapping[str, str]) -> str:
    """The readable part of a name: grammar, task and learner for blocks, the grammar for others."""
    parts = product.name.split("/")
    control = f" ({controls[product.name]})" if product.name in controls else ""
    return "/".join(parts[:3] if product.kind in RESULTS else parts[:1]) + control


class _Reasons:
    """Why products are not there: what tells each from the most similar one that is."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._there = cache(self._labels)
        self._known = cache(self._specification)

    def why(self, product: Product) -> str:
        """The reason in a few words."""
        if (product.kind, product.name) in self._status.bare:
            return "its networks are not kept"
        if (self._status.root / product.files["record"]).is_file():
            return "damaged"
        like, label = _label(product.kind, product.name)
        found = self._there(product.kind).get(like, [])
        near = nsmallest(_SIMILAR, found, key=lambda one: [*map(ne, one[0], label)])
        said = [words for _, name in near for words in self._differs(product, name)]
        return texts.cut(min(said)[-1], _WIDTH) if said else "new"

    def _differs(self, product: Product, name: str) -> Iterator[tuple[int, bool, str]]:
        """How much tells a product from another, whether the study keeps that, and in words."""
        if known := self._known(product.kind, name):
            changes = [*_differences(known, product.specification)]
            follows = {"train_size", "replicas"} & {key for key, *_ in changes}
            kept = name in self._status.plan.products[product.kind]
            said = [_said(*c, kept) for c in changes if not (follows and c[0] == "inputs")]
            yield len(changes), kept, f"{'new: ' if kept else ''}{', '.join(said)}"

    def _labels(self, kind: str) -> dict[str, list[tuple[list[str], str]]]:
        """Labels and names of the products in the store, by what similar ones share."""
        found = defaultdict(list)
        store = self._status.root / STORE / kind
        for path in store.rglob("*record.json"):
            name = str(path.relative_to(store)).removesuffix("record.json").rstrip("./")
            like, label = _label(kind, name)
            found[like].append((label, name))
        return found

    def _specification(self, kind: str, name: str) -> Any:
        path = Product(kind, name, {}).files["record"]
        try:
            return read_record(self._status.root / path)["specification"]
        except UserError:
            return {}


def _label(kind: str, name: str) -> tuple[str, list[str]]:
    """What similar products share, and what may differ: of a block, the first of these the least.

    Shape, training size, replicas, learning rates.
    """
    label = name.rpartition("-")[0]
    if kind not in RESULTS:
        return label, []
    folder, learner, size, span = label.rsplit("/", 3)
    shape, _, rates = learner.partition("-lr")
    return f"{folder}/{shape.partition('-')[0]}", [shape, size, span, rates]


def _differences(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs between two specifications: place, and what there is in each."""
    if isinstance(old, dict) and isinstance(new, dict) and key != "inputs":
        for name in sorted({*old, *new}):
            yield from _differences(old.get(name), new.get(name), f"{key}.{name}".lstrip("."))
    elif old != new:
        yield key, old, new


def _said(key: str, old: Any, new: Any, added: bool) -> str:
    """A difference in words."""
    if key in (words := {"code": "source changed", "inputs": "what it is made from"}):
        return words[key]
    if added and key == "train_size":  # which has a column of its own
        return key
    if key == "replicas":  # first and last rule draw, sample and initialisation, as in names
        sides = ([f"{min(n):03d}-{max(n):03d}" for n in zip(*seeds)] for seeds in (old, new))
        pairs = [(f"{x}{a}", f"{x}{b}") for x, a, b in zip("rsi", *sides) if a != b]
        old, new = map(".".join, zip(*pairs))
    old, new = (texts.cut(str(value), _WIDTH // 3) for value in (old, new))
    return f"{key} {new}" if added else f"{key}: {old} -> {new}"


def _made(status: Status, *kinds: str) -> Iterator[tuple[Product, dict[str, Any]]]:
    """Products that are made, with what their records say of it."""
    for kind, name in status.made:
        if kind in kinds:
            product = status.plan.products[kind][name]
            yield product, read_record(status.root / product.files["record"])["made"]


def calibration(status: Status, rates: Rates) -> pd.DataFrame:
    """Estimated and actual core-seconds of the trainings that are made, by cell."""
    controls = _controls(status.plan)
    rows = [  # imports are not part of what a record counts
        (_cell(block, controls), 1, seconds_of_work(block, rates), made["core_seconds"])
        for block, made in _made(status, *TRAININGS)
    ]
    table = pd.DataFrame(rows, columns=["cell", "blocks", "estimated", "actual"])
    table = table.groupby("cell", as_index=False).sum()
    return table.assign(ratio=table["estimated"] / table["actual"])


def paces(status: Status, rates: Rates, kinds: Collection[str]) -> dict[str, tuple[float, int]]:
    """How many times their estimate products took that are made, and how many these are, by kind.

    Kinds of which nothing is made are left out.
    """
    estimated, actual, count = (defaultdict[str, float](float) for _ in range(3))
    for product, made in _made(status, *kinds):
        estimated[product.kind] += seconds_of_work(product, rates)
        actual[product.kind] += made["core_seconds"]
        count[product.kind] += 1
    return {kind: (actual[kind] / estimated[kind], int(count[kind])) for kind in count}


def other_versions(made: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each version of a package, of products made with others than are here."""
    used = Counter((n, one["versions"].get(n)) for one in made for n in _DECIDE)
    for (name, version), number in sorted(used.items(), key=str):
        if version != versions().get(name):
            yield f"made with {name} {version}, here {versions().get(name)}: {number} products"


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
