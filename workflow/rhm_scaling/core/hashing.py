"""Identities and seeds: hashes that do not depend on the order of keys."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """`value` as JSON whose bytes do not depend on the order of keys or on white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(specification: Any) -> str:
    """Twelve hexadecimal digits (48 bits) of the SHA-256 of a canonical specification."""
    return hashlib.sha256(canonical_json(specification).encode()).hexdigest()[:12]


def seed_from(*parts: Any) -> int:
    """A 64-bit seed from what it is for: equal parts give equal seeds, whatever runs beside."""
    digest = hashlib.sha256(canonical_json(parts).encode()).digest()
    return int.from_bytes(digest[:8], "little")
