"""The exponent in ``s0 + 1``, recovered from made-up sizes of a known one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rhm_scaling.analysis.scans import HEIGHTS, LAWS, Scanned, scan_laws, scan_points
from rhm_scaling.analysis.sparsity import sparsity_law
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.grammar.sparse import SparseParameters
from rhm_scaling.theory.sparse import papers_factor, spread_factor

DENSE = Parameters.from_keys(v=8, n=4, s=2, L=3, m=3)


def scanned(
    exponent: float, scatter: float = 0.0, seed: int = 0, draws: int = 4, dense: Parameters = DENSE
) -> list[Scanned]:
    """Grammars with 0 to 3 blanks, whose rules differ from draw to draw by much more."""
    source = np.random.default_rng(seed)
    of_draw = 100 * np.exp(source.standard_normal(draws))
    found = []
    for s0 in range(4):
        p = SparseParameters.of(dense, s0) if s0 else dense
        half = of_draw * (s0 + 1) ** exponent * np.exp(scatter * source.standard_normal(draws))
        at = np.outer(half, [np.sqrt(1 / height - 1) for height in HEIGHTS])
        exact = of_draw * spread_factor(p, "transformer")
        bare = 108 * papers_factor(p, "transformer")
        found.append(Scanned(p, at, exact, bare, draws=tuple(range(7, 7 + draws))))
    return found


def test_the_exponent_is_found_whatever_the_rules() -> None:
    (law,) = sparsity_law(scanned(2.3)).to_dict("records")
    assert (law["law"], law["term"], law["points"]) == ("blanks", "sparsity", 4)
    found = [law[name] for name in ("estimate", "low", "high")]
    assert found == pytest.approx([2.3] * 3)
    assert law["predicted_same_fit"] == pytest.approx(4)  # L - 1 + s
    assert law["bare_same_fit"] == pytest.approx(3)  # L
    assert law["spread"] == pytest.approx(1)
    assert list(sparsity_law(scanned(2.3))) == LAWS
    # the law of all parameters has the same, with the scatter of the points
    laws = scan_laws(scan_points(scanned(2.3), 1)).set_index(["law", "term"])
    assert laws.loc[("parameters", "sparsity"), "estimate"] == pytest.approx(2.3)
    assert laws.loc[("ratio", "sparsity"), "estimate"] == pytest.approx(2.3 - 4)


def test_intervals_hold_the_exponent_as_often_as_they_say() -> None:
    laws = [sparsity_law(scanned(2.0, 0.2, seed)).iloc[0] for seed in range(300)]
    inside = np.mean([law["low"] <= 2.0 <= law["high"] for law in laws])
    assert 0.91 < inside < 0.985
    assert np.mean([law["estimate"] for law in laws]) == pytest.approx(2.0, abs=0.02)


def test_draws_that_are_not_everywhere_are_left_out() -> None:
    curves = scanned(2.0)
    one = curves[2]  # without its first draw
    curves[2] = replace(one, at=one.at[1:], thresholds=one.thresholds[1:], draws=one.draws[1:])
    assert sparsity_law(curves).iloc[0]["estimate"] == pytest.approx(2.0)
    curves[3] = replace(curves[3], draws=(90, 91, 92, 93))
    assert sparsity_law(curves).empty


def test_there_is_no_law_where_rules_differ_or_blanks_do_not() -> None:
    other = scanned(2.0, dense=Parameters.from_keys(v=8, n=4, s=2, L=2, m=3))
    assert sparsity_law([*scanned(2.0), *other]).empty
    assert sparsity_law(scanned(2.0)[1:2]).empty
    refused = [replace(one, refused="too large") for one in scanned(2.0)]
    assert sparsity_law(refused).empty
