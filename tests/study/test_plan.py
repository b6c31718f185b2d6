"""Identities: what made a product decides its address, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rhm_scaling.core.errors import UserError
from rhm_scaling.core.files import write_text
from rhm_scaling.run.records import write_record
from rhm_scaling.run.status import Status
from rhm_scaling.steps.claimed import claimed
from rhm_scaling.steps.plan import stages
from rhm_scaling.study.artifacts import Product, capacity
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study

STUDY = {
    "name": "base",
    "grammars": {"g": {"v": 4, "s": 2, "L": 2, "m": 2}},
    "architectures": {
        "cnn": {"kind": "cnn", "width": 16},
        "tf": {"kind": "transformer", "width": 8},
    },
    "experiments": {
        "e": {
            "task": "last_token",
            "grammars": ["g"],
            "architectures": ["cnn", "tf"],
            "train_sizes": [8, 16],
            "replicas": {"rule_draws": 2},
        }
    },
    "block": {"rule_draws": 2},
}


def plan(change: dict[str, object] | None = None, study: dict | None = None) -> Plan:
    value = yaml.safe_load(yaml.safe_dump(study or STUDY))
    for path, new in (change or {}).items():
        *parents, last = path.split(".")
        inner = value
        for key in parents:
            inner = inner.setdefault(key, {})
        inner[last] = new
    return Plan(parse_study(yaml.safe_dump(value), "s.yaml"))


def names(plan: Plan, kind: str = "models") -> set[str]:
    return set(plan.products[kind])


BASE = plan()


def test_defaults_of_schedule_and_decay_enter_no_identity() -> None:
    given = {"kind": "sgd", "schedule": "constant", "weight_decay": 0.0}
    assert names(plan({"architectures.cnn.optimizer": given})) == names(BASE)
    for change in ({"schedule": "cosine"}, {"weight_decay": 0.1}):
        other = names(plan({"architectures.cnn.optimizer": {"kind": "sgd", **change}}))
        assert len(other - names(BASE)) == len(names(BASE)) / 2


def test_sampling_with_replacement_is_the_default_and_enters_no_identity() -> None:
    assert names(plan({"experiments.e.replacement": True})) == names(BASE)
    held_out = {"experiments.e.test_size": 500, "experiments.e.validation_size": 200}
    change = {"grammars.g": {"v": 16, "s": 2, "L": 3, "m": 4}, **held_out}
    repeating = plan(change)
    change["experiments.e.replacement"] = False
    distinct = plan(change)
    assert not names(distinct) & names(repeating)
    assert names(distinct, "theory") == names(repeating, "theory")
    sets = [known.specification for known in distinct.products["sentences"].values()]
    assert {known["stream"]: (known["size"], known["apart_from"]) for known in sets} == {
        "test": (500, []),
        "validation": (200, [["test", 500]]),
        "train": (1024, [["test", 500], ["validation", 200]]),
    }
    # training sizes decide neither the other sets nor the sentences of a training set
    more = plan(change | {"experiments.e.train_sizes": [8, 16, 2000]})
    assert names(distinct, "sentences") < names(more, "sentences")
    assert names(distinct) < names(more)


def test_no_more_distinct_sentences_than_there_are() -> None:
    g = {"v": 16, "s": 2, "L": 3, "m": 2}
    few = {"experiments.e.test_size": 500, "experiments.e.validation_size": 200}
    change = {"grammars.g": g, "experiments.e.replacement": False, **few}
    whole = plan({**change, "experiments.e.train_sizes": [1100, 1245]})
    sizes = {p.specification["size"] for p in whole.products["sentences"].values()}
    assert sizes == {500, 200, 1245}  # no file holds more than the language
    with pytest.raises(UserError) as caught:
        plan({**change, "experiments.e.train_sizes": [8, 1246]})
    assert str(caught.value) == (
        "experiments.e.replacement: false needs 1946 distinct sentences of 'g' to train, validate "
        "and test, and sampling finds at most 1945; take smaller train_sizes, validation_size or "
        "test_size, or set it to true"
    )


def test_the_whole_sentence_is_the_default_and_enters_no_identity() -> None:
    g = {"v": 4, "s": 2, "L": 3, "m": 2}
    whole = plan({"grammars.g": g})
    for kind in ("models", "exact", "sentences", "theory"):
        given = plan({"grammars.g": g, "experiments.e.context": 8})
        assert names(given, kind) == names(whole, kind)
    seen = plan({"grammars.g": g, "experiments.e.context": 4})
    for kind in ("models", "exact"):
        assert not names(seen, kind) & names(whole, kind)
    for kind in ("sentences", "theory"):  # the same grammar and sentences, cut when they are read
        assert names(seen, kind) == names(whole, kind)
    assert {curve.depth for curve in seen.curves} == {2}
    assert {str(curve) for curve in seen.curves} == {
        "g last_token cnn w16 d2 context 4",
        "g last_token tf w8 d2 context 4",
    }


def test_experiments_that_differ_in_their_context_have_curves_of_their_own() -> None:
    g = {"v": 4, "s": 2, "L": 3, "m": 2}
    seen = {**STUDY["experiments"]["e"], "context": 4}
    both = plan({"grammars.g": g, "experiments.w": seen})
    assert len(both.curves) == len({str(curve) for curve in both.curves}) == 4
    with pytest.raises(UserError, match="this task is already in experiments"):
        plan({"grammars.g": g, "experiments.e.context": 4, "experiments.w": seen})
    with pytest.raises(UserError, match="the claims are about whole sentences"):
        plan({"grammars.g": g, "claim": "B1", "experiments.w": seen})


def test_sizes_chosen_for_a_window_go_to_its_own_last_threshold() -> None:
    g = {"v": 16, "s": 2, "L": 3, "m": 4}
    change = {"grammars.g": g, "experiments.e.train_sizes": "auto"}
    whole, seen = plan(change), plan({**change, "experiments.e.context": 4})
    lasts = [made.grids["e", "g"].last_threshold for made in (whole, seen)]
    assert lasts[1] < lasts[0]


def test_order_names_and_headings_do_not_enter() -> None:
    backwards = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(STUDY.items())
    }
    assert names(plan(study=backwards)) == names(BASE)
    headings = {"name": "other", "title": "New", "experiments.e.title": "Newer"}
    assert names(plan(headings)) == names(BASE)
    assert names(plan({"experiments.e.train_sizes": [16, 8]})) == names(BASE)
    renamed = plan({"grammars": {"h": STUDY["grammars"]["g"]}, "experiments.e.grammars": ["h"]})
    assert names(renamed) == names(BASE)
    assert names(plan({"grammars.g.n": 4, "grammars.g.m": {1: 2, 2: 2}})) == names(BASE)


ALL = {
    "grammars.g.v": 5,
    "grammars.g.n": 3,
    "grammars.g.s": 3,
    "grammars.g.L": 3,
    "grammars.g.m": 3,
    "grammars.g.zipf": {1: 1.0},
    "experiments.e.task": "classification",
    "experiments.e.validation_size": 100,
    "experiments.e.test_size": 100,
}
CNN_ONLY = {
    "architectures.cnn.width": 17,
    "architectures.cnn.optimizer": {"kind": "sgd", "lr": 0.4},
    "architectures.cnn.training": {"patience": 4.0},
} | {
    f"architectures.cnn.{part}.{key}": value
    for part, values in {
        "optimizer": {"momentum": 0.8, "warmup_steps": 3},
        "training": {
            "batch_size": 64,
            "max_steps": 10,
            "min_steps": 10,
            "train_loss": 0.1,
            "evaluations_per_octave": 2,
        },
    }.items()
    for key, value in values.items()
}


@pytest.mark.parametrize("path", ALL)
def test_every_field_of_the_data_changes_every_block(path: str) -> None:
    assert not names(plan({path: ALL[path]})) & names(BASE)


@pytest.mark.parametrize("path", CNN_ONLY)
def test_every_field_of_an_architecture_changes_its_blocks_alone(path: str) -> None:
    change = {path: CNN_ONLY[path]}
    if "optimizer." in path:
        change["architectures.cnn.optimizer.kind"] = "sgd"
    changed = names(plan(change))
    cnn = {name for name in names(BASE) if "/cnn-" in name}
    assert names(BASE) - changed == cnn
    assert len(changed - names(BASE)) == len(cnn)


@pytest.mark.parametrize(
    ("key", "value"), [("heads", 4), ("depth", 3), ("width", 16), ("optimizer", {"kind": "sgd"})]
)
def test_every_field_of_a_transformer_changes_its_blocks_alone(key: str, value: object) -> None:
    changed = names(plan({f"architectures.tf.{key}": value}))
    assert names(BASE) - changed == {name for name in names(BASE) if "/transformer-" in name}


def test_growing_makes_only_new_blocks() -> None:
    more = plan({"experiments.e.train_sizes": [8, 16, 32]})
    assert names(BASE) < names(more)
    assert len(names(more) - names(BASE)) == 2
    for axis in ("rule_draws", "samples", "initialisations"):
        grown = plan({f"experiments.e.replicas.{axis}": 4 if axis == "rule_draws" else 2})
        assert names(BASE) < names(grown)
        assert len(names(grown)) == 2 * len(names(BASE))
    assert names(BASE, "sentences") == names(more, "sentences")  # prefixes of the same files


def test_a_training_set_is_a_prefix_of_a_file_that_does_not_depend_on_other_sizes() -> None:
    assert [capacity(size) for size in (1, 1024, 1025, 10**7)] == [1024, 1024, 4096, 2**24]


def test_learning_rates_may_depend_on_the_training_size() -> None:
    sizes = [8, 16, 32, 64]
    changed = {"experiments.e.train_sizes": sizes, "experiments.e.online": True}

    def blocks(lr: Any) -> dict[Any, Product]:
        found = plan({**changed, "architectures.cnn.optimizer": {"kind": "sgd", "lr": lr}})
        mine = [block for curve, block in found.blocks if curve.architecture == "cnn"]
        return {block.specification["train_size"]: block for block in mine}

    def rates(lr: Any) -> list[list[float]]:
        found = blocks(lr)
        return [found[size].specification["learning_rates"] for size in [*sizes, "online"]]

    assert rates({16: 0.2, 64: [0.1, 0.05]}) == [*[[0.2]] * 3, *[[0.05, 0.1]] * 2]
    assert rates({16: 0.2, "online": 0.4}) == [*[[0.2]] * 4, [0.4]]
    assert rates({"online": 0.4}) == rates(0.4) == [[0.4]] * 5
    # a block has the identity that it has where its rate is that of all sizes
    several, one = blocks({16: 0.2, "online": 0.4}), blocks(0.2)
    assert {size for size in one if one[size].name == several[size].name} == {*sizes}


def test_finite_and_online_trainings_have_lengths_of_their_own() -> None:
    def blocks(**training: int) -> dict[bool, Product]:
        changed = {"experiments.e.online": True, "architectures.cnn.training": training}
        mine = [b for c, b in plan(changed).blocks if c.architecture == "cnn"]
        return {b.specification["train_size"] == "online": b for b in mine}

    def steps(**training: int) -> list[int]:
        found = blocks(**training)
        return [found[online].specification["settings"]["max_steps"] for online in (False, True)]

    assert steps(max_steps=90) == [90, 90]
    assert steps(max_steps=90, online_steps=40) == [90, 40]
    longer, short = blocks(max_steps=90, online_steps=40), blocks(max_steps=40)
    assert longer[True].name == short[True].name and longer[False].name != short[False].name


def test_learning_rates_are_one_more_axis_of_the_pack() -> None:
    change = "architectures.cnn.optimizer"
    one, same = (plan({change: {"kind": "sgd", "lr": lr}}) for lr in (0.2, [0.2]))
    assert names(one) == names(same)
    swept = {"kind": "sgd", "lr": [0.4, 0.1, 0.2, 0.8]}
    found = plan({change: swept})
    assert [b.specification["learning_rates"] for c, b in found.blocks if c in found.sweeping] == [
        [0.1, 0.2, 0.4, 0.8]
    ] * 2
    tiles = plan({change: swept, "block.learning_rates": 2})
    more = plan({change: {**swept, "lr": [*swept["lr"], 1.6]}, "block.learning_rates": 2})
    assert names(tiles) < names(more)
    assert len(names(more) - names(tiles)) == 2
    assert not tiles.coordinates  # one width
    swept_widths = {change: swept, "architectures.cnn.width": [8, 16]}
    several = plan(swept_widths)
    ((curve, check),) = several.coordinates
    assert curve.architecture == "cnn"
    assert check.specification["widths"] == [8, 16]
    large = {**swept_widths, "architectures.cnn.training.batch_size": 2000}
    ((_, check),) = plan(large).coordinates
    assert check.inputs["sentences"].specification["size"] >= 2000


def test_replicas_are_covered_once() -> None:
    replicas = {"rule_draws": 5, "samples": 2, "initialisations": 3}
    block = {"rule_draws": 2, "samples": 1, "initialisations": 2}
    found = plan({"experiments.e.replicas": replicas, "block": block})
    seen: dict[tuple, int] = {}
    for curve, product in found.blocks:
        for replica in product.specification["replicas"]:
            key = (curve, product.specification["train_size"], *replica)
            seen[key] = seen.get(key, 0) + 1
    assert set(seen.values()) == {1}
    assert len(seen) == 2 * 2 * 30


def test_two_names_of_one_grammar_share_products_and_both_have_their_theory() -> None:
    both = {"g": STUDY["grammars"]["g"], "twin": STUDY["grammars"]["g"]}
    found = plan({"grammars": both, "experiments.e.grammars": ["g", "twin"]})
    assert names(found) == names(BASE)
    listed = [
        product["grammar"] for product in stages(found)["tabulate_theory"].specification["products"]
    ]
    assert sorted(listed) == ["g", "g", "twin", "twin"]


def test_sizes_chosen_by_theory_are_resolved_for_each_grammar() -> None:
    grammars = {"g": {"v": 8, "s": 2, "L": 3, "m": 2}, "h": {"v": 8, "s": 2, "L": 3, "m": 3}}
    change = {"grammars": grammars, "experiments.e.grammars": ["g", "h"]}
    found = plan({**change, "experiments.e.train_sizes": "auto"})
    grids = {row["grammar"]: row for row in found.resolved()["train_sizes"]}
    for name, row in grids.items():
        assert row["sizes"][0] < row["first_threshold"] < row["last_threshold"]
        used = {b.specification["train_size"] for c, b in found.blocks if c.grammar == name}
        assert used == set(row["sizes"])
    assert grids["g"]["ends"] == "language_fraction"  # v m^7 = 1024 sentences
    assert grids["h"]["sizes"][-1] > grids["g"]["sizes"][-1]
    # a list of the same sizes makes the same blocks
    alone = {**change, "experiments.e.grammars": ["g"]}
    auto = plan({**alone, "experiments.e.train_sizes": "auto"})
    listed = plan({**alone, "experiments.e.train_sizes": list(grids["g"]["sizes"])})
    assert names(auto) == names(listed)


def test_sizes_that_theory_cannot_choose_are_a_line() -> None:
    with pytest.raises(
        UserError, match=r"^experiments\.e\.train_sizes: grammar 'g': .*give a list"
    ):
        plan({"grammars.g.m": 4, "experiments.e.train_sizes": "auto"})


def test_learners_that_count_are_blocks_of_their_own() -> None:
    counting = {"kind": "counting", "sharing": False}
    found = plan({"architectures.c": counting, "experiments.e.architectures": ["cnn", "c"]})
    assert len(names(found, "counts")) == 2
    assert names(found) < names(BASE)
    shared = plan({"architectures.c": {"kind": "counting"}, "experiments.e.architectures": ["c"]})
    assert not names(shared, "counts") & names(found, "counts")
    more = {"architectures.c": counting, "experiments.e.architectures": ["c"]}
    initialised = plan({**more, "experiments.e.replicas.initialisations": 3})
    assert names(initialised, "counts") == names(found, "counts")  # nothing is initialised


def test_what_stands_in_the_store_is_made(tmp_path: Path) -> None:
    assert Status(BASE, root=tmp_path).made == set()
    product = next(iter(BASE.products["models"].values()))
    files = {role: tmp_path / path for role, path in product.files.items()}
    record = files.pop("record")
    for path in files.values():
        write_text(path, path.name)
    how = {"core_seconds": 1.0, "threads": 1}
    write_record(record, product.specification, [*files.values()], how)
    made = {("models", product.name)}
    assert Status(BASE, root=tmp_path).made == made
    assert Status(plan({"name": "other"}), root=tmp_path).made == made
    # another size, then gone, which is right only for what is not kept
    write_text(files["weights"], "longer than before")
    assert Status(BASE, root=tmp_path).made == set()
    files["weights"].unlink()
    assert Status(BASE, root=tmp_path).made == set()
    assert Status(BASE, ["weights.safetensors"], tmp_path).made == made
    # the record of another product
    other = {**product.specification, "train_size": 17}
    write_record(record, other, [files["runs"]], how)
    assert Status(BASE, root=tmp_path).made == set()
    write_text(record, "{")
    assert Status(BASE, root=tmp_path).made == set()


def test_every_stage_depends_on_what_it_reads() -> None:
    """A change anywhere above changes the identity of everything below, and nothing else."""
    before = {name: stage.identity for name, stage in stages(BASE).items()}

    def changed(change: dict[str, object]) -> set[str]:
        found = {name: stage for name, stage in stages(plan(change)).items() if stage.outputs}
        return {name for name, stage in found.items() if stage.identity != before[name]}

    tables = {"gather_runs", "aggregate_curves", "fit_curves", "find_crossings", "draw_figures"}
    assert changed({"architectures.cnn.width": 8}) == tables
    assert changed({"experiments.e.title": "Other"}) == {"draw_figures"}
    theory = {"tabulate_theory", "draw_theory"}
    assert changed({"grammars.g.m": 3}) == tables | theory
    # descriptions depend on which tables there are, not on what is in them
    assert changed({"name": "other"}) == tables | theory | {"describe_tables"}
    rates = {"kind": "sgd", "lr": [0.1, 0.2]}
    more = {"compare_rates", "describe_tables"}
    assert changed({"architectures.cnn.optimizer": rates}) == tables | more


def test_a_claim_is_not_judged_by_a_network_of_which_theory_says_nothing() -> None:
    change = {"claim": "B1", "architectures.tf": {"kind": "lstm", "width": 8}}
    judging = claimed(plan(change))["curves"]
    assert [curve["kind"] for curve in judging] == ["cnn"]
