"""Tables and figures of a study: what each depends on, and where it lives.

They have plain names, and are made again when the identity of their stage changes: its code, its
part of the plan, or the identity of anything that it reads. What they are stands in the modules of
`steps.tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..core.hashing import canonical_json, identity
from .artifacts import Product

if TYPE_CHECKING:
    from .plan import Plan as Plan
    from .products import Curve as Curve
else:  # the job of a table plans nothing, and need not wait for what reads studies
    Curve = Plan = Any


@dataclass(frozen=True)
class Part:
    """A step's part of a plan.

    Attributes
    ----------
    what
        All that decides the content of its tables, beside its code and what it reads.
    outputs
        Tables and figures that it makes, below the study's folder; none if the study asks for none.
    after
        Steps whose tables it reads.
    products
        Products that it reads, with the roles of their files.
    lists
        Whether it is told which tables all steps make: ``tables`` in `what`.
    """

    what: dict[str, Any]
    outputs: list[str]
    after: tuple[str, ...] = ()
    products: Sequence[tuple[Product, tuple[str, ...]]] = ()
    lists: bool = False


@dataclass(frozen=True)
class Stage:
    """A step's tables and figures of one study.

    Attributes
    ----------
    name
        The step's, and its rule's.
    specification
        Its part of the plan, its code, and the identities of what it reads: all that decides its
        content.
    outputs
        Tables and figures that it makes; none if the study asks for none.
    products
        Products that it reads.
    store
        Their files that it reads.
    tables
        Files of earlier stages that it reads.
    """

    name: str
    specification: dict[str, Any]
    outputs: list[str]
    products: list[Product]
    store: list[str]
    tables: list[str]

    @cached_property
    def identity(self) -> str:
        """The hash of its specification."""
        return table_identity(self.specification)

    @property
    def file(self) -> str:
        """Path of its order, which its job reads."""
        return f"results/{self.specification['study']}/stages/{self.name}-{self.identity}.json"

    @property
    def order(self) -> dict[str, Any]:
        """The content of its `file`: what its job makes, and where."""
        return {"specification": self.specification, "outputs": self.outputs, "record": self.record}

    @property
    def files(self) -> list[str]:
        """Paths of its outputs and its record."""
        return [*self.outputs, self.record]

    @property
    def log(self) -> str:
        """Path of its log."""
        return f"results/{self.specification['study']}/logs/{self.name}.log"

    @property
    def record(self) -> str:
        """Path of its record."""
        return f"results/{self.specification['study']}/stages/{self.name}.record.json"


def table_identity(specification: dict[str, Any]) -> str:
    """The hash of a specification, whatever the order in which the study names what is in it."""
    return identity(_unordered(specification))


def _unordered(value: Any) -> Any:
    """A value whose lists, but for lists of numbers, are sorted."""
    if isinstance(value, dict):
        return {key: _unordered(part) for key, part in value.items()}
    if not isinstance(value, list | tuple):
        return value
    parts = [_unordered(part) for part in value]
    named = all(isinstance(part, dict | list | str) for part in parts)
    return sorted(parts, key=canonical_json) if named else parts


def figure_files(folder: str, names: Iterable[str]) -> list[str]:
    """Files of figures, as PNG for the report and as PDF for the paper."""
    return [f"{folder}/{name}.{suffix}" for name in names for suffix in ("png", "pdf")]
