"""Laws of ``P*`` and the collapse of curves, recovered from made-up curves of a known law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from rhm_scaling.analysis.scans import (
    CURVES,
    HALF,
    HEIGHTS,
    Scanned,
    passed_at,
    scaled_curves,
    scan_collapse,
    scan_deviations,
    scan_laws,
    scan_points,
)
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.theory.complexities import (
    classification_thresholds,
    ensemble_label_complexities,
)

Array = NDArray[np.float64]

SIZES = 2.0 ** np.arange(4, 20, 0.5)
SHAPES = ((3, 3), (3, 4), (4, 2), (4, 3), (4, 4), (5, 2))
GRAMMARS = [
    Parameters.from_keys(v=v, s=2, L=L, m=m) for v in (8, 10, 12, 14, 16) for L, m in SHAPES
]
CONSTANT = 0.6


def curve(parameters: Parameters, sizes_at_half: Array) -> pd.DataFrame:
    """Points of rule draws whose error is ``chance/(1 + (P/P*)^2)``."""
    chance = 1 - 1 / parameters.n
    rows = [
        {
            **{"rule_seed": rule, "sentences": size, "status": "ok"},
            "test_error": chance / (1 + (size / at) ** 2),
        }
        for rule, at in enumerate(sizes_at_half)
        for size in SIZES
    ]
    return pd.DataFrame(rows)


def scanned(
    factor: float = CONSTANT,
    scatter: float = 0.0,
    exponents: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
    draws: int = 3,
) -> list[Scanned]:
    """Thirty grammars whose ``P*`` is the exact one times a factor and powers of v, m and e^L."""
    source = np.random.default_rng(seed)
    found = []
    for p in GRAMMARS:
        exact = ensemble_label_complexities(p)[0] * np.exp(0.1 * source.standard_normal(draws))
        off = np.array(exponents) @ [np.log(p.v[0]), np.log(p.m[0]), p.L]
        off += scatter * source.standard_normal()
        half = factor * exact * np.exp(off)
        at = np.outer(half, [np.sqrt(1 / height - 1) for height in HEIGHTS])
        found.append(Scanned(p, at, exact, float(classification_thresholds(p)[0])))
    return found


def test_sizes_at_which_curves_pass_are_found() -> None:
    p = GRAMMARS[0]
    way = dict.fromkeys(range(2), (1 - 1 / p.n, 0.0))
    points = curve(p, np.array([300.0, 500.0]))
    at = passed_at(points, "classification", way)
    expected = np.outer([300, 500], [np.sqrt(1 / h - 1) for h in HEIGHTS])
    np.testing.assert_allclose(at, expected, rtol=0.02)
    # replicas that failed do not count; a curve of which nothing is seen passes nowhere
    failed = points.assign(status=np.where(points["rule_seed"] == 0, "diverged", "ok"))
    np.testing.assert_array_equal(passed_at(failed, "classification", way), at[1:])
    nothing = passed_at(points.assign(status="diverged"), "classification", way)
    assert nothing.shape == (0, len(HEIGHTS))
    assert Scanned(p, nothing, np.ones(0), 1.0).reason == "no replica has ended well"
    for shown, end in ((points["sentences"] > 350, "first"), (points["sentences"] < 400, "last")):
        part = Scanned(p, passed_at(points[shown], "classification", way), np.ones(2), 1.0)
        assert part.reason == f"P* of 1 of 2 rule draws lies beyond the {end} size"


def test_curves_that_are_one_fall_together_by_the_exact_threshold() -> None:
    found = scan_collapse(scanned(), 1.25).set_index("scaled_by")
    exact = found.loc["predicted"]
    assert exact["constant"] == pytest.approx(CONSTANT, rel=0.02)
    assert exact["residual"] < 1.02
    assert exact["widest"] < 1.03
    assert exact["inside"] == exact["points"] == 30
    # not by the papers' form, whose factors at small v are left out
    assert found.loc["bare", "residual"] > 1.1
    assert found.loc["measured", "residual"] < 1.02
    # the control: every grammar with the threshold of another
    assert exact["shuffled"] > 2.5
    assert found.loc["measured", "shuffled"] > 2.5
    assert found.loc["nothing", "residual"] == pytest.approx(exact["shuffled"], rel=0.6)
    assert found.loc["nothing", "residual"] > 2


def test_thresholds_of_other_grammars_do_not_bring_curves_together() -> None:
    curves = scanned()
    order = np.random.default_rng(1).permutation(len(curves))
    mixed = [replace(one, thresholds=curves[i].thresholds) for one, i in zip(curves, order)]
    told = scan_collapse(mixed, 1.25).set_index("scaled_by").loc["predicted"]
    assert told["residual"] == pytest.approx(told["shuffled"], rel=0.35)
    assert told["low"] > 1.8
    assert told["inside"] < 12


def test_the_residual_is_the_scatter_of_the_curves_and_its_interval_holds_it() -> None:
    covered = []
    for seed in range(25):
        told = scan_collapse(scanned(scatter=0.2, seed=seed), 1.25).set_index("scaled_by")
        covered.append(told.loc["predicted", "low"] <= np.exp(0.2) <= told.loc["predicted", "high"])
        residual = told.loc["predicted", "residual"]
        assert np.exp(0.12) < residual < np.exp(0.3)
        assert told.loc["measured", "residual"] < 1.02  # the shapes are equal
        assert 12 < told.loc["predicted", "inside"] < 30
    assert np.mean(covered) > 0.85


@pytest.mark.parametrize("law", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.15)])
def test_the_exponents_of_a_known_law_are_recovered(law: tuple[float, float, float]) -> None:
    covered = []
    for seed in range(40):
        laws = scan_laws(scan_points(scanned(scatter=0.05, exponents=law, seed=seed), 1))
        # of classes, n is v and is not told apart
        assert {*laws["term"]} == {"v", "m", "L", "threshold", "bare"}
        laws = laws.set_index(["law", "term"])
        for term, off in zip(("v", "m", "L"), law):
            ratio, whole = laws.loc[("ratio", term)], laws.loc[("parameters", term)]
            covered.append(ratio["low"] <= off <= ratio["high"])
            assert ratio["estimate"] == pytest.approx(off, abs=0.2)
            assert ratio["high"] - ratio["low"] < 0.4
            assert whole["estimate"] == pytest.approx(whole["predicted_same_fit"] + off, abs=0.2)
            assert ratio["predicted_same_fit"] == pytest.approx(0)
            assert ratio["spread"] == pytest.approx(np.exp(0.05), abs=0.03)
        # the papers' form grows as v
        assert laws.loc[("parameters", "v"), "bare_same_fit"] == pytest.approx(1)
        told = laws.loc[("threshold", "threshold")]
        assert told["predicted_same_fit"] == 1
        assert told["high"] - told["low"] < (0.4 if any(law) else 0.1)
        covered += [] if any(law) else [told["low"] <= 1 <= told["high"]]
    assert 0.88 < np.mean(covered) < 1


def test_deviations_are_told_along_each_axis() -> None:
    points = scan_points(scanned(exponents=(0.3, 0.0, 0.0)), 1)
    table = scan_deviations(points)
    assert [*dict.fromkeys(table["axis"])] == ["v", "m", "L"]  # n is v
    assert table.groupby("axis")["points"].sum().eq(30).all()
    by_v = table.query("axis == 'v'").set_index("value")
    assert by_v.loc[16, "estimate"] / by_v.loc[8, "estimate"] == pytest.approx(2**0.3, rel=0.02)
    assert by_v.loc[8, "high"] < 1 < by_v.loc[16, "low"]
    assert table.query("axis == 'm' and value == 3")["estimate"].item() == pytest.approx(1, abs=0.1)


def test_what_is_no_point_of_a_law_counts_nowhere_and_says_why() -> None:
    curves = scanned()
    far = replace(curves[0], at=curves[0].at * 50, refused="too few sentences")
    never = replace(curves[1], at=np.full_like(curves[1].at, np.inf))
    points = scan_points([far, never, *curves[2:]], 1)
    assert list(points["reason"][:3]) == [
        "too few sentences", "P* of 3 of 3 rule draws lies beyond the last size", "",
    ]  # fmt: skip
    assert points["deviation"][2:].between(0.98, 1.02).all()
    assert points["deviation"][0] == pytest.approx(50, rel=0.02)
    assert (scan_laws(points)["points"] == 28).all()
    told = scan_collapse([far, never, *curves[2:]], 1.25)
    assert (told["points"] == 28).all()
    pd.testing.assert_frame_equal(told, scan_collapse(curves[2:], 1.25))
    assert points.loc[2, "low"] < points.loc[2, "crossed_at"] < points.loc[2, "high"]


@pytest.mark.filterwarnings("error")
def test_what_few_sizes_do_not_tell_is_left_open() -> None:
    curves = scanned()
    # every curve passes its half alone between the sizes; of one, no replica has ended well
    bare = np.array([np.nan, 1.0, np.inf])
    short = [replace(one, at=one.at * bare) for one in curves]
    empty = replace(curves[0], at=curves[0].at[:0], thresholds=curves[0].thresholds[:0])
    told = scan_collapse([empty, *short], 1.25).set_index("scaled_by")
    assert (told["points"] == 30).all()
    assert told.loc["predicted", "residual"] < 1.02
    assert told.loc["measured", ["residual", "low", "high", "shuffled"]].isna().all()
    points = scan_points([empty, *short], 1)
    assert points.loc[0, "reason"] == "no replica has ended well"
    assert points.loc[0, ["crossed_at", "threshold", "ratio", "deviation"]].isna().all()
    assert (scan_laws(points)["points"] == 30).all()


def test_terms_that_do_not_vary_are_left_out() -> None:
    curves = [one for one in scanned() if one.parameters.v[0] == 8 and one.parameters.L == 3]
    assert len(curves) == 2
    points = scan_points(curves, 1)
    laws = scan_laws(points)
    assert set(laws["term"]) == {"m", "threshold", "bare"}
    assert laws["low"].isna().all()  # two points leave nothing to tell scatter by
    assert scan_collapse(curves[:1], 1.25).empty
    assert scan_laws(points[:1]).empty


def test_curves_of_all_draws_are_one_over_their_own_sizes() -> None:
    one = scanned()[0]
    way = dict.fromkeys(range(3), (1 - 1 / one.parameters.n, 0.0))
    points = curve(one.parameters, one.at[:, HALF])
    table = scaled_curves(points, "classification", way, one)
    assert list(table) == CURVES
    for scale, constant in (("predicted", CONSTANT), ("measured", 1.0)):
        mine = table[table["scaled_by"] == scale]
        assert len(SIZES) - 2 <= len(mine) <= len(SIZES)  # ends that not all draws reach
        expected = 1 / (1 + (mine["ratio"] / constant) ** 2)
        assert mine["mean"].to_numpy() == pytest.approx(expected.to_numpy(), abs=0.02)
        # draws are one, although their sizes are not
        assert (mine["high"] / mine["low"]).median() < 1.1
    # a draw that is never learnt has no measured size
    never = replace(one, at=np.full_like(one.at, np.inf))
    assert {*scaled_curves(points, "classification", way, never)["scaled_by"]} == {"predicted"}
