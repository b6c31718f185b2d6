"""Subtrees that repeat: found whatever they are, and looked for where that pays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rhm_scaling.grammar.model import Parameters
from rhm_scaling.models import repeats
from rhm_scaling.models.layers import Shape
from rhm_scaling.models.repeats import distinct, repeating_levels


@pytest.mark.parametrize("table", [repeats._TABLE, 50])  # looked up at once, or sorted first
@pytest.mark.parametrize(("replicas", "s", "values"), [(1, 2, 5), (3, 2, 9), (4, 3, 4), (2, 7, 99)])
def test_tuples_are_told_apart_within_a_replica(
    table: int, replicas: int, s: int, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "_TABLE", table)
    source = np.random.default_rng(0)
    tuples = source.integers(0, values, (replicas, 60, s))
    tuples[0, 30:] = tuples[0, :30]
    first, number, counts = distinct(tuples)
    np.testing.assert_array_equal(first[number], tuples.reshape(-1, s))
    parts = np.split(first, np.cumsum(counts)[:-1])
    assert len(parts) == replicas
    for own, part in zip(tuples, parts, strict=True):
        assert sorted(map(tuple, part)) == sorted(set(map(tuple, own)))
    for replica, part in enumerate(parts):  # the same alone
        np.testing.assert_array_equal(distinct(tuples[[replica]])[0], part)


def test_they_are_looked_for_where_that_pays() -> None:
    def levels(batch: int = 128, width: int = 64, **keys: Any) -> int:
        parameters = Parameters.from_keys(**keys)
        sizes = {"width": width, "depth": parameters.L, "heads": 1}
        return repeating_levels(Shape.from_parameters(parameters, "last_token", sizes), batch)

    assert levels(v=8, s=2, L=4, m=2) == 2
    assert levels(v=16, s=2, L=4, m=2) == 2
    assert levels(v=8, s=2, L=4, m=2, batch=2048) == 3
    assert levels(v=8, s=2, L=4, m=2, width=16) == 0  # too little work
    assert levels(v=8, s=2, L=4, m=2, width=72) == 0  # rows would not be aligned
    assert levels(v=10, s=2, L=4, m=2) == 0  # nor would these
    assert levels(v=64, s=2, L=3, m=64) == 0  # no repeats
    # few strings under few hidden symbols, whatever the number of tokens
    m = {1: 16, 2: 2, 3: 2, 4: 2}
    assert levels(v={0: 64, 1: 4}, s=2, L=4, m=m) == 2
    assert levels(v=64, s=2, L=4, m=m) == 0
    # more strings than a number can say
    assert levels(v=16, s=2, L=11, m=3) == 3
    unknown = Shape(8, 2, 4, 8, "last_token", width=64, depth=4)
    assert repeating_levels(unknown, 128) == 0
    assert repeating_levels(replace(unknown, strings=(16.0, 64.0, 1024.0, 2.0**18)), 128) == 2
