"""Batches hold everything once, in an order in which it can be made, and fit the cluster."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TABLES, TINY, Project, call
from rhm_scaling.core.errors import UserError
from rhm_scaling.run.batches import RULES, Batch, Key, batches
from rhm_scaling.run.machine import CLUSTER, Machine, slots
from rhm_scaling.run.status import Status
from rhm_scaling.study.cost import Rates
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

STUDY = """
name: sweep
grammars:
  g1: {v: 8, s: 2, L: 3, m: 2}
  g2: {v: 8, s: 2, L: 3, m: 3}
architectures:
  cnn: {kind: cnn, width: [8, 1024]}
  transformer: {kind: transformer, width: 16}
  counting: {kind: counting}
experiments:
  last:
    task: last_token
    grammars: [g1, g2]
    architectures: [cnn, transformer, counting]
    train_sizes: [64, 512, 4096]
    replicas: {rule_draws: 20}
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Status:
    return Status(Plan(parse_study(STUDY, "sweep")), root=tmp_path_factory.mktemp("empty"))


def machine(site: dict[str, Any] | None = None, **settings: Any) -> Machine:
    cluster = {"cores": 4, "memory_mb": 4000, "minutes": 600, **(site or {})}
    return Machine.from_settings(
        {"study": "any", "batch_minutes": 10, "cluster": cluster, **settings}
    )


def composed(status: Status, machine: Machine, slots: int = 10, **more: Any) -> dict[str, Batch]:
    needed = status.needed()
    root = more.get("root", status.root)
    found = batches(needed, machine, Rates(), slots, {}, more.get("alive", {}), root=root)
    return {batch.name: batch for batch in found}


def test_every_product_once_after_what_it_is_made_from(sweep: Status) -> None:
    found = composed(sweep, machine())
    keys = [key for batch in found.values() for key in batch.products]
    assert len(keys) == len(set(keys))
    assert set(keys) == {(product.kind, product.name) for product in sweep.needed()}
    maker = {key: batch for batch in found.values() for key in batch.products}
    for batch in found.values():
        before = [*RULES][: [*RULES].index(batch.rule)]
        assert {found[name].rule for name in batch.waits} <= {*before}
        assert {kind for kind, _ in batch.products} <= {*RULES[batch.rule]}
        for place, (kind, name) in enumerate(batch.products):
            for source in sweep.plan.products[kind][name].inputs.values():
                key = (source.kind, source.name)
                inside = maker[key] is batch and batch.products.index(key) < place
                assert inside or maker[key].name in batch.waits


def test_batches_are_of_one_kind_and_full_but_not_longer_than_asked(sweep: Status) -> None:
    found = composed(sweep, machine())
    for batch in found.values():
        threads = {c[c.index("--threads") + 1] for c in batch.commands if "--threads" in c}
        assert threads <= {str(batch.threads)}
        assert batch.seconds <= 600 or len(batch.products) == 1
        assert batch.minutes >= 5 + 2 * batch.seconds / 60
    # a job for each slot, as long as that is worth its start
    long = machine(batch_minutes=1000)
    one, ten, many = (composed(sweep, long, slots=number) for number in (1, 10, 1000))
    assert len(one) < len(ten) < len(many) < len(sweep.needed())
    assert len(one) < len(found)


def test_long_trainings_get_more_cores_and_large_ones_are_split(sweep: Status) -> None:
    quick = composed(sweep, machine(batch_minutes=0.2))
    assert {batch.threads for batch in quick.values()} >= {1, 4}
    fixed = composed(sweep, machine(batch_minutes=0.2, threads=2))
    learn = [batch for name, batch in fixed.items() if any("--pack" in c for c in batch.commands)]
    assert {batch.threads for batch in learn} == {2}
    tight = composed(sweep, machine({"memory_mb": 1150}))
    packs = [
        int(c[c.index("--pack") + 1]) for b in tight.values() for c in b.commands if "--pack" in c
    ]
    assert 0 < min(packs) < 4 == max(packs)
    assert max(batch.memory for batch in tight.values()) <= 1150


def test_networks_that_gain_from_a_gpu_go_there(sweep: Status) -> None:
    site = {"gpu": {"partition": "gpus", "cores": 8, "memory_mb": 9000, "gpu_memory_mb": 20000}}

    def widths(**settings: Any) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {"cpu": set(), "cuda": set()}
        for batch in composed(sweep, machine(site, **settings)).values():
            for (kind, name), command in zip(batch.products, batch.commands, strict=True):
                if kind == "models":
                    assert batch.gpu == (command[command.index("--device") + 1] == "cuda")
                    found["cuda" if batch.gpu else "cpu"].add(re.findall(r"-(w\d+)-", name)[0])
        return found

    assert widths() == {"cpu": {"w8", "w1024", "w16"}, "cuda": set()}
    some = widths(device="auto")
    assert "w1024" in some["cuda"] - some["cpu"] and some["cpu"]
    assert widths(device="cuda") == {"cpu": set(), "cuda": {"w8", "w1024", "w16"}}
    with_gpu = [b for b in composed(sweep, machine(site, device="auto")).values() if b.gpu]
    assert {(batch.threads, batch.memory) for batch in with_gpu} == {(8, 9000)}


def test_what_living_jobs_make_is_left_to_them(sweep: Status) -> None:
    before = composed(sweep, machine())
    data = next(batch for batch in before.values() if batch.rule == "sample_datasets")
    learn = next(
        batch
        for batch in before.values()
        if batch.rule == "train_networks" and data.name in batch.waits
    )
    alive = {batch.name: (batch, ["17", "18"]) for batch in (data, learn)}
    after = composed(sweep, machine(), alive=alive)
    again = {batch.rule: batch for batch in after.values() if batch.after}
    assert {*again} == {data.rule, learn.rule}
    for batch in (data, learn):
        mine = again[batch.rule]
        # under a name of its own: the receipt of the living job stays that one's
        assert mine.name not in before and mine.products == batch.products
        assert mine.commands == batch.commands
        assert mine.dependency == "--dependency=afterany:17:18"
    assert again[learn.rule].waits == [again[data.rule].name]
    keys = list(chain.from_iterable(batch.products for batch in after.values()))
    assert sorted(keys) == sorted(key for batch in before.values() for key in batch.products)

    # a job whose work is done, or is of no study now, keeps nothing and is waited for by none
    gone = replace(data, name="sample_datasets-000000000000", products=[("models", "gone")])
    late = replace(learn, waits=[gone.name])
    after = composed(sweep, machine(), alive={b.name: (b, ["19"]) for b in (gone, late)})
    (mine,) = (batch for batch in after.values() if batch.after)
    assert mine.rule == late.rule and mine.waits == []


def test_a_receipt_of_an_earlier_run_is_no_batchs_of_this_one(
    sweep: Status, tmp_path: Path
) -> None:
    first = composed(sweep, machine())
    name = next(iter(first))
    receipt = tmp_path / first[name].receipt
    receipt.parent.mkdir(parents=True)
    receipt.touch()
    second = composed(sweep, machine(), root=tmp_path)
    assert name not in second and len(second) == len(first)
    assert [b.products for b in second.values()] == [b.products for b in first.values()]


def test_a_batch_is_read_as_it_was_written(sweep: Status, tmp_path: Path) -> None:
    batch = next(iter(composed(sweep, machine()).values()))
    path = tmp_path / "batch.json"
    path.write_text(batch.json(), encoding="utf-8")
    assert Batch.read(path) == batch
    for text in ("", "[]", "{}", json.dumps({"products": [["a"]]})):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"batch.json: not readable .*; start the run again"):
            Batch.read(path)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"cluster": {"cores": 0}}, "cluster.yaml: cluster.cores: "),
        ({"cluster": {"partitoin": "x"}}, "cluster.yaml: cluster.partitoin: "),
        ({"cluster": {"partition": "a; rm -r b"}}, "cluster.yaml: cluster.partition: "),
        ({"cluster": {"gpu": {"model": "a b"}}}, "cluster.yaml: cluster.gpu.model: "),
        ({"cluster": {"setup": "a\nb"}}, "cluster.yaml: cluster.setup: "),
        ({"batch_minutes": 0}, "config.yaml: batch_minutes: "),
    ],
)
def test_a_wrong_description_of_a_cluster_is_one_line(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError, match=re.escape(line)) as error:
        Machine.from_settings({"study": "any", **settings})
    assert "\n" not in str(error.value)


def test_the_project_describes_a_cluster_and_a_profile() -> None:
    root = Path(__file__).parents[2]
    found = Machine.read(root, CLUSTER)
    assert found.cluster is not None and slots(root) > 1


def keys_made(project: Project) -> dict[Key, float]:
    """When each product of the tiny study was made."""
    return {
        (path.parts[-2], path.name): path.stat().st_mtime
        for path in (project.folder / "results" / "store").rglob("*record.json")
    }


def trainings_in_order(project: Project) -> tuple[list[str], list[str]]:
    """Batches of networks of the first run, as they were started: all, and after all sentences."""
    log = sorted((project.folder / ".snakemake" / "log").iterdir())[0].read_text(encoding="utf-8")
    started = re.compile(r"Training networks .*\nReason: Missing output files: (\S+)\.done")
    later = log.rpartition("(Rule: sample_datasets)")[2]
    return started.findall(log), started.findall(later)


def test_a_run_in_other_batches_makes_the_same(project: Project, tmp_path: Path) -> None:
    made = project.copy(tmp_path / "batched", results=False)
    settings = ["batch_minutes=0.006", "temporary=[datasets,models]"]
    study = ("--config", f"study={TINY}", *settings)
    made.snakemake(*TABLES, "--quiet", "host", *study)
    names, later = trainings_in_order(made)
    assert len({*names}) == len(names) > 3
    # the longest first, of those that did not start early, beside the last samplings
    seconds = [Batch.read(made.folder / f"{name}.json").seconds for name in later]
    pairs = list(combinations(seconds, 2))
    assert np.mean([first >= later for first, later in pairs]) > 0.8
    code, lines, _ = call(
        made, "compare", *(f"{f}/results/tiny" for f in (project.folder, tmp_path / "batched"))
    )
    assert code == 0 and lines[-1].endswith("0 within replica noise, none different"), lines
    assert not list(made.folder.glob("results/store/**/*.safetensors"))
    assert not list(made.folder.glob("results/store/sentences/**/*.npy"))
    assert made.planned(*TABLES, settings=settings) == {}

    # one block is gone: its batch holds it, and the data that it reads, and nothing else
    (block,) = list(made.folder.glob("results/store/models/*/*/cnn-w8*/P*64/*/record.json"))[:1]
    before = keys_made(made)
    block.unlink()
    made.snakemake("models", "--quiet", "all", *study)
    again = {key for key, when in keys_made(made).items() if when != before.get(key)}
    assert len([key for key in again if key[1] == "record.json"]) == 1


def test_a_failing_product_does_not_keep_a_batch_from_the_others(
    project: Project, tmp_path: Path
) -> None:
    made = project.copy(tmp_path / "failing", results=False)
    study = ("--config", f"study={TINY}")
    broken = (
        "def make(specification, *more):\n"
        "    if specification['learner']['kind'] == 'ngram':\n        1 / 0\n"
        "    _make(specification, *more)\n\n\ndef _make("
    )
    with made.source("steps/products/count_block", "def make(", broken):
        done = made.snakemake("--quiet", "all", *study, check=False)
        assert done.returncode == 1
        assert "results/logs/counts/" in done.stderr and "ZeroDivisionError" in done.stderr
        counted = {
            path.parts[-4] for path in made.folder.glob("results/store/counts/**/record.json")
        }
        assert counted == {"counting-shared", "counting-unshared"}


def test_what_the_command_line_said_is_not_blamed_on_a_file() -> None:
    with pytest.raises(UserError, match=r"^--config: threads: Input should be greater than"):
        Machine.from_settings({"study": "any", "threads": -1}, ["threads"])
    with pytest.raises(UserError, match=r"^--config: stduy: unknown key; did you mean study\?"):
        Machine.from_settings({"study": "any", "stduy": "other"}, ["stduy"])
    with pytest.raises(UserError, match=r"^config/config\.yaml: threads: "):
        Machine.from_settings({"study": "any", "threads": -1}, ["study"])
