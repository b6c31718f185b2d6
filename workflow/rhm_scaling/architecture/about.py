"""What an architecture says of itself: its tasks, its theory, its keys, and what it costs.

Planning needs no more than this, and importing PyTorch would take longer than planning does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..grammar.model import Parameters
from ..grammar.tasks import TASKS, Task, outputs
from ..theory.complexities import Learner

Optimizer = Literal["sgd", "adam"]
Key = Literal["heads", "base_width"]
Linear = tuple[int, int, int]  # rows, inputs and outputs of a product with a matrix of weights


@dataclass(frozen=True)
class Sizes:
    """What the work of a network depends on.

    Attributes
    ----------
    v, s, L
        Tokens, branching and depth of the grammar that is seen.
    classes, answers
        Classes to choose from, and positions at which one is chosen.
    width, depth, heads
        Of the network.
    """

    v: int
    s: int
    L: int
    classes: int
    answers: int
    width: int
    depth: int
    heads: int = 1

    @classmethod
    def of(cls, parameters: Parameters, task: Task, architecture: Mapping[str, Any]) -> Sizes:
        """For a grammar and task; `architecture` holds width, depth and heads."""
        return cls(
            v=parameters.v[0],
            s=parameters.s,
            L=parameters.L,
            classes=outputs(task, parameters),
            answers=parameters.d if task == "autoregressive" else 1,
            width=architecture["width"],
            depth=architecture["depth"],
            heads=architecture["heads"],
        )

    @property
    def d(self) -> int:
        """Positions of a sentence."""
        return int(self.s**self.L)


@dataclass(frozen=True)
class Work:
    """What one example asks of one network in one forward pass.

    Operations are those of matrix products, a multiplication and an addition counting as two.

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

    @classmethod
    def of_products(
        cls,
        tokens: Sequence[Linear],
        body: Sequence[Linear],
        readout: Linear,
        calls: int,
        *,
        operations: float = 0.0,
        numbers: float = 0.0,
        vectors: int = 0,
        positions: int = 0,
    ) -> Work:
        """The work of a network that is a list of products with matrices of weights.

        Parameters
        ----------
        tokens, body, readout
            Rows, inputs and outputs of the products with one-hot tokens, of the others, and of the
            last one; each has weights of its own.
        calls
            Operators of a training step, about.
        operations
            Of products without weights, such as attention's.
        numbers
            Activations that are written beside one-hot tokens and what the products give.
        vectors, positions
            Trainable numbers beside the products': of the body, such as gains and biases, and of
            what reads tokens.
        """
        above = [*body, readout]
        inside = vectors + sum(i * o for _, i, o in body)
        outside = positions + sum(i * o for _, i, o in [*tokens, readout])
        return cls(
            first=sum(2.0 * rows * i * o for rows, i, o in tokens),
            products=operations + sum(2.0 * rows * i * o for rows, i, o in above),
            numbers=numbers
            + sum(rows * i for rows, i, _ in tokens)
            + sum(rows * o for rows, _, o in [*tokens, *above]),
            parameters=inside + outside,
            body_parameters=inside,
            calls=calls,
        )

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


@dataclass(frozen=True)
class Architecture:
    """What an architecture says of itself; its module calls it ``ARCHITECTURE``.

    Attributes
    ----------
    tasks
        That it can do.
    learner
        The kind of learner whose thresholds it is predicted to have: ``cnn`` if what it learns at
        one position serves all, as in the grammar; ``transformer`` if not; None if theory says
        nothing of it.
    optimizer
        What changes its weights if a study does not say.
    work
        What an example asks of it.
    layer_a_level
        Whether its depth can only be the grammar's.
    takes
        Keys beside width and depth.
    any_width
        Whether its learning rate suits all widths as it stands, without ``base_width``.
    bitwise
        Whether a replica alone gives bit by bit what it gives in a pack; if not, to rounding.
    denoises
        Whether it answers at every position, all of which see all others, as the masked task takes
        it.
    """

    tasks: tuple[Task, ...]
    learner: Learner | None
    optimizer: Optimizer
    work: Callable[[Sizes], Work]
    layer_a_level: bool = False
    takes: tuple[Key, ...] = ()
    any_width: bool = False
    bitwise: bool = True
    denoises: bool = False

    def __post_init__(self) -> None:
        for name, given, known in (
            ("tasks", self.tasks, TASKS),
            ("learner", (self.learner,), (*get_args(Learner), None)),
            ("optimizer", (self.optimizer,), get_args(Optimizer)),
            ("takes", self.takes, get_args(Key)),
        ):
            if not isinstance(given, tuple) or not {*given} <= {*known}:
                raise ValueError(f"{name}: {given!r} is not of {', '.join(map(str, known))}")
        if not (self.tasks or self.denoises):
            raise ValueError("tasks: names none")
