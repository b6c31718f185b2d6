"""Products of a study's curves: data sets, theory, trained blocks; each put together only once.

Nothing about the study, the order of keys or the position in a list enters a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ..core.errors import UserError
from ..grammar.distinct import most_distinct
from ..grammar.model import Parameters
from ..grammar.sampling import ONLINE
from ..grammar.sparse import SparseParameters, dense_of, draw
from ..grammar.tasks import Task
from .architectures import NetworkConfig
from .artifacts import KINDS, Product, capacity, make_product
from .counted import CountedConfig
from .denoising import DenoisingConfig
from .grammars import FileGrammarConfig
from .schema import ExperimentConfig, Study
from .types import StudyTask

Others = tuple[tuple[str, int], ...]  # sets that hold other sentences: streams and sizes
Protocol = Literal["finite", "online"]
MeasuredKind = Literal["representations", "rule_errors", "learning_times", "sensitivity"]
_INITIALISATIONS = 8  # of a coordinate check
# Ends of the roles of a block's inputs that are read too when it is measured
_TESTS: dict[MeasuredKind, tuple[str, ...]] = {
    "representations": (),
    "rule_errors": ("-test",),
    "learning_times": ("-test", "-exact_test"),
    "sensitivity": (),
}


@dataclass(frozen=True)
class Curve:
    """One learning curve: everything but the number of sentences and the replica.

    Its protocol is ``finite``, a training for each size of the training set, or ``online``, one
    training that sees every sentence once and is read off as it goes. Its context is the number of
    last tokens that are seen, 0 for the whole sentence.
    """

    experiment: str
    grammar: str
    task: StudyTask
    architecture: str
    width: int
    depth: int
    protocol: Protocol
    context: int = 0

    def __str__(self) -> str:
        shape = f" w{self.width} d{self.depth}" if self.width else ""
        online = " online" if self.protocol == "online" else ""
        context = f" context {self.context}" if self.context else ""
        return f"{self.grammar} {self.task} {self.architecture}{shape}{online}{context}"

    @property
    def family(self) -> tuple[Any, ...]:
        """What curves of networks of several sizes share."""
        return self.grammar, self.task, self.architecture, self.context

    def key(self) -> dict[str, Any]:
        """The columns that identify it in every table."""
        return {
            "grammar": self.grammar,
            "task": self.task,
            "architecture": self.architecture,
            "width": self.width,
            "depth": self.depth,
            "protocol": self.protocol,
            "context": self.context,
        }


class Products:
    """All products that the curves of a study ask for, as they are asked for.

    Attributes
    ----------
    known
        Every product so far by kind and name.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self.known: dict[str, dict[str, Product]] = {kind: {} for kind in KINDS}
        self._parameters = {name: config.parameters() for name, config in study.grammars.items()}
        # many blocks read the same data sets
        self.grammar = cache(self._grammar)
        self._sentences = cache(self._make_sentences)
        self._exact = cache(self._make_exact)
        self.most_distinct = cache(self._most_distinct)

    def _add(self, product: Product) -> Product:
        known = self.known[product.kind].setdefault(product.name, product)
        if known.specification != product.specification:
            raise UserError(
                f"results/store/{product.kind}/{product.name}: two specifications share this "
                "identity; change one of the sizes and report it"
            )
        return known

    def parameters(self, grammar: str) -> Parameters:
        """Parameters of a grammar of the study."""
        return self._parameters[grammar]

    def _most_distinct(self, grammar: str) -> int:
        """How many distinct sentences of a grammar can be sampled, of all sets together."""
        config = self._study.grammars[grammar]
        given = config.grammar if isinstance(config, FileGrammarConfig) else config.parameters()
        # probabilities of sentences are those of any draw
        return int(most_distinct(draw(given, 0) if isinstance(given, SparseParameters) else given))

    def _grammar(self, name: str, rule: int) -> Product:
        parameters, config = self.parameters(name), self._study.grammars[name]
        what = {"grammar": parameters.specification(), "rule_seed": rule}
        label = f"{parameters.label()}/r{rule:03d}"
        if isinstance(parameters, SparseParameters):
            inputs = {"grammar": self._dense(name, rule)}
            return self._add(make_product("sparse", label, what, inputs))
        reads = {"file": str(config.path)} if isinstance(config, FileGrammarConfig) else {}
        return self._add(make_product("grammars", label, what, reads=reads))

    def _dense(self, name: str, rule: int) -> Product:
        """The grammar that a sparse one is spread from; a dense grammar itself."""
        parameters, _ = dense_of(self.parameters(name))
        if parameters is self.parameters(name):
            return self.grammar(name, rule)
        what = {"grammar": parameters.specification(), "rule_seed": rule}
        return self._add(make_product("grammars", f"{parameters.label()}/r{rule:03d}", what))

    def _make_sentences(
        self,
        grammar: str,
        rule: int,
        sample: int,
        stream: str,
        size: int,
        apart_from: Others | None = None,
    ) -> Product:
        what: dict[str, Any] = {"rule_seed": rule, "sample_seed": sample, "stream": stream}
        what["size"] = size
        of = stream
        if apart_from is not None:
            what["apart_from"] = [list(other) for other in apart_from]
            of = f"{stream}-distinct"
        label = f"{self.parameters(grammar).label()}/r{rule:03d}-s{sample:03d}-{of}-{size}"
        inputs = {"grammar": self.grammar(grammar, rule)}
        return self._add(make_product("sentences", label, what, inputs))

    def _make_exact(
        self,
        grammar: str,
        task: Task,
        rule: int,
        sample: int,
        size: int,
        apart_from: Others | None,
        context: int,
    ) -> Product:
        sentences = self._sentences(grammar, rule, sample, "test", size, apart_from)
        label = f"{sentences.name.rsplit('-', 1)[0]}-{task}"
        inputs = {"grammar": self.grammar(grammar, rule), "sentences": sentences}
        seen = {"context": context} if context else {}
        label += f"-c{context}" if context else ""
        return self._add(make_product("exact", label, {"task": task, **seen}, inputs))

    def theory(self, grammar: str, task: Task, rule: int) -> Product:
        """All that theory says of a rule draw; of labels of a sparse one, that of the dense one."""
        what = {"task": task, "rule_seed": rule}
        parameters, drawn = self.parameters(grammar), self.grammar(grammar, rule)
        if task == "classification":
            (parameters, _), drawn = dense_of(parameters), self._dense(grammar, rule)
        label = f"{parameters.label()}/r{rule:03d}-{task}"
        inputs = {"grammar": drawn}
        return self._add(make_product("theory", label, what, inputs))

    def survey(self, grammar: str, task: Task) -> Product:
        """Correlations of many rule draws."""
        parameters = self.parameters(grammar)
        what = {"grammar": parameters.specification(), "task": task}
        return self._add(make_product("survey", f"{parameters.label()}/{task}", what))

    def denoising(self, grammar: str, config: DenoisingConfig, rule: int) -> Product:
        """What corrupted sentences of a rule draw tell."""
        what = {"rule_seed": rule} | {
            name: getattr(config, name)
            for name in ("corruption", "fractions", "sentences", "resampled")
        }
        label = f"{self.parameters(grammar).label()}/r{rule:03d}-{config.corruption}"
        inputs = {"grammar": self.grammar(grammar, rule)}
        return self._add(make_product("denoising", label, what, inputs))

    def block(
        self,
        curve: Curve,
        experiment: ExperimentConfig,
        size: int | str,
        members: list[tuple[int, int, int]],
        rates: list[float],
        control: NetworkConfig | None = None,
    ) -> Product:
        """A block of replicas of a curve, at one size and with some learning rates.

        A `control` is an architecture that stands in the place of the curve's own.
        """
        parameters = self.parameters(curve.grammar)
        config = control or self._study.architectures[curve.architecture]
        inputs: dict[str, Product] = {}
        for rule, sample in sorted({(rule, sample) for rule, sample, _ in members}):
            here = f"r{rule:03d}-s{sample:03d}"
            for stream, (sentences, others) in self._sets(curve.grammar, experiment, size).items():
                inputs[f"{here}-{stream}"] = self._sentences(
                    curve.grammar, rule, sample, stream, sentences, others
                )
            if curve.task != "masked":  # whose posteriors are of its own masks
                inputs[f"{here}-exact_test"] = self._exact(
                    curve.grammar,
                    curve.task,
                    rule,
                    sample,
                    experiment.test_size,
                    None if experiment.replacement else (),
                    curve.context,
                )
            if size == ONLINE or curve.task == "masked":
                inputs[f"r{rule:03d}-grammar"] = self.grammar(curve.grammar, rule)
        what: dict[str, Any] = {
            "grammar": parameters.specification(),
            "task": curve.task,
            "train_size": size,
            "replicas": [list(replica) for replica in members],
        }
        of = f"{curve.task}-c{curve.context}" if curve.context else curve.task
        if curve.context:
            what["context"] = curve.context
        spans = [
            f"{letter}{min(values):03d}-{max(values):03d}"
            for letter, values in zip("rsi", zip(*members))
        ]
        amount = f"P{size:08d}" if isinstance(size, int) else size
        here, block = f"{parameters.label()}/{of}", f"{amount}/{'.'.join(spans)}"
        if isinstance(config, CountedConfig):
            for rule in {rule for rule, _, _ in members}:
                inputs[f"r{rule:03d}-grammar"] = self.grammar(curve.grammar, rule)
            what["learner"] = config.model_dump()
            label = f"{here}/{config.label}/{block}"
            return self._add(make_product(config.product, label, what, inputs))
        what["architecture"] = {**self._shape(config, curve), "width": curve.width}
        what["settings"] = self._settings(config, curve)
        what["learning_rates"] = rates
        span = "-".join(f"{rate:g}" for rate in dict.fromkeys((rates[0], rates[-1])))
        label = f"{here}/{config.name}-w{curve.width}-d{curve.depth}-lr{span}/{block}"
        kind = "models"
        if curve.task == "masked":
            kind, what["masked_fractions"] = "denoisers", experiment.masked_fractions
        return self._add(make_product(kind, label, what, inputs, (config.code,), config.reads))

    def _sets(
        self, grammar: str, experiment: ExperimentConfig, size: int | str
    ) -> dict[str, tuple[int, Others | None]]:
        """Sizes of a block's data sets by stream, and the sets whose sentences they have not.

        The latter are none where sentences are drawn with replacement.
        """
        sizes = {"test": experiment.test_size, "validation": experiment.validation_size}
        if isinstance(size, int):
            sizes["train"] = capacity(size)
            if not experiment.replacement:  # a file has no more than can be sampled
                most = self.most_distinct(grammar) - sizes["test"] - sizes["validation"]
                sizes["train"] = min(sizes["train"], most)
        before = [tuple([*sizes.items()][:count]) for count in range(len(sizes))]
        return {
            stream: (sizes[stream], None if experiment.replacement else others)
            for stream, others in zip(sizes, before)
        }

    def _network(self, curve: Curve) -> NetworkConfig:
        """The network of a curve."""
        config = self._study.architectures[curve.architecture]
        assert isinstance(config, NetworkConfig)  # noqa: S101 (others have none of this)
        return config

    @staticmethod
    def _shape(config: NetworkConfig, curve: Curve) -> dict[str, Any]:
        """A network's architecture but for its width."""
        heads, base = getattr(config, "heads", 1), getattr(config, "base_width", None)
        shape = {"kind": config.name, "depth": curve.depth, "heads": heads}
        return shape if base is None else {**shape, "base_width": base}

    @staticmethod
    def _settings(config: NetworkConfig, curve: Curve) -> dict[str, Any]:
        """How a network is trained (`training.Settings`)."""
        optimizer = config.optimizer.settings()
        return {
            "optimizer": optimizer.pop("kind"),
            "momentum": optimizer.pop("momentum", 0.0),
            **optimizer,
            **config.training.settings(online=curve.protocol == "online"),
        }

    def measured(self, kind: MeasuredKind, curve: Curve, block: Product) -> Product:
        """What is measured of a block's networks once they are trained."""
        names = ("grammar", "task", "train_size", "replicas", "architecture", "learning_rates")
        what = {name: block.specification[name] for name in names}
        grammar = self._dense if kind == "sensitivity" else self.grammar
        inputs = {"block": block} | {
            f"r{rule:03d}-grammar": grammar(curve.grammar, rule)
            for rule in sorted({rule for rule, _, _ in what["replicas"]})
        }
        ends = _TESTS[kind]
        inputs |= {role: known for role, known in block.inputs.items() if role.endswith(ends)}
        config, label = self._network(curve), block.name.rpartition("-")[0]
        return self._add(make_product(kind, label, what, inputs, (config.code,), config.reads))

    def coordinates(self, curve: Curve, rule: int) -> Product:
        """The coordinate check of a network that sweeps both width and learning rate."""
        config = self._network(curve)
        settings = self._settings(config, curve)
        parameters, rates = self.parameters(curve.grammar), config.optimizer.all_rates
        what = {
            "grammar": parameters.specification(),
            "task": curve.task,
            "architecture": self._shape(config, curve),
            "widths": sorted(config.widths),
            "settings": {key: settings[key] for key in ("optimizer", "momentum", "batch_size")},
            "learning_rate": rates[len(rates) // 2],
            "initialisations": _INITIALISATIONS,
        }
        if curve.context:
            what["context"] = curve.context
        enough = capacity(settings["batch_size"])
        inputs = {"sentences": self._sentences(curve.grammar, rule, 0, "train", enough)}
        label = f"{parameters.label()}/{curve.task}-{config.name}-d{curve.depth}"
        return self._add(
            make_product("coordinates", label, what, inputs, (config.code,), config.reads)
        )
