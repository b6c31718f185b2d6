"""A study unrolled: its learning curves, and all that has to be made for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product as cartesian
from typing import Any

from ..analysis.control_names import WIDTH
from ..core.errors import UserError
from ..grammar.model import Parameters
from ..grammar.sampling import ONLINE
from ..grammar.sparse import SparseParameters
from ..grammar.tasks import PREDICTED, Task, levels_seen
from ..theory import training_sizes
from . import controls, size_limits
from .architectures import ArchitectureConfig
from .artifacts import TRAINED, Product
from .counted import CountedConfig, predicts_codes, predicts_tokens, recovers
from .grids import grid
from .precision import Design, Measured, PrecisionConfig
from .products import Curve, MeasuredKind, Products, Protocol
from .scans import FEWEST, why_no_point
from .schema import ExperimentConfig, Study


class Plan:
    """All products of a study.

    Attributes
    ----------
    study
        The validated study.
    blocks
        The trained blocks, each with the curve it belongs to.
    theory
        The theory of each grammar, task and rule draw.
    surveys
        Correlations of many rule draws of each drawn grammar and task.
    coordinates
        Coordinate checks of networks that sweep both width and learning rate, each with the first
        of its curves.
    represented, ranked, timed, sensitive
        What hidden layers of trained networks distinguish, their errors by rule, how far they are
        from the exact posterior at each context, and how far synonyms and moved blanks change them,
        of each block for which it is asked, with its curve.
    controls
        Trained blocks that are no part of any curve, but stand beside one: each with that curve
        and the name of its control (`study.controls`).
    denoised
        What corrupted sentences of each rule draw tell, with the section and grammar that ask.
    curves
        The learning curves.
    scanned
        Curves of experiments that scan grammars, and why they are no points of a law; nothing if
        they are.
    designs
        Of curves that are to be precise, by growing number of rule draws, what is known of them.
    grids
        Training sizes of each experiment and grammar, and what decided them.

    Parameters
    ----------
    study
        The study.
    measured
        How precise curves are that are trained already, by their blocks (`precision.Design`).
    """

    def __init__(self, study: Study, measured: Mapping[str, Measured] | None = None) -> None:
        size_limits.check(study)
        self.study = study
        self._products, self._measured = Products(study), measured or {}
        self.blocks: list[tuple[Curve, Product]] = []
        self.controls: list[tuple[Curve, str, Product]] = []
        self.theory: dict[tuple[str, Task, int], Product] = {}
        self.surveys: dict[tuple[str, Task], Product] = {}
        self.coordinates: list[tuple[Curve, Product]] = []
        self.curves: list[Curve] = []
        self.scanned: dict[Curve, str] = {}
        self.designs: dict[Curve, list[Design]] = {}
        self.grids: dict[tuple[str, str], training_sizes.Grid] = {}
        for name, experiment in study.experiments.items():
            for grammar in experiment.grammars:
                self.grids[name, grammar] = grid(study, name, grammar)
                self._check_replacement(name, experiment, grammar)
                self._check_controls(name, experiment, grammar)
            draws = dict.fromkeys(experiment.grammars, 0)
            for curve in self._curves(name, experiment):
                self.curves.append(curve)
                self._check_coordinates(curve)
                self._control(curve, experiment)
                draws[curve.grammar] = max(draws[curve.grammar], self._train(curve, experiment))
            self._scan(name, experiment)
            for grammar, rule_draws in draws.items():
                if experiment.task == "masked":  # of which theory predicts nothing
                    continue
                self._solve(grammar, experiment.task, experiment.replicas.rules(stop=rule_draws))
        self.represented = self._measure("representations")
        self.ranked = self._measure("rule_errors")
        self.timed = self._measure("learning_times")
        self.sensitive = self._measure("sensitivity")
        self.denoised = [
            (name, grammar, self._products.denoising(grammar, config, rule))
            for name, config in study.denoising.items()
            for grammar in config.grammars
            for rule in config.rules()
        ]

    @property
    def products(self) -> dict[str, dict[str, Product]]:
        """Every product by kind and name."""
        return self._products.known

    @property
    def trained(self) -> dict[str, Product]:
        """Every block of networks by name."""
        return {name: known for kind in TRAINED for name, known in self.products[kind].items()}

    def parameters(self, grammar: str) -> Parameters:
        """Parameters of a grammar of the study."""
        return self._products.parameters(grammar)

    def _is_sparse(self, grammar: str) -> bool:
        return isinstance(self.parameters(grammar), SparseParameters)

    def _check_replacement(self, name: str, experiment: ExperimentConfig, grammar: str) -> None:
        """Refuse more distinct sentences than a language has, or sampling finds in time."""
        held_out = experiment.validation_size + experiment.test_size
        needed = max(self.grids[name, grammar].sizes, default=0) + held_out
        if not experiment.replacement and needed > (most := self._products.most_distinct(grammar)):
            raise UserError(
                f"experiments.{name}.replacement: false needs {needed} distinct sentences of "
                f"{grammar!r} to train, validate and test, and sampling finds at most {most}; take "
                "smaller train_sizes, validation_size or test_size, or set it to true"
            )

    def _check_controls(self, name: str, experiment: ExperimentConfig, grammar: str) -> None:
        """Refuse controls at sizes at which there is nothing to compare them with."""
        asked, sizes = experiment.controls, self.grids[name, grammar].sizes
        if asked and (odd := sorted({*(asked.train_sizes or [])} - {*sizes})):
            raise UserError(
                f"experiments.{name}.controls.train_sizes: {odd[0]} is no training size of "
                f"{grammar!r}; take some of {', '.join(map(str, sizes))}"
            )

    def _scan(self, name: str, experiment: ExperimentConfig) -> None:
        """Ask of the curves of a scan whether they are points of a law; few make none."""
        if experiment.scan is None:
            return
        for architecture in experiment.architectures:
            config = self.study.architectures[architecture]
            learner, latent = config.learner, predicts_codes(config)
            refused = {
                grammar: why_no_point(
                    experiment.scan, self.parameters(grammar), experiment.task, learner, latent
                )
                for grammar in experiment.grammars
            }
            known = [grammar for grammar, why in refused.items() if not why]
            if len(known) < FEWEST:
                first = next(grammar for grammar, why in refused.items() if why)
                raise UserError(
                    f"experiments.{name}.scan: {len(known)} of {len(refused)} grammars can be "
                    f"points of a law, and it takes {FEWEST}: of {first!r}, {refused[first]}"
                )
            for curve in self.curves:
                if (curve.experiment, curve.architecture) == (name, architecture):
                    self.scanned[curve] = refused[curve.grammar]

    def _control(self, curve: Curve, experiment: ExperimentConfig) -> None:
        """Add the controls of a curve of a network, if its experiment asks for them."""
        asked, config = experiment.controls, self.study.architectures[curve.architecture]
        if asked is None or isinstance(config, CountedConfig):
            return
        online = curve.protocol == "online"
        sizes: Sequence[int | str] = (ONLINE,) if online else sorted(asked.train_sizes or [])
        rules = experiment.replicas.rules(stop=asked.rule_draws)
        for control in controls.names(online):
            other = controls.varied(config, control, online)
            width = curve.width * (2 if control == WIDTH else 1)
            network = replace(curve, width=width)
            groups = self._members(curve, experiment, rules)
            for members, size in cartesian(groups, sizes):
                for span in other.packs(size, self.study.block.learning_rates):
                    block = self._products.block(network, experiment, size, members, span, other)
                    self.controls.append((curve, control, block))

    def _train(self, curve: Curve, experiment: ExperimentConfig) -> int:
        """Add the blocks of a curve, with as many rule draws as its precision takes; how many."""
        sizes = self._sizes(curve)
        config, asked = self.study.architectures[curve.architecture], experiment.precision
        first, draws = 0, experiment.replicas.rule_draws
        blocks: list[Product] = []
        while True:
            groups = self._members(curve, experiment, experiment.replicas.rules(first, draws))
            for members, size in cartesian(groups, sizes):
                for span in config.packs(size, self.study.block.learning_rates):
                    blocks.append(self._products.block(curve, experiment, size, members, span))
            if asked is None:
                break
            design = Design.of_blocks(draws, blocks, self._measured)
            self.designs.setdefault(curve, []).append(design)
            known, most = design.measured, asked.most_rule_draws
            if known is None or not known.wider(asked) or draws >= most:
                break
            first, draws = draws, min(draws + self.study.block.rule_draws, most)
            # counting costs little, and finds hidden symbols at other sizes than losses tell
            if curve.protocol == "finite" and not isinstance(config, CountedConfig):
                sizes = known.telling(self.grids[curve.experiment, curve.grammar].sizes)
        self.blocks += [(curve, block) for block in blocks]
        return draws

    def _measure(self, kind: MeasuredKind) -> list[tuple[Curve, Product]]:
        """What is measured of trained blocks whose experiment has the key of that name."""
        return [
            (curve, self._products.measured(kind, curve, block))
            for curve, block in self.blocks
            if getattr(self.study.experiments[curve.experiment], kind)
            and block.kind == "models"
            and curve.protocol == "finite"
            and (kind != "sensitivity" or self._is_sparse(curve.grammar))
        ]

    def _solve(self, grammar: str, task: Task, rules: range) -> None:
        """Add the theory of each rule draw, and a survey of many where rules are drawn."""
        for rule in rules:
            self.theory[grammar, task, rule] = self._products.theory(grammar, task, rule)
        drawn = self.parameters(grammar).file is None
        if drawn and task in PREDICTED:
            self.surveys[grammar, task] = self._products.survey(grammar, task)

    def _curves(self, name: str, experiment: ExperimentConfig) -> Iterator[Curve]:
        for grammar, architecture in cartesian(experiment.grammars, experiment.architectures):
            config = self.study.architectures[architecture]
            parameters = self.parameters(grammar)
            context = experiment.window(parameters)
            shapes = config.shapes(levels_seen(parameters, context))
            what = (name, grammar, experiment.task, architecture)
            for shape, protocol in cartesian(shapes, self._protocols(experiment)):
                yield Curve(*what, *shape, protocol, context)

    @staticmethod
    def _protocols(experiment: ExperimentConfig) -> list[Protocol]:
        asked: dict[Protocol, Any] = {"finite": experiment.train_sizes, "online": experiment.online}
        return [protocol for protocol, wanted in asked.items() if wanted]

    def _members(
        self, curve: Curve, experiment: ExperimentConfig, rules: range
    ) -> Iterator[list[tuple[int, int, int]]]:
        """The replicas ``(rule_seed, sample_seed, init_seed)`` of each block, at fixed places."""
        replicas, block = experiment.replicas, self.study.block
        config = self.study.architectures[curve.architecture]
        initialised = not isinstance(config, CountedConfig) or config.initialised
        whole = {
            "rule_draws": rules,
            "samples": range(replicas.samples),
            # where nothing is initialised, there is one
            "initialisations": range(replicas.initialisations if initialised else 1),
        }
        sides = {axis: getattr(block, axis) for axis in whole}
        starts = [range(span.start, span.stop, sides[axis]) for axis, span in whole.items()]
        for corner in cartesian(*starts):
            spans = [
                range(start, min(start + sides[axis], span.stop))
                for start, (axis, span) in zip(corner, whole.items())
            ]
            yield [(r, s, i) for r, s, i in cartesian(*spans)]

    def _check_coordinates(self, curve: Curve) -> None:
        """Add the coordinate check of a network that sweeps both width and learning rate."""
        config: Any = self.study.architectures[curve.architecture]
        if self.tries(curve) < 2 or len(config.widths) < 2 or curve.width != min(config.widths):
            return
        if curve.task == "masked":
            return
        experiment = self.study.experiments[curve.experiment]
        if curve.protocol == self._protocols(experiment)[0]:
            # it is the network's, whatever the protocol
            rule = experiment.replicas.rule_seeds.first
            self.coordinates.append((curve, self._products.coordinates(curve, rule)))

    def precision(self, curve: Curve) -> PrecisionConfig:
        """The precision that is asked of a curve of `designs`."""
        asked = self.study.experiments[curve.experiment].precision
        assert asked is not None  # noqa: S101 (it would have no design)
        return asked

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
        """Grammars and tasks whose theory is drawn: of labels, of dense grammars alone."""
        known = dict.fromkeys((grammar, task) for grammar, task, _ in self.theory)
        return [
            (name, task)
            for name, task in known
            if task != "classification" or not self._is_sparse(name)
        ]

    @property
    def online(self) -> list[tuple[Curve, Product]]:
        """Blocks that are trained online, each with its curve."""
        return [(curve, block) for curve, block in self.blocks if curve.protocol == "online"]

    @property
    def denoisers(self) -> list[tuple[Curve, Product]]:
        """Blocks of networks that denoise, each with its curve."""
        return [(curve, block) for curve, block in self.blocks if block.kind == "denoisers"]

    @property
    def crossing(self) -> list[Curve]:
        """Curves whose crossings are predicted."""
        return [curve for curve in self.curves if curve.task in PREDICTED]

    @property
    def recovering(self) -> list[Curve]:
        """Curves of learners that recover hidden symbols, where a grammar has any."""
        return [
            curve
            for curve in self._learnt_by(recovers)
            if levels_seen(self.parameters(curve.grammar), curve.context) > 1
        ]

    @property
    def latent(self) -> list[Curve]:
        """Curves of learners of latent prediction."""
        return self._learnt_by(predicts_codes)

    @property
    def by_tokens(self) -> list[Curve]:
        """Curves of networks that predict the tokens of siblings."""
        return self._learnt_by(predicts_tokens)

    def _learnt_by(self, kind: Callable[[ArchitectureConfig], bool]) -> list[Curve]:
        return [
            curve for curve in self.curves if kind(self.study.architectures[curve.architecture])
        ]

    @property
    def sized(self) -> list[Curve]:
        """Curves of families: networks that are trained at three sizes or more, not to denoise."""
        families: dict[tuple[Any, ...], list[Curve]] = {}
        for curve in self.curves:
            if curve.task != "masked":
                families.setdefault(curve.family, []).append(curve)
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
        """How many learning rates are tried at a size, at most."""
        config, side = self.study.architectures[curve.architecture], self.study.block.learning_rates
        return max(sum(map(len, config.packs(size, side))) for size in self._sizes(curve))

    def _sizes(self, curve: Curve) -> Sequence[int | str]:
        """Training sizes of a curve."""
        grid = self.grids[curve.experiment, curve.grammar].sizes
        return grid if curve.protocol == "finite" else (ONLINE,)

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
            "controls": [
                {**curve.key(), "control": control, "product": block.name}
                for curve, control, block in self.controls
            ],
            "products": {kind: sorted(known) for kind, known in self.products.items()},
        }
