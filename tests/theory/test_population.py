"""The recursion of messages against exact trees, and its critical fraction against crossings."""

import itertools

import numpy as np
import pytest

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory import denoising, population
from rhm_scaling.theory.denoising import Corruption

pytestmark = pytest.mark.slow

SHARP = Parameters.from_keys(v=16, s=2, L=12, m=4)


@pytest.mark.parametrize(("kind", "fraction"), [("mask", 0.45), ("noise", 0.25)])
@pytest.mark.parametrize(
    "shape",
    [
        Parameters.from_keys(v=6, s=3, L=3, m=3, zipf={1: 1.0}),
        Parameters.from_keys(v=8, n=5, s=2, L=4, m=2),
    ],
)
def test_the_recursion_is_what_exact_trees_show(
    shape: Parameters, kind: Corruption, fraction: float
) -> None:
    grammar = Grammar.draw(shape, 1)
    values = itertools.islice(population.recursion(grammar, kind, fraction, 0, 2**14), shape.L)
    for depth, value in enumerate(values, 1):
        exact = restored(denoising.lowest(grammar, depth), kind, fraction, 2**12)
        error = exact.std(ddof=1) / len(exact) ** 0.5
        assert value == pytest.approx(exact.mean(), abs=5 * error + 0.006)


def restored(grammar: Grammar, kind: Corruption, fraction: float, count: int) -> np.ndarray:
    """Posterior of the root of corrupted sentences."""
    tokens = Stream(grammar, 1, 0, "test").take(count)["tokens"]
    source = np.random.default_rng(0)
    seen = denoising.corrupt(tokens, kind, fraction, grammar.parameters.v[0], source)
    # the sum of squares is, on average, the posterior at the true root, and scatters less
    return (denoising.root_posteriors(grammar, seen, kind, fraction) ** 2).sum(axis=1)


def test_between_forgetting_and_restoring_lies_the_critical_fraction() -> None:
    grammar = Grammar.draw(SHARP, 0)
    critical = population.critical_fraction(grammar, "mask", 0)
    assert 0.47 < critical < 0.53
    for fraction, ends in ((critical - 0.04, 1.0), (critical + 0.04, 1 / 16)):
        values = population.recursion(grammar, "mask", fraction, 1)
        assert next(itertools.islice(values, 47, None)) == pytest.approx(ends, abs=0.02)


def test_with_the_same_rules_at_every_level_curves_cross_at_the_fixed_point() -> None:
    """Of depths 8 and 9, in the exact trees of a grammar that repeats one level's rules."""
    drawn = Grammar.draw(SHARP, 0)
    grammar = Grammar.from_rules(SHARP, (drawn.rules[5],) * 12)
    critical = population.critical_fraction(grammar, "mask", 0)
    grows = []
    for fraction in (critical - 0.06, critical + 0.06):
        below, above = (
            restored(denoising.lowest(grammar, depth), "mask", fraction, 2048) for depth in (8, 9)
        )
        grows.append(above.mean() - below.mean())
    assert grows[0] > 0.02 and grows[1] < -0.02


def test_a_small_change_grows_by_one_factor_a_level_at_the_fixed_point() -> None:
    """The eigenvalue of the recursion: the same whatever was changed, once that is forgotten.

    The rules are those of one level, repeated.
    """
    drawn = Grammar.draw(SHARP, 0)
    grammar = Grammar.from_rules(SHARP, (drawn.rules[5],) * 12)
    growths = []
    for kind in ("mask", "noise"):
        critical = population.critical_fraction(grammar, kind, 0, 2**14)
        change = [
            np.subtract(
                *(
                    [*itertools.islice(population.recursion(grammar, kind, f, seed, 2**14), 13)]
                    for f in (critical - 2**-7, critical + 2**-7)
                )
            )
            for seed in range(3)
        ]
        growths.append(np.diff(np.log(change).mean(axis=0))[8:])
    assert np.ptp(np.concatenate(growths)) < 0.05
    assert np.mean(growths[0]) == pytest.approx(np.mean(growths[1]), abs=0.02)
    assert 0.18 < np.mean(growths) < 0.23
