"""A study unrolled into products: what is made from what, where it lives, what makes it again.

Nothing about the study, the order of keys or the position in a list enters a product
(`products`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product as cartesian
from typing import Any, Literal

from ..core.errors import UserError
from ..grammar.model import Parameters
from ..grammar.sampling import ONLINE
from ..grammar.tasks import Task
from ..theory import training_sizes
from . import size_limits
from .architectures import CountingConfig, NgramConfig
from .artifacts import KINDS, Product, capacity, make_product
from .schema import AutoSizesConfig, ExperimentConfig, FileGrammarConfig, Study

Protocol = Literal["finite", "online"]
_COUNTING = (CountingConfig, NgramConfig)
_INITIALISATIONS = 8  # of a coordinate check
_MOST_SUMMED = 10**11  # multiplications for the thresholds of a grammar from a file: seconds


@dataclass(frozen=True)
class Curve:
    """One learning curve: everything but the number of sentences and the replica.

    Its protocol is ``finite``, a training for each size of the training set, or ``online``, one
    training that sees every sentence once and is read off as it goes.
    """

    experiment: str
    grammar: str
    task: Task
    architecture: str
    width: int
    depth: int
    protocol: Protocol

    def key(self) -> dict[str, Any]:
        """The columns that identify it in every table."""
        return {
            "grammar": self.grammar,
            "task": self.task,
            "architecture": self.architecture,
            "width": self.width,
            "depth": self.depth,
            "protocol": self.protocol,
        }


class Plan:
    """All products of a study.

    Attributes
    ----------
    study
        The validated study.
    products
        Every product by kind and name.
    blocks
        The trained blocks, each with the curve it belongs to.
    theory
        The theory of each grammar, task and rule draw.
    surveys
        Correlations of many rule draws of each drawn grammar and task.
    coordinates
        Coordinate checks of networks that sweep both width and learning rate, each with the first
        of its curves.
    curves
        The learning curves.
    grids
        Training sizes of each experiment and grammar, and what decided them.
    """

    def __init__(self, study: Study) -> None:
        size_limits.check(study)
        self.study = study
        self.products: dict[str, dict[str, Product]] = {kind: {} for kind in KINDS}
        self.blocks: list[tuple[Curve, Product]] = []
        self.theory: dict[tuple[str, Task, int], Product] = {}
        self.surveys: dict[tuple[str, Task], Product] = {}
        self.coordinates: list[tuple[Curve, Product]] = []
        self.curves: list[Curve] = []
        self.grids: dict[tuple[str, str], training_sizes.Grid] = {}
        self._parameters = {name: config.parameters() for name, config in study.grammars.items()}
        # many blocks read the same data sets, so each of these is put together only once
        self._grammar = cache(self._make_grammar)
        self._sentences = cache(self._make_sentences)
        self._exact = cache(self._make_exact)
        for name, experiment in study.experiments.items():
            for grammar in experiment.grammars:
                self.grids[name, grammar] = self._grid(name, experiment, grammar)
                self._solve(grammar, experiment)
            for curve in self._curves(name, experiment):
                self.curves.append(curve)
                self._check_coordinates(curve)
                finite = curve.protocol == "finite"
                grid = self.grids[name, curve.grammar].sizes
                sizes: tuple[int | str, ...] = grid if finite else (ONLINE,)
                rates = self._rates(curve)
                for tile, size, span in cartesian(self._tiles(curve, experiment), sizes, rates):
                    self.blocks.append((curve, self._block(curve, experiment, size, tile, span)))

    def _grid(self, name: str, experiment: ExperimentConfig, grammar: str) -> training_sizes.Grid:
        chosen = experiment.train_sizes
        if not isinstance(chosen, AutoSizesConfig):
            return training_sizes.Grid(tuple(sorted(chosen)), None, None, "listed")
        config = self.study.grammars[grammar]
        given = config.grammar if isinstance(config, FileGrammarConfig) else config.parameters()
        parameters = self.parameters(grammar)
        if isinstance(config, FileGrammarConfig) and parameters.d * parameters.v**3 > _MOST_SUMMED:
            raise UserError(
                f"experiments.{name}.train_sizes: the thresholds of so large a grammar as "
                f"{grammar!r} take too long to compute; give a list of sizes"
            )
        try:
            return training_sizes.choose(
                training_sizes.thresholds(given, experiment.task),
                given.log_sentences(),
                **chosen.model_dump(),
            )
        except ValueError as error:
            raise UserError(
                f"experiments.{name}.train_sizes: grammar {grammar!r}: {error}; give a list of "
                "sizes, or other caps"
            ) from error

    def _solve(self, grammar: str, experiment: ExperimentConfig) -> None:
        """Add the theory of each rule draw, and a survey of many where rules are drawn."""
        task = experiment.task
        for rule in range(experiment.replicas.rule_draws):
            self.theory[grammar, task, rule] = self._theory(grammar, task, rule)
        drawn = self.parameters(grammar).file is None
        if drawn and task != "autoregressive":  # for which no threshold is predicted
            self.surveys[grammar, task] = self._survey(grammar, task)

    def _curves(self, name: str, experiment: ExperimentConfig) -> Iterator[Curve]:
        for grammar, architecture in cartesian(experiment.grammars, experiment.architectures):
            config = self.study.architectures[architecture]
            shapes = config.shapes(self.parameters(grammar).L)
            for (width, depth), protocol in cartesian(shapes, self._protocols(experiment)):
                yield Curve(name, grammar, experiment.task, architecture, width, depth, protocol)

    @staticmethod
    def _protocols(experiment: ExperimentConfig) -> list[Protocol]:
        asked: dict[Protocol, Any] = {"finite": experiment.train_sizes, "online": experiment.online}
        return [protocol for protocol, wanted in asked.items() if wanted]

    def _tiles(
        self, curve: Curve, experiment: ExperimentConfig
    ) -> Iterator[list[tuple[int, int, int]]]:
        """Blocks of replicas ``(rule_seed, sample_seed, init_seed)``: fixed, aligned tiles."""
        axes = ("rule_draws", "samples", "initialisations")
        totals = [getattr(experiment.replicas, axis) for axis in axes]
        if isinstance(self.study.architectures[curve.architecture], _COUNTING):
            totals[-1] = 1  # nothing is initialised
        sides = [getattr(self.study.block, axis) for axis in axes]
        starts = [range(0, total, side) for total, side in zip(totals, sides)]
        for corner in cartesian(*starts):
            spans = [
                range(start, min(start + side, total))
                for start, side, total in zip(corner, sides, totals)
            ]
            yield [(r, s, i) for r, s, i in cartesian(*spans)]

    def _rates(self, curve: Curve) -> list[list[float]]:
        """The learning rates that are tried, in tiles; one empty tile for learners that count."""
        config = self.study.architectures[curve.architecture]
        if isinstance(config, _COUNTING):
            return [[]]
        rates, side = sorted(config.optimizer.lr), self.study.block.learning_rates
        return [rates[start : start + side] for start in range(0, len(rates), side)]

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
        return self._parameters[grammar]

    def _make_grammar(self, name: str, rule: int) -> Product:
        parameters = self.parameters(name)
        what = {"grammar": parameters.specification(), "rule_seed": rule}
        label = f"{parameters.label()}/r{rule:03d}"
        config = self.study.grammars[name]
        reads = {"file": str(config.path)} if isinstance(config, FileGrammarConfig) else {}
        return self._add(make_product("grammars", label, what, reads=reads))

    def _make_sentences(
        self, grammar: str, rule: int, sample: int, stream: str, size: int
    ) -> Product:
        what = {"rule_seed": rule, "sample_seed": sample, "stream": stream, "size": size}
        label = f"{self.parameters(grammar).label()}/r{rule:03d}-s{sample:03d}-{stream}-{size}"
        inputs = {"grammar": self._grammar(grammar, rule)}
        return self._add(make_product("sentences", label, what, inputs))

    def _make_exact(
        self, grammar: str, task: Task, rule: int, sample: int, stream: str, size: int
    ) -> Product:
        sentences = self._sentences(grammar, rule, sample, stream, size)
        label = f"{sentences.name.rsplit('-', 1)[0]}-{task}"
        inputs = {"grammar": self._grammar(grammar, rule), "sentences": sentences}
        return self._add(make_product("exact", label, {"task": task}, inputs))

    def _theory(self, grammar: str, task: Task, rule: int) -> Product:
        what = {"task": task, "rule_seed": rule}
        label = f"{self.parameters(grammar).label()}/r{rule:03d}-{task}"
        inputs = {"grammar": self._grammar(grammar, rule)}
        return self._add(make_product("theory", label, what, inputs))

    def _survey(self, grammar: str, task: Task) -> Product:
        parameters = self.parameters(grammar)
        what = {"grammar": parameters.specification(), "task": task}
        return self._add(make_product("survey", f"{parameters.label()}/{task}", what))

    def _block(
        self,
        curve: Curve,
        experiment: ExperimentConfig,
        size: int | str,
        tile: list[tuple[int, int, int]],
        rates: list[float],
    ) -> Product:
        parameters = self.parameters(curve.grammar)
        config = self.study.architectures[curve.architecture]
        inputs: dict[str, Product] = {}
        for rule, sample in sorted({(rule, sample) for rule, sample, _ in tile}):
            here = f"r{rule:03d}-s{sample:03d}"
            known = {"validation": experiment.validation_size, "test": experiment.test_size}
            drawn = {"train": capacity(size)} if isinstance(size, int) else {}
            for stream, sentences in {**drawn, **known}.items():
                inputs[f"{here}-{stream}"] = self._sentences(
                    curve.grammar, rule, sample, stream, sentences
                )
            inputs[f"{here}-exact_test"] = self._exact(
                curve.grammar, curve.task, rule, sample, "test", experiment.test_size
            )
            if size == ONLINE:
                inputs[f"r{rule:03d}-grammar"] = self._grammar(curve.grammar, rule)
        what: dict[str, Any] = {
            "grammar": parameters.specification(),
            "task": curve.task,
            "train_size": size,
            "replicas": [list(replica) for replica in tile],
        }
        spans = [
            f"{letter}{min(values):03d}-{max(values):03d}"
            for letter, values in zip("rsi", zip(*tile))
        ]
        amount = f"P{size:08d}" if isinstance(size, int) else size
        here, block = f"{parameters.label()}/{curve.task}", f"{amount}/{'.'.join(spans)}"
        if isinstance(config, _COUNTING):
            for rule in {rule for rule, _, _ in tile}:
                inputs[f"r{rule:03d}-grammar"] = self._grammar(curve.grammar, rule)
            what["learner"] = config.model_dump()
            return self._add(make_product("counts", f"{here}/{config.label}/{block}", what, inputs))
        what["architecture"] = {**self._shape(curve), "width": curve.width}
        what["settings"] = self._settings(curve)
        what["learning_rates"] = rates
        span = "-".join(f"{rate:g}" for rate in dict.fromkeys((rates[0], rates[-1])))
        label = f"{here}/{config.kind}-w{curve.width}-d{curve.depth}-lr{span}/{block}"
        return self._add(
            make_product("models", label, what, inputs, (f"models.{config.kind}:Network",))
        )

    def _shape(self, curve: Curve) -> dict[str, Any]:
        """A network's architecture but for its width."""
        config = self.study.architectures[curve.architecture]
        heads, base = getattr(config, "heads", 1), getattr(config, "base_width", None)
        shape = {"kind": config.kind, "depth": curve.depth, "heads": heads}
        return shape if base is None else {**shape, "base_width": base}

    def _settings(self, curve: Curve) -> dict[str, Any]:
        """How a network is trained (`training.Settings`)."""
        config: Any = self.study.architectures[curve.architecture]
        optimizer = config.optimizer.model_dump(exclude={"lr"})
        # a curve that is read off one training has all its replicas at every step
        stops = {"min_steps", "patience", "train_loss"} if curve.protocol == "online" else set()
        return {
            "optimizer": optimizer.pop("kind"),
            "momentum": optimizer.pop("momentum", 0.0),
            **optimizer,
            **config.training.model_dump(exclude=stops),
        }

    def _check_coordinates(self, curve: Curve) -> None:
        """Add the coordinate check of a network that sweeps both width and learning rate."""
        config: Any = self.study.architectures[curve.architecture]
        if self.tries(curve) < 2 or len(config.widths) < 2 or curve.width != min(config.widths):
            return
        if curve.protocol != self._protocols(self.study.experiments[curve.experiment])[0]:
            return  # it is the network's, whatever the protocol
        settings = self._settings(curve)
        parameters, rates = self.parameters(curve.grammar), sorted(config.optimizer.lr)
        what = {
            "grammar": parameters.specification(),
            "task": curve.task,
            "architecture": self._shape(curve),
            "widths": sorted(config.widths),
            "settings": {key: settings[key] for key in ("optimizer", "momentum", "batch_size")},
            "learning_rate": rates[len(rates) // 2],
            "initialisations": _INITIALISATIONS,
        }
        enough = capacity(settings["batch_size"])
        inputs = {"sentences": self._sentences(curve.grammar, 0, 0, "train", enough)}
        label = f"{parameters.label()}/{curve.task}-{config.kind}-d{curve.depth}"
        by_name = (f"models.{config.kind}:Network",)
        self.coordinates.append(
            (curve, self._add(make_product("coordinates", label, what, inputs, by_name)))
        )

    def specifications(self) -> dict[str, Any]:
        """Parameters of every grammar by name."""
        return {name: self.parameters(name).specification() for name in self.study.grammars}

    def learners(self) -> dict[str, Any]:
        """By architecture, the kind of learner whose thresholds it has."""
        return {name: config.learner for name, config in self.study.architectures.items()}

    def described(self) -> dict[str, Any]:
        """The curves, with what theory needs to know of them."""
        return {
            "curves": [{"experiment": curve.experiment, **curve.key()} for curve in self.curves],
            "grammars": self.specifications(),
            "learners": self.learners(),
        }

    def solved(self) -> list[tuple[str, Task]]:
        """Grammars and tasks whose theory is drawn."""
        return list(dict.fromkeys((grammar, task) for grammar, task, _ in self.theory))

    @property
    def online(self) -> list[tuple[Curve, Product]]:
        """Blocks that are trained online, each with its curve."""
        return [(curve, block) for curve, block in self.blocks if curve.protocol == "online"]

    @property
    def crossing(self) -> list[Curve]:
        """Curves whose crossings are predicted: none of the autoregressive task."""
        return [curve for curve in self.curves if curve.task != "autoregressive"]

    @property
    def represented(self) -> list[tuple[Curve, Product]]:
        """Blocks of networks whose hidden layers are measured."""
        return [
            (curve, block)
            for curve, block in self.blocks
            if self.study.experiments[curve.experiment].representations
            and block.kind == "models"
            and curve.protocol == "finite"
        ]

    def grammars_of(self, curve: Curve, block: Product) -> dict[int, Product]:
        """The grammars of a block's rule draws."""
        rules = sorted({rule for rule, _, _ in block.specification["replicas"]})
        return {rule: self._grammar(curve.grammar, rule) for rule in rules}

    @property
    def recovering(self) -> list[Curve]:
        """Curves of learners that recover hidden symbols, where a grammar has any."""
        kinds = self.study.architectures
        counted = [c for c in self.curves if isinstance(kinds[c.architecture], CountingConfig)]
        return [curve for curve in counted if self.parameters(curve.grammar).L > 1]

    @property
    def sized(self) -> list[Curve]:
        """Curves of families: networks that are trained at three sizes or more."""
        families: dict[tuple[str, ...], list[Curve]] = {}
        for curve in self.curves:
            families.setdefault((curve.grammar, curve.task, curve.architecture), []).append(curve)
        return [
            curve
            for family in families.values()
            if len({(curve.width, curve.depth) for curve in family}) >= 3
            for curve in family
        ]

    @property
    def sweeping(self) -> list[Curve]:
        """Curves of networks for which several learning rates are tried."""
        return [curve for curve in self.curves if self.tries(curve) > 1]

    def tries(self, curve: Curve) -> int:
        """How many learning rates are tried."""
        return sum(map(len, self._rates(curve)))

    def resolved(self) -> dict[str, Any]:
        """The content of ``study.json``: the study with every default, and all its products."""
        return {
            "study": self.study.model_dump(mode="json"),
            "grammars": self.specifications(),
            "train_sizes": [
                {"experiment": experiment, "grammar": grammar, **asdict(chosen)}
                for (experiment, grammar), chosen in self.grids.items()
            ],
            "blocks": [{**curve.key(), "product": block.name} for curve, block in self.blocks],
            "products": {kind: sorted(known) for kind, known in self.products.items()},
        }
