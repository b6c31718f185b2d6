"""What a block costs: operations, memory and time, from its specification and a machine's rates.

A training step does the forward pass and, for every product, the gradients of its weights and,
above the tokens, of its inputs. That is what a network asks for, as its architecture says: on a
CPU, a CNN does less where tokens are looked up, which the time follows, and where repeats are
computed once, which saves nothing beside that: then its time is that of all products.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..architecture.about import Sizes, Work
from ..architecture.registry import about
from ..core.errors import UserError
from ..core.files import read_json
from ..grammar.model import Parameters
from ..grammar.sampling import ONLINE, unsigned_type
from ..grammar.tasks import outputs, window
from .artifacts import TRAINED, Product
from .types import StudyTask

_MIB = 2**20
_NUMBER = 4  # bytes of one in single precision
# When trainings end is typical of the claims' studies at their laptop scale, of 2**6 to 2**20
# sentences (tests/data/trainings.json).
# Steps until the validation loss is least, from the number of batches in the training set: passes
# over it get fewer as it grows. With Zipf rules there is always a rule that the set holds a few
# times, which takes so many passes, however large the set.
_BEST, _BEST_GROWS = 50, 0.7
_BEST_PASSES = 8
# Steps until the training loss is next to nothing, of sentences of one token: longer sentences are
# told apart sooner. With Zipf rules of exponent a, at least so many passes over a**2: the heavier
# the tail, the more rules are seen once. Where all rules are equally frequent, classes are known
# once the rules of level 1 are, from whatever set: steps by their number.
_FITTED, _FITTED_GROWS = 3600, 0.5
_FITTED_PASSES = 16
_LEARNT, _LEARNT_GROWS = 76, 0.74
# Time of a sentence that is evaluated, over that of a forward pass in training, as measured: the
# activations of so many sentences leave the cache.
_READING = 1.5
# Tokens of the sentences that denoisers fill in at a fraction, and such sentences at least, as in
# `train_denoiser`
_FILLED, _FEWEST = 2**12, 16


def work(
    parameters: Parameters,
    task: StudyTask,
    architecture: Mapping[str, Any],
    file: str | None = None,
) -> Work:
    """The work of a network, from its kind, width, depth and heads, and the user's `file` of it."""
    if task == "masked":  # answers everywhere too
        task = "autoregressive"
    return about(architecture["kind"], file).work(Sizes.of(parameters, task, architecture))


@dataclass(frozen=True)
class Rates:
    """What a machine does, on one thread; by default, what two shared cores of a Zen 5 did.

    That is by least squares over the claims' trainings (tests/data/trainings.json), predicted over
    measured 0.78 to 1.22 for nine in ten.

    Attributes
    ----------
    operation, number, call
        Seconds a matrix-product operation, a written number (each passes memory several times in a
        step), and a call of an operator.
    start
        Seconds until a job has imported its packages.
    gpu
        Whether it is a GPU.
    """

    operation: float = 6.7e-12
    number: float = 3.3e-10
    call: float = 9.1e-6
    start: float = 3.0
    gpu: bool = False

    @classmethod
    def read(cls, path: Path) -> Rates:
        """Those measured on this machine by ``python -m rhm_scaling calibrate``, if there are any.

        Raises
        ------
        UserError
            If the file is damaged.
        """
        try:
            return cls(**read_json(path))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path}: damaged ({error}); delete it and run again") from error

    def forward(self, work: Work) -> float:
        """Seconds of a forward pass of one example."""
        done = work.done(self.gpu)
        return done.forward * self.operation + done.numbers * self.number

    def json(self) -> str:
        """The text that `read` understands."""
        return json.dumps(asdict(self), indent=1) + "\n"


# Of an NVIDIA H100 in single precision (results/reference/bench-gpu.txt): its matrix products, and
# by least squares what else the 34 packs there took; predicted over measured, 0.72 to 1.32
GPU = Rates(operation=1.95e-14, number=6.2e-12, call=3.3e-6, start=10.0, gpu=True)


@dataclass(frozen=True)
class BlockCost:
    """What training a block costs.

    Attributes
    ----------
    work
        Of one example.
    replicas
        Networks in the block.
    batch
        Sentences in a batch.
    steps, most_steps
        Expected, and the cap.
    evaluations
        Expected.
    evaluated
        Sentences on which each replica is expected to be evaluated, in all.
    optimizer
        ``sgd`` or ``adam``.
    data
        Bytes of the distinct data sets.
    """

    work: Work
    replicas: int
    batch: int
    steps: int
    most_steps: int
    evaluations: int
    evaluated: int
    optimizer: str
    data: float

    @classmethod
    def from_specification(
        cls,
        specification: Mapping[str, Any],
        validation: int,
        test: int,
        file: str | None = None,
    ) -> BlockCost:
        """The cost of a block of the store, from its specification and its data sets' sizes.

        An architecture of the user's own stands in a `file`.
        """
        settings = specification["settings"]
        parameters = _seen(specification)
        size, batch = specification["train_size"], settings["batch_size"]
        samples = len({(rule, sample) for rule, sample, _ in specification["replicas"]})
        online = size == ONLINE
        stored = validation + test + (0 if online else size)
        steps = settings["max_steps"]
        if not online:
            steps = math.ceil(min(steps, _until_stopped(specification, parameters)))
        octaves = math.log2(max(steps / 8, 1))
        evaluations = math.ceil(octaves * settings["evaluations_per_octave"]) + 2
        each, last = validation + (test if online else 0), test
        classes, answers = parameters.v[0], 1
        # sentences as they are stored, and twice, while data sets are put together, as networks see
        # them: with a mask, and PyTorch has no unsigned numbers above a byte
        v = parameters.v[0]
        token = 1 if v < 2**8 else 2 if v < 2**15 else 4
        row = parameters.d * (unsigned_type(v).itemsize + 2 * token) + 3 * 4
        if specification["task"] == "classification":
            classes = outputs("classification", parameters)
        if fractions := len(specification.get("masked_fractions", ())):
            # every sentence at every fraction, and those that are filled in token by token
            filled = (parameters.d + 1) * min(test, max(_FEWEST, _FILLED // parameters.d))
            each = fractions * (validation + (test + filled if online else 0))
            last, answers = fractions * (test + filled), parameters.d * fractions
            stored, row = stored + (fractions - 1) * (validation + test), 5 * parameters.d
        network = work(parameters, specification["task"], specification["architecture"], file)
        if _repeats(parameters, batch):
            network = replace(network, looked_up=None)
        return cls(
            work=network,
            replicas=len(specification["replicas"]) * len(specification["learning_rates"]),
            batch=batch,
            steps=steps,
            most_steps=settings["max_steps"],
            evaluations=evaluations,
            evaluated=evaluations * each + last,
            optimizer=settings["optimizer"],
            data=samples * (row * stored + 16.0 * classes * answers * test),
        )

    def operations(self, steps: int | None = None) -> float:
        """Matrix-product operations of the whole block."""
        steps = self.steps if steps is None else steps
        one = steps * self.batch * self.work.training + self.evaluated * self.work.forward
        return self.replicas * one

    def step_features(self, gpu: bool = False) -> tuple[float, float, float]:
        """Operations, written numbers and calls of a training step of the whole pack."""
        here = self.work.done(gpu)
        numbers = 3 * self.batch * here.numbers + _PASSES[self.optimizer] * here.parameters
        operations = self.replicas * self.batch * here.training
        return operations, self.replicas * numbers, here.calls

    def step_seconds(self, rates: Rates) -> float:
        """A training step of the whole pack on one thread."""
        costs = (rates.operation, rates.number, rates.call)
        return sum(amount * cost for amount, cost in zip(self.step_features(rates.gpu), costs))

    def seconds(self, rates: Rates, steps: int | None = None) -> float:
        """The whole block on one thread."""
        steps = self.steps if steps is None else steps
        evaluated = self.replicas * self.evaluated
        measured = _READING * evaluated * rates.forward(self.work)
        return rates.start + steps * self.step_seconds(rates) + measured

    def memory(self, replicas: int | None = None) -> float:
        """MiB at the peak, for the whole block or a part of it."""
        replicas = self.replicas if replicas is None else replicas
        copies = _COPIES[self.optimizer]
        # activations, and about as much again for their gradients
        one = self.work.parameters * copies + 2.0 * self.batch * self.work.numbers
        return _BASE + (replicas * one * _NUMBER + self.data) / _MIB

    def fitting(self, memory: float) -> int:
        """Replicas that can be trained side by side in so many MiB; zero if not even one."""
        for replicas in range(self.replicas, 0, -1):
            if self.memory(replicas) <= memory:
                return replicas
        return 0


def _until_stopped(specification: Mapping[str, Any], parameters: Parameters) -> float:
    """Steps until validation or training loss end a training on sentences of such a grammar."""
    settings = specification["settings"]
    batches = specification["train_size"] / settings["batch_size"]
    best = _BEST * batches**_BEST_GROWS
    fitted = _FITTED / parameters.d * batches**_FITTED_GROWS
    exponents = [a for a in parameters.zipf if a is not None]
    if exponents:
        best = max(best, _BEST_PASSES * batches)
        heaviest = min(exponents)
        fitted = max(fitted, _FITTED_PASSES * batches / heaviest / heaviest)
    elif specification["task"] == "classification":
        fitted = min(fitted, _LEARNT * _rules(parameters) ** _LEARNT_GROWS)
    patient = max(settings["min_steps"], settings["patience"] * best)
    return float(min(fitted, patient) if settings.get("train_loss") else patient)


def _rules(parameters: Parameters) -> int:
    """Production rules of level 1, each of which makes another patch of tokens."""
    above = parameters.v[1] if parameters.L > 1 else parameters.n
    return above * parameters.m[0]


def _repeats(parameters: Parameters, batch: int) -> bool:
    """Whether a CNN computes equal patches of a batch once, about (`models.repeats`)."""
    return bool(_rules(parameters) <= batch * parameters.s ** (parameters.L - 1))


def _seen(specification: Mapping[str, Any]) -> Parameters:
    """The part of a block's grammar that its networks see."""
    parameters = Parameters.from_specification(specification["grammar"])
    return window(parameters, specification.get("context", 0))


_BASE = 400.0  # MiB of a process that has imported torch and pandas
_PASSES = {"sgd": 4, "adam": 8}  # of the optimizer over the parameters
# parameters, gradient, moments, best weights, and a copy when the pack is compacted
_COPIES = {"sgd": 5, "adam": 7}


def threads(seconds: Mapping[str, float], cores: int) -> dict[str, int]:
    """Threads of each job so that all cores work: one, or more for jobs that would be the last.

    A job gets as many cores as its share of all the work asks for.
    """
    fair = sum(seconds.values()) / cores
    return {
        name: max(1, min(cores, math.ceil(own / fair - 1e-9))) if fair > 0 else 1
        for name, own in seconds.items()
    }


def accounting(block: Product) -> dict[str, Any]:
    """What a network of a block has and does: body_parameters, and operations of a training step.

    By the convention of this module; not known of learners that count.
    """
    if block.kind not in TRAINED:
        return {"body_parameters": "", "operations": ""}
    what = block.specification
    file = block.reads.get("architecture")
    network = work(_seen(what), what["task"], what["architecture"], file)
    operations = what["settings"]["batch_size"] * network.training
    return {"body_parameters": network.body_parameters, "operations": operations}
