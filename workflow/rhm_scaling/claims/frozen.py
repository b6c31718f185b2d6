"""What was fixed before anything was judged: constants and criteria, in frozen files.

``criteria.yaml`` has the constants of all verdicts and the nine claims of the two papers. Claims
that came later have files of their own beside it, each with a date, and with a hash of itself and
of ``criteria.yaml``: so none changes the rule of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .names import ClaimName

_FILE = "criteria.yaml"
_LATER = ("newest.yaml", "denoising.yaml")
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
    """The content of a file.

    Attributes
    ----------
    hash, date
        SHA-256 of what is frozen, its first 12 hexadecimal digits; when it was frozen.
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


def _claims(given: dict[str, Any]) -> dict[ClaimName, Claim]:
    return {
        name: Claim(
            claim["statement"],
            tuple(Criterion(**{"options": {}, **each}) for each in claim["criteria"]),
        )
        for name, claim in given.pop("claims").items()
    }


def _read(file: str) -> tuple[bytes, dict[str, Any]]:
    data = Path(__file__).with_name(file).read_bytes()
    return data, yaml.safe_load(data)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


@cache
def frozen() -> Frozen:
    """The constants of all verdicts, and the nine claims of the two papers."""
    data, given = _read(_FILE)
    return Frozen(
        hash=_hash(data),
        claims=_claims(given),
        date=str(given.pop("frozen")),
        sharpness=tuple(given.pop("sharpness")),
        beforehand=Beforehand(**given.pop("beforehand")),
        **given,
    )


@cache
def all_rules() -> tuple[Frozen, ...]:
    """Those of every file: the same constants, and claims of its own."""
    constants, _ = _read(_FILE)
    found = [frozen()]
    for data, given in map(_read, _LATER):
        rules = replace(
            frozen(),
            hash=_hash(constants + data),
            claims=_claims(given),
            date=str(given.pop("frozen")),
        )
        found.append(rules)
    return tuple(found)


def rules_of(name: ClaimName) -> Frozen:
    """The rules that decide a claim."""
    return next(rules for rules in all_rules() if name in rules.claims)
