"""When, where and with what the products of a study were made, as their records say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def provenance(made: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What records say of the making of some products, of one or more, together.

    Parameters
    ----------
    made
        Of each record what it has under ``made``.
    """
    moments = sorted(one["at"] for one in made)
    return {
        "first_made": moments[0],
        "last_made": moments[-1],
        "core_seconds": round(sum(one["core_seconds"] for one in made), 2),
        "machines": _distinct([one["machine"] for one in made]),
        "versions": _distinct([one["versions"] for one in made]),
    }


def _distinct(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each value once, in an order that does not depend on that of the files."""
    return [json.loads(text) for text in sorted({json.dumps(value) for value in values})]
