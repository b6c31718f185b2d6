"""Sizes of half invariance are recovered from made-up layers; what is not reached is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.studies import Array, design, represented, staircase, trained
from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.invariance import half_invariant, invariance_sizes, order_of_levels
from rhm_scaling.analysis.thresholds import crossings
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.claims.representations import half_invariant as judged
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.steps.tables import gather_representations

SIZES = 2.0 ** np.arange(6, 17)
NOTHING = pd.DataFrame(columns=["rule_seed", "level", "crossed_at", "threshold"])


def layers(at: dict[tuple[int, int, int], float]) -> pd.DataFrame:
    """Two replicas of layers that are half invariant at a size by (rule draw, layer, level)."""
    rows = [
        {"rule_seed": rule, "layer": layer, "level": level, "train_size": size, "other": other}
        | {"synonym": other * 0.5 * half / size}
        for (rule, layer, level), half in at.items()
        for size in SIZES
        for other in (0.1, 2.0)
    ]
    return pd.DataFrame(rows)


def test_known_sizes_are_recovered_between_sizes() -> None:
    at = {
        (rule, layer, level): 100.0 * 4**level * 2**rule / layer
        for rule in range(3)
        for layer in (1, 2)
        for level in (1, 2, 3)
    }
    each = half_invariant(layers(at), SIZES, NOTHING)
    found = each.set_index(["rule_seed", "layer", "level"])["half_at"]
    assert found.to_dict() == pytest.approx(at)
    means = invariance_sizes(each, SIZES).set_index(["layer", "level"])
    assert means.loc[(2, 3), "half_at"] == pytest.approx(at[1, 2, 3])
    assert (means["draws"] == 3).all() and (means["rule_draws"] == 3).all()
    assert (means["low"] < means["half_at"]).all() and (means["half_at"] < means["high"]).all()
    for bound in ("at_least", "at_most"):
        np.testing.assert_allclose(means[bound], means["half_at"])


@pytest.mark.parametrize(
    ("sizes", "draws", "half_at", "least", "most"),
    [
        ((200.0, 1e6, 1e6), 1, np.inf, (200 * SIZES[-1] ** 2) ** (1 / 3), np.inf),
        ((200.0, 10.0, 800.0), 2, np.nan, 0.0, (200 * SIZES[0] * 800) ** (1 / 3)),
        ((1e6, 1e6, 1e6), 0, np.inf, SIZES[-1], np.inf),
        ((10.0, 1e6, 200.0), 1, np.nan, 0.0, np.inf),
    ],
)
def test_draws_that_do_not_reach_are_counted_and_bound_the_mean(
    sizes: tuple[float, ...], draws: int, half_at: float, least: float, most: float
) -> None:
    """All rule draws enter the mean and its bounds: those that do not reach are no others."""
    at = {(rule, 3, 1): size for rule, size in enumerate(sizes)}
    row = invariance_sizes(half_invariant(layers(at), SIZES, NOTHING), SIZES).iloc[0]
    assert (row["rule_draws"], row["draws"]) == (3, draws)
    assert row["half_at"] == pytest.approx(half_at, nan_ok=True)
    assert np.isnan(row["low"]) and np.isnan(row["high"])
    assert (row["at_least"], row["at_most"]) == (pytest.approx(least), pytest.approx(most))


def test_sizes_that_do_not_count_are_not_looked_at() -> None:
    each = half_invariant(layers({(0, 1, 1): 5000.0}), SIZES[SIZES < 5000], NOTHING)
    assert each["half_at"].tolist() == [np.inf]


def test_layers_that_no_exchange_changes_are_left_out() -> None:
    blind = layers({(0, 0, 1): 100.0}).assign(synonym=0.0, other=0.0)
    both = pd.concat([blind, layers({(0, 1, 1): 100.0})])
    assert half_invariant(both, SIZES, NOTHING)["layer"].tolist() == [1]


def found(curve: Evidence) -> tuple[pd.DataFrame, Array]:
    crossed = crossings(
        curve.points,
        curve.measure,
        curve.known.heights("last_token"),
        {"threshold": curve.thresholds()},
    )
    return half_invariant(curve.layers, curve.sizes, crossed), curve.sizes


def test_the_loss_and_the_threshold_beside_are_those_of_the_level_above() -> None:
    """And the sizes are those that the claim's criterion compares."""
    deep = Parameters.from_keys(v=16, s=2, L=4, m=3)
    curve = trained(design(deep, "last_token", "cnn", SIZES, protocol="finite"), staircase(), 0)
    curve = represented(curve, seed=0)
    each, counted = found(curve)
    for draw in curve.draws:
        mine = each[each["rule_seed"] == draw].set_index("level")
        np.testing.assert_allclose(mine["threshold"], curve.thresholds()[draw][1:])
    at = each.pivot(index="rule_seed", columns="level", values="half_at")[[1, 2]]
    np.testing.assert_allclose(np.log(at), judged(curve, [1, 2]).measured)
    means = invariance_sizes(each, counted).set_index("level")
    heights = {draw: levels[2] for draw, levels in curve.known.heights("last_token").items()}
    assert means.loc[2, "crossed_at"] == pytest.approx(np.exp(curve.crossed(heights).mean()))


def test_the_order_of_levels_is_told_draw_by_draw() -> None:
    at = {(rule, 0, level): 100.0 for rule in range(5) for level in (1, 2, 3)}
    for rule, sizes in enumerate(
        [
            (100, 200, 400),
            (10, 200, 1e6),  # before the smallest, between, beyond the largest: in order
            (100, 1e6, 1e6),  # who knows
            (200, 100, 400),
            (200, 1e6, 400),
        ]
    ):
        at |= {(rule, 1, level): size for level, size in enumerate(sizes, 1)}
    order = order_of_levels(half_invariant(layers(at), SIZES, NOTHING))
    assert (order.layer, order.levels) == (1, [1, 2, 3])
    assert (order.draws, order.in_order, order.undecided) == (5, 2, 1)
    assert order.by_chance == pytest.approx(1 / 6)
    none_or_one = (5 / 6) ** 5 + 5 * (1 / 6) * (5 / 6) ** 4
    assert order.as_many_by_chance == pytest.approx(1 - none_or_one)


def test_levels_at_once_come_in_any_order() -> None:
    deep = Parameters.from_keys(v=16, s=2, L=4, m=3)
    curve = design(deep, "last_token", "cnn", SIZES, protocol="finite", draws=6)
    curve = trained(curve, staircase(), 0)
    seeds = range(40)
    orders = [order_of_levels(found(represented(curve, s, at_once=True))[0]) for s in seeds]
    share = sum(order.in_order for order in orders) / sum(order.draws for order in orders)
    assert share == pytest.approx(orders[0].by_chance, abs=0.08)  # 240 draws: 3 standard errors
    one = order_of_levels(found(represented(curve, 0))[0])
    assert (one.in_order, one.draws) == (6, 6) and one.as_many_by_chance < 1e-4


def test_the_accuracy_of_a_probe_has_an_interval_below_one_and_invariance_may_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = layers({(rule, 1, 1): 100.0 for rule in (0, 1)}).assign(**dict.fromkeys(CURVE_KEY, 0))
    table = table.assign(probe=0.5 + 0.45 * table["rule_seed"])
    table["synonym"] *= 1 + table["rule_seed"]
    monkeypatch.setattr(gather_representations, "read_measured", lambda *given: table)
    gather_representations.make({"study": "s", "blocks": []}, tmp_path, tmp_path)
    found = pd.read_csv(tmp_path / "invariance.csv")
    assert (found["probe_high"] < 1).all() and (found["probe_low"] < found["probe"]).all()
    assert found["high"].max() > 1
