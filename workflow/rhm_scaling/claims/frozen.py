"""What was fixed before anything was judged: the constants and criteria of ``criteria.yaml``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .names import ClaimName

_FILE = Path(__file__).with_name("criteria.yaml")
_DRAWS = 1000  # at most, of a study


@dataclass(frozen=True)
class Criterion:
    """What decides a claim, or a part of it; its fields are explained in ``criteria.yaml``."""

    name: str
    contrast: str
    rule: str
    rival: str
    options: Mapping[str, Any]
    limit: float | None = None
    bound: float | None = None
    example: float | None = None


@dataclass(frozen=True)
class Claim:
    """What a claim says, and what decides it."""

    statement: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Beforehand:
    """What is assumed of networks before they are trained, to say how a study will end."""

    draw: float
    point: float
    prefactor: float


@dataclass(frozen=True)
class Frozen:
    """The content of the file.

    Attributes
    ----------
    hash, date
        SHA-256 of the file, its first 12 hexadecimal digits; when it was frozen.
    claim_agrees, rival_agrees, made_up, language, sharpness, beforehand
        Its constants.
    claims
        By name.
    """

    hash: str
    date: str
    claim_agrees: float
    rival_agrees: float
    made_up: int
    language: float
    sharpness: tuple[float, ...]
    beforehand: Beforehand
    claims: Mapping[ClaimName, Claim]

    @property
    def first_rule_seed(self) -> int:
        """Where the rule seeds of the studies begin that these criteria decide."""
        return _DRAWS * (_DRAWS + int(self.hash, 16) % 900_000)


@cache
def frozen() -> Frozen:
    """The constants and criteria of this version."""
    data = _FILE.read_bytes()
    given = yaml.safe_load(data)
    claims = {
        name: Claim(
            claim["statement"],
            tuple(Criterion(**{"options": {}, **each}) for each in claim["criteria"]),
        )
        for name, claim in given.pop("claims").items()
    }
    return Frozen(
        hash=hashlib.sha256(data).hexdigest()[:12],
        date=str(given.pop("frozen")),
        sharpness=tuple(given.pop("sharpness")),
        beforehand=Beforehand(**given.pop("beforehand")),
        claims=claims,
        **given,
    )
