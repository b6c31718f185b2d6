"""Training on a grammar's sentences: a study of one experiment, without files that stay."""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import nn

from ..core.errors import StoppedError, UserError
from ..core.files import write_text
from ..grammar import model
from ..grammar.json_file import to_json
from ..grammar.tasks import Task
from ..models.plain import Network, copies_of
from ..publish.loading import EVALUATED, restored, with_operations
from ..steps import products
from ..steps.tables import aggregate_curves, fit_curves, gather_runs, tabulate_theory
from ..study.architectures import ARCHITECTURES
from ..study.artifacts import STEPS, Product
from ..study.plan import Plan
from ..study.reading import validated
from ..study.schema import Study
from ..study.types import MOST_NAME
from . import checks, grammars, modules
from .checks import public
from .grammars import Grammar
from .networks import OneReplica, TrainedNetwork

_LOG = logging.getLogger("rhm_scaling")
_OWN = "plain"  # the kind of one's own modules (`models.plain`)
_MADE = ("grammars", "sentences", "exact", "theory", "models", "counts", "latents", "predictors")
_KINDS = tuple(kind for kind in ARCHITECTURES if not kind.endswith(".py"))
_NO_SHAPE = {"width": 0, "depth": 0}
_UNKNOWN = {"body_parameters": "", "operations": ""}  # of one's own modules
_NAMED = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"


@dataclass(frozen=True, eq=False)
class Training:
    """What `rhm_scaling.train` returns.

    Attributes
    ----------
    curves
        The learning curve, a row a training size; columns as `rhm_scaling.load_curves` has them.
    fits
        Its exponent, one row: exponent, low, high (95 % interval), predicted_same_fit (the same
        fit of the curve that theory predicts; empty for one's own module), window_reason and
        others, which results/README.md explains under ``fits.csv``.
    runs
        A row a replica; columns as `rhm_scaling.load_runs` has them.
    history
        A row a replica and evaluation; columns as `rhm_scaling.load_history` has them.
    networks
        The trained networks at their best steps, in the order of `runs`; none of learners that
        count.
    """

    curves: pd.DataFrame
    fits: pd.DataFrame
    runs: pd.DataFrame
    history: pd.DataFrame
    networks: list[TrainedNetwork]

    def __repr__(self) -> str:
        return f"<Training of {len(self.runs)} replicas>"


@public
def train(
    grammar: Grammar,
    task: Task,
    network: str | Callable[[], nn.Module],
    train_sizes: Sequence[int] | Mapping[str, Any] | str,
    *,
    optimizer: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    rule_draws: int | None = None,
    samples: int = 1,
    initialisations: int = 1,
    validation_size: int = 2048,
    test_size: int = 8192,
    name: str | None = None,
    **shape: Any,
) -> Training:
    """Train networks on training sets of growing size, and measure their learning curve.

    It is what a study does, with the same numbers: every replica has its own rule draw, sentences
    and initial weights, stops by itself on its validation set, and is measured at its best step on
    a test set, against the exact predictor. Nothing is kept but what is returned. It trains on the
    CPU, with PyTorch's threads; the logger ``rhm_scaling`` tells how far it is at level ``INFO``.

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`.
    task
        ``classification``, ``last_token`` or ``autoregressive``.
    network
        The kind of a built-in architecture, as in a study (``counting``, ``latent``, ``ngram``,
        which count, and ``latent_network`` included); or one's own: a class or function that
        makes a new `torch.nn.Module` when called without arguments. The module maps tokens
        ``(N, d)``, whole numbers ``0..v_0``, to logits: ``(N, n)`` for classification, ``(N, v_0)``
        for the last token, ``(N, d, v_0)`` for the autoregressive task. The value ``v_0`` is the
        mask: it stands at the last position for the last token, at the first for the
        autoregressive task, whose inputs are shifted by one (so an embedding has ``v_0 + 1`` rows).
    train_sizes
        Numbers of training sentences ``P``, or ``auto``, or the keys of a study's `train_sizes`.
    optimizer
        As in a study: ``{"kind": "sgd", "lr": 0.5}``. If not given, that of the architecture, and
        Adam for one's own. Of several rates, every point takes that of least validation loss.
    training
        As in a study, when a network is evaluated and when it stops: ``{"max_steps": 1000}``.
    rule_draws
        Grammars that are drawn like this one, from its rule seed on; intervals resample them. If
        not given, 4, or 1 for one's own grammar, which cannot be drawn again.
    samples, initialisations
        Training sets of each rule draw; networks on each.
    validation_size, test_size
        Sentences on which the best step is chosen, and on which losses are reported.
    name
        What the curve is called in tables and figures; by default, that of the network.
    shape
        Of a built-in architecture: ``width``, and ``depth``, ``heads`` or ``base_width``; of
        ``counting``: ``sharing``.

    Returns
    -------
    Training
        ``curves``, a tidy table for `draw_curves`: a row a size with ``mean``, ``low`` and
        ``high`` of the ``measure`` (excess over the exact loss in nats, or the error) and its 95 %
        interval over rule draws. ``fits``, its exponent with an interval, and the predicted one.
        ``runs``, a row a replica; ``history``, a row an evaluation; ``networks``, the trained
        ones in the order of ``runs``, each to be called with sentences. Of learners that count
        and of ``latent_network`` neither is kept: both are empty.

    Raises
    ------
    ValueError
        If an argument is out of range, the architecture cannot do the task, or one's own module
        would mislead: it answers in another shape, or sees what it has to predict. The text
        names the argument; all of this is told before anything is trained.
    TypeError
        If `grammar` is none, or `network` makes no modules.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> from torch.nn import Embedding, Flatten, Linear, ReLU, Sequential
    >>> grammar = rhm.draw_grammar(v=4, s=2, L=2, m=2)
    >>> few = {"test_size": 256, "validation_size": 256, "rule_draws": 2}
    >>> def mine():
    ...     return Sequential(Embedding(5, 8), Flatten(), Linear(32, 32), ReLU(), Linear(32, 4))
    >>> trained = rhm.train(grammar, "last_token", mine, [8, 64], training={"max_steps": 99}, **few)
    >>> trained.curves[["architecture", "sentences", "rule_draws"]].values.tolist()
    [['mine', 8, 2], ['mine', 64, 2]]
    >>> trained.networks[0](rhm.sample(trained.networks[0].grammar, 10)).shape
    (10, 4)
    >>> rhm.train(grammar, "autoregressive", "cnn", [8, 64], width=16)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: network: 'cnn' cannot do the task autoregressive; it can do classification and ...
    """
    _check_names(shape)
    known, asked = grammars.checked(grammar), checks.task(task)
    if isinstance(network, str):
        if network not in _KINDS:
            raise ValueError(
                f"network: input should be {', '.join(map(repr, _KINDS))}, or what makes a "
                f"torch.nn.Module, not {network!r}"
            )
        architecture = {**checks.plain(shape), "kind": network}
    else:
        if shape:
            raise ValueError(f"{min(shape)}: is of built-in architectures; give it to your own")
        # a network of one's own does what this kind can do, and is as free in its depth
        architecture = {"kind": "transformer", "width": 1, "heads": 1}
    label = name if name is not None else _name(network)
    for key, part in (("optimizer", optimizer), ("training", training)):
        if part is not None:
            architecture[key] = checks.plain(part)
    experiment = {
        "task": asked,
        "grammars": [_grammar_name(known)],
        "architectures": [label],
        "train_sizes": checks.plain(train_sizes),
        "validation_size": checks.plain(validation_size),
        "test_size": checks.plain(test_size),
        "replicas": checks.plain(
            {
                "rule_draws": (4 if known.drawn else 1) if rule_draws is None else rule_draws,
                "samples": samples,
                "initialisations": initialisations,
            }
        ),
    }
    with tempfile.TemporaryDirectory() as scratch:
        plan = _plan(known, label, architecture, experiment, Path(scratch))
        if isinstance(network, str):
            return _Run(plan, known, Path(scratch)).trained()
        modules.check(network, known, asked, _decays(plan, label))
        with copies_of(network), torch.random.fork_rng(devices=[]):
            torch.manual_seed(known.rule_seed)  # of dropout and its like
            return _OwnRun(plan, known, Path(scratch)).trained()


def _check_names(shape: Mapping[str, Any]) -> None:
    """Refuse a misspelt argument; `ValueError` with the nearest one that there is."""
    of_shapes = {key for model in ARCHITECTURES.values() for key in model.model_fields} - {"kind"}
    known = sorted(of_shapes | {*inspect.signature(train).parameters} - {"shape"})
    if wrong := sorted(shape.keys() - {*known}):
        near = difflib.get_close_matches(wrong[0], known, n=1)
        said = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"{wrong[0]}: unknown argument; {said}")


def _name(network: Any) -> str:
    """What a network is called, if it is not told."""
    if isinstance(network, str):
        return network
    called = getattr(network, "__name__", "")
    return called if re.fullmatch(_NAMED, called) else "own"


def _plan(
    grammar: Grammar,
    label: str,
    architecture: dict[str, Any],
    experiment: dict[str, Any],
    folder: Path,
) -> Plan:
    """The plan of a study of one curve; a mistake is told by the argument that it is in."""
    replicas = experiment["replicas"]
    if grammar.drawn:
        replicas |= {"rule_seeds": {"first": grammar.rule_seed}}
        keys = _keys(grammar)
    else:
        keys = {"file": str(folder / "grammar.json")}
        write_text(folder / "grammar.json", to_json(grammar))
    study = {
        "name": "train",
        "grammars": {_grammar_name(grammar): keys},
        "architectures": {label: architecture},
        "experiments": {"train": experiment},
        "block": {key: part for key, part in replicas.items() if key != "rule_seeds"},
    }
    try:
        return Plan(validated(Study, study))
    except UserError as error:
        names = label, _grammar_name(grammar)
        lines = [_as_argument(line, *names) for line in str(error).splitlines()]
        raise UserError("\n".join(dict.fromkeys(lines))) from None


def _keys(grammar: Grammar) -> dict[str, Any]:
    """The keys of a study's grammar that is drawn; `UserError` if this is not what they draw."""
    known = grammar.parameters
    zipf = {level: a for level, a in enumerate(known.zipf, 1) if a is not None}
    drawn = model.Grammar.draw(known, grammar.rule_seed)
    pairs = zip((*drawn.rules, *drawn.probabilities), (*grammar.rules, *grammar.probabilities))
    if not all(np.array_equal(*pair) for pair in pairs):
        raise UserError(
            "grammar: its rules are not those that its parameters draw, so others like it cannot "
            "be; give read_grammar its rules as tables"
        )
    return {
        **{"v": dict(enumerate(known.v)), "n": known.n, "s": known.s, "L": known.L},
        **{"m": dict(enumerate(known.m, 1)), "zipf": zipf},
    }


def _grammar_name(grammar: Grammar) -> str:
    """What a grammar is called in tables: its parameters."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", grammar.parameters.label())[:MOST_NAME]


def _as_argument(line: str, label: str, grammar: str) -> str:
    """A line about a key of the study as one about an argument of `train`."""
    line = line.replace(f" ({grammar!r}, in experiments.train)", "")
    own = rf"experiments\.train\.(replicas\.)?|architectures\.{re.escape(label)}\.|block\."
    line = re.sub(rf"^({own})", "", line)
    line = re.sub(r"^architectures: ", "network: ", line)
    return re.sub(r"^architectures\.('.*?'|\S+): ", "name: ", line)


def _decays(plan: Plan, label: str) -> bool:
    """Whether weights are shrunk."""
    config: Any = plan.study.architectures[label]
    return bool(config.optimizer.weight_decay)


class _Run:
    """The products and tables of a plan, made in a folder by the steps of the workflow."""

    def __init__(self, plan: Plan, grammar: Grammar, folder: Path) -> None:
        self.plan, self.grammar, self.folder = plan, grammar, folder
        self.tables = folder / "results" / plan.study.name

    def specification(self, block: Product) -> dict[str, Any]:
        """What a block trains."""
        return block.specification

    def described(self, part: dict[str, Any]) -> dict[str, Any]:
        """A table's part of the plan."""
        return {"study": self.plan.study.name, **part}

    def network(self, block: Product, weights: dict[str, torch.Tensor]) -> nn.Module:
        """The network of a replica of a block from its weights, ``(1, ...)``."""
        return OneReplica(restored(self.specification(block), weights))

    def trained(self) -> Training:
        """Make everything, and read what is returned."""
        for kind in _MADE:
            for product in self.plan.products[kind].values():
                self._make(product)
        for step in (gather_runs, tabulate_theory, aggregate_curves, fit_curves):
            part = step.planned(self.plan).what
            step.make(self.described(part), self.tables, self.folder)
        runs, curves, fits = (
            pd.read_csv(self.tables / f"{name}.csv") for name in ("runs", "curves", "fits")
        )
        history, networks = [], []
        for _, block in self.plan.blocks:
            if block.kind != "models":  # who counts has neither
                continue
            mine = runs[runs["product"] == block.name]
            evaluations = pd.read_csv(self.folder / block.files["history"])
            history.append(with_operations(mine, evaluations))
            weights = load_file(self.folder / block.files["weights"])
            for row, rule in enumerate(mine["rule_seed"]):
                one = {name: tensor[row : row + 1] for name, tensor in weights.items()}
                module = self.network(block, one).eval()
                networks.append(TrainedNetwork(self._draw(rule), self._task, module))
        # there is no store that this would be a name in
        runs = runs.drop(columns="product")
        evaluated = (
            pd.concat(history, ignore_index=True) if history else pd.DataFrame(columns=EVALUATED)
        )
        return Training(curves, fits, runs, evaluated, networks)

    def _make(self, product: Product) -> None:
        step = importlib.import_module(f"{products.__name__}.{STEPS[product.kind]}")
        inputs = {role: self.folder / path for role, path in product.sources.items()}
        outputs = {
            role: self.folder / path for role, path in product.files.items() if role != "record"
        }
        if product.kind != "models":
            threads = torch.get_num_threads()
            step.make(product.specification, inputs, outputs)
            torch.set_num_threads(threads)  # networks that predict siblings take one
            return
        try:
            step.make(self.specification(product), inputs, outputs, log=_LOG.info)
        except StoppedError:
            raise KeyboardInterrupt from None

    @property
    def _task(self) -> Task:
        return checks.task(self.plan.study.experiments["train"].task)

    def _draw(self, rule_seed: int) -> Grammar:
        if rule_seed == self.grammar.rule_seed:
            return self.grammar
        return Grammar.of(model.Grammar.draw(self.grammar.parameters, rule_seed), rule_seed)


class _OwnRun(_Run):
    """The same for one's own module, of which only its answers are known."""

    def specification(self, block: Product) -> dict[str, Any]:
        """What a block trains: copies of the module."""
        return {**block.specification, "architecture": {"kind": _OWN, **_NO_SHAPE, "heads": 1}}

    def described(self, part: dict[str, Any]) -> dict[str, Any]:
        """A table's part of the plan, which does not know the network's size nor its learner."""
        told = super().described(part)
        if "curves" in told:
            told["curves"] = [{**curve, **_NO_SHAPE} for curve in told["curves"]]
            told["learners"] = dict.fromkeys(told["learners"])
        if "blocks" in told:
            told["blocks"] = [{**block, **_NO_SHAPE, **_UNKNOWN} for block in told["blocks"]]
        return told

    def network(self, block: Product, weights: dict[str, torch.Tensor]) -> nn.Module:
        """The module itself."""
        pack = restored(self.specification(block), weights)
        assert isinstance(pack, Network)  # noqa: S101
        return pack.released()[0]
