"""Identities and seeds depend on what they are for, and on nothing else."""

from __future__ import annotations

from rhm_scaling.core import hashing


def test_seeds_and_identities_do_not_depend_on_order() -> None:
    assert hashing.identity({"a": 1, "b": 2}) == hashing.identity({"b": 2, "a": 1})
    assert hashing.seed_from("x", {"a": 1, "b": 2}) == hashing.seed_from("x", {"b": 2, "a": 1})
    assert hashing.seed_from("x", 1) != hashing.seed_from("y", 1)
