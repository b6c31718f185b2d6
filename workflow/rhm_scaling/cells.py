"""A study unrolled into products: what is made from what, where it lives, what makes it again.

A heavy product's path ends in a hash of its specification, which holds the parameters, the
identities of what it is made from, and a fingerprint of the code that makes it. Nothing about the
study, the order of keys or the position in a list enters. Light products have plain names and
depend on a file for each stage under ``results/<study>/stages/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product as cartesian
from pathlib import Path
from typing import Any

from .config import ExperimentConfig, Study
from .grammar import Parameters
from .provenance import UserError, canonical_json, fingerprint, identity
from .tasks import Task

STORE = "results/store"
LIGHT_STAGES = ("runs", "theory_table", "curves", "fits", "figures")
# A training set is a prefix of a stream file. Few capacities mean few files and few jobs; several
# let Snakemake, which starts jobs with large inputs first, begin with the long trainings.
_SMALLEST_CAPACITY = 2**10


def capacity(size: int) -> int:
    """Sentences in the file whose prefix serves as a training set of `size`: 1024 times 4**k."""
    sentences = _SMALLEST_CAPACITY
    while sentences < size:
        sentences *= 4
    return sentences


@dataclass(frozen=True)
class Product:
    """A heavy product.

    Attributes
    ----------
    kind
        Which rule makes it: ``grammars``, ``sentences``, ``exact``, ``theory`` or ``models``.
    name
        Path below ``results/store/<kind>/``, without suffix; ends in the identity.
    specification
        What it is; everything that decides its content.
    inputs
        Products that it is read from, by role.
    """

    kind: str
    name: str
    specification: dict[str, Any]
    inputs: dict[str, Product] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The hash that ends the name."""
        return identity(self.specification)

    @property
    def json(self) -> str:
        """The specification as canonical JSON."""
        return canonical_json(self.specification)

    @property
    def sources(self) -> dict[str, str]:
        """Files that it is read from, by role."""
        return {role: product.files["product"] for role, product in self.inputs.items()}

    @property
    def files(self) -> dict[str, str]:
        """Paths of the files that make up the product, by role."""
        stem = f"{STORE}/{self.kind}/{self.name}"
        if self.kind == "models":
            names = {
                "runs": "runs.csv",
                "history": "history.csv",
                "weights": "weights.safetensors",
                "specification": "specification.json",
            }
            return {role: f"{stem}/{name}" for role, name in names.items()}
        suffix = {"sentences": "npy", "exact": "npz"}.get(self.kind, "json")
        return {"product": f"{stem}.{suffix}", "specification": f"{stem}.specification.json"}


def _make(
    kind: str,
    label: str,
    what: dict[str, Any],
    inputs: dict[str, Product] | None = None,
    by_name: tuple[str, ...] = (),
) -> Product:
    """A product whose code is the stage of its kind and the modules that this loads `by_name`."""
    inputs = inputs or {}
    code = fingerprint(f"stages.{kind}", *by_name)
    made_from = {role: product.identity for role, product in inputs.items()}
    specification = {"kind": kind, **what, "inputs": made_from, "code": code}
    return Product(kind, f"{label}-{identity(specification)}", specification, inputs)


@dataclass(frozen=True)
class Curve:
    """One learning curve: everything but the size and the replica."""

    experiment: str
    grammar: str
    task: Task
    architecture: str
    width: int
    depth: int

    def key(self) -> dict[str, Any]:
        """The columns that identify it in every table."""
        return {
            "grammar": self.grammar,
            "task": self.task,
            "architecture": self.architecture,
            "width": self.width,
            "depth": self.depth,
        }


class Plan:
    """All products of a study.

    Attributes
    ----------
    study
        The validated study.
    products
        Every heavy product by kind and name.
    blocks
        The trained blocks, each with the curve it belongs to.
    theory
        The theory of each grammar, task and rule draw.
    curves
        The learning curves.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.products: dict[str, dict[str, Product]] = {
            kind: {} for kind in ("grammars", "sentences", "exact", "theory", "models")
        }
        self.blocks: list[tuple[Curve, Product]] = []
        self.theory: dict[tuple[str, Task, int], Product] = {}
        self.curves: list[Curve] = []
        for name, experiment in study.experiments.items():
            for curve in self._curves(name, experiment):
                self.curves.append(curve)
                for tile, size in cartesian(
                    self._tiles(experiment), sorted(experiment.train_sizes)
                ):
                    self.blocks.append((curve, self._block(curve, experiment, size, tile)))
            for grammar, rule in cartesian(
                experiment.grammars, range(experiment.replicas.rule_draws)
            ):
                theory = self._theory(grammar, experiment.task, rule)
                self.theory[grammar, experiment.task, rule] = theory

    def _curves(self, name: str, experiment: ExperimentConfig) -> Iterator[Curve]:
        for grammar, architecture in cartesian(experiment.grammars, experiment.architectures):
            config = self.study.architectures[architecture]
            depths = config.depths(self.study.grammars[grammar].L)
            for width, depth in cartesian(config.width, depths):
                yield Curve(name, grammar, experiment.task, architecture, width, depth)

    def _tiles(self, experiment: ExperimentConfig) -> Iterator[list[tuple[int, int, int]]]:
        """Blocks of replicas ``(rule_seed, sample_seed, init_seed)``: fixed, aligned tiles."""
        axes = ("rule_draws", "samples", "initialisations")
        totals = [getattr(experiment.replicas, axis) for axis in axes]
        sides = [getattr(self.study.block, axis) for axis in axes]
        starts = [range(0, total, side) for total, side in zip(totals, sides)]
        for corner in cartesian(*starts):
            spans = [
                range(start, min(start + side, total))
                for start, side, total in zip(corner, sides, totals)
            ]
            yield [(r, s, i) for r, s, i in cartesian(*spans)]

    def _add(self, product: Product) -> Product:
        known = self.products[product.kind].setdefault(product.name, product)
        if known.specification != product.specification:
            raise UserError(
                f"results/store/{product.kind}/{product.name}: two specifications share this "
                "identity; change one of the sizes and report it"
            )
        return known

    def parameters(self, grammar: str) -> Parameters:
        """Parameters of a grammar of the study."""
        return self.study.grammars[grammar].parameters()

    def _grammar(self, name: str, rule: int) -> Product:
        parameters = self.parameters(name)
        what = {"grammar": parameters.specification(), "rule_seed": rule}
        label = f"{parameters.label()}/r{rule:03d}"
        return self._add(_make("grammars", label, what))

    def _sentences(self, grammar: str, rule: int, sample: int, stream: str, size: int) -> Product:
        what = {"rule_seed": rule, "sample_seed": sample, "stream": stream, "size": size}
        label = f"{self.parameters(grammar).label()}/r{rule:03d}-s{sample:03d}-{stream}-{size}"
        inputs = {"grammar": self._grammar(grammar, rule)}
        return self._add(_make("sentences", label, what, inputs))

    def _exact(self, grammar: str, task: Task, rule: int, sentences: Product) -> Product:
        label = f"{sentences.name.rsplit('-', 1)[0]}-{task}"
        inputs = {"grammar": self._grammar(grammar, rule), "sentences": sentences}
        return self._add(_make("exact", label, {"task": task}, inputs))

    def _theory(self, grammar: str, task: Task, rule: int) -> Product:
        what = {"task": task, "rule_seed": rule}
        label = f"{self.parameters(grammar).label()}/r{rule:03d}-{task}"
        inputs = {"grammar": self._grammar(grammar, rule)}
        return self._add(_make("theory", label, what, inputs))

    def _block(
        self,
        curve: Curve,
        experiment: ExperimentConfig,
        size: int,
        tile: list[tuple[int, int, int]],
    ) -> Product:
        parameters = self.parameters(curve.grammar)
        config = self.study.architectures[curve.architecture]
        inputs: dict[str, Product] = {}
        for rule, sample in sorted({(rule, sample) for rule, sample, _ in tile}):
            here = f"r{rule:03d}-s{sample:03d}"
            for stream, sentences in {
                "train": capacity(size),
                "validation": experiment.validation_size,
                "test": experiment.test_size,
            }.items():
                inputs[f"{here}-{stream}"] = self._sentences(
                    curve.grammar, rule, sample, stream, sentences
                )
            inputs[f"{here}-exact"] = self._exact(
                curve.grammar, curve.task, rule, inputs[f"{here}-test"]
            )
        training = config.training.model_dump()
        optimizer = config.optimizer.model_dump()
        what = {
            "grammar": parameters.specification(),
            "task": curve.task,
            "architecture": {
                "kind": config.kind,
                "width": curve.width,
                "depth": curve.depth,
                "heads": getattr(config, "heads", 1),
            },
            "settings": {
                "optimizer": optimizer.pop("kind"),
                "momentum": optimizer.pop("momentum", 0.0),
                **optimizer,
                **training,
            },
            "train_size": size,
            "replicas": [list(replica) for replica in tile],
        }
        spans = [
            f"{letter}{min(values):03d}-{max(values):03d}"
            for letter, values in zip("rsi", zip(*tile))
        ]
        label = (
            f"{parameters.label()}/{curve.task}/{config.kind}-w{curve.width}-d{curve.depth}"
            f"/P{size:08d}/{'.'.join(spans)}"
        )
        by_name = (f"models.{config.kind}",)
        return self._add(_make("models", label, what, inputs, by_name))

    def stage(self, name: str) -> dict[str, Any]:
        """What a light stage depends on beside its tables: its code, its share of the plan."""
        curves = [{"experiment": curve.experiment, **curve.key()} for curve in self.curves]
        grammars = {name: self.parameters(name).specification() for name in self.study.grammars}
        learners = {name: config.learner for name, config in self.study.architectures.items()}
        share: dict[str, Any]
        if name == "runs":
            share = {
                "blocks": [
                    {"runs": block.files["runs"], "product": block.name, **curve.key()}
                    for curve, block in self.blocks
                ]
            }
        elif name == "theory_table":
            share = {
                "grammars": grammars,
                "products": [
                    {"file": known.files["product"], "grammar": grammar, "task": task, "rule": rule}
                    for (grammar, task, rule), known in self.theory.items()
                ],
            }
        elif name in ("curves", "fits"):
            tests = {
                name: experiment.test_size for name, experiment in self.study.experiments.items()
            }
            share = {"curves": curves, "grammars": grammars, "learners": learners}
            share["test_sizes"] = tests
        else:
            titles = {
                name: experiment.title or name
                for name, experiment in self.study.experiments.items()
            }
            share = {"curves": curves, "learners": learners, "titles": titles}
            share["title"] = self.study.title or self.study.name
        return {"study": self.study.name, "code": fingerprint(f"stages.{name}"), **share}

    def resolved(self) -> dict[str, Any]:
        """The content of ``study.json``: the study with every default, and all its products."""
        return {
            "study": self.study.model_dump(mode="json"),
            "grammars": {
                name: self.parameters(name).specification() for name in self.study.grammars
            },
            "blocks": [{**curve.key(), "product": block.name} for curve, block in self.blocks],
            "products": {kind: sorted(known) for kind, known in self.products.items()},
            "stages": {name: fingerprint(f"stages.{name}") for name in LIGHT_STAGES},
        }

    def check_store(self, root: Path = Path()) -> None:
        """Refuse a product in the store whose recorded specification is another one (a collision).

        Raises
        ------
        UserError
            Naming the file.
        """
        for known in self.products.values():
            for product in known.values():
                path = root / product.files["specification"]
                if not path.is_file():
                    continue
                try:
                    same = json.loads(path.read_text(encoding="utf-8")) == product.specification
                except ValueError:
                    same = False
                if not same:
                    raise UserError(
                        f"{path}: does not describe the product of this name; delete "
                        f"{path.parent} and run again"
                    )
