"""What a block costs: operations, memory and time, from its specification and a machine's rates.

Operations are those of matrix products, a multiplication and an addition counting as two. A
training step does the forward pass and, for every product, the gradients of its weights and, above
the tokens, of its inputs. That is what a network asks for: on a CPU, a CNN does less where tokens
are looked up, which the time follows, and where repeats are computed once, which it does not. No
torch is needed, so that planning a study stays quick.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.files import read_json
from ..grammar.model import Parameters
from ..grammar.sampling import ONLINE
from ..grammar.tasks import Task, outputs, window
from .artifacts import Product

_MIB = 2**20
_NUMBER = 4  # bytes of one in single precision
# Steps until the validation loss is least, and until the training loss is next to nothing, from the
# number of batches in the training set: typical of the claims' studies at their laptop scale, of
# 2**6 to 2**19 sentences (tests/data/trainings.json). Passes over the set get fewer as it grows.
_BEST, _BEST_GROWS = 50, 0.7
_FITTED, _FITTED_GROWS = 450, 0.5
# of v times the width: from here on, a CNN's first filters are looked up (`models.cnn`)
LOOKED_UP = 2048


@dataclass(frozen=True)
class Work:
    """What one example asks of one network in one forward pass.

    Attributes
    ----------
    first, products
        Operations of the products with the tokens, which have no gradient to pass down, and of
        all others.
    numbers
        Activations that are written.
    parameters, body_parameters
        Trainable numbers; those without what reads tokens (embedding, positions, a CNN's first
        filters) and without the readout.
    calls
        Operators that the library is asked for in a training step, about.
    looked_up
        Activations that are written on a CPU where that looks tokens up; None where it does not.
    """

    first: float
    products: float
    numbers: float
    parameters: int
    body_parameters: int
    calls: int
    looked_up: float | None = None

    def done(self, gpu: bool) -> Work:
        """What a device does of it."""
        if gpu or self.looked_up is None:
            return self
        return replace(self, first=0.0, numbers=self.looked_up)

    @property
    def forward(self) -> float:
        """Operations of a forward pass."""
        return self.first + self.products

    @property
    def training(self) -> float:
        """Operations of a training step."""
        return 2 * self.first + 3 * self.products

    def seconds(self, rates: Rates) -> float:
        """A forward pass on one thread."""
        here = self.done(rates.gpu)
        return here.forward * rates.operation + here.numbers * rates.number


def work(parameters: Parameters, task: Task, architecture: Mapping[str, Any]) -> Work:
    """The work of a network, from its kind, width, depth and heads."""
    count = {"cnn": _hierarchical, "lcn": _hierarchical, "fcn": _fully_connected}.get(
        architecture["kind"], _attention_stack
    )
    return count(parameters, task, architecture)


def _hierarchical(parameters: Parameters, task: Task, architecture: Mapping[str, Any]) -> Work:
    s, L, width = parameters.s, parameters.L, architecture["width"]
    shared = architecture["kind"] == "cnn"
    first = 2.0 * parameters.d * parameters.v[0] * width
    numbers = parameters.d * parameters.v[0]
    products, weights, body = 0.0, 0, 0
    for level in range(1, L + 1):
        patches = s ** (L - level)
        below = parameters.v[0] if level == 1 else width
        own = (1 if shared else patches) * s * below * width
        weights += own
        numbers += patches * width
        if level > 1:
            products += 2.0 * patches * s * width * width
            body += own
        if not shared:  # positions are brought together, and back
            numbers += patches * (s * below + width)
    classes = outputs(task, parameters)
    products += 2.0 * width * classes
    weights += width * classes
    calls = (15 if shared else 25) * L + 20
    numbers += classes
    rows = parameters.d * (width - parameters.v[0])  # in the place of one-hot vectors
    looked_up = numbers + rows if shared and parameters.v[0] * width >= LOOKED_UP else None
    return Work(first, products, numbers, weights, body, calls, looked_up)


def _fully_connected(parameters: Parameters, task: Task, architecture: Mapping[str, Any]) -> Work:
    width, depth = architecture["width"], architecture["depth"]
    tokens, classes = parameters.d * parameters.v[0], outputs(task, parameters)
    body = (depth - 1) * width * width
    products = 2.0 * body + 2.0 * width * classes
    weights = body + tokens * width + width * classes
    numbers = float(tokens + depth * width + classes)
    return Work(2.0 * tokens * width, products, numbers, weights, body, 15 * depth + 20)


def _attention_stack(parameters: Parameters, task: Task, architecture: Mapping[str, Any]) -> Work:
    width, depth, heads = (architecture[key] for key in ("width", "depth", "heads"))
    d, v, classes = parameters.d, parameters.v[0], outputs(task, parameters)
    # width of the perceptron's hidden layer
    hidden = 4 * width if architecture["kind"] == "transformer" else 0
    answers = d if task == "autoregressive" else 1
    first = 2.0 * d * v * width
    numbers: float = d * v + 2 * d * width
    products = 0.0
    for block in range(depth):
        queries = answers if block == depth - 1 else d
        products += 4.0 * queries * width * width + 4.0 * d * width * width  # q, out; k and v
        products += 4.0 * queries * d * width  # scores and their mixture
        products += 4.0 * queries * width * hidden
        numbers += 4 * d * width + 6 * queries * width + 3 * heads * queries * d
        numbers += 2 * queries * hidden
    products += 2.0 * answers * width * classes
    body = width + depth * (4 * width * width + width)
    body += depth * (2 * width * hidden + (width if hidden else 0))
    weights = body + (v + d) * width + width * classes
    calls = depth * (110 if hidden else 80) + 40
    return Work(first, products, numbers + answers * classes, weights, body, calls)


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
        cls, specification: Mapping[str, Any], validation: int, test: int
    ) -> BlockCost:
        """The cost of a block of the store, from its specification and its data sets' sizes."""
        settings = specification["settings"]
        parameters = _seen(specification)
        size, batch = specification["train_size"], settings["batch_size"]
        samples = len({(rule, sample) for rule, sample, _ in specification["replicas"]})
        online = size == ONLINE
        stored = validation + test + (0 if online else size)
        steps = settings["max_steps"]
        if not online:
            steps = math.ceil(min(steps, _until_stopped(settings, size / batch)))
        octaves = math.log2(max(steps / 8, 1))
        evaluations = math.ceil(octaves * settings["evaluations_per_octave"]) + 2
        each = validation + (test if online else 0)
        classes = outputs(specification["task"], parameters)
        # tokens and their masked copy, targets
        row = 2 * parameters.d + 8
        return cls(
            work=work(parameters, specification["task"], specification["architecture"]),
            replicas=len(specification["replicas"]) * len(specification["learning_rates"]),
            batch=batch,
            steps=steps,
            most_steps=settings["max_steps"],
            evaluations=evaluations,
            evaluated=evaluations * each + test,
            optimizer=settings["optimizer"],
            data=samples * (row * stored + 16.0 * classes * test),
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
        measured = evaluated * self.work.seconds(rates)
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


def _until_stopped(settings: Mapping[str, Any], batches: float) -> float:
    """Steps until validation or training loss end a training on so many batches of sentences."""
    patient = settings["patience"] * _BEST * batches**_BEST_GROWS
    fitted = _FITTED * batches**_FITTED_GROWS if settings.get("train_loss") else math.inf
    return float(min(fitted, max(settings["min_steps"], patient)))


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
    if block.kind != "models":
        return {"body_parameters": "", "operations": ""}
    what = block.specification
    network = work(_seen(what), what["task"], what["architecture"])
    operations = what["settings"]["batch_size"] * network.training
    return {"body_parameters": network.body_parameters, "operations": operations}
